"""A PostgreSQL that lets everybody in and answers nothing from BEGIN on, as one whose disk hangs."""
import socket
import struct
import threading

READY = b"Z" + struct.pack("!I", 5) + b"I"
DONE = b"C" + struct.pack("!I", 8) + b"SET\0"


class SilentPostgres:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"postgresql://sarai:geheim@127.0.0.1:{self.listener.getsockname()[1]}/x?sslmode=disable&gssencmode=disable"
        self.begun = threading.Event()  # somebody waits for an answer
        self.left = threading.Event()  # who waited does not any more
        self.clients = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self.clients:
            client.close()

    def _accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                self.clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, client):
        try:
            client.recv(4096)
            client.sendall(b"R" + struct.pack("!II", 8, 0) + READY)
            while (said := client.recv(4096)) and said[:1] == b"Q":  # the greeting; statements come with parameters, as P
                client.sendall(DONE + READY)
            self.begun.set()
            while client.recv(4096):
                pass
            self.left.set()
        except OSError:
            pass

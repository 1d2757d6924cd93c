"""Plays the web for tests, on loopback: a SearXNG server's JSON API and the pages that it finds."""
import http.server
import json
import threading
import time
import urllib.parse


class Web:
    """`pages` maps a path to (content type, bytes); `results` is what every search finds. Counts what it is asked."""

    def __init__(self):
        self.pages, self.results, self.queries, self.fetched = {}, [], [], []
        self.status, self.delay, self.page_delay, self.raw = 200, 0, 0, None
        self.keys = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                if url.path == "/search":
                    web.queries.append(dict(urllib.parse.parse_qsl(url.query)))
                    web.keys.append(self.headers.get("Authorization"))
                    time.sleep(web.delay)
                    body = web.raw or json.dumps({"results": web.results}).encode()
                    return self.answer(web.status, "application/json", body)
                web.fetched.append(url.path)
                time.sleep(web.page_delay)
                if url.path not in web.pages:
                    return self.answer(404, "text/plain", b"no")
                kind, body = web.pages[url.path]
                if kind == "redirect":
                    return self.answer(302, "text/plain", b"", {"Location": body})
                return self.answer(200, kind, body)

            def answer(self, status, kind, body, more=None):
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    for name, value in (more or {}).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked has left

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def page(self, path, text, title="", kind="text/html"):
        """Puts a page there; its address."""
        body = text if isinstance(text, bytes) else (f"<title>{title}</title><body>{text}</body>" if kind == "text/html" else text).encode()
        self.pages[path] = (kind, body)
        return self.url + path

    def found(self, *results):
        self.results = [{"url": url, "title": title, "content": content} for url, title, content in results]

"""Small pictures and sounds, made on the spot, as content parts of OpenAI's API."""
import base64
import io
import math
import struct
import wave
import zlib

COLOURS = {"red": b"\xff\0\0", "blue": b"\0\0\xff", "grey": b"\x80\x80\x80"}


def png(colour="grey", side=32, level=-1):  # 0: as large as a photograph of that size
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + COLOURS[colour] * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, level)) +
            chunk(b"IEND", b""))


def wav(hertz, seconds=0.5, rate=16000):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", int(20000 * math.sin(2 * math.pi * hertz * i / rate))) for i in range(int(rate * seconds))))
    return out.getvalue()


def picture(colour="grey", side=32, level=-1):
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(png(colour, side, level)).decode()}}


def file(content, name, media_type="application/octet-stream"):
    """As clients send what they do not look into."""
    return {"type": "file", "file": {"filename": name, "file_data": f"data:{media_type};base64," + base64.b64encode(content).decode()}}


def tone(hertz, seconds=0.5):
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(wav(hertz, seconds)).decode(), "format": "wav"}}

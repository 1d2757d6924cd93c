"""The web page in a real browser: chat, memory, decisions, what-if, and that anybody can use it."""
import base64
import gzip
import http.client
import json
import os
import pathlib
import struct
import sys
import tempfile
import time
import zlib

from harness import Case, FakeUpstream, Sarai, free_port, local, main, ollama, wait_until

try:
    from browser import DRIVER, Browser
    from selenium.webdriver.common.keys import Keys
except ImportError:
    sys.exit(77)  # no selenium here
if not os.path.exists(DRIVER):
    sys.exit(77)

AXE = pathlib.Path(os.environ.get("SARAI_WEB_MODULES", "")) / "axe-core/axe.min.js"
VIEWS = ("chat", "memory", "decisions", "endpoints", "plan", "logs")
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def png(width, height):
    """A plain red picture."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\xc0\x20\x20" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Page(Case):
    def browse(self, server, view="chat", **more):
        browser = Browser(**more)
        self.addCleanup(browser.close)
        browser.driver.get(f"{server.url}/#/{view}")
        wait_until(lambda: browser.all("header nav a"), "the page")
        return browser

    def ask(self, browser, text, model=None):
        if model:
            wait_until(lambda: browser.all(f"select.picker option[value='{model}']"), "the model's name")
            browser.choose("select.picker", model)
        field = browser.one(".composer textarea")
        field.send_keys(text)
        field.send_keys(Keys.ENTER)

    def answered(self, browser, count=1):
        wait_until(lambda: len(browser.all(".message.assistant[aria-busy=false]")) == count, "the answer", 60)
        return browser.all(".message.assistant")[-1]


class Served(Page):
    def setUp(self):
        self.server = self.serve({"lfm2": local("lfm2")})

    def test_browsers_get_the_page_and_ollamas_clients_what_they_always_got(self):
        page = self.server.request("GET", "/", headers=HTML)
        self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("<title>sarai</title>", page.body.decode())
        policy = page.headers["content-security-policy"]
        self.assertTrue(policy.startswith("default-src 'none'; script-src 'self';"), policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(page.headers["x-content-type-options"], "nosniff")
        self.assertEqual(page.headers["referrer-policy"], "no-referrer")
        self.assertEqual(page.headers["cache-control"], "no-cache")
        for method, headers in (("GET", {}), ("GET", {"Accept": "application/json"}), ("HEAD", HTML)):
            other = self.server.request(method, "/", headers=headers)
            self.assertEqual((other.status, other.headers["content-type"]), (200, "text/plain; charset=utf-8"))
        self.assertEqual(self.server.request("GET", "/").body, b"sarai is running\n")

    def test_files_are_compressed_tagged_and_kept(self):
        page = self.server.request("GET", "/", headers=HTML).body.decode()
        names = [part.split('"')[0] for part in page.split('"') if part.startswith("/assets/")]
        self.assertEqual(len(names), 2)
        total = 0
        for name in names:
            plain = self.server.request("GET", name)
            small = self.server.request("GET", name, headers={"Accept-Encoding": "gzip"})
            self.assertEqual(small.headers["content-encoding"], "gzip")
            self.assertNotIn("content-encoding", plain.headers)
            self.assertEqual(gzip.decompress(small.body), plain.body)
            self.assertIn("immutable", plain.headers["cache-control"])
            self.assertNotEqual(plain.headers["etag"], small.headers["etag"])
            again = self.server.request("GET", name, headers={"If-None-Match": plain.headers["etag"]})
            self.assertEqual((again.status, again.body), (304, b""))
            total += len(small.body)
        self.assertLess(total, 300_000)
        self.assertEqual(self.server.request("GET", "/assets/nothing.js").status, 404)

    def test_the_log_is_given_and_followed_without_prompts(self):
        self.server.chat("lfm2", text="a-word-that-nobody-logs")
        lines = self.server.request("GET", "/sarai/logs").json["lines"]
        self.assertTrue(any("listening on" in line["text"] for line in lines), lines)
        self.assertFalse(any("a-word-that-nobody-logs" in line["text"] for line in lines))
        last = self.server.request("GET", "/sarai/logs?last=1").json["lines"]
        self.assertEqual([line["id"] for line in last], [lines[-1]["id"]])
        self.assertEqual(self.server.request("GET", "/sarai/logs?last=x").status, 400)

        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", f"/sarai/logs?follow=true&after={lines[-1]['id']}")
        reply = connection.getresponse()
        self.server.chat("lfm2")
        line = next(text for text in reply if text.startswith(b"data: "))
        self.assertGreater(json.loads(line[6:])["id"], lines[-1]["id"])
        self.server.process.terminate()  # who follows keeps nobody from ending
        self.assertEqual(self.server.process.wait(10), 0)

    def test_a_plan_of_what_might_be_loads_nothing(self):
        plan = self.server.request("GET", "/sarai/plan").json
        other = self.server.request("GET", "/sarai/plan?what_if=ctx%3D1024").json
        self.assertGreater(other["total_bytes"], plan["total_bytes"])
        self.assertEqual(other["what_if"]["difference_bytes"], other["total_bytes"] - plan["total_bytes"])
        command = json.loads(self.server.cli("plan", "--config", self.server.config, "--json").stdout)
        # It measures by itself; a child's own overhead differs by some pages.
        self.assertAlmostEqual(command["total_bytes"], plan["total_bytes"], delta=2**20)
        self.assertEqual([model["name"] for model in command["models"]], [model["name"] for model in plan["models"]])
        wrong = self.server.request("GET", "/sarai/plan?what_if=contxt%3D1")
        self.assertEqual(wrong.status, 400)
        self.assertIn("contxt", wrong.json["error"]["message"])
        self.assertEqual(self.server.workers(), [])


class Chat(Page):
    def test_an_answer_streams_and_tells_where_it_came_from(self):
        server = self.serve({"lfm2": local("lfm2"), "solar": local("solar")})
        browser = self.browse(server)
        self.assertIn("Several models at once", browser.text(".empty"))
        browser.screenshot("chat-empty-light")
        self.ask(browser, "Hello there", "solar")
        answer = self.answered(browser)
        self.assertIn("solar", answer.text)
        self.assertIn("tok/s", answer.text)
        answer.find_element("css selector", ".decision summary").click()
        self.assertIn("local worker", answer.text)
        browser.screenshot("chat-answer-light")
        self.assertEqual(browser.complaints(), [])


if __name__ == "__main__":
    main()

"""The web page in a real browser: chat, memory, decisions, what-if, and that anybody can use it."""
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

from harness import MODELS, Case, FakeUpstream, Sarai, local, main, ollama, wait_until

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


def openai(url):
    return f"backend: openai_http, endpoints: [{{url: '{url}'}}], model: any"


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

    def test_a_picture_goes_along_made_small(self):
        server = self.serve({"omni": local("omni", f"mmproj: '{MODELS}/omni-mmproj.gguf'")})
        browser = self.browse(server)
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        picture = pathlib.Path(folder.name) / "wide.png"
        picture.write_bytes(png(3000, 600))
        wait_until(lambda: browser.all("select.picker option"), "the models")
        browser.one("input[type=file]").send_keys(str(picture))
        wait_until(lambda: browser.all(".composer .files img"), "the picture")
        size = browser.run("const i = document.querySelector('.composer .files img'); return [i.naturalWidth, i.naturalHeight, i.src.slice(0, 15)]")
        self.assertEqual(size, [1536, 307, "data:image/png;"])
        # What the page sends, whatever the model makes of it.
        browser.run("window.sent = []; const real = fetch; window.fetch = (path, o) => { if (o?.body) sent.push(JSON.parse(o.body)); return real(path, o); }")
        self.ask(browser, "What is this?", "omni")
        self.answered(browser)
        content = browser.run("return sent[0].messages[0].content")
        self.assertEqual([part["type"] for part in content], ["image_url", "text"])
        self.assertTrue(browser.all(".message.user .files img"))
        browser.screenshot("chat-picture")

    def test_a_recording_becomes_a_wav_file(self):
        browser = self.browse(self.serve({"lfm2": local("lfm2")}))
        record = next(b for b in browser.all(".composer button") if b.text == "Record")
        record.click()
        wait_until(lambda: browser.all("button.recording"), "the recording")
        time.sleep(0.6)  # of a sound that the browser makes up
        browser.one("button.recording").click()
        wait_until(lambda: browser.all(".composer .files li") or browser.all(".composer .problem"), "the sound")
        self.assertEqual(browser.text(".composer .problem"), "")

    def test_stop_edit_regenerate_and_what_is_kept(self):
        with FakeUpstream("openai", tokens=400, token_delay_ms=30) as fake:
            server = self.serve({"slow": openai(fake.url)})
            browser = self.browse(server)
            self.ask(browser, "One", "slow")
            wait_until(lambda: browser.text(".message.assistant .md"), "the first words")
            browser.one(".composer textarea").send_keys(Keys.ESCAPE)
            self.answered(browser)
            self.assertIn("stopped", browser.text(".message.assistant"))
            next(b for b in browser.all(".message.user .tools button") if b.text == "Edit").click()
            browser.one(".edit textarea").send_keys(" and two")
            browser.one(".edit .primary").click()
            wait_until(lambda: browser.text(".message.user .said") == "One and two", "the new question")
            wait_until(lambda: browser.text(".message.assistant .md"), "its answer")
            next(b for b in browser.all(".composer button") if b.text == "Stop").click()
            self.answered(browser)
            next(b for b in browser.all(".message.assistant .tools button") if b.text == "Regenerate").click()
            wait_until(lambda: browser.all(".message.assistant[aria-busy=true]"), "another answer")
            browser.one(".composer textarea").send_keys(Keys.ESCAPE)
            self.answered(browser)
            browser.driver.refresh()
            wait_until(lambda: browser.all(".others .title"), "what was kept")
            browser.one(".others .title").click()
            wait_until(lambda: browser.text(".message.user .said") == "One and two", "the conversation")
            self.assertEqual(browser.complaints(), [])

    def test_text_of_a_model_is_no_part_of_the_page(self):
        evil = "<img src=x onerror='window.owned=1'><script>window.owned=1</script><a href='javascript:window.owned=1'>x</a><style>body{display:none}</style> "
        with FakeUpstream("openai", tokens=2, token=evil) as fake:
            browser = self.browse(self.serve({"evil": openai(fake.url)}))
            self.ask(browser, "Hello", "evil")
            self.answered(browser)
            found = browser.run("const m = document.querySelector('.md'); return [window.owned, m.querySelectorAll('script, style, [onerror], [href^=javascript]').length]")
            self.assertEqual(found, [None, 0])

    def test_a_lost_server_is_marked_where_its_answer_went_on(self):
        box = FakeUpstream("ollama", tokens=2000, token_delay_ms=25)
        self.addCleanup(box.process.wait)
        self.addCleanup(box.process.kill)
        server = self.serve({"solar": ollama(box.url, "solar", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512, preload: true")})
        wait_until(lambda: server.row("solar", "gguf_native")["state"] == "ready", "the fallback")
        browser = self.browse(server)
        self.ask(browser, "Tell me of the sea", "solar")
        wait_until(lambda: len(browser.text(".message.assistant .md")) > 3, "the first words")
        box.process.kill()
        answer = self.answered(browser)
        self.assertTrue(answer.find_elements("css selector", ".chip.seam"), answer.text)
        answer.find_element("css selector", ".decision summary").click()
        self.assertIn("Changed hands after", answer.text)
        browser.screenshot("chat-fallback")
        for view, seen in (("decisions", "solar"), ("endpoints", "down")):
            browser.driver.get(f"{server.url}/#/{view}")
            wait_until(lambda: browser.all("td") and seen in browser.text("main"), f"the table, with {seen}")
            browser.screenshot(f"{view}-lost-server")

    def test_a_long_answer_is_laid_out_piece_by_piece(self):
        with FakeUpstream("openai", tokens=10_000, token="A line of a long answer, with `code`.\n\n") as fake:
            browser = self.browse(self.serve({"long": openai(fake.url)}))
            browser.run("""window.tasks = []; new PerformanceObserver(l => tasks.push(...l.getEntries().map(e => e.duration))).observe({type: 'longtask'});""")
            self.ask(browser, "Go on", "long")
            wait_until(lambda: len(browser.all(".message.assistant[aria-busy=false]")) == 1, "the answer", 240)
            blocks = browser.run("return document.querySelectorAll('.md-block').length")
            self.assertGreaterEqual(blocks, 9_999)
            wait_until(lambda: browser.run("return document.querySelectorAll('.md-block:empty').length") == 0, "all of it to be drawn", 120)
            streaming = browser.run("return [tasks.length, Math.max(0, ...tasks)]")
            browser.driver.set_script_timeout(120)
            frames = browser.driver.execute_async_script("""
                const done = arguments[0], place = document.querySelector('.messages');
                tasks.length = 0; place.scrollTop = 0; let last = performance.now(), longest = 0, count = 0, touched = 0;
                new MutationObserver(l => touched += l.length).observe(place, {childList: true, subtree: true, characterData: true});
                const step = () => {
                    const now = performance.now(); longest = Math.max(longest, now - last); last = now; count++;
                    place.scrollTop += 2000;
                    if (count < 100) requestAnimationFrame(step); else done([longest, touched, tasks.length, Math.max(0, ...tasks)]);
                };
                requestAnimationFrame(step);""")
            print(f"10,000 lines: {streaming[0]} long tasks while it came (longest {streaming[1]:.0f} ms); 100 frames of scrolling: longest "
                  f"{frames[0]:.0f} ms, {frames[2]} long tasks (longest {frames[3]:.0f} ms)", file=sys.stderr)
            self.assertEqual(frames[1], 0, "scrolling changes nothing of the page")

    def test_only_the_last_block_of_a_growing_answer_is_drawn_again(self):
        with FakeUpstream("openai", tokens=60, token_delay_ms=20, token="one more paragraph\n\n") as fake:
            browser = self.browse(self.serve({"long": openai(fake.url)}))
            browser.run("""window.touched = new Map(); window.number = 0;
                new MutationObserver(list => { for (const m of list) { const b = m.target.closest?.('.md-block'); if (b && m.addedNodes.length) touched.set(b, (touched.get(b) ?? 0) + 1); } })
                    .observe(document.body, {childList: true, subtree: true});""")
            self.ask(browser, "Go on", "long")
            self.answered(browser)
            drawn = browser.run("return [...touched.values()]")
            self.assertGreaterEqual(len(drawn), 60)
            self.assertLessEqual(max(drawn), 3, drawn)


class Views(Page):
    def setUp(self):
        self.fake = FakeUpstream("openai", tokens=20)
        self.addCleanup(self.fake.__exit__)
        self.server = self.serve({"solar": local("solar", "preload: true"), "lfm2": local("lfm2", "preload: true"), "omni": local("omni"),
                                  "far": openai(self.fake.url)}, memory="max_ram: 160MiB, max_concurrent_llms: 3",
                                 environment={"SARAI_MEMORY_ENFORCEMENT": "off"})  # how busy the machine is, is no matter here

    def test_nobody_is_shut_out(self):
        """axe on every view, light and dark, Spanish and English, wide and narrow."""
        self.assertTrue(AXE.exists(), "axe-core is installed by the test web.build")
        axe = AXE.read_text()
        for language, dark, width in (("en", False, 1280), ("es", True, 360)):
            browser = self.browse(self.server, language=language, dark=dark, width=width, height=800 if width > 400 else 740)
            self.ask(browser, "Hola" if language == "es" else "Hello", "far")
            self.answered(browser)
            for view in VIEWS:
                browser.driver.get(f"{self.server.url}/#/{view}")
                wait_until(lambda: browser.all(f"header nav a[href='#/{view}'][aria-current]") and browser.all("main h1"), view)
                if view == "plan":
                    wait_until(lambda: browser.all(".scenario"), "the plan", 60)
                if view == "logs":
                    wait_until(lambda: browser.all(".log li"), "the log")
                time.sleep(1.2)  # a status or two
                browser.screenshot(f"{view}-{language}-{'dark' if dark else 'light'}-{width}")
                wide = browser.run("return document.documentElement.scrollWidth")
                self.assertLessEqual(wide, width, f"{view} is wider than the window")
                # The page's own policy takes no scripts from elsewhere; the driver's are not of the page.
                browser.run(axe)
                found = browser.driver.execute_async_script(
                    "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations.map(v => ({id: v.id, impact: v.impact, nodes: v.nodes.map(n => n.html.slice(0, 150)).slice(0, 3)}))))")
                serious = [f for f in found if f["impact"] in ("serious", "critical")]
                self.assertEqual(serious, [], f"{view} {language} {width}")
            self.assertEqual(browser.complaints(), [])

    def test_memory_shows_models_where_they_are_and_a_load_as_it_goes(self):
        browser = self.browse(self.server, "memory")
        wait_until(lambda: "solar" in browser.text(".memory-bar"), "the loaded model")
        self.assertIn("0 bytes here", browser.text("main"))
        self.assertNotIn("omni", browser.text(".memory-bar"))
        next(b for b in browser.all("td button") if b.get_attribute("aria-label") == "Load omni").click()
        wait_until(lambda: "omni" in browser.text(".memory-bar"), "the model that was loaded")
        self.assertTrue(browser.one(".memory-bar").get_attribute("aria-label").startswith("Memory: "))
        wait_until(lambda: "What would fit next" in browser.text("main"), "what would fit", 60)
        browser.screenshot("memory-loaded")

    def test_what_if_is_planned_beside_the_configuration(self):
        browser = self.browse(self.server, "plan")
        wait_until(lambda: browser.all(".scenario"), "the plan", 60)
        browser.one("input[name=ctx]").send_keys("4096")
        browser.one(".wishes .primary").click()
        wait_until(lambda: browser.all(".changes"), "the changed plan", 60)
        self.assertIn("context_length of all models: 4096", browser.text(".changes"))
        browser.screenshot("plan-what-if")
        browser.one("input[name=ctx]").send_keys("x")
        browser.one(".wishes .primary").click()
        wait_until(lambda: browser.all(".problem"), "what is wrong")
        self.assertIn("4096x", browser.text(".problem"))

    def test_the_language_and_the_appearance_can_be_chosen_and_stay(self):
        browser = self.browse(self.server)
        browser.choose(".settings select[aria-label=Language]", "es")
        wait_until(lambda: "Memoria" in browser.text("header nav"), "Spanish")
        self.assertEqual(browser.run("return document.documentElement.lang"), "es")
        browser.choose(".settings select[aria-label=Aspecto]", "dark")
        ground = "return getComputedStyle(document.body).backgroundColor"
        wait_until(lambda: browser.run(ground) == "rgb(20, 21, 23)", "darkness")
        browser.driver.refresh()
        wait_until(lambda: "Memoria" in browser.text("header nav"), "Spanish again")
        self.assertEqual(browser.run(ground), "rgb(20, 21, 23)")
        browser.screenshot("chat-empty-es-dark")


class Access(Page):
    def test_with_keys_the_page_asks_for_one_and_shows_nothing_before(self):
        server = self.serve({"lfm2": local("lfm2")}, environment={"SARAI_API_KEY": "open-sesame"})
        browser = self.browse(server)
        wait_until(lambda: browser.all("dialog[open]"), "the question for a key")
        self.assertFalse(browser.all("select.picker option"))
        browser.screenshot("key")
        browser.one("dialog input[name=key]").send_keys("wrong" + Keys.ENTER)
        wait_until(lambda: "does not know" in browser.text("dialog"), "the refusal")
        field = browser.one("dialog input[name=key]")
        field.clear()
        field.send_keys("open-sesame" + Keys.ENTER)
        wait_until(lambda: browser.all("select.picker option[value=lfm2]"), "the models")
        self.assertFalse(browser.all("dialog[open]"))
        self.assertEqual(browser.run("return [localStorage.getItem('sarai.key'), sessionStorage.getItem('sarai.key')]"), [None, "open-sesame"])
        self.ask(browser, "Hello", "lfm2")
        self.answered(browser)


if __name__ == "__main__":
    main()

"""The page's chat in a real browser: answers as they stream, and what is kept of them."""
import pathlib
import struct
import tempfile
import time
import zlib

from harness import MODELS, FakeUpstream, local, main, ollama, wait_until
from page import Keys, Page, openai


def png(width, height):
    """A plain red picture."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\xc0\x20\x20" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


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
        time.sleep(1.5)  # of a sound that the browser makes up
        browser.one("button.recording").click()
        wait_until(lambda: browser.all(".composer .files li") or browser.all(".composer .problem"), "the sound")
        self.assertEqual(browser.text(".composer .problem"), "")

    def test_who_presses_record_twice_has_one_recording(self):
        browser = self.browse(self.serve({"lfm2": local("lfm2")}))
        browser.run("""window.asked = 0; window.tracks = []; window.permission = new Promise(allow => window.allow = allow);
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (what) => { asked++; await permission; const stream = await real(what); tracks.push(...stream.getTracks()); return stream; }""")
        record = next(b for b in browser.all(".composer button") if b.text == "Record")
        record.click()
        record.click()  # while the browser still asks whether it may
        browser.run("allow()")
        wait_until(lambda: browser.all("button.recording"), "the recording")
        time.sleep(1.5)
        # A double click: the second one finds the sound on its way, and begins none.
        browser.run("const button = document.querySelector('button.recording'); button.click(); button.click()")
        wait_until(lambda: browser.all(".composer .files li") or browser.all(".composer .problem"), "the sound")
        self.assertEqual(browser.text(".composer .problem"), "")
        self.assertEqual(browser.run("return [asked, tracks.map(track => track.readyState)]"), [1, ["ended"]])
        self.assertFalse(browser.all("button.recording"))
        self.assertEqual(len(browser.all(".composer .files li")), 1)
        # The next one begins as ever, also after one that was not allowed.
        browser.run("window.permission = Promise.reject(new Error('not allowed')); permission.catch(() => {})")
        record.click()
        wait_until(lambda: "not allowed" in browser.text(".composer .problem"), "the refusal")
        browser.run("window.permission = undefined")
        record.click()
        wait_until(lambda: browser.all("button.recording"), "another recording")

    def test_another_view_keeps_the_draft_and_ends_a_recording(self):
        browser = self.browse(self.serve({"lfm2": local("lfm2")}))
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        picture = pathlib.Path(folder.name) / "red.png"
        picture.write_bytes(png(30, 20))
        go = lambda view: browser.one(f"header nav a[href='#/{view}']").click()
        record = lambda: next(b for b in browser.all(".composer button") if b.text == "Record").click()
        browser.run("""window.tracks = []; const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (what) => { await window.permission; const stream = await real(what); tracks.push(...stream.getTracks()); return stream; }""")
        states = lambda: browser.run("return tracks.map(track => track.readyState)")
        browser.one(".composer textarea").send_keys("Half a thought")
        browser.one("input[type=file]").send_keys(str(picture))
        wait_until(lambda: browser.all(".composer .files img"), "the picture")
        record()
        wait_until(lambda: browser.all("button.recording"), "the recording")
        self.assertEqual(states(), ["live"])
        go("memory")
        wait_until(lambda: states() == ["ended"], "the microphone to be off")
        go("chat")
        wait_until(lambda: browser.all(".composer textarea"), "the chat")
        # A microphone that is allowed when the chat is gone.
        browser.run("window.permission = new Promise(allow => window.allow = allow)")
        record()
        go("memory")
        wait_until(lambda: browser.all("main h1") and not browser.all(".composer"), "the memory")
        browser.run("allow()")
        wait_until(lambda: states() == ["ended", "ended"], "the other microphone to be off")
        go("chat")
        wait_until(lambda: browser.all(".composer textarea"), "the chat")
        self.assertEqual(browser.one(".composer textarea").get_property("value"), "Half a thought")
        self.assertFalse(browser.all("button.recording"))
        time.sleep(1)  # in which a piece of sound would have come
        self.assertEqual(len(browser.all(".composer .files li")), 1)
        self.assertEqual(browser.text(".composer .problem"), "")
        # What was said before the view was changed is taken, though it is ready only then.
        browser.run("window.permission = undefined")
        record()
        wait_until(lambda: browser.all("button.recording"), "the recording")
        time.sleep(1.5)
        browser.run("document.querySelector('button.recording').click(); location.hash = '#/memory'")
        wait_until(lambda: not browser.all(".composer"), "the memory")
        go("chat")
        wait_until(lambda: [item.text for item in browser.all(".composer .files .chip")] == ["record.wav"], "the sound")
        self.assertEqual(browser.complaints(), [])

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

    def test_another_answer_costs_none_that_was_there(self):
        server = self.serve({"good": openai(self.recite("A fine answer.").url), "gone": openai("http://127.0.0.1:9")})
        browser = self.browse(server)
        for count, question in enumerate(("One", "Two"), 1):
            self.ask(browser, question, "good")
            self.answered(browser, count)
        browser.choose("select.picker", "gone")
        next(b for b in browser.all(".message.assistant .tools button") if b.text == "Regenerate").click()
        wait_until(lambda: "No whole answer" in browser.text(".message.assistant"), "the failure")
        self.assertEqual(len(browser.all(".message")), 2)
        self.assertIn("A fine answer.", browser.text(".message.assistant"), "none came in its place")
        # The question that nothing came of is not told the next time: many templates want turns.
        self.ask(browser, "Three", "gone")
        self.answered(browser, 2)
        self.ask(browser, "Four", "good")
        self.answered(browser, 3)
        browser.driver.refresh()
        wait_until(lambda: len(browser.all(".others .title")) == 2, "the conversation as it was, beside")
        said = set()
        for number in range(2):
            browser.all(".others .title")[number].click()
            wait_until(lambda: browser.all(".message.user .said"), "the conversation")
            said.add(tuple(m.text for m in browser.all(".message.user .said")))
        self.assertEqual(said, {("One", "Two"), ("One", "Three", "Four")})

    def test_an_answer_that_the_contexts_end_cut_off_says_so(self):
        browser = self.browse(self.serve({"lfm2": local("lfm2")}))
        self.ask(browser, "Hello", "lfm2")
        self.assertIn("Cut off at a limit of its length", self.answered(browser).text)

    def test_what_was_there_of_an_answer_is_kept_when_the_page_is_left(self):
        browser = self.browse(self.serve({"slow": openai(self.recite("A line of it.\n\n" * 1000, pause=0.05).url)}))
        self.ask(browser, "One", "slow")
        wait_until(lambda: len(browser.text(".message.assistant .md")) > 1500, "some of the answer")
        shown = len(browser.text(".message.assistant .md"))
        browser.driver.refresh()
        wait_until(lambda: browser.all(".others .title"), "what was kept")
        browser.one(".others .title").click()
        wait_until(lambda: browser.text(".message.assistant .md"), "what was there of the answer")
        # A line comes 20 times a second, and what has come is kept every second.
        self.assertGreater(len(browser.text(".message.assistant .md")), shown / 4)
        self.assertIn("cut off", browser.text(".message.assistant"))
        browser.screenshot("chat-cut-off")
        browser.choose(".settings select[aria-label=Language]", "es")
        wait_until(lambda: "cortada" in browser.text(".message.assistant"), "the same in Spanish")
        browser.driver.get(f"{browser.driver.current_url.split('#')[0]}#/decisions")
        wait_until(lambda: browser.all("td"), "the decisions")
        self.assertFalse(browser.all("td .bad"))

    def test_links_lead_where_another_block_says(self):
        text = "See [the docs][1] and [more].\n\n" + "Much else.\n\n" * 300 + "[1]: https://example.com/docs\n[more]: https://example.com/more 'All of it'\n"
        browser = self.browse(self.serve({"linked": openai(self.recite(text).url)}))
        self.ask(browser, "Where?", "linked")
        self.answered(browser)
        links = "return [...document.querySelectorAll('.md-block a')].map(a => [a.textContent, a.href, a.title, a.rel])"
        rel = "noopener noreferrer nofollow"
        told = [["the docs", "https://example.com/docs", "", rel], ["more", "https://example.com/more", "All of it", rel]]
        wait_until(lambda: browser.run(links) == told, "the links")
        self.assertNotIn("[1]", browser.text(".message.assistant .md"))

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

    def test_a_conversation_with_a_picture_goes_on_with_a_fallback_that_reads_text_alone(self):
        box = FakeUpstream("ollama", tokens=5)
        self.addCleanup(box.process.wait)
        self.addCleanup(box.process.kill)
        server = self.serve({"solar": ollama(box.url, "solar", f"fallback: gguf_native, path: '{MODELS}/solar.gguf', context_length: 512")})
        browser = self.browse(server)
        with tempfile.TemporaryDirectory(prefix="sarai-test-") as folder:
            picture = pathlib.Path(folder) / "a.png"
            picture.write_bytes(png(40, 40))
            wait_until(lambda: browser.all("select.picker option"), "the models")
            browser.one("input[type=file]").send_keys(str(picture))
            wait_until(lambda: browser.all(".composer .files img"), "the picture")
            self.ask(browser, "What is this?", "solar")
            self.answered(browser)
        box.process.kill()
        self.ask(browser, "Thanks")
        answer = self.answered(browser, 2)
        self.assertTrue(answer.find_elements("css selector", ".chip.seam"), answer.text)

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


if __name__ == "__main__":
    main()

"""The web page in a real browser: how it is served, its views but for the chat, keys, and that anybody can use it."""
import gzip
import http.client
import json
import os
import pathlib
import signal
import threading
import time

from harness import FakeUpstream, children_of, local, main, wait_until
from page import Keys, Page, openai

AXE = pathlib.Path(os.environ.get("SARAI_NODE_MODULES", "")) / "axe-core/axe.min.js"
VIEWS = ("chat", "memory", "decisions", "endpoints", "plan", "logs")
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


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
        self.assertEqual(self.server.process.wait(30), 0)

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

    def test_many_plans_at_once_are_not_many_processes(self):
        statuses, most = [], 0
        ask = lambda context: statuses.append(self.server.request("GET", f"/sarai/plan?what_if=ctx={context}").status)
        clients = [threading.Thread(target=ask, args=(256 * (i + 2),)) for i in range(24)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            most = max(most, len(children_of(self.server.process.pid)))
        self.assertEqual(statuses, [200] * 24)
        self.assertIn(most, (1, 2))

    def test_a_head_has_no_body_however_long_that_would_be(self):
        for path in ("/sarai/feedback", "/sarai/logs?follow=true", "/sarai/status", "/"):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            self.addCleanup(connection.close)
            for method, target in (("HEAD", path), ("GET", "/health")):  # the second shows what was left by the first
                connection.request(method, target)
                reply = connection.getresponse()
                self.assertEqual((reply.status, bool(reply.read())), (200, method == "GET"), (method, target))


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
                time.sleep(0.6)  # a status
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

    def test_states_are_told_in_the_language_of_the_page(self):
        browser = self.browse(self.server, "memory", language="es")
        words = "return [...document.querySelectorAll('td .state')].map(s => s.textContent)"
        wait_until(lambda: browser.run(words)[:4] == ["listo", "listo", "sin cargar", "remoto"], "the states")
        self.assertIn("ninguna, en calma", browser.text("main"))  # its enforcement
        browser.driver.get(f"{self.server.url}/#/endpoints")
        wait_until(lambda: "cerrado" in browser.text("main td:nth-child(3)"), "the breaker")
        browser.driver.get(f"{self.server.url}/#/decisions")
        wait_until(lambda: browser.all(".pool .chip"), "the pool's decisions")
        self.assertEqual({chip.text for chip in browser.all(".pool .chip")}, {"carga"})
        browser.driver.get(f"{self.server.url}/#/chat")
        wait_until(lambda: "solar · listo" in browser.text("select.picker"), "the states beside the names")
        self.assertIn("omni · sin cargar", browser.text("select.picker"))

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


class Lost(Page):
    """What the page makes of a server that hangs or has died."""

    def setUp(self):
        self.server = self.serve({"lfm2": local("lfm2")})

    def test_a_server_that_hangs_is_told_until_it_answers_again(self):
        browser = self.browse(self.server)
        wait_until(lambda: browser.all(".slim-memory"), "a status")
        self.addCleanup(self.server.process.send_signal, signal.SIGCONT)
        self.server.process.send_signal(signal.SIGSTOP)
        told = lambda: "does not answer" in browser.text(".banner")
        wait_until(told, "the banner")
        browser.screenshot("server-hangs")
        end = time.monotonic() + 5  # in which it is asked anew, in vain
        while time.monotonic() < end:
            self.assertTrue(told())
            time.sleep(0.1)
        self.server.process.send_signal(signal.SIGCONT)
        wait_until(lambda: not browser.all(".banner"), "no banner")

    def test_the_log_after_a_crash_goes_on_below_a_seam(self):
        browser = self.browse(self.server, "logs")
        for _ in range(5):  # so that the old one has told more
            self.server.request("POST", "/sarai/load", {"model": "lfm2"})
            self.server.request("POST", "/sarai/unload", {"model": "lfm2"})
        newest = lambda: self.server.request("GET", "/sarai/logs?last=1").json["lines"][0]
        shown = lambda: browser.run("return [...document.querySelectorAll('.log li')].map(line => [line.querySelector('time')?.dateTime, line.textContent])")
        wait_until(lambda: shown() and shown()[-1][0] == newest()["at"], "the old server's log")
        old, before = newest(), shown()
        self.assertTrue(all(at for at, _ in before), "no seam")
        self.server.kill()
        self.server.start()
        self.assertLess(newest()["id"], old["id"])
        listening = lambda: [at for at, text in shown() if "listening on" in text and at and at > old["at"]]
        wait_until(listening, "the new server's log")
        wait_until(lambda: not browser.all(".banner"), "no banner")
        lines = lambda: self.server.request("GET", "/sarai/logs").json["lines"]
        wait_until(lambda: [at for at, _ in shown()] == [at for at, _ in before] + [None] + [line["at"] for line in lines()],
                   "the old lines, and each of the new ones once")
        self.assertEqual(browser.text(".log .seam"), "server restarted")
        browser.screenshot("log-restarted")


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

    def test_the_question_for_a_key_can_be_left_and_a_key_forgotten(self):
        server = self.serve({"lfm2": local("lfm2")}, environment={"SARAI_API_KEY": "open-sesame"})
        browser = self.browse(server, "memory")
        is_open = lambda: bool(browser.all("dialog[open]"))
        press = lambda text: next(b for b in browser.all("button") if b.is_displayed() and b.text == text).click()
        wait_until(is_open, "the question for a key")
        press("Cancel")
        wait_until(lambda: not is_open(), "no question")
        self.assertIn("asks for a key", browser.text(".banner"))
        browser.driver.get(f"{server.url}/#/decisions")
        time.sleep(2.5)  # what the view asks for is refused meanwhile
        self.assertFalse(is_open(), "who does not want to give a key is left in peace")
        press("Key")
        wait_until(is_open, "the question again")
        browser.one("dialog input[name=remember]").click()
        browser.one("dialog input[name=key]").send_keys("open-sesame" + Keys.ENTER)
        wait_until(lambda: browser.all(".slim-memory"), "the memory")
        self.assertEqual(browser.run("return localStorage.getItem('sarai.key')"), "open-sesame")
        for leave in (lambda: browser.one("dialog input[name=key]").send_keys(Keys.ESCAPE), lambda: press("Cancel")):
            press("Key")
            wait_until(is_open, "the question for another key")
            browser.one("dialog input[name=key]").send_keys("another")
            for _ in range(2):  # a browser lets nothing keep a dialog open for long
                if is_open():
                    leave()
            wait_until(lambda: not is_open(), "no question")
            self.assertEqual(browser.one("dialog input[name=key]").get_property("value"), "")
            browser.run("window.asked = []; const real = window.real ??= fetch; window.fetch = (path, o) => { asked.push(path); return real(path, o); }")
            wait_until(lambda: "/sarai/status" in browser.run("return asked"), "the page to go on looking")
        press("Key")
        wait_until(is_open, "the question with a key that can be forgotten")
        browser.screenshot("key-change")
        press("Forget it")
        wait_until(lambda: not browser.all(".slim-memory"), "nothing that the key showed")
        wait_until(is_open, "the question for a key")
        browser.run("document.querySelector('dialog[open]').dispatchEvent(new Event('close'))")  # of the one before
        browser.run("return new Promise(done => setTimeout(done, 100))")
        self.assertTrue(is_open())
        self.assertEqual(browser.run("return [localStorage.getItem('sarai.key'), sessionStorage.getItem('sarai.key')]"), [None, None])


if __name__ == "__main__":
    main()

"""The newcomer's path: what `make run` starts, in a real browser, from the first answer to the LAN box that is lost."""
import os
import pathlib
import signal
import tempfile

from harness import Demo, main, wait_until
from media import png
from page import Page


class Newcomer(Page):
    def test_the_path_from_the_first_answer_to_the_lost_box(self):
        demo = Demo()
        self.addCleanup(demo.close)
        browser = self.browse(demo)

        self.ask(browser, "What is sarai?", "lfm2")
        answer = self.answered(browser)
        self.assertIn("sarai is a server", answer.text)
        browser.screenshot("demo-english")

        browser.choose(".settings select[aria-label=Language]", "es")
        wait_until(lambda: "Memoria" in browser.text("header nav"), "Spanish")
        self.ask(browser, "¿Qué es sarai?", "solar")
        answer = self.answered(browser, 2)
        self.assertIn("sarai es un servidor", answer.text)
        self.assertIn(f"127.0.0.1:{demo.lan_port}", answer.text)
        self.assertFalse(answer.find_elements("css selector", ".chip.seam"))
        browser.screenshot("demo-spanish")

        with tempfile.TemporaryDirectory(prefix="sarai-test-") as folder:
            picture = pathlib.Path(folder) / "a.png"
            picture.write_bytes(png())
            browser.one("input[type=file]").send_keys(str(picture))
            wait_until(lambda: browser.all(".composer .files img"), "the picture")
            self.ask(browser, "¿Qué ves?", "omni")
            answer = self.answered(browser, 3)
        self.assertIn("omni", answer.text)
        self.assertFalse(answer.find_elements("css selector", ".problem"), answer.text)

        def view(name):
            browser.driver.get(f"{demo.url}/#/{name}")

        # Where each of the three is: two here, and one that takes nothing here.
        view("memory")
        wait_until(lambda: {"lfm2", "omni", "embed"} <= set(browser.text(".memory-bar").split()), "the models in the bar")
        self.assertNotIn("solar", browser.text(".memory-bar"))
        self.assertIn("0 bytes aquí", browser.text("main"))
        browser.screenshot("demo-memory")
        # A load, watched.
        press = lambda label: next(b for b in browser.all("td button") if b.get_attribute("aria-label") == label).click()
        press("Descargar omni")
        wait_until(lambda: "omni" not in browser.text(".memory-bar"), "omni to go")
        press("Cargar omni")
        wait_until(lambda: "omni" in browser.text(".memory-bar"), "omni to come")

        view("plan")
        wait_until(lambda: browser.all(".scenario"), "the plan", 60)
        browser.one("input[name=ctx]").send_keys("1024")
        browser.one(".wishes .primary").click()
        wait_until(lambda: browser.all(".changes"), "the changed plan", 60)

        os.kill(demo.lan_pid, signal.SIGKILL)
        view("chat")
        self.ask(browser, "Hola", "solar")
        answer = self.answered(browser, 4)
        self.assertEqual([chip.text for chip in answer.find_elements("css selector", ".chip.seam")], ["relevo"], answer.text)
        self.assertIn("local", answer.text)
        browser.screenshot("demo-fallback")
        view("memory")
        wait_until(lambda: "solar" in browser.text(".memory-bar"), "the fallback in the bar")
        browser.screenshot("demo-memory-fallback")
        self.assertEqual(browser.complaints(), [])
        self.assertEqual(demo.close(), 0)


if __name__ == "__main__":
    main()

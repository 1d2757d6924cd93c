"""What could take the page or its conversations away: answers nested too deep, other tabs, a full disk, a browser that keeps nothing."""
from harness import main, wait_until
from page import Page, openai

BLOCKED = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });"""

# As a full disk does: what is asked for is taken back as its transaction ends.
FULL = """window.put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (...what) { const asked = put.apply(this, what); this.transaction.abort(); return asked; }"""


class Kept(Page):
    def open(self, text="An answer.\n"):
        server = self.serve({"far": openai(self.recite(text).url)})
        return server, self.browse(server)

    def questions(self, browser):
        return [said.text for said in browser.all(".message.user .said")]

    def reopen(self, browser):
        browser.driver.refresh()
        wait_until(lambda: browser.all(".others .title"), "the list")
        browser.one(".others .title").click()
        wait_until(lambda: browser.all(".message.assistant"), "the conversation")

    def test_an_answer_that_is_nested_too_deep_is_shown_as_it_is(self):
        for mark in (">", "- "):
            with self.subTest(mark):
                server, browser = self.open(f"Hello.\n\n{mark * 5000}deep\n\nThe end.\n")
                self.ask(browser, "Go", "far")
                self.answered(browser)
                told = lambda: browser.text(".message.assistant")
                wait_until(lambda: "The end." in told(), "the end")
                self.assertTrue(told().index("Hello.") < told().index(mark * 100) < told().index("The end."))
                self.reopen(browser)
                wait_until(lambda: "The end." in told(), "the end, once more")
                browser.driver.get(f"{server.url}/#/memory")
                wait_until(lambda: browser.all(".memory-bar"), "another view")
                self.assertEqual(browser.complaints(), [])

    def test_two_tabs_have_the_same_conversation(self):
        server, browser = self.open()
        self.ask(browser, "first", "far")
        self.answered(browser)
        driver = browser.driver
        one = driver.current_window_handle
        driver.switch_to.new_window("tab")
        self.addCleanup(lambda: (driver.close(), driver.switch_to.window(one)))
        driver.get(f"{server.url}/#/chat")
        self.reopen(browser)
        two = driver.current_window_handle
        driver.switch_to.window(one)
        self.ask(browser, "of tab one")
        self.answered(browser, 2)
        driver.switch_to.window(two)
        wait_until(lambda: self.questions(browser) == ["first", "of tab one"], "the other tab's question")
        self.ask(browser, "of tab two")
        self.answered(browser, 3)
        self.reopen(browser)
        self.assertEqual(self.questions(browser), ["first", "of tab one", "of tab two"])
        browser.one(".others .title + button, .others li button:last-child").click()
        driver.switch_to.window(one)
        wait_until(lambda: not browser.all(".others .title"), "the deleted one to go here as well")
        driver.switch_to.window(two)

    def test_what_could_not_be_kept_is_told(self):
        _, browser = self.open()
        self.ask(browser, "kept", "far")
        self.answered(browser)
        self.assertIn("Conversations stay in this browser", browser.text(".others"))
        browser.run(FULL)
        self.ask(browser, "lost")
        wait_until(lambda: "does not keep conversations" in browser.text(".others"), "the warning")
        self.answered(browser, 2)
        browser.run("IDBObjectStore.prototype.put = window.put")
        self.ask(browser, "kept again")
        self.answered(browser, 3)
        wait_until(lambda: "Conversations stay in this browser" in browser.text(".others"), "the warning to go")

    def test_without_site_data_the_page_works_for_as_long_as_it_is_open(self):
        _, browser = self.open()
        added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": BLOCKED})
        self.addCleanup(browser.driver.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})
        browser.driver.refresh()
        self.ask(browser, "Hello", "far")
        self.assertIn("An answer.", self.answered(browser).text)
        browser.choose(".settings select[aria-label=Language]", "es")
        wait_until(lambda: "Memoria" in browser.text("header nav"), "Spanish")


if __name__ == "__main__":
    main()

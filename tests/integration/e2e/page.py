"""What the tests of the page have in common: a browser that shows it, and a question."""
import atexit
import functools
import os
import sys

from harness import Case, wait_until
from reciter import Reciter

try:
    from browser import DRIVER, Browser
    from selenium.webdriver.common.keys import Keys
except ImportError:
    sys.exit(77)  # no selenium here
if not os.path.exists(DRIVER):
    sys.exit(77)


def openai(url):
    return f"backend: openai_http, endpoints: [{{url: '{url}'}}], model: any"


@functools.cache
def browser_of(language):
    browser = Browser(language)
    atexit.register(browser.close)
    return browser


class Page(Case):
    def browse(self, server, view="chat", language="en", **more):
        browser = browser_of(language)
        self.addCleanup(browser.leave)
        browser.show(f"{server.url}/#/{view}", **more)
        wait_until(lambda: browser.all("header nav a"), "the page")
        return browser

    def recite(self, text, pause=0):
        reciter = Reciter(text, pause)
        self.addCleanup(reciter.close)
        return reciter

    def ask(self, browser, text, model=None):
        if model:
            wait_until(lambda: browser.all(f"select.picker option[value='{model}']"), "the model's name")
            browser.choose("select.picker", model)
        field = browser.one(".composer textarea")
        field.send_keys(text)
        field.send_keys(Keys.ENTER)

    def answered(self, browser, count=1, seconds=60):
        wait_until(lambda: len(browser.all(".message.assistant[aria-busy=false]")) == count, "the answer", seconds)
        return browser.all(".message.assistant")[-1]

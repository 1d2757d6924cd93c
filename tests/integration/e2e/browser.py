"""A headless Chromium for tests of the page, with what the page's policy or scripts complain about."""
import contextlib
import os
import pathlib
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

BUILD = pathlib.Path(os.environ["SARAI_BIN"]).parent
SCREENSHOTS = BUILD / "screenshots"
DRIVER = "/usr/bin/chromedriver"


class Browser:
    """One of a language is enough for a file of tests: each server is an origin of its own, and `show` forgets the last one's."""

    def __init__(self, language="en"):
        self.profile = tempfile.TemporaryDirectory(prefix="sarai-test-browser-", ignore_cleanup_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--hide-scrollbars",
                         "--window-size=1280,800", f"--lang={language}", f"--user-data-dir={self.profile.name}"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def show(self, url, width=1280, height=800, dark=False):
        self.leave()
        self.resize(width, height)
        self.appearance(dark)
        self.driver.get(url)

    def leave(self):
        """Shows nothing, and has nothing of the page that it showed."""
        origin = self.run("return location.origin")
        self.driver.get("about:blank")
        if origin != "null":
            self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        self.complaints()

    def close(self):
        with contextlib.suppress(Exception):
            self.driver.quit()
        self.profile.cleanup()

    def resize(self, width, height):
        # Windows have a least width; what the page sees has none.
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def appearance(self, dark):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector="body"):
        found = self.all(selector)
        return found[0].text if found else ""

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def choose(self, selector, value):
        Select(self.one(selector)).select_by_value(value)

    def screenshot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def complaints(self):
        """Errors in the browser's console, but for requests that the server refused."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE" and "Failed to load resource" not in e["message"]]

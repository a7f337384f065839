"""Chromium without a window, steered by WebDriver: Debian's packages chromium and chromium-driver."""

import base64
import json
import pathlib
import shutil
import tempfile
import urllib.error
import urllib.request

import process

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key by which WebDriver tells an element


def is_installed():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    """A browser with a profile of its own, as a context manager. `dark` and `width` as a user would have them."""

    def __init__(self, width=1280, height=1000):
        self._size = f"{width},{height}"
        self._driver = None
        self._session = None
        self._profile = tempfile.TemporaryDirectory(prefix="qte-browser-")
        self._url = f"http://127.0.0.1:{process.free_port()}"

    def __enter__(self):
        port = self._url.rpartition(":")[2]
        self._log = open(pathlib.Path(self._profile.name) / "driver.log", "wb")
        self._driver = process.spawn(["chromedriver", f"--port={port}"], stdout=self._log, stderr=self._log)
        try:
            process.wait_until(self._is_ready, "chromedriver to be ready", 60)
            options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                                "--disable-dev-shm-usage", "--hide-scrollbars", f"--window-size={self._size}",
                                f"--user-data-dir={self._profile.name}/profile"]}
            answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
            self._session = f"/session/{answer['sessionId']}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._session is not None:
            self._ask("DELETE", self._session)
        process.end(self._driver)
        self._log.close()
        self._profile.cleanup()

    def _is_ready(self):
        try:
            return self._ask("GET", "/status")["ready"]
        except OSError:
            return False

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {json.load(error)['value']['message']}") from None

    def _command(self, method, path, body=None):
        return self._ask(method, self._session + path, body)

    def devtools(self, command, **parameters):
        """A command of the DevTools protocol."""
        return self._command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self._command("POST", "/url", {"url": url})

    def set_dark(self, dark):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])

    def set_scripts(self, on):
        self.devtools("Emulation.setScriptExecutionDisabled", value=not on)

    def resize(self, width, height=1000):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=False)

    def run(self, script, *arguments):
        """What the body of a JavaScript function returns."""
        return self._command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        """What a user sees of an element; works without scripts, too."""
        found = self._command("POST", "/element", {"using": "css selector", "value": selector})
        return self._command("GET", f"/element/{found[_ELEMENT]}/text")

    def is_shown(self, selector):
        found = self._command("POST", "/element", {"using": "css selector", "value": selector})
        return self._command("GET", f"/element/{found[_ELEMENT]}/displayed")

    def picture(self):
        """The whole page as PNG."""
        return base64.b64decode(self.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def complaints(self):
        """What the console was told of: errors of scripts, of loading, of the content security policy."""
        return [entry["message"] for entry in self._command("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """The URLs that were asked for since the last call."""
        urls = []
        for entry in self._command("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls

#!/usr/bin/env python3
"""The page at "/" in a real browser: charts with the right numbers, in both colour schemes and on narrow windows, with no
request to anybody else; and without scripts, as a plain status page."""

import os
import pathlib
import re
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import browser
import exporter
import process

TRACES = exporter.ROOT / "tests/data/traces"
# What must not become markup, in the place of a VM's name.
EVIL = "<img src=x onerror=alert(1)>"
PCI_READS_A_SECOND = 50
CHARTS = ["keystrokes", "pci_reads", "pci_writes", "dma_read", "dma_written", "dma_transfers", "block_read",
          "block_written", "block_requests", "block_read_duration", "block_write_duration", "block_errors"]
DRAWN = """
const figure = document.getElementById("chart-" + arguments[0]);
return [...figure.querySelectorAll("canvas")].some((canvas) => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let coloured = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const [r, g, b, alpha] = pixels.slice(at, at + 4);
    if (alpha > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 60) coloured += 1;
  }
  return coloured > 5; // the line of 10 s is short
});
"""
# Pairs of boxes that share more than a pixel, and boxes that stick out of the window.
MISPLACED = """
const boxes = [...document.querySelectorAll(arguments[0])].map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && box.height > 0);
const names = (one) => one.id || one.className || one.tagName + " " + one.textContent;
const bad = [];
boxes.forEach(([one, a], at) => {
  if (a.left < -1 || a.right > document.documentElement.clientWidth + 1) bad.push("outside: " + names(one));
  for (const [other, b] of boxes.slice(at + 1)) {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 1) bad.push(names(one) + " over " + names(other));
  }
});
return bad;
"""
# The least contrast (WCAG) of any text with what is behind it.
CONTRAST = """
const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const behind = (one) => {
  for (; one !== null; one = one.parentElement) {
    const colour = parse(getComputedStyle(one).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
let least = 21;
for (const one of document.querySelectorAll("h1, h2, p, td, th, a, figcaption, li span, .dygraph-axis-label")) {
  if (one.textContent.trim() === "" || one.getClientRects().length === 0) continue;
  const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
  least = Math.min(least, (a + 0.05) / (b + 0.05));
}
return least;
"""


class Writer(threading.Thread):
    """A QEMU at work: PCI reads at a steady rate, and now and then what a real one wrote of keys, DMA and disks."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.done = threading.Event()

    def run(self):
        recorded = b"".join((TRACES / name).read_bytes() for name in ("ide-raw-7.2.log", "keys-7.2.log"))
        with open(self.path, "ab", buffering=0) as log:
            turn, begin = 0, time.monotonic()
            while not self.done.wait(max(0, begin + (turn + 1) / 10 - time.monotonic())):
                log.write(b"pci_cfg_read steady 00:01.0 @0x0 -> 0x1\n" * (PCI_READS_A_SECOND // 10) +
                          b"pci_cfg_write steady 00:01.0 @0x0 <- 0x1\n")
                turn += 1
                if turn % 10 == 0:
                    log.write(recorded)


@unittest.skipUnless(browser.is_installed() or "QTE_REQUIRE_ALL" in os.environ,
                     "needs chromium and chromium-driver")
class LivePageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="qte-page-")))
        cls.writer = Writer(directory / f"{EVIL}.log")
        cls.writer.start()
        cls.addClassCleanup(cls.writer.done.set)
        cls.daemon = cls.enterClassContext(exporter.Daemon(f"--trace.path={directory}/*.log"))
        cls.daemon.wait_ready()
        cls.browser = cls.enterClassContext(browser.Browser())

    def open(self):
        self.browser.open(self.daemon.url + "/")

    def charts_drawn(self):
        self.open()
        process.wait_until(lambda: self.browser.run("return document.querySelectorAll('#live figure').length") == len(CHARTS),
                           "the charts to appear")
        for chart in CHARTS:
            if chart != "block_errors":  # there are none
                process.wait_until(lambda: self.browser.run(DRAWN, chart), f"a line in the chart {chart}", 15)

    def test_charts_show_what_is_written(self):
        self.charts_drawn()
        self.assertFalse(self.browser.is_shown("#now"))

        def rate():
            items = self.browser.run("return [...document.querySelectorAll('#chart-pci_reads li')].map((item) => item.textContent)")
            found = [re.fullmatch(r".* · steady([\d.]+)/s", item) for item in items]
            return next((float(match[1]) for match in found if match), 0)
        # A batch more or less in the two seconds between points.
        process.wait_until(lambda: abs(rate() - PCI_READS_A_SECOND) < 0.2 * PCI_READS_A_SECOND,
                           f"{PCI_READS_A_SECOND} reads a second to show")
        self.assertIn("nothing yet", self.browser.text("#chart-block_errors"))

    def test_tables_are_kept_up_to_date(self):
        self.charts_drawn()
        seen = self.browser.text("#events")
        self.assertIn("pci_cfg_read", seen)
        process.wait_until(lambda: self.browser.text("#events") != seen, "the counts of events to go on", 15)

    def test_each_part_is_asked_for_by_one_loop_and_tells_its_own_trouble(self):
        self.charts_drawn()
        # Slow answers, so that the page is hidden and seen again while it waits for one; those for the tables are bad.
        self.browser.run("""
            window.asked = {charts: 0, tables: 0};
            const real = window.fetch;
            window.fetch = async (url, options) => {
              window.asked[url === "" ? "tables" : "charts"] += 1;
              await new Promise((done) => setTimeout(done, 300));
              if (url === "") throw new Error("tables are away");
              return real(url, options);
            };""")
        for _ in range(12):
            self.browser.run("document.dispatchEvent(new Event('visibilitychange'))")
            time.sleep(0.05)
        process.wait_until(lambda: "tables are away" in self.browser.text("#trouble"), "the trouble to show")
        self.browser.run("window.asked = {charts: 0, tables: 0}")
        shown = []
        for _ in range(14):
            time.sleep(0.5)
            shown.append(self.browser.text("#trouble"))
        asked = self.browser.run("return window.asked")
        self.assertLessEqual(asked["charts"], 4)  # every 2.3 s
        self.assertLessEqual(asked["tables"], 2)  # every 5.3 s
        self.assertEqual([text for text in shown if "tables are away" not in text], [])

    def test_nobody_else_is_asked_and_nothing_is_executed(self):
        self.browser.requests()
        self.browser.complaints()
        self.charts_drawn()
        urls = self.browser.requests()
        self.assertTrue(any(url.endswith("/api/v1/history") for url in urls), urls)
        self.assertEqual([url for url in urls if not url.startswith(self.daemon.url + "/") and not url.startswith("data:")], [])
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.run("return document.querySelectorAll('img').length"), 0)
        self.assertIn(EVIL, self.browser.text("#sources"))

    def test_it_is_readable_in_both_schemes_and_on_any_width(self):
        for dark in (False, True):
            for width in (1280, 800, 390):
                with self.subTest(dark=dark, width=width):
                    self.browser.set_dark(dark)
                    self.browser.resize(width)
                    self.charts_drawn()
                    self.assertEqual(self.browser.run(MISPLACED, "#live figure, #live h2, section, nav, h1"), [])
                    self.assertEqual(self.browser.run(MISPLACED, "#chart-block_read .dygraph-axis-label-y"), [])
                    self.assertEqual(self.browser.run(MISPLACED, "#chart-block_read .dygraph-axis-label-x"), [])
                    self.assertGreaterEqual(self.browser.run(CONTRAST), 4.5)
                    red = int(re.findall(r"\d+", self.browser.run("return getComputedStyle(document.body).backgroundColor"))[0])
                    self.assertEqual(red < 128, dark)
        self.browser.resize(1280)

    def test_without_scripts_it_is_a_status_page(self):
        self.browser.set_scripts(False)
        self.addCleanup(self.browser.set_scripts, True)
        time.sleep(1)  # two points make a rate
        self.open()
        self.assertFalse(self.browser.is_shown("#live"))
        now = self.browser.text("#now")
        self.assertIn("PCI config reads", now)
        self.assertRegex(now, r"steady [\d.]+/s")
        self.assertIn("pci_cfg_read", self.browser.text("#events"))
        self.assertIn(EVIL, self.browser.text("#sources"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

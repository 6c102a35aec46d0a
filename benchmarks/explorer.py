"""The explorer of the page with many points: milliseconds from an event to the frame after the one that shows it.

Run ``python -m benchmarks.explorer`` in the root of the repository; it needs Chromium. It writes a page of simulated
images (four groups, twenty seeds, as many activities as it takes), opens it without a GPU and moves the pointer, zooms
and filters. Two frames of a 60 Hz screen are 33 ms: the smallest that can be measured.
"""

import shutil
import tempfile
from pathlib import Path

import cyclopts
import numpy as np
from playwright.sync_api import sync_playwright
from tests.test_report import settings, write

from tests.simulated import study

PER_ACTIVITY = 80
TIMES = """async ([action, repeats]) => {
  const canvas = document.querySelector(".stage canvas"), box = canvas.getBoundingClientRect();
  const left = box.left + 200, top = box.top + 150;
  const frame = () => new Promise(requestAnimationFrame);
  const act = {
    hover: (i) => canvas.dispatchEvent(new PointerEvent("pointermove", {clientX: left + 3 * i, clientY: top + i})),
    zoom: (i) => document.querySelectorAll(".zoom button")[Math.floor(i / 10) % 2].click(),
    filter: (i) => document.querySelectorAll(".panel .chips button")[Math.floor(i / 2) % 4].click(),
  }[action];
  const times = [];
  for (let i = 0; i < repeats; i++) {
    await frame();
    const begun = performance.now();
    act(i);
    await frame();
    await frame();
    times.push(performance.now() - begun);
  }
  return times;
}"""


def main(*, images: int = 20_000, repeats: int = 100) -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        results = study(Path(folder), activities=images // PER_ACTIVITY, seeds=PER_ACTIVITY // 4, faces=0)
        write(results, settings(faces=False))
        page = results / "report.html"
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(page.as_uri())
        tab.locator("#explore canvas").scroll_into_view_if_needed()
        shown = tab.locator("#explore .panel .count").inner_text()
        print(f"{shown}, page of {page.stat().st_size / 1e6:.1f} MB, {repeats} times each, ms to the second frame")
        for action in ("hover", "zoom", "filter"):
            median, slow, slowest = np.quantile(tab.evaluate(TIMES, [action, repeats]), [0.5, 0.95, 1])
            print(f"{action:8} median {median:5.1f}   95 % below {slow:5.1f}   slowest {slowest:5.1f}")


if __name__ == "__main__":
    cyclopts.run(main)

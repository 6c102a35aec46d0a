"""Time the page's explorer with many points: milliseconds from an event to the frame after the one that shows it.

Run ``python -m benchmarks.explorer`` in the root of the repository; it needs Chromium. It writes a page with simulated
images (four groups, twenty seeds, and as many activities as needed), opens it without a GPU, moves the pointer, zooms
and filters. The smallest measurable time is 33 ms, which is two frames of a 60 Hz screen.
"""

import shutil
import tempfile
from pathlib import Path

import cyclopts
import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

from tests.report.test_page import settings, write
from tests.simulated import GROUPS, PEOPLE_SPACES, SHARD, draw
from untold.data.parquet import write_table

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


def points(folder: Path, images: int) -> None:
    """Simulate the manifest of a number of images, their similarities, and maps with random positions."""
    rng = np.random.default_rng(0)
    for number in range(24):
        draw(folder / f"{number}.png", "#b9bec6", number)
    rows = [
        (f"activity-{activity}", group, seed)
        for activity in range(images // PER_ACTIVITY)
        for seed in range(PER_ACTIVITY // 4)
        for group in ("neutral", *GROUPS)
    ]
    manifest = pd.DataFrame(rows, columns=["activity_id", "group", "seed"])
    manifest = manifest.assign(activity=manifest["activity_id"], category="leisure", accepted=True, reason="")
    manifest["prompt"] = manifest["prompt_key"] = manifest["group"] + " " + manifest["activity_id"]
    manifest["key"] = [f"{number:08d}" for number in range(len(rows))]
    manifest["path"] = [(folder / f"{number % 24}.png").as_posix() for number in range(len(rows))]
    write_table(folder / "images" / SHARD, manifest)
    maps, similarities = [], []
    for space, (_, _, key) in PEOPLE_SPACES.items():
        keys = manifest[[key]].drop_duplicates().rename(columns={key: "key"})
        for method in ("tsne", "umap"):
            places = rng.normal(size=(2, len(keys))).astype(np.float32)
            maps.append(keys.assign(space=space, method=method, x=places[0], y=places[1]))
        value = rng.uniform(0.5, 1, len(rows))
        similarities.append(
            manifest[["activity_id", "group", "seed"]].assign(space=space, metric="cosine", value=value)
        )
    write_table(folder / "projections.parquet", pd.concat(maps))
    write_table(folder / "similarity" / SHARD, pd.concat(similarities))


def main(*, images: int = 20_000, repeats: int = 100) -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        results = Path(folder)
        points(results / "people", images)
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

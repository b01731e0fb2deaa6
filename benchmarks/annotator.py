"""Draw boxes in a real browser and measure the time from mouse-up until the answer is on the server's disk.

    python benchmarks/annotator.py --boxes 1000

Prints medians and P95 for the first and the last hundred boxes, and the time that the browser needs for a frame while
dragging with all boxes on screen. Needs Chromium and Playwright (requirements-dev.txt).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

# the page notes when the mouse goes up, and when the state of saving becomes "saved" again
WATCH = """() => { const root = document.querySelector('.annotator') || [...document.querySelectorAll('*')].map(n => n.shadowRoot)
    .filter(Boolean).map(r => r.querySelector('.annotator')).find(Boolean);
  const save = root.querySelector('.save'); window.took = []; let up = 0;
  root.querySelector('.stage').addEventListener('pointerup', () => { up = performance.now(); }, true);
  new MutationObserver(() => { if (up && save.dataset.state === 'saved') { window.took.push(performance.now() - up); up = 0; } })
    .observe(save, { attributes: true, attributeFilter: ['data-state'] }); }"""
FRAMES = """() => new Promise(done => { const gaps = []; let last = performance.now();
  const step = (now) => { gaps.push(now - last); last = now; gaps.length < 60 ? requestAnimationFrame(step) : done(gaps); };
  requestAnimationFrame(step); })"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=1000)
    chosen = parser.parse_args()
    import numpy as np
    from playwright.sync_api import sync_playwright

    from labeling import annotations, collections
    from labeling.pictures import encode_picture
    from tests.e2e.test_annotator import ANNA, CHROMIUM, FLAGS, READY, Server
    from workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace.open(Path(folder) / "ws")
        collections.create_collection(ws, "many", ["car", "person"])
        picture = encode_picture(np.full((1000, 1600, 3), 205, "uint8"), ".png")
        collections.add_pictures(ws, "many", [("m.png", picture)])
        image = collections.list_images(ws, "many")[0].id
        (Path(folder) / "app").mkdir()
        server = Server(Path(folder) / "app", ws.root)
        try:
            with sync_playwright() as started:
                browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
                page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
                page.goto(f"{server.url}/?view=annotate&collection=many&image={image}", wait_until="domcontentloaded")
                page.wait_for_function(READY, timeout=60_000)
                page.locator('.annotator[data-state="ready"]').wait_for(timeout=20_000)
                page.evaluate(WATCH)
                place = page.locator(".picture").bounding_box()
                k = place["width"] / 1600
                for n in range(chosen.boxes):
                    x, y = place["x"] + k * 40 * (n % 40), place["y"] + k * 40 * (n // 40 % 25)
                    page.mouse.move(x + 3 * k, y + 3 * k)
                    page.mouse.down()
                    page.mouse.move(x + 20 * k, y + 20 * k)
                    page.mouse.move(x + 36 * k, y + 34 * k)
                    page.mouse.up()
                    page.keyboard.press("Escape")
                page.locator('.save[data-state="saved"]').wait_for(timeout=60_000)
                page.wait_for_timeout(500)
                took = page.evaluate("() => window.took")
                page.mouse.move(place["x"] + 100, place["y"] + 100)
                page.mouse.down(button="middle")
                page.mouse.move(place["x"] + 140, place["y"] + 130, steps=5)
                frames = page.evaluate(FRAMES)
                page.mouse.up(button="middle")
                browser.close()
        finally:
            server.kill()
        kept = len(annotations.current(ws, image, ANNA).document["regions"])
        ws.close()
    print(f"{chosen.boxes} boxes drawn, {kept} on disk, {len(took)} times from mouse-up to saved")
    for name, part in (("first", took[:100]), ("last", took[-100:])):
        cuts = statistics.quantiles(part, n=20)
        print(f"  {name} {len(part)}: median {statistics.median(part):.0f} ms, P95 {cuts[18]:.0f} ms")
    print(f"  a frame while {chosen.boxes} boxes are moved: median {statistics.median(frames):.1f} ms (no GPU)")


if __name__ == "__main__":
    main()

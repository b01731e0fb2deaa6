"""The annotator in a real browser: draw, move, resize, classes by key, undo, keys, reload, restart of the server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from labeling import annotations, collections
from labeling.pictures import encode_picture
from workspace import Workspace

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("TILTH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
READY = """() => { const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED' }"""
ANNA = "anna"


class Server:
    """The Label page alone on the app's own routes; can be killed and started again on the same port."""

    def __init__(self, folder: Path, root: Path):
        self.folder, self.root = folder, root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "shell").mkdir()
        page = (ROOT / "pages" / "label.py").as_posix()
        (folder / "shell" / "main.py").write_text(
            "import streamlit as st\nst.set_page_config(layout='wide')\n"
            f"st.navigation([st.Page({page!r}, title='Label', url_path='label', default=True)]).run()\n"
        )
        (folder / "app.py").write_text(
            f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport streamlit as st\n"
            "from shell.routes import desk, media\nfrom shell.routes.security import LocalOnly\n"
            "from starlette.middleware import Middleware\n"
            f"app = st.App({str(folder / 'shell' / 'main.py')!r}, routes=[*media.routes, *desk.routes], middleware=[Middleware(LocalOnly)])\n"
        )
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "TILTH_WORKSPACE": str(self.root), "TILTH_USER": ANNA}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(self.folder / "app.py"), "--server.port", str(self.port),
             "--server.headless", "true", "--server.address", "127.0.0.1"],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield opened
        opened.close()


@pytest.fixture
def ws(tmp_path):
    opened = Workspace.open(tmp_path / "ws")
    collections.create_collection(opened, "shapes", ["car", "person", "sign"], ["day", "night"])
    pictures = []
    for number in range(3):
        bgr = np.full((300, 400, 3), 225, "uint8")
        bgr[60:140, 50 + 40 * number : 150 + 40 * number] = (40, 90 + 40 * number, 200)
        pictures.append((f"picture{number + 1}.png", encode_picture(bgr, ".png")))
    collections.add_pictures(opened, "shapes", pictures)
    yield opened
    opened.close()


@pytest.fixture
def server(tmp_path, ws):
    folder = tmp_path / "app"
    folder.mkdir()
    running = Server(folder, ws.root)
    yield running
    running.kill()


class Annotator:
    """One browser page with the annotator open, in image pixels."""

    def __init__(self, page, server, ws, image: int):
        self.page, self.ws = page, ws
        self.image = image
        page.goto(f"{server.url}/?view=annotate&collection=shapes&image={image}", wait_until="domcontentloaded")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_function(READY, timeout=30_000)
        self.page.locator('.annotator[data-state="ready"]').wait_for(timeout=20_000)

    def at(self, x: float, y: float) -> tuple[float, float]:
        place = self.page.locator(".picture").bounding_box()
        return place["x"] + x / 400 * place["width"], place["y"] + y / 300 * place["height"]

    def drag(self, start, end) -> None:
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        self.page.mouse.move(*self.at(*end))
        self.page.mouse.up()

    def key(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def saved(self) -> list[dict]:
        """The boxes on disk, after the annotator said that it saved."""
        self.page.locator('.save[data-state="saved"]').wait_for(timeout=15_000)
        return annotations.current(self.ws, self.image, ANNA).document["regions"]

    def shown(self) -> int:
        return self.page.locator("path.region").count()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    yield opened
    assert opened.problems == []
    context.close()


def near(box: dict, x: float, y: float, w: float, h: float) -> bool:
    """Within a pixel: the pointer lands between image pixels."""
    return all(abs(box[side] - value) <= 1.01 for side, value in zip("xywh", (x, y, w, h), strict=True))


def first_image(ws) -> int:
    return collections.list_images(ws, "shapes")[0].id


def test_draw_move_resize_class_undo_and_find_them_again(page, server, ws):
    a = Annotator(page, server, ws, first_image(ws))
    a.drag((50, 60), (150, 140))
    (box,) = a.saved()
    assert box["label"] == "car" and near(box, 50, 60, 100, 80), box

    a.drag((100, 100), (140, 120))  # inside the selected box: move
    (box,) = a.saved()
    assert near(box, 90, 80, 100, 80), box

    a.drag((190, 160), (230, 200))  # its south-east handle
    (box,) = a.saved()
    assert near(box, 90, 80, 140, 120), box

    a.drag((90, 140), (60, 140))  # its west handle
    (box,) = a.saved()
    assert near(box, 60, 80, 170, 120), box

    a.key("2")
    assert a.saved()[0]["label"] == "person"
    a.key("Control+z")
    assert a.saved()[0]["label"] == "car"
    a.key("Control+z")
    assert near(a.saved()[0], 90, 80, 140, 120)
    a.key("Control+Shift+z")
    assert near(a.saved()[0], 60, 80, 170, 120)

    page.get_by_role("button", name="night").click()
    a.saved()
    assert annotations.current(ws, a.image, ANNA).document["classes"] == ["night"]

    page.reload()
    a.ready()
    assert a.shown() == 1
    assert page.get_by_role("button", name="night").get_attribute("aria-pressed") == "true"
    assert page.locator('[data-testid="stException"]').count() == 0
    actions = {r.action for r in annotations.history(ws, a.image, ANNA)}
    assert actions == {"save"}  # undo in the browser sends the earlier document as a new revision


def test_everything_goes_by_keyboard(page, server, ws):
    a = Annotator(page, server, ws, first_image(ws))
    page.locator(".stage:visible").focus()
    a.key("Insert")
    (box,) = a.saved()
    start = box["x"], box["y"]
    a.key("ArrowRight")
    a.key("Shift+ArrowDown")
    page.wait_for_timeout(400)  # nudges are sent together
    (box,) = a.saved()
    assert (box["x"], box["y"]) == (start[0] + 1, start[1] + 10)
    a.key("Alt+Shift+ArrowRight")
    page.wait_for_timeout(400)
    assert a.saved()[0]["w"] == box["w"] + 10
    a.key("Control+d")
    assert len(a.saved()) == 2
    a.key("3")
    assert [b["label"] for b in a.saved()] == ["car", "sign"]
    a.key("Escape")
    a.key("Tab")
    a.key("Delete")
    assert [b["label"] for b in a.saved()] == ["sign"]
    a.key("h")
    assert page.locator(".overlay g").first.is_hidden()
    a.key("h")
    a.key("?")
    assert page.get_by_role("dialog", name="Mouse and keys").is_visible()
    a.key("Escape")
    assert page.get_by_role("dialog", name="Mouse and keys").is_hidden()
    a.key("c")  # Streamlit's own "clear caches" key must not fire from here
    assert page.locator('[role="dialog"]:visible').count() == 0


def test_next_previous_copy_paste_and_done(page, server, ws):
    first, second, third = (i.id for i in collections.list_images(ws, "shapes"))
    a = Annotator(page, server, ws, first)
    a.drag((50, 60), (150, 140))
    a.key("Control+c")
    a.key("n")  # at once: the box of the first image is still on its way
    page.locator(".place", has_text="2 of 3").wait_for()
    a.key("Control+v")
    a.saved()
    a.image = second
    assert near(a.saved()[0], 50, 60, 100, 80)
    assert near(annotations.current(ws, first, ANNA).document["regions"][0], 50, 60, 100, 80)
    a.key("p")
    page.locator(".place", has_text="1 of 3").wait_for()
    assert a.shown() == 1
    a.key("Control+z")  # undo still knows what was done on this image
    a.image = first
    assert a.saved() == []
    a.key("Enter")
    page.locator(".place", has_text="2 of 3").wait_for()
    assert collections.get_image(ws, first).status == "done"
    a.key("s")
    a.key("1")  # the first reason
    page.locator(".place", has_text="3 of 3").wait_for()
    assert collections.get_image(ws, second).status == "skipped"
    assert page.url.endswith(f"image={third}")


def test_boxes_drawn_while_the_server_is_down_arrive_when_it_is_back(page, server, ws):
    a = Annotator(page, server, ws, first_image(ws))
    a.drag((50, 60), (150, 140))
    a.saved()
    server.kill()
    a.page.mouse.move(*a.at(300, 20))
    a.key("Escape")
    a.drag((200, 150), (260, 220))
    page.locator('.save[data-state="offline"]').wait_for(timeout=10_000)
    server.start()
    page.locator('.save[data-state="saved"]').wait_for(timeout=60_000)
    boxes = annotations.current(ws, a.image, ANNA).document["regions"]
    assert len(boxes) == 2 and near(boxes[1], 200, 150, 60, 70)


def test_zoom_keeps_boxes_on_their_pixels(page, server, ws):
    a = Annotator(page, server, ws, first_image(ws))
    page.mouse.move(*a.at(100, 100))
    for _ in range(4):
        page.mouse.wheel(0, -120)
    page.wait_for_timeout(100)
    a.drag((80, 80), (120, 110))
    assert near(a.saved()[0], 80, 80, 40, 30)
    before = page.locator(".picture").bounding_box()
    page.keyboard.down("Space")
    page.mouse.move(*a.at(100, 100))
    page.mouse.down()
    page.mouse.move(*[v + 40 for v in a.at(100, 100)])
    page.mouse.up()
    page.keyboard.up("Space")
    after = page.locator(".picture").bounding_box()
    assert after["x"] - before["x"] == pytest.approx(40, abs=1)
    assert len(a.saved()) == 1  # panning drew nothing
    a.key("0")
    assert page.locator(".picture").bounding_box()["width"] < before["width"]


def test_a_missed_face_is_drawn_in_the_review_and_hidden_in_the_copy(page, server, ws):
    class Nothing:
        name, kind = "nothing", "face"

        def detect(self, bgr):
            return []

    collections.redact_collection(ws, "shapes", detectors=[Nothing()], method="fill")
    image = first_image(ws)
    page.goto(f"{server.url}/?view=review&collection=shapes&image={image}", wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=30_000)
    page.locator('.annotator[data-state="ready"]').wait_for(timeout=20_000)
    place = page.locator(".picture").bounding_box()
    page.mouse.move(place["x"] + place["width"] * 0.25, place["y"] + place["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.5, place["y"] + place["height"] * 0.5, steps=4)
    page.mouse.up()
    page.locator('.save[data-state="saved"]').wait_for(timeout=15_000)
    redaction = collections.get_image(ws, image).redaction
    assert redaction["reviewed"] and redaction["regions"][0]["detector"] == "person"
    copy = collections.image_file(ws, collections.get_image(ws, image), "redacted")
    from labeling.pictures import read_picture

    assert not read_picture(copy).bgr[80:145, 105:195].any()
    page.keyboard.press("y")  # the copy in place of the original
    page.wait_for_function("() => document.activeElement")
    page.locator('.tool[aria-pressed="true"][title^="See the redacted copy"]').wait_for()
    assert "variant=redacted" in page.locator(".picture").get_attribute("src")
    page.keyboard.press("Enter")
    page.locator(".place", has_text="2 of 3").wait_for()

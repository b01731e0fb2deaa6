"""Starting the real app and driving it in Chromium, as a person would."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOTS = Path(__file__).parent / "screenshots"
CHROMIUM = os.environ.get("TILTH_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
READY = """() => { const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED' }"""
PAGES = ("", "data", "prepare", "explore", "quality", "privacy", "bias", "label", "features", "models", "runs")


class App:
    """The whole app on a free port, on a workspace of its own."""

    def __init__(self, workspace: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.workspace = workspace
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (workspace.parent / "app.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(self.port)],
            cwd=ROOT,
            env={**os.environ, "TILTH_WORKSPACE": str(workspace), "TILTH_USER": "anna"},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"the app did not start: {Path(self.log.name).read_text()[-2000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class Person:
    """Somebody at the app: verbs in Streamlit's terms, each waiting until the page is at rest."""

    def __init__(self, page, url: str):
        self.page, self.url = page, url
        self.crashes: list[str] = []
        page.on("pageerror", lambda error: self.crashes.append(str(error)))
        page.set_default_timeout(45_000)

    def rest(self) -> None:
        self.page.wait_for_timeout(250)
        self.page.wait_for_function(READY, timeout=90_000)
        self.page.wait_for_timeout(150)
        self.no_exception()

    def no_exception(self) -> None:
        found = self.page.locator('[data-testid="stException"]')
        assert found.count() == 0, found.first.inner_text()
        assert "Something went wrong in Tilth itself" not in self.page.content()
        assert not self.crashes, self.crashes

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}/{path}", wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=90_000)
        self.rest()

    def menu(self, name: str) -> None:
        """Go to a page by the sidebar, in the same session."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        self.rest()

    def click(self, name: str, *, exact: bool = True, nth: int = 0) -> None:
        self.press(self.page.get_by_role("button", name=name, exact=exact).nth(nth))

    def press(self, button) -> None:
        """Click a locator once the tooltip of what was clicked before is gone: it may lie over the button."""
        from playwright.sync_api import TimeoutError as TooLong  # playwright may be missing: see conftest

        self.page.mouse.move(2, 2)
        with contextlib.suppress(TooLong):  # that of a focused button stays; the click says if it is in the way
            self.page.locator("[data-testid=stTooltipContent]").first.wait_for(state="hidden", timeout=2000)
        button.click()
        self.rest()

    def see(self, text: str, timeout_s: float = 60) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=timeout_s * 1000)
        self.no_exception()

    def fill(self, label: str, value: str, *, nth: int = 0) -> None:
        box = self.page.get_by_label(label, exact=True).nth(nth)
        box.fill(value)
        box.press("Tab")
        self.rest()

    def choose(self, label: str, option: str, *, nth: int = 0) -> None:
        """Pick one option of a select box."""
        box = self.page.get_by_role("combobox", name=label).nth(nth)
        box.click()
        box.fill(option)
        self.page.get_by_role("option", name=option, exact=True).first.click()
        self.rest()

    def choose_many(self, label: str, *options: str) -> None:
        """Add options to a multiple choice."""
        for option in options:
            self.choose(label, option)
        self.page.keyboard.press("Escape")
        self.rest()

    def shot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

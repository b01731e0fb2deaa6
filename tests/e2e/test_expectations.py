"""Expectations and drift in Chromium: suggest, accept, check; watch, alert, acknowledge."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from insights import drift_watch, on_versions
from insights import expectations as expect
from tests.e2e.driving import Person
from workspace import Workspace

ROWS = 400


def table(shift: int) -> pa.Table:
    draw = random.Random(shift)
    return pa.table(
        {
            "id": list(range(ROWS)),
            "age": [None if draw.random() < 0.05 else int(draw.gauss(40 + shift, 9)) for _ in range(ROWS)],
            "city": [
                draw.choice(["Ulm", "Bonn", "Kiel", "Jena"] if shift else ["Ulm", "Bonn", "Bonn"]) for _ in range(ROWS)
            ],
            "income": [round(draw.lognormvariate(8 + shift / 40, 0.4), 2) for _ in range(ROWS)],
            "at": pa.array([3600 * 1_000_000 * (i + ROWS * shift) for i in range(ROWS)], pa.timestamp("us")),
        }
    )


@pytest.fixture(scope="module")
def reader(app, browser):
    on_versions.register()
    ws = Workspace.open(app.workspace)
    for shift in (0, 1, 2):
        ws.datasets.write("people", table(shift), lineage={"how": "test"})
        if shift == 0:
            drift_watch.watch(ws, "people", "people@1")
            expect.add(
                ws,
                "people",
                expect.rule_from({"kind": "range", "column": "age", "min": 18, "max": 60, "severity": "quarantine"}),
            )
    ws.datasets.write("people", table(12), lineage={"how": "test"})
    ws.close()
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    yield Person(page, app.url)
    page.close()


def view(reader, name: str) -> None:
    reader.page.get_by_test_id("stMain").get_by_text(name, exact=True).first.click()
    reader.rest()


def test_expectations(reader):
    reader.go("quality")
    if reader.page.get_by_role("combobox", name="Dataset").first.input_value() != "people":
        reader.choose("Dataset", "people")
    view(reader, "Expectations")
    reader.see("age is between 18 and 60")
    reader.click("Suggest rules")
    reader.see("id is unique")
    reader.shot("expectations_suggested")
    reader.click("Accept all", exact=False)
    reader.page.get_by_role("button", name="now", exact=False).first.click()
    reader.rest()
    reader.see("rules hold")
    reader.shot("expectations_rules")
    reader.page.get_by_text("History (", exact=False).click()
    reader.page.get_by_text("Add a rule").click()
    reader.rest()
    reader.page.get_by_text("Add a rule").scroll_into_view_if_needed()
    reader.page.mouse.wheel(0, 3000)
    reader.rest()
    reader.shot("expectations_history")


def test_drift_at_both_widths(reader):
    for width in (1440, 1024):
        reader.page.set_viewport_size({"width": width, "height": 1000})
        reader.go("")
        reader.see("drift alert")
        reader.shot(f"drift_home_{width}")
        reader.click("Look")
        reader.page.wait_for_url("**/quality")
        reader.rest()
        reader.see("Columns that drifted")
        reader.shot(f"drift_{width}")
        reader.page.mouse.move(width // 2 + 100, 700)
        reader.page.mouse.wheel(0, 800)
        reader.rest()
        reader.page.wait_for_timeout(800)
        reader.shot(f"drift_charts_{width}")
        reader.page.mouse.wheel(0, 2500)
        reader.page.wait_for_timeout(500)
        reader.shot(f"drift_time_{width}")
        view(reader, "Expectations")
        reader.see("Newest check")
        reader.shot(f"expectations_{width}")
    reader.page.set_viewport_size({"width": 1440, "height": 1000})
    view(reader, "Drift")
    reader.page.get_by_label("Note").first.fill("a new market")
    reader.page.get_by_label("Note").first.press("Tab")
    reader.rest()
    reader.click("Acknowledge all")
    reader.see("Acknowledged alerts")
    assert reader.page.get_by_text("open alert").count() == 0

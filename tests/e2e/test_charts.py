"""The chart builder in a real browser: suggestions, a drag that becomes a filter, saving, code; every kind at two widths."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from tests.e2e.driving import Person
from workspace import Workspace

KINDS = ("Histogram", "Bars", "Line", "Area", "Scatter", "Boxes", "Violins", "Heat map", "Correlation matrix", "Time series, every peak",
         "Trend and season", "Map")  # fmt: skip
ROWS = 20_000


@pytest.fixture(scope="module")
def anna(browser, app):
    ws = Workspace.open(app.workspace)
    day = 86_400_000_000
    table = pa.table(
        {
            "sold": pa.array([(18_000 * day) + i * 3_600_000_000 for i in range(ROWS)], pa.timestamp("us")),
            "price": [100 + 30 * math.sin(2 * math.pi * i / 24) + (i * 37) % 23 for i in range(ROWS)],
            "weight": [(i * 7919) % 997 / 10 for i in range(ROWS)],
            "shop": [["Ulm", "Bonn", "Kiel", "Köln"][(i * i) % 7 % 4] for i in range(ROWS)],
            "paid": [i % 3 == 0 for i in range(ROWS)],
            "lat": [47.5 + (i * 31) % 700 / 100 for i in range(ROWS)],
            "lon": [6.2 + (i * 17) % 800 / 100 for i in range(ROWS)],
        }
    )
    ws.datasets.write("sales", table, lineage={"how": "test"})
    ws.close()
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    person = Person(context.new_page(), app.url)
    person.go("explore")
    yield person
    context.close()


def picture(anna: Person) -> object:
    found = anna.page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first
    found.wait_for()
    return found


def test_suggestions_open_a_chart(anna):
    anna.see("Worth a first look")
    picture(anna)
    anna.page.wait_for_timeout(1500)
    anna.shot("charts-suggested")
    anna.click("Open chart")
    anna.see("All 20,000 rows.")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(anna, kind):
    anna.page.set_viewport_size({"width": 1440, "height": 1000})
    anna.choose("Chart", kind)
    picture(anna)
    anna.page.wait_for_timeout(800)
    assert anna.page.locator("[data-testid=stAlertContentError]").count() == 0
    anna.shot(f"charts-{kind.split(',')[0].lower().replace(' ', '-')}")
    anna.page.set_viewport_size({"width": 1024, "height": 900})
    anna.page.wait_for_timeout(600)
    assert anna.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    anna.shot(f"charts-{kind.split(',')[0].lower().replace(' ', '-')}-1024")


def test_a_drag_becomes_a_filter_and_is_undone(anna):
    anna.page.set_viewport_size({"width": 1440, "height": 1000})
    anna.choose("Chart", "Histogram")
    anna.choose("X", "weight")
    anna.see("Drag over the chart")
    anna.page.wait_for_timeout(800)
    box = picture(anna).bounding_box()
    middle = box["y"] + box["height"] / 2
    anna.page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    anna.page.mouse.down()
    anna.page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=8)
    anna.page.mouse.up()
    anna.see("Selected: weight is between")
    anna.rest()
    anna.shot("charts-selected")
    anna.click("Keep only these")
    anna.see("that the filters do not keep")
    anna.shot("charts-filtered")
    anna.page.get_by_text("Filters (1)").click()
    anna.rest()
    anna.click("Undo the last change")
    anna.see("All 20,000 rows.")


def test_saving_and_code(anna):
    anna.click("Save")
    anna.page.get_by_role("button", name="Save the chart").click()
    anna.rest()
    anna.page.keyboard.press("Escape")
    anna.see("Saved charts (1)")
    anna.click("Download")
    with anna.page.expect_download() as download:
        anna.page.get_by_role("button", name="Python code").click()
    assert "import altair" in download.value.path().read_text()
    anna.page.keyboard.press("Escape")
    anna.page.get_by_text("Saved charts (1)").scroll_into_view_if_needed()
    anna.page.wait_for_timeout(1000)
    anna.shot("charts-saved")

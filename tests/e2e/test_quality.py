"""The quality report in Chromium: findings, their rows, a target's model, and what changed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.e2e.driving import Person
from workspace import Workspace


@pytest.fixture(scope="module")
def reader(app, browser):
    ws = Workspace.open(app.workspace)
    rows = 120
    columns = {
        "age": [None if i % 6 == 0 else 20 + i % 40 for i in range(rows)],
        "city": ["?" if i % 10 == 0 else ["Ulm", "Bonn"][i % 2] for i in range(rows)],
        "code": ["AB9" if i == 5 else f"AB-{100 + i}" for i in range(rows)],
        "paid": ["yes" if i % 3 else "no" for i in range(rows)],
    }
    ws.datasets.write("people", pa.table(columns), lineage={"how": "test"})
    columns["age"] = [20 + i % 40 for i in range(rows)]
    ws.datasets.write("people", pa.table(columns | {"extra": [1.5 * i for i in range(rows)]}), lineage={"how": "test"})
    ws.close()
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    yield Person(page, app.url)
    page.close()


def test_findings_their_rows_and_a_target(reader):
    reader.go("quality")
    reader.see("missing values in disguise")
    row = reader.page.locator('[data-testid="stHorizontalBlock"]', has_text="missing values in disguise").last
    reader.press(row.get_by_role("button", name="Rows"))
    reader.see("Rows of a finding")
    reader.see("12 rows.")
    reader.shot("quality_rows")
    reader.page.keyboard.press("Escape")
    reader.rest()
    reader.choose("Column to predict", "paid")
    reader.page.get_by_role("tab", name="Target").click()
    reader.see("Prediction power")
    reader.see("Confusion matrix")
    reader.shot("quality_target")


def test_a_fix_becomes_a_step(reader):
    reader.go("quality")
    reader.see("missing values in disguise")
    row = reader.page.locator('[data-testid="stHorizontalBlock"]', has_text="missing values in disguise").last
    reader.press(row.get_by_role("button", name="Make them missing"))
    reader.page.wait_for_url("**/prepare")
    reader.rest()


def test_what_changed_between_two_versions(reader):
    reader.go("quality")
    reader.see("Warnings")
    reader.page.get_by_test_id("stMain").get_by_text("Compare", exact=True).click()
    reader.rest()
    reader.see("Before is people@1, after is people@2.")
    reader.see("Changed most")
    reader.see("Warnings gone")
    reader.shot("quality_compare")


@pytest.mark.parametrize("width", [1024, 1440])
def test_nothing_is_wider_than_the_page(reader, width):
    reader.page.set_viewport_size({"width": width, "height": 1000})
    reader.go("quality")
    reader.see("Warnings")
    assert reader.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

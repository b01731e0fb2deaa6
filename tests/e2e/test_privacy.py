"""Privacy in Chromium: review and hide personal data, who stands out, private figures, and the gate before publishing."""

from __future__ import annotations

import pyarrow as pa
import pytest

from insights.pii import gate
from tests.e2e.driving import Person
from workspace import Workspace

ROWS = 240


@pytest.fixture(scope="module")
def keeper(app, browser):
    ws = Workspace.open(app.workspace)
    columns = {
        "patient": [f"k{i}" for i in range(ROWS)],
        "email": [f"p{i}@example.org" for i in range(ROWS)],
        "age": [20 + i % 40 for i in range(ROWS)],
        "sex": ["mf"[i % 2] for i in range(ROWS)],
        "illness": [["flu", "cold", "asthma"][i % 3] for i in range(ROWS)],
        "note": [["Call +49 30 901820 about the bill.", "Nothing new to say on this one."][i % 2] for i in range(ROWS)],
        "seen": pa.array([86_400 * i for i in range(ROWS)], pa.timestamp("s")).cast(pa.timestamp("us")),
    }
    ws.datasets.write("patients", pa.table(columns), lineage={"how": "test"})
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    yield Person(page, app.url), ws
    page.close()
    ws.close()


def choose_view(person, name):
    person.page.get_by_test_id("stMain").get_by_text(name, exact=True).click()
    person.rest()


def test_personal_data_is_reviewed_and_hidden(keeper):
    person, ws = keeper
    person.go("privacy")
    person.see("3 of 7 columns")
    assert "p1@example.org" not in person.page.content()
    person.shot("privacy_review")
    person.click("Show", nth=0)
    person.see("Whole values, this once")
    person.click("Hide all 3")
    person.see("To be hidden")
    person.click("Run to a new version")
    person.see("Made patients@2")
    person.shot("privacy_hidden")
    assert gate.check(ws, "patients@2").why == "clean"
    person.click("Make the steps")
    person.page.wait_for_url("**/prepare")
    person.rest()
    person.see("Mask text")


def test_who_stands_out(keeper):
    person, _ = keeper
    person.go("privacy")
    person.choose("Version", "1")
    choose_view(person, "Re-identification")
    person.see("What each trait gives away")
    person.fill("k at least", "20")
    person.see("classes")
    person.click("Search the steps")
    person.see("Detail lost")
    person.shot("privacy_reach")


def test_private_figures(keeper):
    person, _ = keeper
    person.go("privacy")
    choose_view(person, "Private figures")
    person.see("has no privacy budget yet")
    person.click("Set the budget")
    person.see("in 95 of 100 answers, however many rows there are")
    person.click("Ask for ε 0.1")
    person.see("95%:")
    person.see("0.9 left")
    person.shot("privacy_figures")


def test_the_gate_before_publishing(keeper):
    person, ws = keeper
    person.go("features")
    person.choose("Version", "1")
    person.see("Personal data is open")
    person.shot("privacy_gate")


@pytest.mark.parametrize("width", [1024, 1440])
@pytest.mark.parametrize("view", ["Personal data", "Re-identification", "Private figures"])
def test_nothing_is_wider_than_the_page(keeper, width, view):
    person, _ = keeper
    person.page.set_viewport_size({"width": width, "height": 1000})
    person.go("privacy")
    choose_view(person, view)
    assert person.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

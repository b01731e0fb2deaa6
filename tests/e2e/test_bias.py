"""The Bias page in a browser: intervals, groups that meet, a mitigation that becomes a recipe."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.e2e.driving import Person
from workspace import Workspace


@pytest.fixture(scope="module")
def pay(app):
    rows = [(s, r, p, a, (a % 10) / 10) for s, r, p, n in [("f", "x", "yes", 20), ("f", "x", "no", 80), ("f", "y", "yes", 5), ("f", "y", "no", 40), ("m", "x", "yes", 70), ("m", "x", "no", 50), ("m", "y", "yes", 9), ("m", "y", "no", 12)] for a in range(20, 20 + n)]  # fmt: skip
    names = ["sex", "race", "paid", "age", "score"]
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    Workspace.open(app.workspace).datasets.write("pay", table, lineage={"how": "test"})


@pytest.mark.parametrize("width", [1440, 1024])
def test_bias_from_question_to_recipe(app, browser, pay, width):
    page = browser.new_page(viewport={"width": width, "height": 1000})
    person = Person(page, app.url)
    person.go("bias")
    person.choose("Outcome", "paid")
    person.choose("Good to get", "yes (104)")
    page.keyboard.press("Escape")
    person.choose("Column that tells groups apart", "sex")
    person.choose("Group to protect", "f (145)")
    page.keyboard.press("Escape")
    person.rest()
    person.see("points less often than the rest")
    person.see("outside the allowed range")
    person.shot(f"bias-group-{width}")
    page.get_by_role("radio", name="Where groups meet").click()
    person.rest()
    person.choose("Columns whose groups meet", "race")
    page.keyboard.press("Escape")
    person.see("4 groups")
    person.shot(f"bias-meet-{width}")
    page.get_by_role("radio", name="Lessen it").click()
    person.rest()
    person.click("Try it")
    person.see("rows count by their weights")
    person.shot(f"bias-lessen-{width}")
    person.click("Add to a recipe")
    person.see("Weigh rows by class")
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide
    page.close()

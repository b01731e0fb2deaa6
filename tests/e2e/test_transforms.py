"""Every transform's form in Chromium: filled with each first example it gives the rows that the example promises.

`TILTH_FORMS=4` opens every fourth form only, for a quick look; tests/pages/test_prepare.py fills in all of them without a browser.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.e2e.driving import Person
from transforms import catalog
from transforms.examples import table

STEP = int(os.environ.get("TILTH_FORMS", 1))


@pytest.fixture(scope="module")
def reader(app, browser):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    person = Person(page, app.url)
    person.go("transforms")
    yield person
    page.close()


def shown(person: Person) -> list[list[str]]:
    """Return the cells of the table after the step, rows sorted."""
    rows = person.page.locator(".st-key-example_after table tbody tr")
    cells = rows.evaluate_all("rows => rows.map(r => [...r.querySelectorAll('td, th')].map(c => c.innerText.trim()))")
    return sorted([[plain(cell) for cell in row] for row in cells])


def expected(example) -> list[list[str]]:
    after = table(example.after, {**example.types, **example.after_types})
    columns = [column.to_pylist() for column in after.columns]
    return sorted([[plain(said(v)) for v in row] for row in zip(*columns, strict=True)])


def said(value) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return str(value) if value != "" else '""'


def plain(text: str) -> str:
    """Return numbers to nine digits (3 and 3.0 alike), runs of spaces as one (the browser shows them so)."""
    text = re.sub(r"[\d,]+ bytes", "picture", text)  # how tightly a PNG is packed differs
    short = lambda m: f"{round(float(m.group()), 12) + 0.0:.9g}"  # noqa: E731
    text = re.sub(r"(?<![\w.])-?\d+\.?\d*(e[+-]?\d+)?(?![\w.])", short, text.replace(" 00:00:00", ""))
    return " ".join(text.split())


@pytest.mark.parametrize("family", catalog.families())
def test_every_form_applies_its_first_example(reader, family):
    key = lambda name: name.replace(".", "-")  # noqa: E731
    reader.page.locator(f".st-key-family_r_{family} button").first.click()
    reader.rest()
    wrong = []
    for cls in catalog.families()[family][::STEP]:
        reader.press(reader.page.locator(f".st-key-pick_r_{key(cls.name)} button").first)
        reader.page.get_by_role("heading", name=cls.label, exact=True).wait_for()
        reader.rest()
        refused = reader.page.locator("[data-testid=stAlert]")
        if refused.count():
            wrong.append(f"{cls.name}: {refused.first.inner_text()}")
        elif (found := shown(reader)) != (wanted := expected(cls.examples[0])):
            wrong.append(f"{cls.name}: shows {found}, promised {wanted}")
    reader.press(reader.page.locator(".st-key-families_r button").first)
    assert not wrong, "\n".join(wrong)


def test_search_in_the_words_of_other_tools(reader):
    reader.page.get_by_role("textbox", name="Search transforms").fill("winsorise")
    reader.page.locator(".st-key-pick_r_scale-clip button").first.click()
    reader.see("Clip outliers to bounds")
    reader.page.get_by_role("textbox", name="Search transforms").fill("")
    reader.rest()

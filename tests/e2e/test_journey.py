"""The whole main job in a real browser: import, prepare, look, export, label, publish; then read and predict from another
process while the app runs. Steps build on each other, in one workspace and one browser session."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.driving import PAGES, ROOT, Person
from workspace import Workspace


@pytest.fixture(scope="module")
def anna(browser, app):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    person = Person(context.new_page(), app.url)
    person.go("")
    yield person
    context.close()


@pytest.fixture(scope="module")
def ws(app):
    opened = Workspace.open(app.workspace)
    yield opened
    opened.close()


def add_step(anna: Person, words: str, label: str) -> None:
    anna.click("Add a step")
    anna.page.get_by_role("textbox", name="Search transforms").fill(words)
    anna.page.wait_for_timeout(700)
    anna.rest()
    anna.click(label)


def recipe(ws):
    return ws.drafts.get("apps prepared").recipe


def test_1_imports_the_sample_and_sees_what_was_rejected(anna, ws):
    anna.see("Bring in a table")
    anna.click("Go to Data")
    anna.see("No data yet")
    anna.click("Use the sample data")
    anna.page.get_by_text("No data yet").wait_for(state="detached", timeout=60_000)
    anna.rest()
    apps = ws.datasets.get("apps")
    assert (apps.version, apps.rows, apps.rejected) == (1, 9999, 1)
    assert ws.datasets.get("reviews").rows == 60_000
    anna.see("1 row was rejected")
    anna.shot("1-data")


def test_2_prepares_with_steps_under_a_live_preview(anna, ws):
    anna.menu("Prepare")
    anna.choose("Table", "apps")
    anna.click("Start")
    anna.see("9,999 rows × 13 columns")
    anna.shot("2-prepare-empty")

    add_step(anna, "parse size", "Read numbers from text")
    anna.choose_many("Columns", "Size", "Installs", "Price")
    anna.page.locator(".cell.changed, .col.changed").first.wait_for()
    anna.shot("2-live-preview")
    anna.click("Add step")

    add_step(anna, "dedupe", "Drop duplicates")
    anna.choose_many("Columns that make a duplicate", "App")
    anna.choose("Keep the row with the", "Reviews")
    anna.click("Add step")
    anna.see("9,417 rows × 13 columns")

    add_step(anna, "impute", "Fill missing numbers")
    anna.choose_many("Columns to fill", "Rating")
    anna.click("Add step")

    add_step(anna, "winsorize", "Clip outliers")
    anna.choose_many("Columns", "Size", "Reviews")
    anna.click("Add step")

    add_step(anna, "rollup", "Add statistics from another table")
    anna.choose("Other table", "reviews")
    anna.choose_many("Keys in this table", "App")
    anna.choose_many("Keys in the other table", "App")
    anna.choose("Column of the other table", "Sentiment_Polarity")
    anna.fill("New column", "mean_sentiment")
    anna.click("Add step")
    anna.see("9,417 rows × 14 columns")

    add_step(anna, "strptime", "Read dates in a format")
    anna.choose_many("Columns", "Last Updated")
    anna.fill("Format", "%B %d, %Y")
    anna.click("Add step")

    add_step(anna, "dummy variables", "One-hot encode")
    anna.choose_many("Columns", "Category")
    anna.click("Add step")
    anna.see("9,417 rows × 35 columns")
    anna.shot("2-prepared")
    names = [s["transform"] for s in recipe(ws)["steps"]]
    assert names == ["types.parse_number", "rows.drop_duplicates", "missing.fill_statistic", "scale.clip",
                     "combine.join_summary", "types.parse_date", "encode.one_hot"]  # fmt: skip


def test_2b_edits_an_earlier_step_disables_one_undoes_and_redoes(anna, ws):
    anna.page.get_by_role("button", name="Edit step 3").or_(
        anna.page.locator(".st-key-edit_step_s3 button")
    ).first.click()
    anna.rest()
    anna.choose("Fill with", "mean")
    anna.click("Save step")
    assert recipe(ws)["steps"][2]["settings"]["statistic"] == "mean"

    anna.page.locator("[class*=st-key-more_s4] button").first.click()
    anna.click("Switch off")
    assert recipe(ws)["steps"][3]["enabled"] is False
    anna.see("switched off")

    anna.page.locator(".st-key-undo button").first.click()
    anna.rest()
    assert recipe(ws)["steps"][3]["enabled"] is True
    anna.page.locator(".st-key-undo button").first.click()
    anna.rest()
    assert recipe(ws)["steps"][2]["settings"].get("statistic", "median") == "median"
    anna.page.locator(".st-key-redo button").first.click()
    anna.rest()
    assert recipe(ws)["steps"][2]["settings"]["statistic"] == "mean"


def test_2c_a_selected_column_proposes_steps(anna):
    anna.page.locator(".scroll").evaluate("grid => { grid.scrollLeft = 0; }")
    anna.page.locator(".col", has=anna.page.get_by_text("Rating", exact=True)).first.click()
    anna.see("Steps for Rating")
    anna.shot("2-suggestions")
    anna.page.locator(".scroll").press("Escape")
    anna.rest()


def test_4_exports_python_sql_and_a_notebook(anna, ws, tmp_path):
    anna.page.get_by_role("button", name="Export").click()
    anna.page.wait_for_timeout(400)
    anna.rest()
    saved = {}
    for words, suffix in (
        ("Python with pandas only", ".py"),
        ("SQL (one SELECT)", ".sql"),
        ("Jupyter notebook", ".ipynb"),
    ):
        anna.page.get_by_text(words).first.click()
        anna.rest()
        with anna.page.expect_download() as download:
            anna.page.get_by_role("button", name=f"Download apps prepared{suffix}").click()
        saved[suffix] = tmp_path / f"prepare{suffix}"
        download.value.save_as(saved[suffix])
    anna.shot("4-export")
    anna.page.keyboard.press("Escape")
    assert json.loads(saved[".ipynb"].read_text())["nbformat"] == 4
    assert "SELECT" in saved[".sql"].read_text()
    files = {name: ws.datasets.get(name).files[0] for name in ("apps", "reviews")}
    out = tmp_path / "out.parquet"
    done = subprocess.run(
        [sys.executable, "-I", saved[".py"], files["apps"], out, f"reviews={files['reviews']}"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).shape == (9417, 35)


def test_6_runs_the_recipe_and_publishes_two_versions(anna, ws):
    for version in (1, 2):
        anna.menu("Prepare")
        if version == 2:
            add_step(anna, "log(1+x)", "Logarithm of one plus the number")
            anna.choose_many("Columns", "Installs")
            anna.fill("New columns end in", "_log")
            anna.click("Add step")
            anna.see("36 columns")
        anna.page.keyboard.press("Escape")  # a panel that is still open takes the next click to close
        anna.rest()
        anna.page.get_by_role("button", name="Run", exact=True).click()
        anna.page.wait_for_timeout(400)
        anna.page.get_by_role("button", name="Run the recipe").press("Enter")
        anna.rest()
        anna.see(f"apps prepared@{version}")
        anna.click("Publish as features")
        if version == 2:
            anna.page.locator("summary", has_text="Publish a dataset").click()
        anna.see("Features:" if version == 1 else "New features to add")
        if version == 1:
            anna.shot("6-publish")
            anna.fill("Name of the group", "apps")
            anna.choose_many("Key columns", "App")
            anna.choose("Event time", "Last Updated")
            anna.fill("Description", "One row per app, as of its last update")
            anna.click("Create and publish")
        else:
            anna.choose("Into", "apps")
            anna.choose_many("New features to add", "Installs_log")
            anna.click("Publish")
        anna.see("Published", timeout_s=90)
    anna.go("features")
    anna.shot("6-features")
    from featurestore import FeatureStore

    group = FeatureStore(app_path(ws)).describe("apps")
    assert len([v for v in group["versions"]]) == 2


def app_path(ws) -> str:
    return str(ws.root)


def test_3_charts_on_all_rows(anna):
    anna.menu("Explore")
    anna.choose("Dataset", "apps prepared")
    for chart in ("Histogram", "Scatter", "Box", "Bar", "Line"):
        anna.page.get_by_role("combobox", name="Chart").first.click()
        anna.page.get_by_role("option", name=re.compile(chart, re.I)).first.click()
        anna.rest()
        anna.page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
        anna.shot(f"3-explore-{chart.lower()}")


def test_3b_bias_report_on_the_adult_census(anna, ws, shared):
    from sources import import_source

    import_source(ws, str(shared / "data" / "bias" / "adult.csv"), name="adult")
    anna.go("bias")
    anna.choose("Dataset", "adult")
    anna.choose("Outcome", "income")
    anna.page.get_by_role("combobox", name="Good to get").first.click()
    anna.page.get_by_role("option", name=re.compile(">50K")).first.click()
    anna.page.keyboard.press("Escape")
    anna.rest()
    anna.choose("Column that tells groups apart", "sex")
    anna.page.get_by_role("combobox", name="Group to protect").first.click()
    anna.page.get_by_role("option", name=re.compile("Female")).first.click()
    anna.page.keyboard.press("Escape")
    anna.rest()
    anna.see("0.196")  # DPL of sex=Female in shared/data/bias/reference_values.json: 0.196276
    anna.shot("3-bias")


def test_5_labels_redacted_images_and_takes_them_out_and_in(anna, app, ws, shared, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("faces/linzaer_13.jpg", "faces/intel_classroom_0000.jpg", "plates/kag_Cars431.jpg"):
        shutil.copy(shared / "data" / name, folder)
    anna.menu("Label")
    anna.page.get_by_role("button", name=re.compile("New project|Make a project", re.I)).first.click()
    anna.rest()
    anna.page.get_by_role("textbox", name="Find a template").fill("boxes upright")
    anna.page.wait_for_timeout(700)
    anna.rest()
    anna.click("Object detection")
    anna.fill("Name of the project", "street")
    anna.fill("Path of a folder, picture, archive or video", str(folder))
    anna.see("3 images")
    anna.click("Next")
    anna.fill("Classes for regions", "person\ncar")
    anna.fill("Classes for whole images", "indoors")
    anna.click("Next")
    assert anna.page.get_by_role("switch", name="Hide faces and licence plates first").is_checked()
    anna.shot("5-wizard")
    anna.click("Make the project")
    anna.see("3 images added", timeout_s=120)  # and faces are hidden in the same run
    anna.see("3 redacted")
    anna.page.get_by_role("tab", name="Settings").click()
    anna.rest()
    anna.page.get_by_role("radio", name="Redaction").click()
    anna.rest()
    anna.click("Redact again")
    anna.see("regions hidden, 0 left as they were", timeout_s=120)
    anna.page.get_by_role("tab", name="Items").click()
    anna.rest()
    anna.shot("5-collection")
    anna.click("Label images")
    anna.page.locator('.annotator[data-state="ready"]').wait_for()
    draw(anna, (0.2, 0.2), (0.5, 0.6))
    anna.page.keyboard.press("2")
    draw(anna, (0.6, 0.3), (0.8, 0.7))
    anna.page.keyboard.press("Control+z")
    anna.page.locator('.save[data-state="saved"]').wait_for()
    anna.page.wait_for_timeout(600)
    assert anna.page.locator("path.region").count() == 1
    anna.shot("5-annotator")
    environment = {**os.environ, "TILTH_WORKSPACE": str(app.workspace)}

    def tilth(*words):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words], capture_output=True, text=True, cwd=ROOT, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for kind in ("coco", "label-studio"):
        first, second = tmp_path / f"{kind}-1.json", tmp_path / f"{kind}-2.json"
        tilth("labels", "export", "street", "--format", kind, "-o", str(first))
        tilth("labels", "import", f"again {kind}", str(first), "--format", kind, "--images", str(folder))
        tilth("labels", "export", f"again {kind}", "--format", kind, "-o", str(second))
        assert first.read_bytes() == second.read_bytes()


def draw(anna, start, end) -> None:
    """Draw a box with the mouse, in shares of the picture."""
    place = anna.page.locator(".picture").bounding_box()
    at = lambda p: (place["x"] + place["width"] * p[0], place["y"] + place["height"] * p[1])  # noqa: E731
    anna.page.mouse.move(*at(start))
    anna.page.mouse.down()
    anna.page.mouse.move(*at(end), steps=4)
    anna.page.mouse.up()
    anna.page.wait_for_timeout(200)


def test_7_another_process_reads_trains_and_predicts_while_the_app_runs(app, ws, tmp_path):
    script = tmp_path / "scientist.py"
    script.write_text(SCIENTIST)
    done = subprocess.run([sys.executable, script, str(app.workspace)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    predicted = subprocess.run(
        [sys.executable, "-m", "cli", "predict", "ratings", "--record", json.dumps(record), "--json"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "TILTH_WORKSPACE": str(app.workspace)},
    )  # fmt: skip
    assert predicted.returncode == 0, predicted.stderr
    assert "prediction" in predicted.stdout


SCIENTIST = """
import json, sys
import pyarrow as pa, pyarrow.csv
from featurestore import FeatureStore
from training import train
from workspace import Workspace

ws = Workspace.open(sys.argv[1])
fs = FeatureStore(sys.argv[1])
apps = ws.datasets.get("apps prepared").relation
from workspace.sql import connection
with connection() as con:
    names = apps(con).project('"App", "Last Updated", "Rating"').to_arrow_table().slice(0, 3000)
labels = names.rename_columns(["App", "ts", "good"])
import pyarrow.compute as pc
labels = labels.set_column(2, "good", pc.greater(labels["good"], 4.0)).filter(pc.is_valid(labels["ts"]))
table = fs.training_set(labels, features=["apps:Installs", "apps:Size", "apps:mean_sentiment"], time="ts")
assert table.num_rows == labels.num_rows
key = labels["App"][0].as_py()
assert fs.get("apps", key)["App"] == key
train(ws, "ratings", table, target="good", features=["Installs", "Size", "mean_sentiment"], recipe=None)
with connection() as con:
    raw = ws.datasets.get("apps").relation(con).limit(1).to_arrow_table().to_pylist()[0]
print(json.dumps(raw, default=str))
"""


@pytest.mark.parametrize("width,scheme", [(1440, "light"), (1440, "dark"), (1024, "light"), (1024, "dark")])
def test_8_every_page_in_every_look(browser, app, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    person = Person(context.new_page(), app.url)
    for page in PAGES:
        person.go(page)
        person.page.wait_for_timeout(400)
        person.shot(f"page-{page or 'home'}-{width}-{scheme}")
    context.close()


def test_9_an_unknown_api_path_is_not_the_app(app):
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{app.url}/api/no/such")
    assert Path(ROOT / "app.py").exists()

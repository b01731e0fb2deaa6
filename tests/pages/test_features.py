"""The Features page: groups with statistics and records, views, training sets, lineage to click through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from featurestore import FeatureStore
from transforms import Recipe
from transforms.engines import DuckDBEngine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_workspace):
    """Return a function that opens the page inside the app, in one of its parts."""
    import streamlit as st

    import shell.widgets

    shell.widgets._open.clear()
    st.cache_data.clear()
    st.cache_resource.clear()

    def open_(part: str | None = None) -> AppTest:
        at = AppTest.from_file(str(ROOT / "shell" / "main.py"), default_timeout=60).run()
        at.switch_page("../pages/features.py").run()
        if part:
            at.segmented_control(key="features_part").select(part).run()
        return fine(at)

    yield open_
    shell.widgets._open.clear()
    st.cache_resource.clear()


def moments(said) -> pa.Array:
    return pa.array(list(said)).cast(pa.timestamp("us", "UTC"))


def fine(at: AppTest) -> AppTest:
    assert not at.exception, at.exception
    assert not at.error, at.error[0].value
    return at


@pytest.fixture
def fs(tmp_workspace):
    """Users by id, hour by hour, and shops by shop; user 1 was deleted, shop 1 has one row."""
    store = FeatureStore(tmp_workspace)
    store.create_group(
        "users",
        keys=["id"],
        event_time="ts",
        features={"x": "float64", "city": {"type": "string", "description": "home_town"}},
        tags=["crm"],
        owner="anna",
        description="People who *buy*",
    )
    table = pa.table(
        {
            "id": np.arange(60),
            "ts": moments(f"2026-01-0{1 + i // 24}T{i % 24:02d}:00:00Z" for i in range(60)),
            "x": np.linspace(-1, 1, 60),
            "city": ["Ulm", "Bonn", None] * 20,
        }
    )  # fmt: skip
    tmp_workspace.datasets.write(
        "people", table, lineage={"from": [{"kind": "file", "ref": 'p"eople.csv'}], "how": "import"}
    )
    store.publish("users", "people")
    store.delete("users", 1, "2026-01-05T00:00:00Z")
    store.create_group("shops", keys=["shop"], event_time="ts", features={"rate": "float64"}, ttl="1d")
    store.put("shops", {"shop": 1, "ts": "2026-01-01T00:00:00Z", "rate": 0.5})
    yield store
    store.close()


def labels(ws, name="labels"):
    ids = list(range(40))
    table = pa.table(
        {
            "id": ids,
            "ts": moments(["2026-01-04T00:00:00Z"] * 20 + ["2026-01-06T00:00:00Z"] * 20),
            "y": [i / 59 * 4 for i in ids],
        }
    )  # fmt: skip
    return ws.datasets.write(name, table, lineage={"how": "test"})


def button(at, label):
    return next(b for b in at.button if b.label == label)


def words(at, *kinds):
    return "\n".join(str(one.value) for kind in kinds for one in getattr(at, kind))


def finish(ws, at):
    """Wait for the newest run and draw the page again."""
    run = ws.runs.wait(ws.runs.list()[0].id, 30)
    assert run.state == "done", run.error
    return fine(at.run())


# ---------------------------------------------------------------- groups


@pytest.mark.parametrize(
    "part,said",
    [("Groups", "No feature group yet"), ("Views", "No view yet"), ("Training sets", "No training set yet")],
)
def test_each_part_teaches_while_it_is_empty(app, part, said):
    assert said in words(app(part), "markdown")


def test_groups_are_found_by_any_word(app, fs):
    at = app()
    for typed, found in (("HOME_TOWN", ["users"]), ("anna crm", ["users"]), ("rate", ["shops"]), ("id", ["users"])):
        at.text_input(key="find_group").input(typed).run()
        assert next(s for s in at.selectbox if s.label == "Feature group").options == found
    at.text_input(key="find_group").input("anna rate").run()
    assert "None of 2 groups" in words(fine(at), "caption")


def test_statistics_of_a_group(app, fs):
    at = app()
    at.text_input(key="find_group").input("users").run()
    shown = {m.label: m.value for m in at.metric}
    assert shown["Keys with a record"] == "59" and shown["Too old"] == "–"
    table = next(d.value for d in at.dataframe if "distinct ≈" in d.value.columns)
    city = table[table.feature == "city"].iloc[0]
    assert city.missing == pytest.approx(1 / 3) and city["most frequent"] == "Bonn 33%, Ulm 33%"
    at.text_input(key="find_group").input("shops").run()
    assert {m.label: m.value for m in at.metric}["Too old"] == "100.0%"


def test_a_large_group_is_counted_in_a_run(app, fs, monkeypatch):
    import shell.group_panels

    monkeypatch.setattr(shell.group_panels, "AT_ONCE", 10)
    at = app()
    at.text_input(key="find_group").input("users").run()
    assert "Keys with a record" not in {m.label for m in at.metric}
    button(at, "Look at every row").click().run()
    finish(fs.ws, at)
    assert {m.label: m.value for m in at.metric}["Keys with a record"] == "59"


@pytest.mark.parametrize(
    "group,key,said",
    [
        ("users", "1", "deleted at 2026-01-05"),
        ("users", "999", "was ever written"),
        ("shops", "1", "expired at 2026-01-02"),
    ],
)
def test_why_a_record_is_not_online(app, fs, group, key, said):
    at = app()
    at.text_input(key="find_group").input(group).run()
    at.text_input(key=f"key_{group}").input(key).run()
    assert said in words(fine(at), "info")


def test_one_key_over_time_and_a_bad_key(app, fs):
    fs.put("users", {"id": 2, "ts": "2026-01-09T00:00:00Z", "x": 9.0})
    at = app()
    at.text_input(key="find_group").input("users").run()
    at.text_input(key="key_users").input("2").run()
    assert "Online now" in words(fine(at), "success") and "History: 2 rows" in words(at, "caption")
    assert at.multiselect(key="timeline_users").value == ["x"]
    at.text_input(key="key_users").input("two").run()
    assert "int64" in at.error[0].value and not at.exception


def test_lineage_leads_from_a_group_to_its_dataset(app, fs):
    at = app()
    at.text_input(key="find_group").input("users").run()
    at.selectbox(key="trace_users_2").select(1).run()
    assert next(b for b in at.button if b.label == 'file p"eople.csv').disabled
    next(b for b in at.button if b.label == "dataset people@1").click().run()
    assert not at.exception and at.title[0].value == "Data"
    assert next(s for s in at.selectbox if s.options == ["people"]).value == "people"


def test_lineage_leads_to_a_view_and_back_to_its_group(app, fs):
    fs.create_view("a", ["shops:rate"])
    fs.create_view("b", ["users:x"])
    at = app()
    at.text_input(key="find_group").input("users").run()
    button(at, "feature view b@1").click().run()
    assert at.segmented_control(key="features_part").value == "Views"
    assert next(s for s in fine(at).selectbox if s.label == "View").value == "b"
    next(s for s in at.selectbox if s.label == "View").select("a").run()
    button(at, "feature group shops@1").click().run()
    assert at.segmented_control(key="features_part").value == "Groups"
    assert next(s for s in fine(at).selectbox if s.label == "Feature group").value == "shops"


def test_a_view_whose_group_is_gone_is_still_shown(app, fs):
    fs.create_view("v", ["users:x", "shops:rate"])
    fs.drop_group("shops")
    at = app("Views")
    assert "(the group is gone)" in str(next(d.value for d in fine(at).dataframe if "valid for" in d.value.columns))
    at.text_input(key="try_v_id").input("59").run()
    button(at, "Read").click().run()
    assert "'shops'" in at.error[0].value and not at.exception


# ---------------------------------------------------------------- views


def test_build_change_compare_try_and_delete_a_view(app, fs):
    at = app("Views")
    at.text_input(key="view_name_new").input("risk").run()
    at.multiselect(key="view_pick_new_users").select("x").run()
    at.multiselect(key="view_pick_new_shops").select("rate").run()
    button(at, "Save the view").click().run()
    assert "Saved as **risk@1**" in words(fine(at), "success")
    assert fs.view("risk")["features"] == ["shops:rate", "users:x"]
    # a second version
    next(s for s in at.selectbox if s.label == "Make").select("risk").run()
    at.multiselect(key="view_pick_risk@1_users").select("city").run()
    at.text_input(key="view_key_risk@1_users_id").input("buyer").run()
    button(at, "Save the view").click().run()
    assert "risk@2" in words(fine(at), "success")
    made = fs.view("risk")
    assert made["features"] == ["shops:rate", "users:x", "users:city"] and made["join_keys"] == {
        "users": {"id": "buyer"}
    }
    table = next(d.value for d in at.dataframe if "change" in d.value.columns)
    assert list(table["change"]) == ["new", "new", "same", "same"]
    # try it
    at.text_input(key="try_risk_shop").input("1").run()
    at.text_input(key="try_risk_buyer").input("59").run()
    button(at, "Read").click().run()
    values = next(d.value for d in fine(at).dataframe if list(d.value.columns) == ["name", "value"])
    assert dict(zip(values.name, values.value, strict=True)) == {"rate": "", "x": "1.0", "city": ""}
    status = next(d.value for d in at.dataframe if "status" in d.value.columns)
    assert list(status.status) == ["missing", "found"]
    at.text_input(key="try_risk_buyer").input("who").run()
    button(at, "Read").click().run()
    assert "'buyer' is int64" in at.error[0].value
    at.text_input(key="try_risk_buyer").input("59").run()
    code = words(at, "code")
    assert "/v1/views/risk:get" in code and '"rows": [{' in code and "get_features('risk'" in code
    at.button(key="confirm_drop_view_risk").click().run()
    assert fs.views() == [] and "is deleted" in words(fine(at), "success")


def test_an_unchanged_view_makes_no_version_and_a_bad_default_is_said(app, fs):
    fs.create_view("v", ["users:x"], defaults={"x": 1.5}, ttl={"users:x": "36h"})
    at = app("Views")
    next(s for s in at.selectbox if s.label == "Make").select("v").run()
    button(at, "Save the view").click().run()
    assert "Nothing changed" in words(fine(at), "success")  # TTL and default were filled in as they are
    next(s for s in at.selectbox if s.label == "Make").select("A new view").run()
    at.text_input(key="view_name_new").input("1 bad").run()
    at.multiselect(key="view_pick_new_users").select("x").run()
    button(at, "Save the view").click().run()
    assert "cannot be the name" in at.error[0].value and len(fs.views()) == 1


def test_a_view_with_a_recipe_and_data_of_the_request(app, fs):
    recipe = Recipe(name="share").add("code.expression", {"expression": "amount * x", "to": "share"})
    fitted = recipe.fit({"main": pa.table({"amount": [1.0], "x": [2.0]})}, engine=DuckDBEngine())
    fs.ws.datasets.write("made", pa.table({"a": [1]}), lineage={"fitted_recipe": fitted.dump()})
    at = app("Views")
    at.text_input(key="view_name_new").input("v").run()
    at.multiselect(key="view_pick_new_users").select("x").run()
    recipes = at.selectbox(key="view_recipe_new")
    recipes.select("share (made made@1)").run()
    assert "The request must bring: amount (float64)" in words(at, "markdown")
    button(at, "Save the view").click().run()
    assert fs.view("v")["request"] == {"amount": "float64"}
    at.text_input(key="try_v_id").input("59").run()
    at.text_input(key="try_v_amount").input("3").run()
    button(at, "Read").click().run()
    values = next(d.value for d in fine(at).dataframe if list(d.value.columns) == ["name", "value"])
    assert dict(zip(values.name, values.value, strict=True)) == {"x": "1.0", "share": "3.0"}


# ---------------------------------------------------------------- training sets


def test_from_labels_to_a_training_set_and_again(app, fs):
    labels(fs.ws)
    at = app("Training sets")
    at.selectbox(key="ts_labels").select("labels").run()
    assert at.selectbox(key="ts_time_labels@1").value == "ts" and at.selectbox(key="ts_label_labels@1").value == "y"
    at.multiselect(key="ts_features").select("users:x").run()
    assert "users.id = id" in words(at, "caption")
    button(at, "Preview and check").click().run()
    finish(fs.ws, at)
    assert "their correlation is 1" in words(at, "warning")  # x is a straight line of y
    table = next(d.value for d in at.dataframe if "labels with a record" in d.value.columns)
    assert table["labels with a record"][0] == 1.0  # key 1 was deleted on the 5th, after its label
    at.text_input(key="ts_name_labels").input("train").run()
    button(at, "Save").click().run()
    finish(fs.ws, at)
    assert "Saved **train@1**: 40 rows" in words(at, "success")
    button(at, "Make again").click().run()
    finish(fs.ws, at)
    assert "identical, 40 rows" in words(at, "success")
    fs.delete("users", 3, erase=True)
    button(at, "Make again").click().run()
    finish(fs.ws, at)
    assert "Column x differs in 1 rows" in words(at, "warning")
    at.multiselect(key="ts_features").unselect("users:x").select("users:city").run()
    assert "changed since the last check" in words(fine(at), "caption")


def test_keys_that_are_named_otherwise_and_a_bad_moment(app, fs):
    labels(fs.ws)
    fs.create_view("v", ["shops:rate"])
    at = app("Training sets")
    at.selectbox(key="ts_labels").select("labels").run()
    assert at.selectbox(key="ts_view_1").value == "v@1"
    assert "Choose the columns of shops.shop first" in words(at, "caption")
    at.selectbox(key="ts_key_labels@1_shops_shop").select("id").run()
    at.text_input(key="ts_as_of").input("yesterday").run()
    button(at, "Preview and check").click().run()
    run = fs.ws.runs.wait(fs.ws.runs.list()[0].id, 30)
    assert run.state == "failed"
    at.run()
    assert "is no moment" in at.error[0].value and not at.exception
    at.text_input(key="ts_as_of").input("").run()
    button(at, "Preview and check").click().run()
    finish(fs.ws, at)
    assert "find no record in group shops" in words(at, "warning")
    at.text_input(key="ts_name_labels").input("labels").run()
    button(at, "Save").click().run()
    assert "is the dataset of the labels" in at.error[0].value

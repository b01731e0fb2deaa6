"""Statistics, freshness, matches and leakage, with values worked out by hand."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from featurestore import FeatureStore, lineage, statistics, training_set_checks, view_editing
from tests.featurestore.conftest import at, batch
from transforms import Recipe
from transforms.engines import DuckDBEngine
from transforms.errors import InputError

NAN = float("nan")


@pytest.fixture
def fs(tmp_path, clock):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        yield store


@pytest.fixture
def people(fs, clock):
    """Two versions: 1, 2, 3 at hours 0, 1, 2 (written at 10 h), then 1 at 30 h with a new feature (written at 40 h)."""
    fs.create_group("p", keys=["id"], event_time="ts", features={"x": "float64", "c'\"": "string"}, ttl="20h")
    clock.now = at(10)
    fs.publish("p", batch([1, 2, 3], [0, 1, 2], **{"x": [1.0, None, 3.0], "c'\"": ["a", "a", "b"]}))
    fs.change_group("p", add={"n": "int64"})
    clock.now = at(40)
    fs.publish("p", batch([1], [30], **{"x": [NAN], "c'\"": [None], "n": [5]}))
    return fs


def test_values_of_every_feature(people):
    x, c, n = statistics.values(people, "p")
    assert (x["rows"], x["missing"], x["not_finite"], x["min"], x["mean"], x["max"]) == (4, 0.25, 0.25, 1.0, 2.0, 3.0)
    assert c["feature"] == "c'\"" and c["missing"] == 0.25 and c["mean"] is None
    assert c["top"] == [{"value": "a", "share": 0.5}, {"value": "b", "share": 0.25}]
    assert (n["missing"], n["distinct"], n["min"], n["top"]) == (0.75, 1, 5, [])


def test_versions_one_by_one(people):
    first, second = statistics.over_versions(people, "p")
    assert (first["version"], first["rows"], first["age_s"]) == (1, 3, 8 * 3600)
    assert first["newest_event"] == at(2).isoformat()
    assert first["features"]["x"] == {"missing": pytest.approx(1 / 3), "mean": 2.0}
    assert "n" not in first["features"]  # its definition did not have it
    assert second["features"]["n"] == {"missing": 0.0, "mean": 5.0}
    assert second["age_s"] == 10 * 3600
    assert [v["version"] for v in statistics.over_versions(people, "p", most=1)] == [2]


def test_a_deleted_row_counts_nowhere(people, clock):
    people.delete("p", 3, at(35))
    assert statistics.values(people, "p")[0]["rows"] == 4
    assert [v["version"] for v in statistics.over_versions(people, "p")] == [1, 2]


def test_events_by_day_stay_few(people, clock):
    """Three rows on 1 January, one on 2 January; then one 399 days after the first: 400 days, 200 points of 2 days."""
    found = statistics.events(people, "p")
    points = [{"from": "2026-01-01", "rows": 3}, {"from": "2026-01-02", "rows": 1}]
    assert found == {"days_per_point": 1, "points": points}
    clock.now = at(24 * 500)
    people.put("p", {"id": 9, "ts": at(24 * 399), "x": 1.0})
    found = statistics.events(people, "p")
    assert found["days_per_point"] == 2
    assert found["points"] == [{"from": "2026-01-01", "rows": 4}, {"from": "2027-02-03", "rows": 1}]
    assert len(statistics.events(people, "p", most=1)["points"]) == 1


def test_share_of_keys_that_are_too_old(people):
    """At 40 h with a TTL of 20 h: key 1 is 10 h old; keys 2 and 3 are 39 h and 38 h old. At 50 h key 1 just holds."""
    found = statistics.expiry(people, "p")
    assert (found["keys"], found["expired"], found["share"]) == (3, 2, pytest.approx(2 / 3))
    assert found["age_s"] == 10 * 3600
    assert statistics.expiry(people, "p", now=at(50))["expired"] == 2
    assert statistics.expiry(people, "p", now=at(50, micros=1))["expired"] == 3
    people.delete("p", 2, at(39))
    assert statistics.expiry(people, "p")["keys"] == 2


def test_a_group_without_rows(fs):
    fs.create_group("empty", keys=["id"], event_time="ts", features={"x": "float64"})
    found = statistics.describe(fs, "empty")
    assert found["values"][0]["rows"] == 0 and found["versions"] == [] and found["events"]["points"] == []
    assert found["expiry"] == {"keys": 0, "expired": 0, "share": None, "newest_event": None, "age_s": None}
    assert statistics.record_state(fs, "empty", 1)["state"] == "never written"


def test_why_a_record_is_not_online(people, clock):
    state = statistics.record_state
    assert state(people, "p", 1) == {"state": "online", "since": at(30)}
    assert state(people, "p", 2) == {"state": "expired", "since": at(21)}
    assert state(people, "p", 8) == {"state": "never written", "since": None}
    people.delete("p", 1, at(35))
    assert state(people, "p", 1) == {"state": "deleted", "since": at(35)}
    people.delete("p", 3, at(36), hard=True)
    assert state(people, "p", 3) == {"state": "deleted", "since": at(36)}


@pytest.fixture
def scores(fs, clock):
    """40 keys with one row each at hours 1 to 40, published at 50 h."""
    numbers = dict.fromkeys(("same", "noise", "step"), "float64")
    fs.create_group("s", keys=["id"], event_time="ts", features={**numbers, "city": "string"})
    clock.now = at(50)
    ids = list(range(40))
    columns = {
        "same": [float(i) for i in ids],
        "noise": [float(i * 7 % 11) for i in ids],
        "step": [0.0 if i < 20 else 10.0 + 1000.0 * (i == 39) for i in ids],
        "city": ["Ulm" if i < 20 else "Bonn" for i in ids],
    }
    fs.publish("s", batch(ids, [i + 1 for i in ids], **columns))
    clock.now = at(100)
    return fs


def labels(hours, y, ids=None):
    return pa.table(
        {
            "id": list(range(len(y))) if ids is None else ids,
            "ts": pa.array([at(h) for h in hours], pa.timestamp("us", "UTC")),
            "y": y,
        }
    )


REFS = ["s:same", "s:noise", "s:step", "s:city"]


def kinds(found):
    return {(f["kind"], f["about"]) for f in found}


def test_matches_by_hand(scores):
    """Labels at 0.5 h, 2 h (the very event), 5 h, 60 h for keys 0 to 3 (events 1, 2, 3, 4 h); an unknown key at 2 h."""
    (found,) = statistics.matches(scores, labels([0.5, 2, 5, 60, 2], [0] * 5, [0, 1, 2, 3, 99]), REFS, "ts")
    wanted = {"labels": 5, "found": 3, "expired": 0, "before": 1, "after": 1, "same_time": 1, "at_publish": 0}
    assert {k: found[k] for k in wanted} == wanted
    assert found["age_s"] == 2 * 3600  # of 0, 2 and 56 hours
    assert (found["first"], found["last"]) == (at(1).isoformat(), at(40).isoformat())


def test_matches_need_times(scores):
    with pytest.raises(InputError, match="as_of 'soon' is no moment"):
        statistics.matches(scores, labels([1], [0]), REFS, "ts", as_of="soon")
    with pytest.raises(InputError, match="'y' is BIGINT, not a timestamp"):
        statistics.matches(scores, labels([1], [0]), REFS, "y")
    with pytest.raises(LookupError, match="'when'"):
        statistics.matches(scores, labels([1], [0]), REFS, "when")


def test_matches_know_the_ttl_and_deletes(people, clock):
    rows = labels(
        [25, 21, 45], [0] * 3, [2, 2, 1]
    )  # key 2 at 1 h: 24 h old, then 20 h (equal counts); key 1 deleted at 44 h
    clock.now = at(50)
    people.delete("p", 1, at(44))
    (found,) = statistics.matches(people, rows, ["p:x"], "ts")
    assert (found["found"], found["expired"]) == (2, 1)


def test_a_feature_that_says_the_label(scores):
    numbers = labels([45] * 40, [2.0 * i for i in range(40)])
    found = statistics.leakage(scores, numbers, REFS, "ts", "y")
    assert ("correlated", "same") in kinds(found) and "1.000" in found[0]["says"]
    assert not {about for _, about in kinds(found)} & {"noise", "city"}


def test_classes_that_a_feature_tells_apart(scores):
    """`step` of one class is 0, of the other 10 or more; one value of 1010 keeps its correlation at 0.26."""
    words = labels([45] * 40, ["no" if i < 20 else "yes" for i in range(40)])
    found = kinds(statistics.leakage(scores, words, REFS, "ts", "y"))
    assert {("separates", "step"), ("separates", "same"), ("determines", "city")} <= found
    assert not any(about == "noise" for _, about in found)


def test_one_value_that_decides(scores):
    """In Ulm the answer is always no. That is worth a word only where chance would rarely do it."""
    y = ["no"] * 20 + ["no", "yes"] * 10
    found = statistics.leakage(scores, labels([45] * 40, y), ["s:city"], "ts", "y")
    assert not any(f["kind"] == "value" for f in found)  # 0.75^20 = 0.0032 is not below 0.001
    y = ["no"] * 20 + ["no", "yes", "yes", "yes"] * 5  # 25 of 40 are no: 0.625^20 = 0.00008
    found = statistics.leakage(scores, labels([45] * 40, y), ["s:city"], "ts", "y")
    assert "y is no in all 20 rows where city is Ulm" in next(f["says"] for f in found if f["kind"] == "value")


def test_no_feature_is_suspected_of_an_honest_label(scores):
    y = [i * 5 % 13 for i in range(40)]
    found = statistics.leakage(scores, labels([10 + i % 20 for i in range(40)], y), ["s:noise", "s:city"], "ts", "y")
    assert all(f["about"] == "s" for f in found)


def test_times_that_leak_or_say_nothing(scores):
    early = statistics.leakage(scores, labels([0] * 4, [0] * 4), ["s:noise"], "ts")
    assert {("too early", "s"), ("no match", "s"), ("one label time", "ts")} <= kinds(early)
    late = statistics.leakage(scores, labels([60, 61], [0] * 2), ["s:noise"], "ts")
    assert kinds(late) == {("stale", "s")}
    same = statistics.leakage(scores, labels([1, 2, 3], [0] * 3), ["s:noise"], "ts")
    assert kinds(same) == {("same time", "s")}
    published = statistics.leakage(scores, labels([50, 50], [0] * 2), ["s:noise"], "ts")
    assert ("publish moment", "s") in kinds(published)


def test_a_constant_event_time(fs, clock):
    fs.create_group("k", keys=["id"], event_time="ts", features={"x": "float64"})
    fs.publish("k", batch([1, 2], [1, 1], x=[1.0, 2.0]))
    found = statistics.leakage(fs, labels([5, 6], [0, 1], [1, 2]), ["k:x"], "ts")
    assert ("one event time", "k") in kinds(found)
    fs.create_group("none", keys=["id"], event_time="ts", features={"x": "float64"})
    found = statistics.leakage(fs, labels([5, 6], [0, 1], [1, 2]), ["none:x"], "ts")
    assert kinds(found) == {("no rows", "none")}


def test_preview_save_and_make_again(scores, clock):
    data = labels([10 + i for i in range(40)], [i % 2 for i in range(40)])
    scores.ws.datasets.write("labels", data, lineage={})
    shown = training_set_checks.preview(scores, "labels", REFS, "ts", "y")
    assert (shown["checked"], shown["total"], len(shown["rows"])) == (40, 40, 20)
    features = {"same": 0.0, "noise": 0.0, "step": 0.0, "city": "Ulm"}
    assert shown["rows"][0] == {"id": 0, "ts": "2026-01-01T10:00:00Z", "y": 0, **features}
    assert training_set_checks.preview(scores, "labels", REFS, "ts", "y", most=10)["checked"] == 30
    done = training_set_checks.save(scores, "train", "labels", REFS, "ts")
    assert (done["ref"], done["rows"], done["matches"][0]["found"]) == ("train@1", 40, 40)
    assert [one["ref"] for one in training_set_checks.saved(scores.ws)] == ["train@1"]
    scores.put("s", {"id": 0, "ts": at(9), "same": 77.0})  # written later: not known at the time of the save
    again = training_set_checks.make_again(scores, "train@1")
    assert again == {"identical": True, "rows": [40, 40], "differences": []}
    scores.delete("s", 3, erase=True)  # gone from every version
    again = training_set_checks.make_again(scores, "train@1")
    assert not again["identical"] and "Column same differs in 1 rows." in again["differences"]
    with pytest.raises(InputError, match="no training set"):
        training_set_checks.make_again(scores, "labels@1")


def test_lineage_goes_both_ways(scores):
    ws = scores.ws
    source = {"from": [{"kind": "file", "ref": 'a\\b "c".csv'}], "how": "import"}
    ws.datasets.write("labels", labels([10] * 4, [0, 1] * 2), lineage=source)
    scores.create_view("v", ["s:noise"])
    training_set_checks.save(scores, "train", "labels", "v", "ts")
    drawn = lineage.graph(ws, "feature_group", "s@1")
    assert set(drawn.things) == {("feature_group", "s@1"), ("feature_view", "v@1"), ("dataset", "train@1")}
    back = lineage.graph(ws, "dataset", "train@1")
    assert ("file", 'a\\b "c".csv') in back.things and ("feature_view", "v@1") in back.things
    said = lineage.dot(back)
    assert 'file\\na\\\\b \\"c\\".csv' in said and 'label="dataset\\nlabels@1"' in said
    view = lineage.graph(ws, "feature_view", "v@1")
    assert (("feature_group", "s@1"), ("feature_group", "s"), "newest version") in view.arrows
    assert lineage.graph(ws, "dataset", "train@1", most=2).cut


def test_fitted_recipes_and_what_they_ask_for(scores):
    recipe = Recipe(name="share").add("code.expression", {"expression": "amount / noise", "to": "share"})
    fitted = recipe.fit({"main": pa.table({"amount": [1.0], "noise": [2.0]})}, engine=DuckDBEngine())
    assert lineage.fitted_recipes(scores.ws) == {}
    scores.ws.datasets.write("d", pa.table({"a": [1]}), lineage={"fitted_recipe": fitted.dump()})
    (found,) = lineage.fitted_recipes(scores.ws).values()
    assert found == fitted
    assert view_editing.request_columns(found, ["noise"]) == {"amount": "float64"}


def test_two_versions_of_a_view(scores):
    scores.create_view("v", ["s:noise", "s:city"], defaults={"city": "Ulm"})
    scores.create_view("v", ["s:noise", "s:step"], ttl={"s:noise": "36h"}, join_keys={"s": {"id": "who"}})
    rows = view_editing.side_by_side(scores.ws, "v@1", "v@2")
    assert [(r["what"], r["change"], r["v@1"], r["v@2"]) for r in rows] == [
        ("s:noise", "differs", "as noise", "as noise, at most 36h old"),
        ("s:city", "gone", "as city, Ulm where missing", None),
        ("s:step", "new", None, "as step"),
        ("key s.id", "new", None, "called who"),
    ]


@pytest.mark.parametrize(
    "kind,words,value",
    [
        ("float64", "1", 1),
        ("int64", "2.0", 2),
        ("bool", "True", True),
        ("string", "7", "7"),
        ("list<float>", "[1, 2]", [1, 2]),
    ],
)
def test_defaults_as_people_type_them(kind, words, value):
    assert view_editing.default_from_text("a", kind, words) == value
    assert view_editing.default_from_text("a", kind, view_editing.text_of_default(value)) == value


@pytest.mark.parametrize("kind,words", [("float64", "x"), ("int64", "1.5"), ("bool", "1"), ("timestamp", "2026")])
def test_defaults_that_are_none(kind, words):
    with pytest.raises(InputError, match="The default of 'a' is"):
        view_editing.default_from_text("a", kind, words)


def test_values_for_keys_and_requests():
    assert view_editing.typed_value("k", "int64", " 7 ") == 7 and view_editing.typed_value("k", "string", "7") == "7"
    assert dt.datetime.fromisoformat(view_editing.typed_value("k", "timestamp", "2026-01-01T00:00:00Z"))
    with pytest.raises(InputError, match="'k' is int64"):
        view_editing.typed_value("k", "int64", "seven")

"""Views: the same features, defaults, TTLs and on-demand steps in a training set and in an online read."""

from __future__ import annotations

import datetime as dt
import sqlite3

import pyarrow as pa
import pytest

from featurestore import FeatureStore
from tests.featurestore.conftest import at, batch
from transforms import Recipe
from transforms.engines import DuckDBEngine
from transforms.errors import InputError, NotFound, RecipeError


@pytest.fixture
def fs(tmp_path, clock):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        clock.now = at(10)
        store.create_group(
            "users", keys={"user": "string"}, event_time="ts", features={"income": "float64", "city": "string"}
        )
        store.create_group(
            "shops", keys={"shop": "int64"}, event_time="ts", features={"rate": "float64", "city": "string"}
        )
        store.put("users", [{"user": "a", "ts": at(1), "income": 1000.0, "city": "Bern"}])
        store.put("users", [{"user": "b", "ts": at(9), "income": None, "city": "Rome"}])
        store.put("shops", [{"shop": 1, "ts": at(5), "rate": 0.5, "city": "Oslo"}])
        yield store


def fitted(expression: str, to: str, **columns) -> object:
    recipe = Recipe(name="on demand").add("code.expression", {"expression": expression, "to": to})
    return recipe.fit({"main": pa.table(columns)}, engine=DuckDBEngine())


def test_one_view_serves_online_and_makes_training_sets(fs):
    """income 1000 × rate 0.5 = 500; unknown shop: rate 0.1 by default, so 100; b has no income: default 0."""
    share = fitted("amount / (income * rate)", "share", amount=[1.0], income=[1.0], rate=[1.0])
    made = fs.create_view(
        "risk",
        ["users:income", "shops:rate"],
        defaults={"rate": 0.1, "income": 10.0},
        request={"amount": "float64"},
        recipe=share,
    )
    assert made["ref"] == "risk@1"
    rows = [{"user": "a", "shop": 1}, {"user": "a", "shop": 2}, {"user": "b", "shop": 1}, {"user": "c", "shop": 9}]
    online = fs.get_features("risk", [{**row, "amount": 50.0} for row in rows])
    assert [r["share"] for r in online] == pytest.approx([50 / 500, 50 / 100, 50 / 5, 50 / 1])
    assert list(online[0]) == ["income", "rate", "share"] and online[3]["income"] == 10.0
    assert fs.get_features("risk", rows[0], {"amount": 50}) == online[0]
    labels = pa.table(
        {
            **{k: [r[k] for r in rows] for k in ("user", "shop")},
            "ts": [at(10)] * 4,
            "amount": [50] * 4,
            "y": [0, 1, 0, 1],
        }
    )
    train = fs.training_set(labels, "risk")
    assert train.column_names == ["user", "shop", "ts", "amount", "y", "income", "rate", "share"]
    assert [{k: r[k] for k in ("income", "rate", "share")} for r in train.to_pylist()] == online
    assert train.column("amount").to_pylist() == [50] * 4


def test_features_that_the_recipe_does_not_take_come_along(fs):
    fs.create_view("v", ["users:city", "users:income"], recipe=fitted("income * 2", "twice", income=[1.0]))
    assert fs.get_features("v", "a") == {"city": "Bern", "income": 1000.0, "twice": 2000.0}
    train = fs.training_set(pa.table({"user": ["a"], "ts": [at(9)]}), "v")
    assert train.select(["city", "income", "twice"]).to_pylist() == [fs.get_features("v", "a")]


def test_the_order_of_labels_is_kept_through_the_recipe(fs):
    fs.create_view("v", ["users:income"], recipe=fitted("income * 2", "twice", income=[1.0]), defaults={"income": 3.0})
    users = ["a", "x"] * 3000
    train = fs.training_set(pa.table({"user": users, "ts": [at(9)] * 6000}), "v")
    assert train.column("twice").to_pylist() == [2000.0, 6.0] * 3000


def test_a_feature_is_older_than_the_view_allows(fs):
    """a's record is 9 h old at 10 h: too old for 8 h, not for 9 h (equal counts)."""
    for ttl, there in (("9h", 1000.0), ("8h", None)):
        fs.create_view("v", ["users:income", "users:city"], ttl={"users:income": ttl})
        assert fs.get_features("v", "a") == {"income": there, "city": "Bern"}
        labels = pa.table({"user": ["a"], "ts": [at(10)]})
        assert fs.training_set(labels, "v").column("income").to_pylist() == [there]
    assert fs.view("v")["version"] == 2
    assert fs.get_features("v@1", "a")["income"] == 1000.0
    assert fs.training_set(labels, "v@1").column("income").to_pylist() == [1000.0]
    assert fs.training_set(labels, ["users:income"], ttl={"users:income": "1h"}).column("income").to_pylist() == [None]


def test_status_says_what_was_found_and_how_old_it_is(fs):
    fs.create_view("v", ["users:income", "shops:rate"])
    [found] = fs.get_features("v", [{"user": "a", "shop": 77}], status=True)
    assert found == {
        "values": {"income": 1000.0, "rate": None},
        "status": {"users": "found", "shops": "missing"},
        "event_times": {"users": at(1), "shops": None},
    }


def test_names_and_keys_of_several_groups(fs):
    """Two groups have a city: both get their group's name in front. Callers may name keys in their own way."""
    fs.create_view("v", ["users:city", "shops:city"], join_keys={"users": {"user": "buyer"}})
    assert fs.get_features("v", {"buyer": "a", "shop": 1}) == {"users:city": "Bern", "shops:city": "Oslo"}
    labels = pa.table({"buyer": ["a"], "shop": [1], "ts": [at(9)]})
    assert fs.training_set(labels, "v").select(["users:city", "shops:city"]).to_pylist() == [
        {"users:city": "Bern", "shops:city": "Oslo"}
    ]


def test_versions(fs):
    first = fs.create_view("v", ["users:income"])
    assert fs.create_view("v", ["users:income"])["version"] == first["version"] == 1
    assert fs.create_view("v", ["users:*"], "more")["version"] == 2
    assert fs.get_features("v", "a") == {"income": 1000.0, "city": "Bern"}
    assert fs.get_features("v@1", "a") == {"income": 1000.0}
    assert [v["ref"] for v in fs.view("v")["versions"]] == ["v@1", "v@2"] and [v["ref"] for v in fs.views()] == ["v@2"]
    with pytest.raises(NotFound, match="version of view 'v' called '3'"):
        fs.get_features("v@3", "a")
    fs.drop_view("v")
    with pytest.raises(NotFound, match="feature view called 'v'"):
        fs.get_features("v", "a")


def test_another_process_sees_a_new_version_at_once(fs):
    fs.create_view("v", ["users:income"])
    with FeatureStore(fs.ws.root, clock=fs._clock) as other:
        assert other.get_features("v", "a") == {"income": 1000.0}
        fs.create_view("v", ["users:city"])
        assert other.get_features("v", "a") == {"city": "Bern"}


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"features": ["users:age"]}, NotFound, "feature in group 'users' called 'age'"),
        ({"features": []}, InputError, "has no feature"),
        ({"ttl": {"users:city": "1d"}}, NotFound, "users:city"),
        ({"defaults": {"income": "much"}}, InputError, "default of 'income' is 'much', which is no float64"),
        ({"defaults": {"income": True}}, InputError, "which is no float64"),
        ({"join_keys": {"users": {"id": "x"}}}, InputError, "is no key of group 'users'"),
        ({"request": {"amount": "float64"}}, InputError, "does nothing with it"),
        ({"request": {"amount": "money"}}, InputError, "unknown type 'money'"),
    ],
)
def test_views_that_cannot_be(fs, more, error, said):
    with pytest.raises(error, match=said):
        fs.create_view("v", **({"features": ["users:income"]} | more))
    assert fs.views() == []


def test_recipes_that_cannot_run_at_the_read(fs):
    rows = pa.table({"income": [1.0, 2.0]})
    batch_step = Recipe(name="r").add("window.rank", {"column": "income", "to": "n"})
    with pytest.raises(RecipeError, match=r"Step 1 .* needs the other rows"):
        fs.create_view("v", ["users:income"], recipe=batch_step.fit({"main": rows}, engine=DuckDBEngine()))
    with pytest.raises(RecipeError, match="needs the column 'age'"):
        fs.create_view("v", ["users:income"], recipe=fitted("age * 2", "x", age=[1.0]))
    with pytest.raises(RecipeError, match="fitted on 'income' as int64; the view gives float64"):
        fs.create_view("v", ["users:income"], recipe=fitted("income * 2", "x", income=[1]))
    dropping = Recipe(name="r").add("missing.drop_rows", {"columns": ["income"]})
    fs.create_view("v", ["users:income"], recipe=dropping.fit({"main": rows}, engine=DuckDBEngine()))
    with pytest.raises(InputError, match="removed the row"):
        fs.get_features("v", "b")
    with pytest.raises(RecipeError, match="made 1 rows of 2"):
        fs.training_set(pa.table({"user": ["a", "b"], "ts": [at(10)] * 2}), "v")


@pytest.mark.parametrize(
    ("row", "said"),
    [({}, "misses the keys"), ({"user": "a", "age": 1}, "does not know"), ({"user": 5}, "is string, and 5 is not")],
)
def test_rows_that_cannot_be_read(fs, row, said):
    fs.create_view("v", ["users:income"])
    with pytest.raises(InputError, match=said):
        fs.get_features("v", row)


def test_a_saved_training_set_is_made_again(fs, clock):
    """Also after later corrections: it is read as of what was known when it was made."""
    labels = fs.ws.datasets.write("labels", pa.table({"user": ["a", "b"], "ts": [at(9), at(9)]}), lineage={})
    fs.create_view("v", ["users:income"], defaults={"income": -1.0})
    saved = fs.save_training_set("train", labels.ref, "v")
    clock.now = at(20)
    fs.put("users", {"user": "a", "ts": at(2), "income": 5.0, "city": "Bonn"})
    fs.create_view("v", ["users:city"])
    again = fs.rebuild_training_set(saved.ref)
    assert again.column("income").to_pylist() == [1000.0, -1.0]
    assert fs.ws.datasets.write("train", again.replace_schema_metadata(None), lineage={}).is_new is False
    arrows = {(a.from_kind, a.from_ref) for a in fs.ws.lineage.of("dataset", saved.ref) if a.to_ref == saved.ref}
    assert arrows == {("feature_group", "users@2"), ("dataset", "labels@1"), ("feature_view", "v@1")}
    with pytest.raises(InputError, match="is no training set"):
        fs.rebuild_training_set("labels@1")
    memory = fs.save_training_set("loose", pa.table({"user": ["a"], "ts": [at(9)]}), "v")
    with pytest.raises(InputError, match="were not a dataset"):
        fs.rebuild_training_set(memory.ref)


def test_views_of_the_ground_floor_open(tmp_path):
    """A catalog of migration 0004 with a view becomes version 1 of it."""
    with FeatureStore(tmp_path / "ws") as store:
        store.create_group("g", keys={"id": "int64"}, event_time="ts", features={"x": "float64"})
        store.publish("g", batch([1], [0], x=[2.0]))
        root = store.ws.root
        store.ws.close()
    from alembic import command

    from workspace import Workspace
    from workspace.catalog import migration_config

    ws = Workspace.open(root)
    config = migration_config()
    with ws.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
    ws.close()
    with sqlite3.connect(root / "catalog.sqlite") as con:
        con.execute(
            "INSERT INTO feature_views (name, features, description, created_at) VALUES (?, ?, ?, ?)",
            ("old", '["g:x"]', "kept", dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")),
        )
    with FeatureStore(root) as store:
        assert store.get_features("old", 1) == {"x": 2.0}
        assert store.views()[0]["description"] == "kept" and store.views()[0]["version"] == 1

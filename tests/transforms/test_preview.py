"""Previews: states and pages are reused, facts of columns are those of all rows."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms import Recipe
from transforms import preview as module
from transforms.catalog.missing import FillWithStatistic
from transforms.errors import AppError, ColumnNotFound, FitError, RecipeError
from transforms.preview import BINS, Previewer

PEOPLE = pa.table({"name": ["ann", "bob", None], "age": [10, None, 30]})
FILL = ("missing.fill_statistic", {"columns": ["age"], "statistic": "mean"})


@pytest.fixture
def people() -> Previewer:
    return Previewer({"main": PEOPLE}, "main=people@1")


def facts(**columns) -> dict:
    arrays = {
        name: values if isinstance(values, pa.Array) else pa.array(values, from_pandas=False)
        for name, values in columns.items()
    }
    return Previewer({"main": pa.table(arrays)}, "t").view(Recipe()).profile()


def test_a_view_has_columns_count_and_rows(people):
    view = people.view(Recipe().add(*FILL))
    assert view.columns == [
        {"name": "name", "type": "string", "kind": "text"},
        {"name": "age", "type": "float64", "kind": "number"},
    ]
    assert view.count() == 3
    assert view.rows() == [["ann", 10.0], ["bob", 20.0], [None, 30.0]]
    assert view.rows(1, 1) == [["bob", 20.0]]
    assert view.rows(0, 2, columns=["age"]) == [[10.0], [20.0]]
    assert view.rows(3) == [] and view.rows(-5, -1) == []
    assert people.inputs == {"main": {"name": "string", "age": "int64"}}
    assert view.fitted.states == {"s1": {"age": 20.0}}


def test_states_are_learnt_once(people, monkeypatch):
    learnt = []
    fit = FillWithStatistic.fit
    monkeypatch.setattr(FillWithStatistic, "fit", lambda self, table: learnt.append(self) or fit(self, table))
    recipe = Recipe().add(*FILL)
    first = people.view(recipe)
    assert people.view(recipe).key == first.key
    people.view(recipe.add("number.negate", {"columns": ["age"]}))
    people.view(recipe.edit("s1", note="a note changes nothing"))
    assert len(learnt) == 1
    other = people.view(recipe.edit("s1", settings=FILL[1] | {"statistic": "max"}))
    assert len(learnt) == 2 and other.key != first.key and other.rows()[1] == ["bob", 30.0]
    people.view(Recipe().add("number.negate", {"columns": ["age"]}).add(*FILL))
    assert len(learnt) == 3, "another step in front of it: other rows to learn from"
    people.view(recipe)
    assert len(learnt) == 3


def test_the_key_tells_sources_apart(people):
    other = Previewer({"main": PEOPLE}, "main=people@2")
    assert other.view(Recipe().add(*FILL)).key != people.view(Recipe().add(*FILL)).key


def test_steps_that_change_cells_only_are_aligned_with_the_rows_before(people):
    base = people.view(Recipe())
    cells = (
        Recipe()
        .add(*FILL)
        .add("columns.duplicate", {"column": "age", "to": "b"})
        .add("columns.drop", {"columns": ["name"]})
    )
    assert people.view(cells).aligned == base.aligned
    conditions = [{"column": "age", "test": "is at least", "value": "0"}]
    for step in (
        ("rows.filter", {"conditions": conditions}),
        ("missing.drop_rows", {"columns": ["age"]}),
        ("rows.drop_duplicates", {"columns": []}),
        ("rows.sort", {"columns": ["age"]}),
        ("group.aggregate", {"groups": ["name"], "aggregations": [{"column": "age", "statistic": "sum", "to": "n"}]}),
    ):
        assert people.view(cells.upto(1).add(*step)).aligned != base.aligned, step[0]


def test_pages_of_rows_without_an_order_fit_together():
    n = 3000
    table = pa.table({"k": [f"k{i % n}" for i in range(3 * n)], "v": list(range(3 * n))})
    recipe = Recipe().add(
        "group.aggregate", {"groups": ["k"], "aggregations": [{"column": "v", "statistic": "sum", "to": "total"}]}
    )
    view = Previewer({"main": table}, "t").view(recipe)
    seen = [row for offset in range(0, n, 1000) for row in view.rows(offset, 1000)]
    # i + (i + n) + (i + 2n) = 3i + 3n
    assert sorted(seen) == sorted([f"k{i}", 3 * i + 3 * n] for i in range(n))
    assert view.rows(500, 10) == seen[500:510]
    assert len(view.rows(0, 5000)) == module.PAGE


def test_kept_tables_are_few_and_come_back_when_asked_for(people, monkeypatch):
    monkeypatch.setattr(module, "TABLES", 2)
    views = [people.view(Recipe().add("rows.top", {"columns": ["age"], "count": n})) for n in (1, 2, 3)]
    assert kept(people) == 2
    assert [len(v.rows()) for v in views] == [1, 2, 3], "the oldest is made again"
    assert [v.count() for v in views] == [1, 2, 3]
    assert kept(people) == 2


def test_what_was_forgotten_is_made_again(people, monkeypatch):
    recipe = (
        Recipe()
        .add(*FILL)
        .add("rows.sort", {"columns": ["age"], "descending": True})
        .add("number.negate", {"columns": ["age"]})
    )
    views = [people.view(recipe.upto(n)) for n in (1, 2, 3)]
    longer = people.view(recipe.add("number.negate", {"columns": ["age"]}))
    expected = [v.rows() for v in views]
    monkeypatch.setattr(module, "STAGES", 2)
    people.view(Recipe())
    assert kept(people) == 0 and people._stages == {}
    assert [v.rows() for v in views] == expected
    assert longer.rows() == expected[1]
    assert people.view(recipe).rows() == expected[2]


def test_editing_an_early_step_changes_what_follows(people):
    recipe = Recipe().add(*FILL).add("scale.max_abs", {"columns": ["age"]}).add("number.negate", {"columns": ["age"]})
    assert [r[1] for r in people.view(recipe).rows()] == pytest.approx([-1 / 3, -2 / 3, -1.0])
    assert [
        r[1] for r in people.view(recipe.edit("s1", settings=FILL[1] | {"statistic": "max"})).rows()
    ] == pytest.approx([-1 / 3, -1.0, -1.0])
    assert [r[1] for r in people.view(recipe.edit("s1", enabled=False)).rows()] == [pytest.approx(-1 / 3), None, -1.0]
    assert [r[1] for r in people.view(recipe).rows()] == pytest.approx([-1 / 3, -2 / 3, -1.0])
    assert people.view(recipe).fitted.states == {"s1": {"age": 20.0}, "s2": {"age": {"centre": 0.0, "width": 30.0}}}


def kept(previewer) -> int:
    return previewer.con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'kept_%'").fetchall()[0][0]


def test_errors_carry_the_step(people):
    with pytest.raises(ColumnNotFound, match='^Step 2 "Drop columns": '):
        people.view(Recipe().add(*FILL).add("columns.drop", {"columns": ["no"]}))
    empty = Previewer({"main": PEOPLE.slice(0, 0)}, "t")
    with pytest.raises(FitError, match='^Step 1 "Fill missing numbers": there is no known value'):
        empty.view(Recipe().add(*FILL))
    assert empty.view(Recipe()).rows() == [] and empty.view(Recipe()).count() == 0


def test_a_source_that_vanished_is_one_sentence(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(PEOPLE, path)
    view = Previewer({"main": path}, "t").view(Recipe())
    path.unlink()
    with pytest.raises(RecipeError, match="DuckDB stopped: ") as caught:
        view.rows()
    assert "\n" not in str(caught.value)


def test_threads_may_share_a_previewer(people):
    from concurrent.futures import ThreadPoolExecutor

    def work(n):
        view = people.view(Recipe().add("rows.top", {"columns": ["age"], "count": n % 3 + 1}).add(*FILL))
        return view.count(), len(view.rows()), view.profile(["age"])["age"]["rows"]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(24))) == [(n % 3 + 1,) * 3 for n in range(24)]


# -- facts of columns, worked out by hand


def test_facts_of_numbers():
    x = facts(x=[0.0, 1.0, 2.0, 20.0, None, math.nan, math.inf, -math.inf])["x"]
    assert (x["rows"], x["missing"], x["min"], x["max"], x["mean"]) == (8, 2, 0.0, 20.0, 23 / 4)
    assert x["distinct"] == 6
    # 20 bins of width 1 over 0 … 20; the largest value belongs to the last bin; infinite ones to none
    assert x["bins"] == [1, 1, 1] + [0] * (BINS - 4) + [1]
    assert "values" not in x


def test_facts_of_whole_numbers_and_one_value():
    found = facts(i=[1, 2, 3, 4, 5], one=[7, 7, 7, None, 7])
    assert (found["i"]["min"], found["i"]["max"], found["i"]["mean"], sum(found["i"]["bins"])) == (1.0, 5.0, 3.0, 5)
    assert [b for b, n in enumerate(found["i"]["bins"]) if n] == [0, 5, 10, 15, 19]
    one = found["one"]
    assert (one["distinct"], one["missing"], one["min"], one["max"]) == (1, 1, 7.0, 7.0)
    assert one["values"] == [["7", 4]] or one["values"] == [["7", 4], [None, 1]]
    assert "bins" not in one


def test_facts_of_extreme_numbers():
    big = facts(x=[-1.7e308, 1.7e308, 0.0], tiny=[5e-324, 1e-320, 0.0], n=[-(2**63), 2**63 - 1, 0])
    assert sum(big["x"]["bins"]) == 3 and (big["x"]["bins"][0], big["x"]["bins"][-1]) == (1, 1)
    assert sum(big["tiny"]["bins"]) == 3
    assert sum(big["n"]["bins"]) == 3


def test_facts_of_columns_without_a_value():
    missing = facts(
        x=pa.array([None, None], pa.float64()),
        t=pa.array([None, None], pa.string()),
        d=pa.array([None, None], pa.date32()),
        b=pa.array([None, None], pa.bool_()),
        nan=[math.nan, math.inf],
    )
    for name in ("x", "t", "d", "b"):
        assert (
            missing[name]["rows"],
            missing[name]["missing"],
            missing[name]["distinct"],
            missing[name]["min"],
            missing[name]["max"],
        ) == (2, 2, 0, None, None)
        assert missing[name].get("values", []) == [] or missing[name]["values"] == [[None, 2]]
        assert "bins" not in missing[name]
    assert (missing["nan"]["missing"], missing["nan"]["min"]) == (1, None)
    assert facts(x=pa.array([], pa.float64()))["x"] == {
        "rows": 0,
        "missing": 0,
        "distinct": 0,
        "min": None,
        "max": None,
        "mean": None,
        "values": [],
    }


def test_facts_of_text_and_truth():
    found = facts(
        t=["b", "a", "b", None, "it's"], b=[True, False, True, None, True], many=pa.array([f"v{i}" for i in range(5)])
    )
    assert [v for v in found["t"]["values"] if v[0] is not None] == [["b", 2], ["a", 1], ["it's", 1]]
    assert (found["t"]["missing"], found["t"]["distinct"], found["t"]["min"]) == (1, 3, None)
    assert [v for v in found["b"]["values"] if v[0] is not None] == [["true", 3], ["false", 1]]
    lots = facts(t=[f"value {i}" for i in range(500)])["t"]
    assert "values" not in lots and abs(lots["distinct"] - 500) < 50


def test_facts_of_times():
    hours = [datetime(2024, 1, 1, h) for h in (0, 5, 10, 20)]
    found = facts(
        t=pa.array(hours + [None], pa.timestamp("us")),
        z=pa.array([h.replace(tzinfo=UTC) for h in hours] + [None], pa.timestamp("us", "UTC")),
        d=pa.array([date(2024, 1, 1), date(2024, 1, 21), date(2024, 1, 11), None, date(2024, 1, 1)]),
        one=pa.array([date(2024, 1, 1)] * 5),
    )
    for name in ("t", "z"):
        assert [b for b, n in enumerate(found[name]["bins"]) if n] == [0, 5, 10, 19]  # 20 bins of one hour
        assert (found[name]["missing"], found[name]["rows"]) == (1, 5)
    assert (found["t"]["min"], found["t"]["max"]) == ("2024-01-01 00:00:00", "2024-01-01 20:00:00")
    assert (found["d"]["min"], found["d"]["max"]) == ("2024-01-01", "2024-01-21")
    assert [(b, n) for b, n in enumerate(found["d"]["bins"]) if n] == [(0, 2), (10, 1), (19, 1)]
    assert found["one"]["values"] == [["2024-01-01", 5]]
    old = facts(t=pa.array([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)], pa.timestamp("us")))["t"]
    assert (old["bins"][0], old["bins"][-1]) == (1, 1)


def test_facts_of_other_types_and_odd_names():
    found = facts(**{"a\"b'c": [1, 2], "select": [[1.5], None], "größe": ["x", "y"]})
    assert sum(found["a\"b'c"]["bins"]) == 2
    assert found["select"] == {"rows": 2, "missing": 1, "distinct": None, "min": None, "max": None, "mean": None}
    assert len(found["größe"]["values"]) == 2
    view = Previewer({"main": PEOPLE}, "t").view(Recipe())
    assert list(view.profile(["age", "no such"])) == ["age"]


def test_cells_are_json_values():
    table = pa.table(
        {
            "n": [2**53 + 1], "f": [math.inf], "t": [datetime(2024, 1, 1, 12)], "d": [date(2024, 1, 1)], "l": [[1, 2]], "s": [{"a": "ü"}], "x": ["y" * 1000], "b": [True],
        }
    )  # fmt: skip
    row = Previewer({"main": table}, "t").view(Recipe()).rows()[0]
    assert row == [
        "9007199254740993",
        "inf",
        "2024-01-01 12:00:00",
        "2024-01-01",
        "[1, 2]",
        '{"a": "ü"}',
        "y" * 300 + "…",
        True,
    ]


def test_every_error_is_ours(people):
    with pytest.raises(AppError):
        people.view(Recipe.from_dict({"steps": [{"id": "s1", "transform": "no.such"}]}))

"""Charts as files and as code that runs without Tilth; saved charts; selections as filters."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from insights import charts
from insights.charts import ChartSpec, build, draw, filters_of
from transforms.catalog.rows import Condition
from transforms.errors import InputError, NotFound
from workspace.sql import connect, text

PEOPLE = """SELECT i AS n, ['Ulm', 'Bonn', 'it''s "far"', NULL][i % 4 + 1] AS city, ['m', 'f'][i % 2 + 1] AS sex, (i * 37) % 101 / 3.0 AS height,
 47 + (i % 9) / 4.0 AS lat, 8 + (i % 7) / 3.0 AS lon, TIMESTAMP '2020-01-01' + INTERVAL (i * 7) HOUR AS born FROM range({rows}) r(i)"""

CASES = {
    "histogram": {"kind": "histogram", "x": "height", "colour": "sex", "normalise": "within"},
    "histogram of dates": {"kind": "histogram", "x": "born"},
    "bar": {"kind": "bar", "x": "city", "y": "height", "aggregate": "mean", "colour": "sex"},
    "bar in panels": {"kind": "bar", "x": "city", "facet": "sex", "top": 2},
    "line": {"kind": "line", "x": "born", "y": "height", "aggregate": "median", "moving": 3},
    "area": {"kind": "area", "x": "n", "colour": "city"},
    "points": {"kind": "scatter", "x": "n", "y": "height", "size": "lat", "colour": "sex"},
    "density": {"kind": "scatter", "x": "n", "y": "height", "rows": 6000},
    "bubbles": {"kind": "scatter", "x": "born", "y": "height", "colour": "sex", "rows": 6000},
    "box": {"kind": "box", "x": "city", "y": "height"},
    "violin": {"kind": "violin", "x": "city", "y": "height"},
    "heat map": {"kind": "heatmap", "x": "city", "y": "sex", "colour": "height", "aggregate": "max"},
    "correlation": {"kind": "correlation"},
    "series": {"kind": "series", "x": "born", "y": "height", "rows": 6000},
    "season": {"kind": "season", "x": "born", "y": "height", "aggregate": "mean", "time_unit": "day"},
    "map": {"kind": "map", "colour": "height", "aggregate": "mean"},
    "filtered": {"kind": "bar", "x": "city", "filters": [{"column": "city", "value": 'it\'s "far"'}, {"column": "n", "test": "is at least", "value": "9"}]},
}  # fmt: skip


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


def built(con, tmp_path, rows=300, **spec):
    path = tmp_path / "people's.parquet"
    con.execute(f"COPY ({PEOPLE.format(rows=rows)}) TO {text(str(path))}")
    source = f"read_parquet({text(str(path))})"
    return build(con, source, ChartSpec.model_validate(spec)), source


@pytest.mark.parametrize("case", CASES)
def test_the_code_runs_without_tilth_and_gives_the_same_figures_and_chart(con, tmp_path, case):
    data, source = built(con, tmp_path, **CASES[case])
    program = tmp_path / "chart.py"
    program.write_text(
        charts.to_python(data, source) + "    import json\n    print(json.dumps([marks, chart.to_dict()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    marks, drawn = json.loads(done.stdout)
    ours = data.table.to_pylist()
    assert len(marks) == len(ours) > 0
    key = lambda mark: json.dumps({k: v for k, v in mark.items() if not isinstance(v, float)}, sort_keys=True)  # noqa: E731
    for theirs, mine in zip(sorted(marks, key=key), sorted(ours, key=key), strict=True):
        assert theirs == pytest.approx(mine, nan_ok=True)
    assert _bare(drawn) == _bare(charts.export.standalone(data).to_dict())
    assert "insights" not in program.read_text() and (tmp_path / "chart.html").stat().st_size > 1000


def _bare(chart):
    """Return a Vega-Lite chart without its data."""
    if isinstance(chart, dict):
        return {k: _bare(v) for k, v in chart.items() if k not in ("data", "datasets", "$schema")}
    return [_bare(one) for one in chart] if isinstance(chart, list) else chart


@pytest.mark.parametrize("case", CASES)
def test_every_chart_becomes_a_picture(con, tmp_path, case):
    data, _ = built(con, tmp_path, **CASES[case])
    assert b"<svg" in charts.to_image(data, "svg")
    draw(data, select=True, dark=True).to_json()


def test_files_by_suffix(con, tmp_path):
    data, source = built(con, tmp_path, kind="bar", x="city")
    starts = {
        "png": b"\x89PNG",
        "svg": b"<svg",
        "html": b"<!DOCTYPE html>",
        "json": b"{",
        "csv": b'"city"',
        "py": b'"""Rows by city',
    }
    for suffix, start in starts.items():
        charts.write(data, tmp_path / f"chart.{suffix}", source=source)
        assert (tmp_path / f"chart.{suffix}").read_bytes().lstrip()[: len(start)] == start
    assert json.loads((tmp_path / "chart.json").read_text())["data"]["values"]
    with pytest.raises(InputError, match="cannot be written as 'chart.gif'"):
        charts.write(data, tmp_path / "chart.gif")


def test_names_in_code_are_data(con, tmp_path):
    name = 'a"""\nimport os\n"""'
    con.execute('CREATE TABLE t AS SELECT 1 AS "{}"'.format(name.replace('"', '""')))
    data = build(con, "t", ChartSpec(kind="bar", x=name))
    compile(charts.to_python(data, "read_parquet('x.parquet')"), "chart.py", "exec")
    assert "\nimport os\n" not in charts.to_python(data, "t")


# ---- selections


def chosen(con, tmp_path, selection, *, types=None, zone="UTC", **spec):
    data, _ = built(con, tmp_path, **spec)
    return [f.model_dump() for f in filters_of(data, {"brush": selection}, types=types or {}, time_zone=zone)]


def test_an_interval_becomes_a_filter(con, tmp_path):
    assert chosen(con, tmp_path, {"lo": [12.5, 3]}, kind="histogram", x="height") == [
        {"column": "height", "test": "is between", "value": "3, 12.5"}
    ]


def test_a_rectangle_becomes_two_filters(con, tmp_path):
    found = chosen(con, tmp_path, {"x": [1, 2], "y": [3, 4]}, kind="scatter", x="n", y="height")
    assert [(f["column"], f["value"]) for f in found] == [("n", "1, 2"), ("height", "3, 4")]


def test_times_are_those_of_the_browsers_clock(con, tmp_path):
    # 2020-01-01 00:00 in Berlin is 23:00 UTC of the day before: 1577833200 s.
    types = {"born": "timestamp(6)"}
    ends = {"lo": [1577833200_000, 1577836800_000]}
    (found,) = chosen(con, tmp_path, ends, types=types, zone="Europe/Berlin", kind="histogram", x="born")
    assert found["value"] == "2020-01-01 00:00:00, 2020-01-01 01:00:00"


def test_clicked_bars_become_a_list(con, tmp_path):
    bars = {"kind": "bar", "x": "city"}
    assert chosen(con, tmp_path, [{"x": "Ulm"}], **bars)[0]["test"] == "equals"
    assert chosen(con, tmp_path, [{"x": "Ulm"}, {"x": "Bonn"}], **bars)[0]["value"] == "Ulm, Bonn"
    assert chosen(con, tmp_path, [{"x": "(missing)"}], **bars)[0]["test"] == "is missing"
    assert chosen(con, tmp_path, [], **bars) == [] == chosen(con, tmp_path, {}, **bars)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["(other)"], "many values at once"),
        (["(missing)", "Ulm"], "cannot be kept together with values"),
        (["a, b", "c"], "with a comma"),
    ],
)
def test_what_cannot_be_kept_is_said(con, tmp_path, names, said):
    with pytest.raises(InputError, match=said):
        chosen(con, tmp_path, [{"x": name} for name in names], kind="bar", x="city")


def test_a_selection_keeps_the_rows_it_shows(con, tmp_path):
    data, source = built(con, tmp_path, kind="histogram", x="n", bins=3)
    keep = filters_of(data, {"brush": {"lo": [100, 199]}}, types={"n": "int64"})
    assert build(con, source, data.spec.model_copy(update={"filters": keep})).used == 100


# ---- saved charts


def test_saved_charts(tmp_workspace):
    ws, bar = tmp_workspace, ChartSpec(kind="bar", x="city", filters=(Condition(column="n", value="1"),))
    assert charts.save(ws, "people", "", bar) == "Rows by city"
    assert charts.save(ws, "people", "Rows by city", bar) == "Rows by city (2)"
    charts.rename(ws, "people", "Rows by city (2)", "Cities")
    charts.save(ws, "people", "Cities", ChartSpec(kind="histogram", x="n"), replace=True)
    assert [(c.name, c.spec.kind) for c in charts.list_saved(ws, "people")] == [
        ("Rows by city", "bar"),
        ("Cities", "histogram"),
    ]
    assert charts.list_saved(ws, "people")[0].spec == bar
    gone = charts.delete(ws, "people", "Rows by city")
    assert [c.name for c in charts.list_saved(ws, "people")] == ["Cities"]
    charts.restore(ws, "people", gone)
    assert [c.name for c in charts.list_saved(ws, "people")] == ["Rows by city", "Cities"]
    assert charts.list_saved(ws, "others") == []


def test_mistakes_with_saved_charts(tmp_workspace):
    charts.save(tmp_workspace, "people", "A", ChartSpec(kind="bar", x="city"))
    charts.save(tmp_workspace, "people", "B", ChartSpec(kind="bar", x="city"))
    with pytest.raises(InputError, match="already a chart called 'B'"):
        charts.rename(tmp_workspace, "people", "A", "B")
    with pytest.raises(InputError, match="needs a name"):
        charts.rename(tmp_workspace, "people", "A", " ")
    with pytest.raises(NotFound, match="no saved chart called 'C'"):
        charts.delete(tmp_workspace, "people", "C")


def test_a_saved_chart_of_gone_columns_says_so(tmp_workspace):
    charts.save(
        tmp_workspace,
        "people",
        "A",
        ChartSpec(kind="scatter", x="age", y="height", filters=(Condition(column="sex", value="f"),)),
    )
    tmp_workspace.settings.set("charts:others", [{"name": "Z", "spec": {"kind": "pie", "slices": 3}}])
    (one,) = charts.list_saved(tmp_workspace, "people")
    assert one.problem(["age", "height", "sex"]) == ""
    assert one.problem(["age"]) == "This version of the dataset has no column 'height', 'sex'."
    assert "another version of Tilth" in charts.list_saved(tmp_workspace, "others")[0].problem([])

"""Recipes of DataBrew, Data Wrangler and OpenRefine: what maps runs with known results, what does not is kept and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from transforms.engines import scratch
from transforms.errors import InputError
from transforms.examples import table
from transforms.importing import databrew, grel, read
from transforms.importing.report import Near, Parameters, Unmapped
from transforms.transform import find

FILES = Path(__file__).parent / "imports"


def run(recipe, rows, others=None):
    """Return {column: values} of a recipe fitted and run on these rows."""
    inputs = {"main": table(rows, {}), **{k: table(v, {}) for k, v in (others or {}).items()}}
    fitted = recipe.fit(inputs, engine=scratch())
    return fitted.run(inputs, engine=scratch()).to_arrow_table().to_pydict()


def outcomes(report):
    return [line.outcome for line in report.lines]


# -- DataBrew

TYPICAL = {
    "sourceColumn": "a", "sourceColumns": '["a", "b"]', "sourceColumn1": "a", "sourceColumn2": "b", "targetColumn": "new", "targetIndex": "2",
    "columnDataType": "string", "pattern": "x", "startPattern": "<", "endPattern": ">", "startPosition": "1", "endPosition": "3", "value": "2",
    "position": "2", "count": "3", "limit": "1", "delimiter": "-", "units": "DAYS", "dateAddValue": "14", "dateTimeFormat": "yyyy-MM-dd HH:mm:SS",
    "targetDateFormat": "mm/dd/yyyy", "outlierStrategy": "Z_SCORE", "threshold": "3", "modifierStrategy": "REPLACE_WITH_NULL", "startDelimiter": "<", "endDelimiter": ">",
    "categoryMap": '{"a": "1"}', "joinType": "INNER_JOIN", "leftKeys": '["a"]', "rightKeys": '["b"]', "unpivotColumn": "k", "valueColumn": "v",
    "groupByAggFunctionOptions": '[{"sourceColumnName": "a", "targetColumnName": "n", "functionName": "COUNT"}]', "collapseConsecutiveWhitespace": "true",
}  # fmt: skip


@pytest.mark.parametrize("operation", sorted(databrew.OPERATIONS))
def test_every_databrew_operation_gives_steps_that_can_be_built(operation):
    typical = {k: v for k, v in TYPICAL.items() if not (operation == "DATE_ADD" and k == "value")}
    try:
        made = databrew.OPERATIONS[operation](Parameters(typical))
    except Unmapped:
        assert operation.startswith("ROLLING_") or operation == "FLAG_DUPLICATE_ROWS"
        return
    for transform, settings in made.steps if isinstance(made, Near) else made:
        find(transform).from_settings(settings)


def test_a_databrew_recipe_runs_and_tells_what_it_kept():
    recipe, report = read(FILES / "databrew.json")
    assert outcomes(report) == ["mapped"] * 5 + ["kept disabled", "mapped", "kept disabled"]
    assert report.lines[5].operation == "ROLLING_SUM" and "order" in report.lines[5].why
    found = run(recipe, {"Full Name": ["Ann", "[TEST] x", None], "city": ["bonn", "ulm", None], "age": [20, 30, 7]})
    assert found == {"name": ["Ann", None], "city": ["BONN", "?"], "months": [240.0, 84.0]}
    kept = recipe.steps[-1]
    assert (kept.transform, kept.enabled) == ("databrew.SOMETHING_NEW", False)
    assert kept.settings["Action"]["Parameters"] == {"sourceColumn": "name"} and "SOMETHING_NEW" in kept.note


def test_conditions_change_only_the_rows_that_meet_them():
    steps = [
        {"Action": {"Operation": "UPPER_CASE", "Parameters": {"sourceColumn": "t"}},
         "ConditionExpressions": [{"Condition": "IS", "Value": '["a", "b"]', "TargetColumn": "t"}]},
        {"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": "t"}},
         "ConditionExpressions": [{"Condition": "IS_MISSING", "TargetColumn": "t"}]},
    ]  # fmt: skip
    recipe, report = read(json.dumps(steps, indent=1))
    assert outcomes(report) == ["mapped", "kept disabled"]
    assert run(recipe, {"t": ["a", "c", None]}) == {"t": ["A", "c", None]}


def test_a_parameter_that_nobody_reads_is_told():
    step = {"Action": {"Operation": "UPPER_CASE", "Parameters": {"sourceColumn": "t", "locale": "tr"}}}
    _, report = read(json.dumps([step], indent=1))
    assert outcomes(report) == ["approximated"] and "locale='tr'" in report.lines[0].why


def test_a_databrew_recipe_in_yaml():
    recipe, report = read(FILES / "databrew.yaml")
    assert outcomes(report) == ["mapped", "mapped"]
    found = run(recipe, {"name": ["A", "a", "B"], "votes": [1, 2, 3]})
    assert dict(zip(found["name"], found["all_votes"], strict=True)) == {"a": 3, "b": 3}


def test_java_date_patterns():
    assert databrew.format_of("yyyy-MM-dd HH:mm:ss") == "%Y-%m-%d %H:%M:%S"
    assert databrew.format_of("mm/dd/yyyy") == "%m/%d/%Y"  # as the guide writes months
    with pytest.raises(Unmapped, match="no equivalent"):
        databrew.format_of("QQQ yyyy")


# -- Data Wrangler


def test_a_flow_with_a_join_and_two_ends():
    recipe, report = read(FILES / "joined.flow")
    assert [s.transform for s in recipe.steps] == [
        "types.change", "types.change", "combine.join", "columns.duplicate", "columns.rename", "code.expression", "code.pyspark", "columns.drop",
    ]  # fmt: skip
    assert [line.number for line in report.lines] == [1, 3, 2, 4, 5, 6, 7, 8, 10, 9]
    assert set(report.recipes) == {"cities", "joined_2"}
    kept = next(s for s in recipe.steps if s.transform == "code.pyspark")
    assert not kept.enabled and kept.settings == {"code": "df = df.distinct()"}
    assert report.recipes["joined_2"].steps[-1].settings == {"expression": "regexp_count(city, 'x')", "to": "t"}
    assert not report.recipes["joined_2"].steps[-1].enabled
    cities = run(report.recipes["cities"], {"town": ["Bonn"], "size": [4]})
    found = run(recipe, {"city": ["Bonn", "Ulm"], "n": ["2", "3"]}, {"cities": cities})
    assert found == {"city_0": ["Bonn"], "n": [2], "size": [4], "share": [0.5]}


@pytest.mark.parametrize(("name", "steps", "kept"), [
    ("1-dw_example.flow", 11, 0), ("3-01_music_dataprep.flow", 13, 3), ("5-customers.flow", 21, 4), ("7-restate-athena-california.flow", 3, 0),
])  # fmt: skip
def test_real_flows(shared, name, steps, kept):
    path = shared / "data" / "flows" / name
    if not path.exists():
        pytest.skip(f"the flow {name} is not in the shared material")
    recipe, report = read(path)
    assert len(recipe.steps) == steps and report.count("kept disabled") == kept
    nodes = json.loads(path.read_text())["nodes"]
    assert sorted(line.number for line in report.lines) == list(range(1, len(nodes) + 1))
    for step in recipe.steps:
        if step.enabled:
            step.build()


def test_the_california_flow_runs(shared):
    path = shared / "data" / "flows" / "7-restate-athena-california.flow"
    if not path.exists():
        pytest.skip("the flow is not in the shared material")
    names = ["longitude", "latitude", "housingmedianage", "totalrooms", "totalbedrooms", "population", "households", "medianincome", "medianhousevalue"]  # fmt: skip
    found = run(read(path)[0], {name: ["1.5", None] for name in names})
    assert list(found) == ["medianhousevalue", *(n for n in names[:-2])]
    assert found["latitude"] == [1.5, None]


def test_a_flow_that_goes_in_a_circle():
    node = {"node_id": "a", "type": "TRANSFORM", "operator": "x_0.1", "inputs": [{"node_id": "b"}]}
    with pytest.raises(InputError, match="circle"):
        read(json.dumps({"nodes": [node, {**node, "node_id": "b", "inputs": [{"node_id": "a"}]}]}, indent=1))


# -- OpenRefine


def test_a_history_runs_and_tells_what_it_kept():
    recipe, report = read(FILES / "openrefine.json")
    assert outcomes(report) == [*["mapped"] * 4, "approximated", "mapped", "mapped", *["kept disabled"] * 3]
    rows = {
        "city": [" Koeln", "Bonn", "Kiel", ""], "n": ["1,2", "3,44", None, "5"],
    }  # fmt: skip
    found = run(recipe, rows)
    assert found == {
        "short": ["KÖLN!", "Bo", "?"], "city": ["Köln", "Bonn", "?"], "n 1": ["1", "3", "5"], "second": ["2", "##", None],
    }  # fmt: skip
    assert "Jython" in report.lines[-1].why and recipe.steps[-1].settings["expression"] == "jython:return value"


@pytest.mark.parametrize(("expression", "formula"), [
    ("value.trim().toUppercase()", 'upper(trim("c"))'),
    ("grel:value.replace('it', \"it's\")", "replace(\"c\", 'it', 'it''s')"),
    ("value.replace(/(\\d+)\\/x/, '$1')", "regexp_replace(\"c\", '(\\d+)/x', '\\1')"),
    ("if(isBlank(value), 'none', value.toString() + '!')", "if((isnull(\"c\") or cast(\"c\" as varchar) = ''), 'none', (cast(\"c\" as varchar) || '!'))"),
    ("cells['other one'].value == null", '("other one" is null)'),
    ("value.toNumber() * 2 + 1", '((cast("c" as double) * 2) + 1)'),
    ("value[1,3]", 'substring("c", 2, 2)'),
    ("and(value != 'a', not(value.contains('b')))", "((\"c\" != 'a') and (not contains(\"c\", 'b')))"),
])  # fmt: skip
def test_grel(expression, formula):
    assert grel.formula(expression, "c")[0] == formula


@pytest.mark.parametrize("expression", [
    "value.split(',')[0]", "value + cells['x'].value", "forEach(value.split(','), v, v)", "jython:return 1", "value.trim(", "value..trim()", "", "value.parseJson().get('a')", "1 2", "'open", "(" * 5000,
])  # fmt: skip
def test_grel_that_is_not_known_is_refused(expression):
    with pytest.raises((Unmapped, RecursionError)):
        grel.formula(expression, "c")


# -- files that are none


@pytest.mark.parametrize(("content", "said"), [
    (b"[1, 2", "it is not JSON"), (b"{}", "is not a recipe that Tilth knows"), (b"\xff\xfe\x00", "it is not UTF-8 text"), (b"[" * 100_000, "nested too deeply"),
    (b"a: &x [1]\nb: *x\n", "YAML aliases"), (b"{\"tilth_recipe\": 1, \"steps\": []}", "is a recipe of Tilth already"), (b"key: [", "neither JSON nor YAML"), (b"", "not a recipe"),
])  # fmt: skip
def test_a_malformed_file_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(path)


def test_odd_content_is_kept_not_lost():
    steps = [
        {"Action": {"Operation": "UPPER_CASE", "Parameters": "none"}},
        7,
        {"Action": {"Operation": "DELETE", "Parameters": {"sourceColumn": ["x"]}}},
    ]
    recipe, report = read(json.dumps(steps, indent=1))
    assert (
        outcomes(report) == ["kept disabled"] * 3
        and len(recipe.steps) == 3
        and not any(s.enabled for s in recipe.steps)
    )
    history = [
        {"op": "core/mass-edit", "columnName": "a", "edits": 3},
        {"op": "core/column-move"},
        {"op": "core/row-removal", "engineConfig": {"facets": [{"type": "list"}]}},
    ]
    recipe, report = read(json.dumps(history, indent=1))
    assert outcomes(report) == ["kept disabled"] * 3
    again = type(recipe).from_dict(recipe.dump())
    assert again == recipe  # a recipe with unknown steps opens

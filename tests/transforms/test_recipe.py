"""Recipes: editing, files, fitting, errors, and one record at a time."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from transforms import FittedRecipe, Recipe, RecordRunner
from transforms.engines import connect
from transforms.errors import AppError, ColumnNotFound, FitError, InputError, NotFound, ParamError, RecipeError

PEOPLE = pa.table({"name": ["ann", "bob", None], "age": [10, None, 30]})


@pytest.fixture
def three() -> Recipe:
    recipe = Recipe(name="people").add("text.change_case", {"columns": ["name"], "case": "upper"})
    recipe = recipe.add("missing.fill_statistic", {"columns": ["age"], "statistic": "mean"})
    return recipe.add("scale.min_max", {"columns": ["age"]})


def ids(recipe: Recipe) -> list[str]:
    return [s.id for s in recipe.steps]


def fitted_rows(recipe: Recipe, table, **others) -> list[dict]:
    sources = {"main": table, **others}
    con = connect()
    return recipe.fit(sources, con).run(sources, con).to_arrow_table().to_pylist()


# -- editing


def test_every_edit_returns_a_new_recipe_and_keeps_the_ids_of_the_others(three):
    before = three.dump()
    assert ids(three) == ["s1", "s2", "s3"]
    assert ids(three.add("number.absolute", {"columns": ["age"]})) == ["s1", "s2", "s3", "s4"]
    assert ids(three.add("number.absolute", {"columns": ["age"]}, at=1)) == ["s1", "s4", "s2", "s3"]
    assert ids(three.remove("s2")) == ["s1", "s3"]
    assert ids(three.remove("s3").duplicate("s1")) == ["s1", "s3", "s2"]
    assert ids(three.duplicate("s1")) == ["s1", "s4", "s2", "s3"]
    assert ids(three.move("s1", 2)) == ["s2", "s3", "s1"]
    assert ids(three.move("s3", 0)) == ["s3", "s1", "s2"]
    assert ids(three.move("s1", 99)) == ["s2", "s3", "s1"]
    assert ids(three.upto(2)) == ["s1", "s2"]
    changed = three.edit("s2", settings={"columns": ["age"]}, note="why", enabled=False)
    assert (changed.steps[1].note, changed.steps[1].enabled, changed.steps[1].settings) == (
        "why",
        False,
        {"columns": ["age"]},
    )
    assert [n for n, _ in changed.enabled()] == [1, 3]
    assert three.dump() == before
    assert three.duplicate("s2").steps[2].settings == three.steps[1].settings


def test_a_step_object_can_be_added(three):
    transform = three.steps[0].build()
    assert three.add(transform).steps[-1].settings == {"columns": ["name"], "suffix": "", "case": "upper"}


@pytest.mark.parametrize(
    "edit", [lambda r: r.edit("s9"), lambda r: r.remove("s9"), lambda r: r.move("s9", 0), lambda r: r.duplicate("s9")]
)
def test_an_unknown_step_is_named(three, edit):
    with pytest.raises(RecipeError, match="There is no step 's9' in recipe 'people'"):
        edit(three)


def test_adding_an_unknown_transform_names_the_nearest():
    with pytest.raises(NotFound, match="did you mean 'missing.fill_statistic'"):
        Recipe().add("missing.fill_statistics")


# -- files


def test_unknown_keys_and_unknown_steps_are_kept(tmp_path):
    content = {
        "tilth_recipe": 1, "name": "r", "colour": {"of": "header"}, "inputs": {"main": {"a": "int64"}},
        "steps": [{"id": "s1", "transform": "from.the_future", "version": 7, "enabled": True, "note": "n", "settings": {"x": [1]}, "icon": "leaf"}],
    }  # fmt: skip
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    recipe = Recipe.load(path)
    assert recipe.dump() == content
    recipe.save(path)
    assert json.loads(path.read_text()) == content
    assert recipe.steps[0].label() == recipe.steps[0].describe() == "from.the_future"
    added = recipe.add("number.absolute", {"columns": ["a"]}).edit("s1", enabled=False)
    assert added.dump()["colour"] == {"of": "header"} and added.dump()["steps"][0]["icon"] == "leaf"
    assert fitted_rows(added, pa.table({"a": [-1]})) == [{"a": 1}]


def test_opening_never_validates_running_does(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"steps": [{"id": "s1", "transform": "scale.clip", "settings": {"method": "magic"}}]}))
    recipe = Recipe.load(path)
    assert (recipe.name, recipe.tilth_recipe, recipe.steps[0].version) == ("recipe", 1, 1)
    with pytest.raises(ParamError, match='Step 1 "Clip outliers": '):
        recipe.fit(PEOPLE)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"{", "'r.json' is not a recipe: it is not JSON"),
        (b"\xff\xfe{}", "'r.json' is not a recipe: it is not JSON"),
        (b"[1]", "'r.json' is not a recipe: it has no 'steps'"),
        (b'{"name": "x"}', "'r.json' is not a recipe: it has no 'steps'"),
        (b'{"steps": 3}', "'r.json' is not a recipe: ('steps',)"),
        (b'{"steps": [{"id": "s1"}]}', "'r.json' is not a recipe: ('steps', 0, 'transform')"),
        (b'{"steps": [], "tilth_recipe": 2}', "'r.json' has recipe format 2; this Tilth reads up to 1"),
        (b'{"steps": [], "tilth_recipe": "1"}', "'r.json' has recipe format '1'"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Recipe.load(path)
    assert caught.value.message.startswith(said) and "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="There is no recipe file"):
        Recipe.load(tmp_path / "no.json")
    with pytest.raises(InputError, match="cannot be read"):
        Recipe.load(tmp_path)


def test_saving_is_atomic(tmp_path, three, monkeypatch):
    path = tmp_path / "r.json"
    three.save(path)
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o644

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        three.remove("s1").save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_saving_where_there_is_no_folder_is_one_sentence(tmp_path, three):
    with pytest.raises(InputError, match="There is no folder"):
        three.save(tmp_path / "no" / "r.json")


def test_a_fitted_recipe_survives_its_file(tmp_path, three):
    fitted = three.fit(PEOPLE, fitted_on={"dataset": "people", "version": 3})
    fitted.save(tmp_path / "f.json")
    again = FittedRecipe.load(tmp_path / "f.json")
    assert again == fitted
    assert again.states == {"s2": {"age": 20.0}, "s3": {"age": {"centre": 10.0, "width": 20.0}}}
    assert (again.fitted_on["dataset"], again.fitted_on["version"], again.fitted_on["rows"]) == ("people", 3, None)
    assert datetime.fromisoformat(again.fitted_on["at"]).tzinfo is not None
    assert again.inputs == {"main": {"name": "string", "age": "int64"}}
    assert type(again.unfitted()) is Recipe and set(again.unfitted().dump()) == {
        "tilth_recipe",
        "name",
        "inputs",
        "steps",
    }


# -- fitting


def test_states_come_from_all_rows_and_from_earlier_steps(three):
    # filled 10, 20, 30 → 0, 0.5, 1
    assert fitted_rows(three, PEOPLE) == [
        {"name": "ANN", "age": 0.0},
        {"name": "BOB", "age": 0.5},
        {"name": None, "age": 1.0},
    ]


def test_new_rows_meet_the_stored_state(three):
    fitted = three.fit(PEOPLE)
    new = pa.table({"name": ["Éa"], "age": pa.array([None], pa.int64())})
    assert fitted.run(new).to_arrow_table().to_pylist() == [{"name": "ÉA", "age": 0.5}]


def test_steps_learn_from_the_training_rows_only_behind_a_split():
    table = pa.table({"n": [1, 2, 3, 4], "x": [0.0, 10.0, 1000.0, None]})
    split = Recipe().add("split.in_order", {"column": "n", "last_train": "2"})
    assert split.add("scale.min_max", {"columns": ["x"]}).fit(table).states["s2"] == {
        "x": {"centre": 0.0, "width": 10.0}
    }
    early = Recipe().add("scale.min_max", {"columns": ["x"]}).add("split.in_order", {"column": "n", "last_train": "2"})
    assert early.fit(table).states["s1"] == {"x": {"centre": 0.0, "width": 1000.0}}
    off = split.add("scale.min_max", {"columns": ["x"]}).edit("s1", enabled=False)
    assert off.fit(table).states["s2"] == {"x": {"centre": 0.0, "width": 1000.0}}
    # the split column under its own name, and the other rows are still transformed
    named = (
        Recipe()
        .add("split.in_order", {"column": "n", "last_train": "2", "to": "part"})
        .add("scale.min_max", {"columns": ["x"]})
    )
    assert [r["x"] for r in fitted_rows(named, table)] == [0.0, 1.0, 100.0, None]


def test_a_renamed_split_column_still_splits():
    table = pa.table({"n": [1, 2, 3], "x": [0.0, 10.0, 1000.0]})
    recipe = (
        Recipe()
        .add("split.in_order", {"column": "n", "last_train": "2"})
        .add("columns.rename", {"column": "split", "to": "part"})
    )
    recipe = recipe.add("scale.min_max", {"columns": ["x"]})
    assert recipe.fit(table).states["s3"] == {"x": {"centre": 0.0, "width": 10.0}}


def test_errors_say_the_number_and_label_of_the_step(three):
    broken = three.edit("s2", settings={"columns": ["agee"]})
    with pytest.raises(ColumnNotFound) as caught:
        broken.fit(PEOPLE)
    assert caught.value.message == "Step 2 \"Fill missing numbers\": column 'agee' is not in the table."
    assert caught.value.hint == "did you mean 'age'? The table has: name, age."
    with pytest.raises(FitError, match="^Step 2 \"Fill missing numbers\": there is no known value in 'age'"):
        three.fit(pa.table({"name": ["a"], "age": pa.array([None], pa.int64())}))


def test_the_number_counts_disabled_steps_too(three):
    broken = three.edit("s1", enabled=False).edit("s3", settings={"columns": ["name"]})
    with pytest.raises(RecipeError, match='^Step 3 "Min-max scaling": .*needs a number'):
        broken.fit(PEOPLE)


def test_on_step_is_told_before_each_step(three):
    seen = []
    three.edit("s2", enabled=False).fit(PEOPLE, on_step=lambda *told: seen.append(told))
    assert seen == [(1, 3, "Change case"), (3, 3, "Min-max scaling")]


def test_a_missing_input_is_named():
    recipe = Recipe().add("combine.join", {"input": "cities", "keys": ["name"], "other_keys": ["name"]})
    assert recipe.other_inputs() == ["cities"]
    assert recipe.edit("s1", enabled=False).other_inputs() == []
    with pytest.raises(InputError) as caught:
        recipe.fit({"main": PEOPLE})
    assert str(caught.value) == (
        "Step 1 \"Join another table\": the input 'cities' is not given. Hint: Give it as cities=DATA, or choose a dataset for it."
    )
    with pytest.raises(InputError, match="The main input is missing"):
        recipe.fit({"cities": PEOPLE})


def test_running_without_the_state_of_a_step_is_refused(three):
    fitted = three.fit(PEOPLE).add("scale.standard", {"columns": ["age"]})
    with pytest.raises(FitError, match='Step 4 "Standard scaling": this step has not been fitted'):
        fitted.run(PEOPLE)


def test_an_empty_recipe_gives_its_input():
    assert fitted_rows(Recipe(), PEOPLE) == PEOPLE.to_pylist()


# -- types


def test_every_input_is_brought_into_plain_form():
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int32()),
            "u": pa.array([255, 0], pa.uint8()),
            "f": pa.array([math.nan, 1.5], pa.float32()),
            "d": pa.array([Decimal("1.25"), None], pa.decimal128(9, 2)),
            "whole": pa.array([Decimal(7), None], pa.decimal128(9, 0)),
            "ns": pa.array([datetime(2024, 1, 1), None], pa.timestamp("ns")),
            "zone": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None], pa.timestamp("ms", "Europe/Zurich")),
            "day": pa.array([date(2024, 2, 29), None]),
            "b": [True, None],
            "large": pa.array(["a", None], pa.large_string()),
            "code": pa.array(["x", None]).dictionary_encode(),
        }
    )
    fitted = Recipe().fit(table)
    assert fitted.inputs["main"] == {
        "i": "int64", "u": "int64", "f": "float64", "d": "float64", "whole": "int64", "ns": "timestamp", "zone": "timestamp_utc",
        "day": "date", "b": "boolean", "large": "string", "code": "string",
    }  # fmt: skip
    first = fitted.run(table).to_arrow_table().to_pylist()[0]
    assert first == {
        "i": 1, "u": 255, "f": None, "d": 1.25, "whole": 7, "ns": datetime(2024, 1, 1), "zone": datetime(2024, 1, 1, tzinfo=UTC),
        "day": date(2024, 2, 29), "b": True, "large": "a", "code": "x",
    }  # fmt: skip


def test_nan_is_missing_and_infinity_is_a_number():
    table = pa.table({"x": [math.nan, math.inf, 2.0, None]})
    recipe = Recipe().add("missing.fill_constant", {"columns": ["x"], "value": "7"})
    assert [r["x"] for r in fitted_rows(recipe, table)] == [7.0, math.inf, 2.0, 7.0]


def test_sources_may_be_relations_paths_and_arrow(tmp_path, three):
    con = connect()
    relation = con.sql("SELECT 'ann' AS name, 10 AS age UNION ALL SELECT 'bob', 30")
    relation.write_parquet(str(tmp_path / "p.parquet"))
    relation.write_csv(str(tmp_path / "p.csv"))
    expected = [{"name": "ANN", "age": 0.0}, {"name": "BOB", "age": 1.0}]
    for source in (relation, str(tmp_path / "p.parquet"), tmp_path / "p.csv", relation.to_arrow_table()):
        assert three.fit(source, con).run(source, con).to_arrow_table().to_pylist() == expected
    with pytest.raises(InputError, match="There is no file"):
        three.fit(str(tmp_path / "no.parquet"))
    with pytest.raises(InputError, match="is not a .parquet"):
        three.fit(str(tmp_path / "p.xyz"))


# -- one record


def test_a_record_gets_the_same_as_its_row(three):
    fitted = three.fit(PEOPLE)
    rows = fitted.run(PEOPLE).to_arrow_table().to_pylist()
    assert [fitted.transform_record(r) for r in PEOPLE.to_pylist()] == rows


def test_missing_columns_are_missing_values_and_unknown_ones_are_left_out(three):
    fitted = three.fit(PEOPLE)
    assert fitted.transform_record({"name": "x", "shoe": 43}) == {"name": "X", "age": 0.5}
    assert fitted.transform_record({}) == {"name": None, "age": 0.5}


def test_json_values_become_the_types_of_their_columns():
    schema = {
        "i": "int64",
        "f": "float64",
        "s": "string",
        "b": "boolean",
        "t": "timestamp",
        "z": "timestamp_utc",
        "d": "date",
    }
    fitted = FittedRecipe(inputs={"main": schema})
    given = {
        "i": 2**53 + 1,
        "f": 3,
        "s": "x",
        "b": True,
        "t": "2024-01-01T12:00:00+02:00",
        "z": "2024-01-01T12:00:00",
        "d": "2024-01-01",
    }
    assert fitted.transform_record(given) == {
        "i": 2**53 + 1, "f": 3.0, "s": "x", "b": True, "t": datetime(2024, 1, 1, 10), "z": datetime(2024, 1, 1, 12, tzinfo=UTC), "d": date(2024, 1, 1),
    }  # fmt: skip
    assert fitted.transform_record({"i": 2.0, "d": datetime(2024, 1, 1, 5), "t": date(2024, 1, 1)})["i"] == 2
    assert fitted.transform_record({"f": math.nan})["f"] is None


@pytest.mark.parametrize(
    "record",
    [{"i": "x"}, {"i": 2.5}, {"i": True}, {"i": math.nan}, {"i": 2**70}, {"f": "x"}, {"f": False}, {"b": 1}, {"b": "true"}, {"t": "soon"}, {"t": 5}, {"d": "2024-13-01"}, {"f": [1]}],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_by_name(record):
    fitted = FittedRecipe(
        inputs={"main": {"i": "int64", "f": "float64", "b": "boolean", "t": "timestamp", "d": "date"}}
    )
    column = next(iter(record))
    with pytest.raises(InputError, match=f"^Column '{column}': .* is not "):
        fitted.transform_record(record)
    assert fitted.transform_record({})["i"] is None, "the runner works on after a refusal"


def test_a_removed_record_is_none():
    recipe = Recipe().add("rows.filter", {"conditions": [{"column": "age", "test": "is at least", "value": "18"}]})
    fitted = recipe.fit(PEOPLE)
    assert fitted.transform_record({"name": "a", "age": 17}) is None
    assert fitted.transform_record({"name": "a", "age": 18}) == {"name": "a", "age": 18}


def test_training_only_steps_are_skipped_and_batch_steps_refused_by_name():
    skipped = (
        Recipe()
        .add("rows.drop_duplicates", {"columns": []})
        .add("split.by_key", {"keys": ["name"]})
        .add("number.negate", {"columns": ["age"]})
    )
    assert skipped.fit(PEOPLE).transform_record({"name": "a", "age": 1}) == {"name": "a", "age": -1}
    batch = Recipe().add("window.row_number", {"order_by": "age", "to": "n"})
    with pytest.raises(RecipeError, match='^Step 1 "[^"]+": this step needs the other rows'):
        batch.fit(PEOPLE).transform_record({"name": "a", "age": 1})
    assert batch.edit("s1", enabled=False).fit(PEOPLE).transform_record({"name": "a", "age": 1}) == {
        "name": "a",
        "age": 1,
    }


def test_a_record_looks_things_up_in_the_other_inputs():
    cities = pa.table({"name": ["ann", "ann", "bob"], "x": [1.0, 3.0, 5.0]})
    statistics = [{"column": "x", "statistic": "mean", "to": "mean_x"}]
    recipe = Recipe().add(
        "combine.join_summary", {"input": "cities", "keys": ["name"], "other_keys": ["name"], "statistics": statistics}
    )
    fitted = recipe.fit({"main": PEOPLE, "cities": cities})
    assert fitted.transform_record({"name": "ann"}, {"cities": cities}) == {"name": "ann", "age": None, "mean_x": 2.0}
    with pytest.raises(InputError, match="the input 'cities' is not given"):
        fitted.transform_record({"name": "ann"})
    join = (
        Recipe()
        .add("combine.join", {"input": "cities", "keys": ["name"], "other_keys": ["name"]})
        .fit({"main": PEOPLE, "cities": cities})
    )
    runner = RecordRunner(join, {"cities": cities})
    assert runner.run({"name": "bob"}) == {"name": "bob", "age": None, "x": 5.0}
    with pytest.raises(InputError, match="One record became 2 rows"):
        runner.run({"name": "ann"})


def test_a_recipe_that_names_no_columns_cannot_serve():
    with pytest.raises(InputError, match="does not say which columns a record has"):
        FittedRecipe(name="r").transform_record({"a": 1})


def test_threads_may_share_a_fitted_recipe(three):
    from concurrent.futures import ThreadPoolExecutor

    fitted = three.fit(PEOPLE)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda age: fitted.transform_record({"name": str(age), "age": age}), range(10, 31)))
    assert found == [{"name": str(age), "age": (age - 10) / 20} for age in range(10, 31)]


def test_every_app_error_is_one_line(three):
    for broken in (three.edit("s1", settings={}), three.edit("s1", settings={"columns": ["x\ny"]})):
        with pytest.raises(AppError) as caught:
            broken.fit(PEOPLE)
        assert "\n" not in str(caught.value)


def test_any_value_goes_through_a_record_unchanged():
    values = {
        "s": ["it's", "a\\b", "", "größe 🚀", "x\0y", "\n", "$1", "NULL", "tilth_record", "'; DROP TABLE x; --"],
        "f": [0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf, 1 / 3],
        "i": [-(2**63), 2**63 - 1, 0],
        "t": [datetime(1, 1, 1), datetime(2024, 2, 29, 23, 59, 59, 999999), datetime(9999, 12, 31)],
        "z": [datetime(2024, 1, 1, 12, 0, 0, 1, tzinfo=UTC)],
        "d": [date(1, 1, 1), date(9999, 12, 31)],
        "l": [[1, None, 3], []],
        "w": [["a'b", None], ["[1]"]],
    }
    kinds = {
        "s": "string",
        "f": "float64",
        "i": "int64",
        "t": "timestamp",
        "z": "timestamp_utc",
        "d": "date",
        "l": "array<int64>",
        "w": "array<string>",
    }
    fitted = FittedRecipe(inputs={"main": kinds})
    for column, several in values.items():
        for value in several:
            found = fitted.transform_record({column: value})[column]
            assert found == value and repr(found).split("tzinfo")[0] == repr(value).split("tzinfo")[0]


def test_odd_column_names_of_a_record():
    names = ["a\"b'c", "größe", "select", "tilth_record", "$1", "x\ny"]
    fitted = FittedRecipe(inputs={"main": dict.fromkeys(names, "int64")}).add("number.negate", {"columns": names})
    assert fitted.transform_record(dict.fromkeys(names, 1)) == dict.fromkeys(names, -1)


def test_a_step_that_needs_more_memory_than_it_may_take_says_so(tmp_path):
    """A median of 40 million different numbers does not fit into 100 MB."""
    con = duckdb.connect(config={"memory_limit": "100MB", "temp_directory": str(tmp_path), "threads": 1})
    big = con.sql("SELECT hash(range)::DOUBLE AS x FROM range(40000000)")
    recipe = Recipe().add("missing.fill_statistic", {"columns": ["x"], "statistic": "median"})
    with pytest.raises(RecipeError, match=r'Step 1 "Fill missing numbers": it needs more memory than it may take'):
        recipe.fit(big, con)

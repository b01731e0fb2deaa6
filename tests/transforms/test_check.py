"""Checking a recipe without data: every problem at once, in step order, and no false ones."""

from __future__ import annotations

from transforms import Recipe

SCHEMA = {"main": {"age": "int64", "name": "string", "city": "string", "born": "date"}}


def problems(recipe: Recipe, inputs=SCHEMA) -> list[tuple]:
    return [(p.step, p.message) for p in recipe.check(inputs)]


def errors(recipe: Recipe, inputs=SCHEMA) -> list[str]:
    return [p.step for p in recipe.check(inputs) if p.severity == "error"]


def test_all_problems_at_once_in_step_order():
    recipe = (
        Recipe()
        .add("missing.fill_statistic", {"columns": ["agee", "name"]})
        .add("number.absolute", {"columns": ["age"]})
        .add("scale.clip", {"columns": ["age"], "method": "magic"})
        .add("columns.rename", {"column": "city", "to": "age"})
    )
    assert problems(recipe) == [
        ("s1", "Step 1 \"Fill missing numbers\": column 'agee' is not in the table."),
        (
            "s1",
            "Step 1 \"Fill missing numbers\": 'Columns to fill' needs a number, but column 'name' is text (string).",
        ),
        (
            "s3",
            "Step 3 \"Clip outliers\": 'Bounds from' must be 'fixed', 'quantiles', 'standard deviations' or 'quartile distances', not 'magic'",
        ),
        ("s4", "Step 4 \"Rename a column\": column 'age' exists already."),
    ]
    assert recipe.check(SCHEMA)[0].hint == "did you mean 'age'? The table has: age, name, city, born."


def test_an_unknown_transform_is_a_problem_of_its_step():
    recipe = Recipe.from_dict({"steps": [{"id": "a", "transform": "scale.standart", "settings": {}}]})
    [problem] = recipe.check(SCHEMA)
    assert (problem.step, problem.message) == (
        "a",
        "Step 1 \"scale.standart\": There is no transform called 'scale.standart'.",
    )
    assert problem.hint.startswith("did you mean 'scale.standard'?")


def test_a_good_recipe_has_no_problem_and_a_known_outcome():
    recipe = (
        Recipe()
        .add("number.arithmetic", {"left": "age", "operation": "divide", "number": 2, "to": "half"})
        .add("columns.drop", {"columns": ["born"]})
    )
    assert recipe.check(SCHEMA) == []
    assert recipe.output_schema(SCHEMA) == {"age": "int64", "name": "string", "city": "string", "half": "float64"}
    assert Recipe(inputs=SCHEMA).check() == []


def test_disabled_steps_are_not_checked():
    recipe = Recipe().add("columns.drop", {"columns": ["no"]}).edit("s1", enabled=False)
    assert problems(recipe) == []


def test_the_settings_that_a_step_leaves_out_are_named():
    assert problems(Recipe().add("columns.rename", {"column": "age"})) == [
        ("s1", "Step 1 \"Rename a column\": 'New name' is not set")
    ]
    assert problems(Recipe().add("columns.drop", {"columns": []})) == [
        ("s1", "Step 1 \"Drop columns\": 'Columns to drop': choose at least one column")
    ]


# -- no false follow-up problems


def test_a_broken_step_does_not_accuse_the_steps_that_use_its_column():
    recipe = (
        Recipe()
        .add("number.arithmetic", {"left": "no", "operation": "add", "number": 1, "to": "sum"})
        .add("scale.standard", {"columns": ["sum"]})
    )
    assert errors(recipe) == ["s1"]
    unknown = Recipe.from_dict(
        {
            "steps": [
                {"id": "s1", "transform": "future.thing", "settings": {"to": "sum"}},
                {"id": "s2", "transform": "scale.standard", "settings": {"columns": ["sum"]}},
            ]
        }
    )
    assert errors(unknown) == ["s1"]
    wrong = (
        Recipe()
        .add("number.arithmetic", {"left": "age", "operation": "root", "to": "sum"})
        .add("number.negate", {"columns": ["sum"]})
    )
    assert errors(wrong) == ["s1"]


def test_a_broken_rename_lets_the_new_name_pass():
    recipe = Recipe().add("columns.rename", {"column": "nmae", "to": "who"}).add("text.trim", {"columns": ["who"]})
    assert errors(recipe) == ["s1"]


def test_a_broken_group_step_does_not_accuse_later_steps():
    total = {"column": "no", "statistic": "sum", "to": "total"}
    recipe = (
        Recipe()
        .add("group.aggregate", {"groups": ["city"], "aggregations": [total]})
        .add("scale.standard", {"columns": ["total"]})
    )
    assert errors(recipe) == ["s1"]


def test_columns_that_the_data_decide_pass():
    hot = Recipe().add("encode.one_hot", {"columns": ["city"]}).add("number.negate", {"columns": ["city_Zürich"]})
    assert errors(hot) == []
    pivot = (
        Recipe()
        .add("reshape.pivot", {"rows_by": ["name"], "column": "city", "value": "age"})
        .add("number.negate", {"columns": ["Zürich"]})
    )
    prefix = Recipe().add("reshape.pivot", {"rows_by": ["name"], "column": "city", "value": "age", "prefix": "in_"})
    assert errors(prefix.add("number.negate", {"columns": ["in_Zürich"]})) == []
    assert errors(pivot) == []
    gone = Recipe().add("encode.one_hot", {"columns": ["city"]}).add("text.trim", {"columns": ["city"]})
    assert errors(gone) == ["s2"], "one-hot encoding replaces the column itself"


def test_a_fitted_step_that_the_stand_in_cannot_satisfy_is_no_problem():
    # three invented rows say nothing about the real ones
    recipe = Recipe().add(
        "rows.filter", {"conditions": [{"column": "age", "test": "is greater than", "value": "1000"}]}
    )
    recipe = (
        recipe.add("missing.fill_statistic", {"columns": ["age"]})
        .add("encode.one_hot", {"columns": ["city"]})
        .add("number.negate", {"columns": ["age"]})
    )
    assert errors(recipe) == []


# -- several inputs, splits, changed inputs


def test_a_missing_input_and_its_columns():
    join = Recipe().add("combine.join", {"input": "cities", "keys": ["city"], "other_keys": ["id"]})
    assert problems(join) == [("s1", "Step 1 \"Join another table\": the input 'cities' is not given.")]
    both = SCHEMA | {"cities": {"id": "string", "people": "int64"}}
    assert problems(join, both) == []
    assert join.output_schema(both)["people"] == "int64"
    wrong = SCHEMA | {"cities": {"id": "int64"}}
    assert problems(join, wrong) == [
        ("s1", "Step 1 \"Join another table\": key 'city' is string, but 'id' in the other input is int64.")
    ]
    typo = SCHEMA | {"cities": {"idd": "string"}}
    assert problems(join, typo) == [("s1", "Step 1 \"Join another table\": column 'id' is not in the table.")]


def test_no_main_input():
    [problem] = Recipe().check()
    assert (problem.step, problem.message) == (None, "The recipe names no main input.")


def test_learning_before_the_split_warns_about_the_leak():
    scale, split = ("scale.standard", {"columns": ["age"]}), ("split.by_key", {"keys": ["name"]})
    early = Recipe().add("text.trim", {"columns": ["name"]}).add(*scale).add(*split)
    [problem] = early.check(SCHEMA)
    assert (problem.step, problem.severity) == ("s2", "warning")
    assert (
        problem.message == 'Step 2 "Standard scaling": it learns from the test rows too, because the split comes later.'
    )
    assert problem.hint == "Move step 3 in front of it."
    assert Recipe().add(*split).add(*scale).check(SCHEMA) == []
    assert early.edit("s3", enabled=False).check(SCHEMA) == []


def test_losing_the_split_column_warns_about_the_leak():
    split, scale = ("split.by_key", {"keys": ["name"]}), ("scale.standard", {"columns": ["age"]})
    lost = Recipe().add(*split).add("columns.drop", {"columns": ["split"]}).add(*scale)
    [problem] = lost.check(SCHEMA)
    assert (problem.step, problem.severity) == ("s3", "warning")
    assert "because column 'split' of the split is gone" in problem.message
    renamed = Recipe().add(*split).add("columns.rename", {"column": "split", "to": "part"}).add(*scale)
    assert renamed.check(SCHEMA) == []


def test_a_changed_input_is_told_as_a_difference():
    recipe = Recipe(inputs=SCHEMA).add("scale.standard", {"columns": ["age"]})
    seen = {"main": {"age": "string", "name": "string", "born": "date", "extra": "boolean"}}
    found = recipe.check(seen)
    assert [(p.step, p.severity, p.message) for p in found] == [
        (None, "warning", "Input 'main': column 'age' was int64 and is now string."),
        (None, "warning", "Input 'main': column 'city' (string) is gone."),
        ("s1", "error", "Step 1 \"Standard scaling\": 'Columns' needs a number, but column 'age' is text (string)."),
    ]
    assert recipe.check({"main": SCHEMA["main"] | {"age": "int32"}}) == [], "int32 is read as int64"


def test_odd_types_and_names_are_no_problem():
    schema = {
        "main": {
            "a\"b'c": "int64",
            "select": "array<float64>",
            "größe": "decimal(9, 2)",
            "z": "timestamp('UTC', 6)",
            "t": "time",
            "j": "struct<a: int64>",
        }
    }
    recipe = Recipe().add("columns.drop", {"columns": ["a\"b'c"]})
    assert recipe.check(schema) == []
    assert list(recipe.output_schema(schema)) == ["select", "größe", "z", "t", "j"]


def test_optional_columns_are_checked():
    steps = (
        ("rows.drop_duplicates", {"columns": ["age"], "order_by": "borne"}),
        ("number.arithmetic", {"left": "age", "operation": "add", "right": "city", "to": "x"}),
    )
    found = [p.message for name, settings in steps for p in Recipe().add(name, settings).check(SCHEMA)]
    assert found[0].endswith("column 'borne' is not in the table.")
    assert found[1].endswith("needs a number, but column 'city' is text (string).")
    assert len(found) == 2

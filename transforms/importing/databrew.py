"""AWS Glue DataBrew recipes: a JSON or YAML list of {"Action": {"Operation", "Parameters"}, "ConditionExpressions"}.

Parameter names are those of the DataBrew developer guide, "Recipe step and function reference".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from transforms.importing.report import Builder, Made, Near, Parameters, Report, Unmapped

CONDITIONS = {  # DataBrew -> ours
    "IS": "equals", "IS_NOT": "is not", "IS_BETWEEN": "is between", "CONTAINS": "contains", "DOES_NOT_CONTAIN": "does not contain",
    "NOT_CONTAINS": "does not contain", "STARTS_WITH": "starts with", "ENDS_WITH": "ends with", "LESS_THAN": "is less than",
    "LESS_THAN_EQUAL": "is at most", "GREATER_THAN": "is greater than", "GREATER_THAN_EQUAL": "is at least",
    "IS_MISSING": "is missing", "IS_NOT_MISSING": "is not missing",
}  # fmt: skip


def operations(content: Any) -> list | None:
    """Return the steps of a DataBrew recipe, or None if it is none."""
    if isinstance(content, dict):
        for key in ("Recipe", "recipe"):
            if isinstance(content.get(key), dict):
                content = content[key]
        content = content.get("Steps", content.get("steps", content if _action(content) else None))
    content = [content] if isinstance(content, dict) else content
    if isinstance(content, list) and content and any(_action(step) for step in content):
        return content
    return None


def _action(step: Any) -> dict | None:
    """Return {"Operation", "Parameters"} of a step, in any of the forms that the guide shows."""
    if isinstance(step, dict):
        step = step.get("RecipeStep", step) if isinstance(step.get("RecipeStep", step), dict) else {}
        action = step.get("Action", step.get("RecipeAction", step))
        if isinstance(action, dict) and isinstance(action.get("Operation"), str):
            return action
    return None


def read(steps: list, name: str):
    """Return (Recipe, Report)."""
    builder = Builder("DataBrew", Report("DataBrew recipe"), name)
    for number, step in enumerate(steps, 1):
        action = _action(step)
        if action is None:
            builder.keep(number, "step", step, "it names no operation")
            continue
        inner = step.get("RecipeStep", step)
        conditions = inner.get("ConditionExpressions") or []
        parameters = action.get("Parameters") or {}
        make = _maker(action["Operation"], parameters, conditions)
        builder.add(number, action["Operation"], step, make)
    return builder.recipe(), builder.report


def _maker(operation: str, parameters: Any, conditions: Any) -> Callable[[], Made | Near]:
    def make() -> Made | Near:
        if not isinstance(parameters, dict):
            raise Unmapped("its parameters are no object")
        p = Parameters(parameters)
        if operation == "REMOVE_VALUES":
            return [("rows.filter", {"conditions": _conditions(conditions), "action": "drop"})]
        if operation not in OPERATIONS:
            raise Unmapped(WHY.get(operation, "Tilth has no exact equivalent"))
        made = OPERATIONS[operation](p)
        if unread := sorted(
            set(p) - p.seen - {"functionStepType", "columnDataType", "sourceColumnDataType", "sourceColumns"}
        ):
            differs = f"not read: {', '.join(f'{k}={p[k]!r}' for k in unread)}"
            made = Near(made.steps, f"{made.differs}; {differs}") if isinstance(made, Near) else Near(made, differs)
        if not conditions:
            return made
        steps = _where(made.steps if isinstance(made, Near) else made, conditions)
        return Near(steps, made.differs) if isinstance(made, Near) else steps

    return make


def _conditions(conditions: Any) -> list[dict[str, str]]:
    """Return conditions in our form; they must all hold."""
    if not isinstance(conditions, list) or not conditions:
        raise Unmapped("it has no conditions")
    found = []
    for one in conditions:
        p = Parameters(one)
        column = p.text("TargetColumn").strip("`")
        kind = p.text("Condition")
        if kind not in CONDITIONS:
            raise Unmapped(f"the condition {kind} has no equivalent")
        test, value = CONDITIONS[kind], ""
        if not test.endswith("missing"):
            values = p.need("Value")
            if isinstance(values, str) and values.lstrip().startswith("["):
                with contextlib.suppress(ValueError):  # a text such as "[TEST]"
                    values = json.loads(values)
            if isinstance(values, list):
                values = [str(v) for v in values]
                if any("," in v for v in values):
                    raise Unmapped("a value of its list holds a comma")
                test = {"equals": "is one of", "is not": "is none of"}.get(test, test)
                value = ", ".join(values)
            else:
                value = str(values)
        found.append({"column": column, "test": test, "value": value})
    return found


def _where(steps: Made, conditions: Any) -> Made:
    """Return steps that change a column only where the conditions hold: on a copy that is chosen by a flag."""
    (transform, settings), *rest = steps
    columns = settings.get("columns")
    if (
        rest
        or not isinstance(columns, list)
        or len(columns) != 1
        or settings.get("suffix")
        or transform.split(".")[0] not in ("text", "number", "pieces")
    ):
        raise Unmapped("it has conditions, and is not a change of one column")
    column, flag, changed = columns[0], "__condition", "__changed"
    quoted = '"' + column.replace('"', '""') + '"'
    return [("rows.flag", {"conditions": _conditions(conditions), "to": flag}), ("columns.duplicate", {"column": column, "to": changed}),
            (transform, {**settings, "columns": [changed]}), ("code.expression", {"expression": f"if({flag}, {changed}, {quoted})", "to": column}),
            ("columns.drop", {"columns": [flag, changed]})]  # fmt: skip


# -- helpers: each returns a function of the parameters


def one(transform: str, **settings) -> Callable[[Parameters], Made]:
    """Change `sourceColumn` (or `sourceColumns`) in place; settings may be functions of the parameters."""
    return lambda p: [(transform, {"columns": _source(p), **_given(settings, p)})]


def copy(transform: str, **settings) -> Callable[[Parameters], Made]:
    """Put the changed `sourceColumn` into a new column `targetColumn`."""

    def make(p: Parameters) -> Made:
        to = p.text("targetColumn")
        return [
            ("columns.duplicate", {"column": p.text("sourceColumn"), "to": to}),
            (transform, {"columns": [to], **_given(settings, p)}),
        ]

    return make


def new(transform: str, **settings) -> Callable[[Parameters], Made]:
    """Make `targetColumn` from `sourceColumn`."""
    return lambda p: [
        (transform, {"column": p.text("sourceColumn"), "to": p.text("targetColumn"), **_given(settings, p)})
    ]


def near(make: Callable[[Parameters], Made], differs: str) -> Callable[[Parameters], Near]:
    return lambda p: Near(make(p), differs)


def text(name: str, default: str | None = None):
    return lambda p: p.text(name, default)


def whole(name: str, default: int | None = None):
    return lambda p: p.whole(name, default)


def number(name: str, default: float | None = None):
    return lambda p: p.number(name, default)


def _given(settings: dict, p: Parameters) -> dict:
    return {k: v(p) if callable(v) else v for k, v in settings.items()}


def _source(p: Parameters) -> list[str]:
    return p.texts("sourceColumns") if p.get("sourceColumns") else [p.text("sourceColumn")]


# -- operations that need more than a name


def change_type(p: Parameters) -> Made:
    kinds = {"string": "text", "integer": "whole number", "int": "whole number", "bigint": "whole number", "smallint": "whole number", "long": "whole number",
             "double": "number", "float": "number", "decimal": "number", "number": "number", "boolean": "true/false", "date": "date", "timestamp": "date and time"}  # fmt: skip
    kind = p.text("columnDataType").lower()
    if kind not in kinds:
        raise Unmapped(f"the type {kind!r} has no equivalent")
    return [("types.change", {"columns": _source(p), "type": kinds[kind]})]


def move(to: str) -> Callable[[Parameters], Made]:
    def make(p: Parameters) -> Made:
        settings: dict[str, Any] = {"columns": _source(p), "to": to}
        if to in ("before", "after"):
            settings["other"] = p.text("targetColumn")
        if to == "position":
            settings["position"] = p.whole("targetIndex") + 1
        return [("columns.move", settings)]

    return make


def replace(p: Parameters) -> Made:
    literal = p.get("pattern") if p.get("pattern") not in (None, "") else None
    values = [literal] if literal is not None else p.texts("value") if p.get("value") else None
    if values is None:
        raise Unmapped("it has neither 'pattern' nor 'value'")
    new_value = p.get("newValue", p.get("value") if literal is not None and "newValue" not in p else "")
    return [
        (
            "text.find_replace",
            {"columns": _source(p), "find": str(v), "replace": str(new_value or ""), "regex": literal is not None},
        )
        for v in values
    ]


def remove_combined(p: Parameters) -> Made:
    """The clean-up dialog: any of several kinds of characters."""
    made: Made = []
    columns = _source(p)
    for flag, kind in (("removeAllPunctuation", "punctuation"), ("removeAllQuotes", ""), ("removeAllWhitespace", "white space"), ("removeNumbers", "digits"),
                       ("removeLetters", "letters"), ("removeSpecialCharacters", "symbols")):  # fmt: skip
        if p.flag(flag):
            made.append(
                (
                    "text.remove_characters",
                    {"columns": columns, "kind": kind}
                    if kind
                    else {"columns": columns, "kind": "listed characters", "characters": "\"'"},
                )
            )
    if p.flag("removeCustomCharacters"):
        made.append(
            (
                "text.remove_characters",
                {"columns": columns, "kind": "listed characters", "characters": p.text("customCharacters")},
            )
        )
    if p.flag("removeCustomValue"):
        made.append(("text.find_replace", {"columns": columns, "find": p.text("customValue"), "replace": ""}))
    if p.flag("collapseConsecutiveWhitespace"):
        made.append(
            ("text.find_replace", {"columns": columns, "find": r"[ \t\n\r\f\v]+", "replace": " ", "regex": True})
        )
    if p.flag("removeLeadingAndTrailingWhitespace") or (
        p.flag("removeLeadingWhitespace") and p.flag("removeTrailingWhitespace")
    ):
        made.append(("text.trim", {"columns": columns}))
    elif p.flag("removeLeadingWhitespace") or p.flag("removeTrailingWhitespace"):
        made.append(
            ("text.trim", {"columns": columns, "where": "start" if p.flag("removeLeadingWhitespace") else "end"})
        )
    for flag in ("removeLeadingAndTrailingPunctuation", "removeLeadingAndTrailingQuotes"):
        if p.flag(flag):
            raise Unmapped(f"{flag} has no equivalent")
    if not made:
        raise Unmapped("it names nothing to remove")
    return made


def fill_custom(p: Parameters) -> Made:
    return [("missing.fill_constant", {"columns": _source(p), "value": p.text("value")})]


def arithmetic(operation: str) -> Callable[[Parameters], Made]:
    def make(p: Parameters) -> Made:
        left = p.get("sourceColumn1") or p.get("sourceColumn")
        if not left:
            raise Unmapped("its first number is not a column")
        right = (
            {"right": p["sourceColumn2"]}
            if p.get("sourceColumn2")
            else {"number": p.number("value2" if p.get("value2") not in (None, "") else "value1")}
        )
        return [("number.arithmetic", {"left": left, "operation": operation, "to": p.text("targetColumn"), **right})]

    return make


def across(transform: str, **settings) -> Callable[[Parameters], Made]:
    return lambda p: [
        (transform, {"columns": p.texts("sourceColumns"), "to": p.text("targetColumn"), **_given(settings, p)})
    ]


def split(p: Parameters) -> Made:
    if p.flag("includeInSplit"):
        raise Unmapped("it keeps the delimiter in the new columns")
    parts, column = p.whole("limit", 1) + 1, p.text("sourceColumn")
    return Near(
        [
            ("text.split_column", {"column": column, "delimiter": p.text("pattern"), "parts": parts}),
            ("columns.drop", {"columns": [column]}),
        ],
        "the last new column holds its own part, not all that is left",
    )  # type: ignore[return-value]


def split_at(how: str, key: str) -> Callable[[Parameters], Made]:
    def make(p: Parameters) -> Made:
        column = p.text("sourceColumn")
        return [
            ("pieces.split_columns", {"column": column, "how": how, "numbers": [p.whole(key)], "parts": 2}),
            ("columns.drop", {"columns": [column]}),
        ]

    return make


def merge(p: Parameters) -> Made:
    return [
        (
            "text.concatenate",
            {
                "columns": p.texts("sourceColumns"),
                "separator": str(p.get("delimiter", "")),
                "to": p.text("targetColumn"),
            },
        )
    ]


def group_by(p: Parameters) -> Made:
    statistics = {"COUNT": "count", "COUNT_DISTINCT": "count distinct", "SUM": "sum", "AVERAGE": "mean", "MEAN": "mean", "MEDIAN": "median", "MIN": "min", "MAX": "max",
                  "STANDARD_DEVIATION": "standard deviation", "VARIANCE": "variance", "FIRST": "first", "LAST": "last", "MODE": "most frequent"}  # fmt: skip
    if "useNewDataFrame" in p and not p.flag("useNewDataFrame"):
        raise Unmapped("it adds the results to every row")
    made = []
    for one_ in p.json("groupByAggFunctionOptions"):
        name = one_["functionName"]
        if name not in statistics:
            raise Unmapped(f"the aggregate {name} has no exact equivalent")
        made.append(
            {
                "column": one_["sourceColumnName"],
                "statistic": statistics[name],
                "to": one_.get("targetColumnName") or f"{one_['sourceColumnName']}_{name.lower()}",
            }
        )
    return [("group.aggregate", {"groups": p.texts("sourceColumns"), "aggregations": made})]


def join(p: Parameters) -> Made:
    hows = {
        "INNER_JOIN": "inner",
        "LEFT_JOIN": "left",
        "LEFT_OUTER_JOIN": "left",
        "OUTER_JOIN": "full",
        "FULL_OUTER_JOIN": "full",
    }
    kind = p.text("joinType")
    if kind not in hows:
        raise Unmapped(f"the join {kind} has no equivalent")
    inputs = p.get("secondaryInputs", p.get("Inputs"))
    name = "other"
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict):
        key = next(iter(inputs[0].values()))
        name = (
            (key.get("Key") or key.get("TableName") or "other").rsplit("/", 1)[-1].split(".")[0] or "other"
            if isinstance(key, dict)
            else "other"
        )
    settings = {"input": name, "keys": p.texts("leftKeys"), "other_keys": p.texts("rightKeys"), "how": hows[kind]}
    return Near(
        [("combine.join", settings)],
        f"the second table is the recipe's input {name!r}, and columns of both are all kept",
    )  # type: ignore[return-value]


OUTLIERS = {"Z_SCORE": "standard deviations", "MODIFIED_Z_SCORE": "median distances", "IQR": "quartile distances"}


def outliers(p: Parameters) -> dict[str, Any]:
    strategy = p.text("outlierStrategy")
    if strategy not in OUTLIERS:
        raise Unmapped(f"the strategy {strategy} has no equivalent")
    return {"columns": [p.text("sourceColumn")], "method": OUTLIERS[strategy], "k": p.number("threshold", 3.0)}


def replace_outliers(p: Parameters) -> Made:
    settings = outliers(p)
    by = {
        "REPLACE_WITH_NULL": "missing",
        "REPLACE_WITH_AVERAGE": "mean",
        "REPLACE_WITH_MEDIAN": "median",
        "WINSORIZE": "nearest bound",
        "CLIP": "nearest bound",
    }
    kind = str(p.get("modifierStrategy") or p.get("replaceType") or p.get("removeSourceColumn") or "")
    if kind not in by:
        raise Unmapped(f"the replacement {kind or 'is not named and'} has no exact equivalent")
    return [("outliers.replace", {**settings, "by": by[kind]})]


def flag_outliers(p: Parameters) -> Made:
    words = (
        {"as_text": True, "yes": p.text("trueString"), "no": p.text("falseString")}
        if p.get("trueString") and p.get("falseString")
        else {}
    )
    settings = outliers(p)
    made: Made = [("outliers.flag", {**settings, **words, "suffix": "_outlier"})]
    return [*made, ("columns.rename", {"column": f"{settings['columns'][0]}_outlier", "to": p.text("targetColumn")})]


def mapping(p: Parameters) -> Made:
    given = p.json("categoryMap")
    pairs = (
        {str(k): str(v) for k, v in given.items()}
        if isinstance(given, dict)
        else {str(e["from"]): str(e["to"]) for e in given}
    )
    column, to = p.text("sourceColumn"), p.get("targetColumn")
    start: Made = [("columns.duplicate", {"column": column, "to": to})] if to and to != column else []
    settings = {
        "columns": [to or column],
        "mapping": pairs,
        "others": "keep" if p.flag("keepOthers", True) else "default",
        "default_value": str(p.get("other", "")),
    }
    return [*start, ("logic.map_values", settings)]


def flag_pattern(p: Parameters) -> Made:
    return [
        (
            "text.test",
            {
                "column": p.text("sourceColumn"),
                "test": "matches pattern",
                "text": p.text("pattern"),
                "to": p.text("targetColumn"),
            },
        )
    ]


def unix_time(p: Parameters) -> Made:
    column, to = p.text("sourceColumn"), p.text("targetColumn")
    return [("columns.duplicate", {"column": column, "to": to}), ("types.to_unix_time", {"columns": [to]})]


def date_diff(p: Parameters) -> Made:
    units = {"DAYS": "days", "HOURS": "hours", "MINUTES": "minutes", "SECONDS": "seconds"}
    unit = p.text("units")
    if unit not in units or not (p.get("sourceColumn1") and p.get("sourceColumn2")):
        raise Unmapped("it needs two columns and days, hours, minutes or seconds")
    to, made = p.text("targetColumn"), {"start": p["sourceColumn1"], "end": p["sourceColumn2"], "unit": units[unit]}
    return Near([("dates.difference", {**made, "to": to})], "the difference keeps its fraction")  # type: ignore[return-value]


def date_add(p: Parameters) -> Made:
    units = {"DAYS": "days", "HOURS": "hours", "MINUTES": "minutes", "SECONDS": "seconds", "WEEKS": "weeks"}
    if p.text("units") not in units or p.get("value") not in (None, ""):
        raise Unmapped("it needs a column and weeks, days, hours, minutes or seconds")
    made = copy("dates.add", number=whole("dateAddValue"), unit=units[p.text("units")])(p)
    return Near(made, "the result is a date, not a text in a format") if p.get("dateTimeFormat") else made  # type: ignore[return-value]


def format_of(pattern: str) -> str:
    """Return a Java date pattern in strftime's words."""
    words = {
        "yyyy": "%Y",
        "yy": "%y",
        "MMMM": "%B",
        "MMM": "%b",
        "MM": "%m",
        "mm": "%M",
        "dd": "%d",
        "HH": "%H",
        "SS": "%S",
        "ss": "%S",
        "EEEE": "%A",
    }
    time_part = pattern.find("HH")
    found, rest, place = "", pattern, 0
    while rest:
        word = next((w for w in sorted(words, key=len, reverse=True) if rest.startswith(w)), None)
        if word is None:
            if rest[0].isalpha() or rest[0] == "%":
                raise Unmapped(f"the date pattern {pattern!r} has no equivalent")
            found, rest, place = found + rest[0], rest[1:], place + 1
            continue
        # the guide writes months as mm too; minutes stand after the hours
        as_month = word == "mm" and (time_part < 0 or place < time_part)
        found, rest, place = found + ("%m" if as_month else words[word]), rest[len(word) :], place + len(word)
    return found


def rolling(statistic: str) -> Callable[[Parameters], Made]:
    def make(p: Parameters) -> Made:
        raise Unmapped(
            f"the rows of a table have no order here: add “Rolling statistic” ({statistic}) with a column to order by"
        )

    return make


CASES = {"UPPER_CASE": "upper", "LOWER_CASE": "lower", "CAPITAL_CASE": "title", "SENTENCE_CASE": "sentence"}
PARTS = {
    "YEAR": "year",
    "QUARTER": "quarter",
    "MONTH": "month",
    "DAY": "day",
    "HOUR": "hour",
    "MINUTE": "minute",
    "SECOND": "second",
    "MILLISECOND": "millisecond",
    "WEEK_NUMBER": "week",
}
UNARY = {"NEGATE": "number.negate", "SQUARE_ROOT": "number.square_root", "LN": "number.natural_log", "EXPONENT": "number.exponential", "SIGN": "number.sign",
         "DEGREES": "number.radians_to_degrees", "RADIANS": "number.degrees_to_radians", "ABSOLUTE": "number.absolute"}  # fmt: skip
STATISTICS = {"AVERAGE": "mean", "MEAN": "mean", "MEDIAN": "median", "SUM": "sum", "MIN": "min", "MAX": "max"}
POSITIONS = "here positions count from 1 and the last one belongs to the part; the guide does not say so"
PATTERNS = "its patterns are regular expressions there"


def fill(statistic: str) -> Callable[[Parameters], Made]:
    return one("missing.fill_statistic", statistic=statistic)


OPERATIONS: dict[str, Callable[[Parameters], Made | Near]] = {
    # columns
    "CHANGE_DATA_TYPE": change_type,
    "TO_BOOLEAN_COLUMN": one("types.change", type="true/false"), "TO_DOUBLE_COLUMN": one("types.change", type="number"),
    "TO_NUMBER_COLUMN": one("types.change", type="number"), "TO_STRING_COLUMN": one("types.change", type="text"),
    "DELETE": one("columns.drop"), "DUPLICATE": new("columns.duplicate"), "RENAME": new("columns.rename"),
    "MOVE_AFTER": move("after"), "MOVE_BEFORE": move("before"), "MOVE_TO_END": move("end"), "MOVE_TO_START": move("start"), "MOVE_TO_INDEX": move("position"),
    # cleaning
    **{name: one("text.change_case", case=case) for name, case in CASES.items()},
    "ADD_DOUBLE_QUOTES": one("text.add_affix", before='"', after='"'), "ADD_SINGLE_QUOTES": one("text.add_affix", before="'", after="'"),
    "ADD_PREFIX": one("text.add_affix", before=text("pattern")), "ADD_SUFFIX": one("text.add_affix", after=text("pattern")),
    "EXTRACT_BETWEEN_DELIMITERS": near(new("text.extract_by_delimiter", start=text("startPattern"), end=text("endPattern")), PATTERNS),
    "EXTRACT_BETWEEN_POSITIONS": near(lambda p: [("text.extract_part", {"column": p.text("sourceColumn"), "to": p.text("targetColumn"), "part": "from position",
                                      "start": p.whole("startPosition"), "count": p.whole("endPosition") - p.whole("startPosition") + 1})], POSITIONS),
    "EXTRACT_PATTERN": new("text.extract_pattern", pattern=text("pattern")),
    "REMOVE_COMBINED": remove_combined, "REPLACE_TEXT": replace,
    "REPLACE_BETWEEN_DELIMITERS": near(one("pieces.replace_between", left=text("startPattern"), right=text("endPattern"), new=text("value", "")), PATTERNS),
    "REPLACE_BETWEEN_POSITIONS": near(one("pieces.replace_positions", start=whole("startPosition"), end=whole("endPosition"), new=text("value", "")), POSITIONS),
    "FORMAT_DATE": lambda p: [("dates.format", {"columns": _source(p), "format": format_of(p.text("targetDateFormat"))})],
    # quality
    "DELETE_DUPLICATE_ROWS": lambda p: [("rows.drop_duplicates", {})],
    "REMOVE_DUPLICATES": lambda p: Near([("rows.drop_duplicates", {"columns": _source(p)})], "which of the equal rows stays is not the first one"),
    "FLAG_DUPLICATE_ROWS": lambda p: _no_columns(),
    "FLAG_DUPLICATES_IN_COLUMN": lambda p: [("rows.flag_duplicates", {"columns": _source(p), "to": p.text("targetColumn"), "which": "all",
                                            **({"labels": [p["trueString"], p["falseString"]]} if p.get("trueString") and p.get("falseString") else {})})],
    "REMOVE_MISSING": one("missing.drop_rows"),
    "FILL_WITH_AVERAGE": fill("mean"), "FILL_WITH_MEDIAN": fill("median"), "FILL_WITH_SUM": fill("sum"),
    "FILL_WITH_MODE": one("missing.fill_most_frequent"), "FILL_WITH_MOST_FREQUENT": one("missing.fill_most_frequent"),
    "FILL_WITH_CUSTOM": fill_custom, "FILL_WITH_EMPTY": one("missing.fill_constant", value=""),
    # personal data
    "CRYPTOGRAPHIC_HASH": near(one("privacy.hash"), "SHA-256 without a secret; DataBrew uses HMAC with a secret"),
    "MASK_DELIMITER": one("privacy.mask_parts", left=text("startDelimiter"), right=text("endDelimiter"), symbol=text("maskSymbol", "#")),
    "MASK_CUSTOM": one("privacy.mask_parts", where="pattern", pattern=text("pattern"), symbol=text("maskSymbol", "#")),
    # outliers
    "FLAG_OUTLIERS": flag_outliers, "REPLACE_OUTLIERS": replace_outliers, "REMOVE_OUTLIERS": lambda p: [("outliers.drop_rows", outliers(p))],
    # structure of columns
    "FLAG_COLUMN_FROM_NULL": lambda p: [("columns.duplicate", {"column": p.text("sourceColumn"), "to": p.text("targetColumn")}),
                                        ("code.expression", {"expression": f"isnull({_quoted(p.text('targetColumn'))})", "to": p.text("targetColumn")})],
    "FLAG_COLUMN_FROM_PATTERN": flag_pattern, "MERGE": merge,
    "SPLIT_COLUMN_SINGLE_DELIMITER": split, "SPLIT_COLUMN_FROM_START": split_at("after the first characters", "position"),
    "SPLIT_COLUMN_FROM_END": split_at("before the last characters", "position"),
    # structure of data
    "GROUP_BY": group_by, "JOIN": join,
    "UNPIVOT": lambda p: [("reshape.unpivot", {"columns": p.texts("sourceColumns"), "name_to": p.text("unpivotColumn", "name"), "value_to": p.text("valueColumn", "value")})],
    "UNNEST_ARRAY": lambda p: [("nested.explode", {"column": p.text("sourceColumn")})],
    # data science
    "ONE_HOT_ENCODING": one("encode.one_hot", keep=True), "CATEGORICAL_MAPPING": mapping,
    # mathematics
    **{name: copy(transform) for name, transform in UNARY.items()},
    "FLOOR": copy("number.round", mode="down"), "CEILING": copy("number.round", mode="up"), "ROUND": copy("number.round", digits=whole("decimalPlaces", 0)),
    "ADD": arithmetic("add"), "SUBTRACT": arithmetic("subtract"), "MULTIPLY": arithmetic("multiply"), "DIVIDE": arithmetic("divide"),
    "MOD": arithmetic("remainder"), "POWER": arithmetic("power"),
    "IS_EVEN": copy("number.is_even", question="even"), "IS_ODD": copy("number.is_even", question="odd"),
    "PI": lambda p: [("maths.constant", {"constant": "pi", "to": p.text("targetColumn")})],
    # across columns
    "COUNT": across("number.row_statistic", statistic="count"), "COUNT_DISTINCT": across("across.pick_number", statistic="how many different"),
    "KTH_LARGEST": across("across.pick_number", statistic="k-th largest", k=whole("value")),
    "KTH_LARGEST_UNIQUE": across("across.pick_number", statistic="k-th largest", k=whole("value"), unique=True),
    **{name: across("number.row_statistic", statistic=statistic) for name, statistic in STATISTICS.items() if statistic in ("mean", "sum", "min", "max")},
    "MEDIAN": across("across.pick_number", statistic="median"), "MODE": across("across.pick_number", statistic="most frequent"),
    "STANDARD_DEVIATION": across("number.row_statistic", statistic="std"), "VARIANCE": across("number.row_statistic", statistic="variance"),
    # text functions
    "UPPER": copy("text.change_case", case="upper"), "LOWER": copy("text.change_case", case="lower"), "PROPER": copy("text.change_case", case="title"),
    "TRIM": copy("text.trim"), "REMOVE_WHITESPACE": copy("text.trim", where="everywhere"), "REMOVE_SYMBOLS": copy("text.remove_characters", kind="symbols"),
    "REPEAT_STRING": copy("text.repeat", times=whole("count")), "LEN": new("text.length"),
    "LEFT": new("text.extract_part", part="first", count=whole("position")), "RIGHT": new("text.extract_part", part="last", count=whole("position")),
    "STARTS_WITH": new("text.test", test="starts with", text=text("pattern")), "ENDS_WITH": new("text.test", test="ends with", text=text("pattern")),
    "FIND": near(new("text.find_position", find=text("pattern")), POSITIONS), "RIGHT_FIND": near(new("text.find_position", find=text("pattern"), which="last"), POSITIONS),
    "CHAR": new("texttest.character_from_code"), "UNICODE": new("texttest.code_of_character"),
    "EXACT": lambda p: [("logic.compare_columns", {"left": p.text("sourceColumn1"), "right": p.text("sourceColumn2"), "to": p.text("targetColumn")})],
    # dates
    **{name: new("dates.extract_part", part=part) for name, part in PARTS.items()},
    "MONTH_NAME": new("dates.extract_name"), "UNIX_TIME": unix_time, "DATE_DIFF": date_diff, "DATE_ADD": date_add,
    "DATE_FORMAT": copy("dates.format", format=lambda p: format_of(p.text("dateTimeFormat"))),
    # web, other
    "IP_TO_INT": new("web.ip_to_number"), "INT_TO_IP": new("web.number_to_ip"),
    "COALESCE": across("logic.coalesce"),
    **{f"ROLLING_{name}": rolling(name.lower().replace("_", " ")) for name in ("AVERAGE", "SUM", "MIN", "MAX", "MODE", "VARIANCE", "STANDARD_DEVIATION", "COUNT_A", "KTH_LARGEST", "KTH_LARGEST_UNIQUE")},
}  # fmt: skip

ORDER = "the rows of a table have no order here: add the step with a column to order by"
WHY = {
    **dict.fromkeys(("FILL", "NEXT", "PREV", "ROW_NUMBER", "SESSION", "FILL_WITH_LAST_VALID", "REPLACE_WITH_LAST_VALID",
                     "REPLACE_WITH_ROLLING_AVERAGE", "REPLACE_WITH_ROLLING_SUM"), ORDER),
    **dict.fromkeys(("ENCRYPT", "DECRYPT", "DETERMINISTIC_ENCRYPT", "DETERMINISTIC_DECRYPT"), "its key is a secret of AWS"),
    **dict.fromkeys(("GET_ACTION_RESULT", "GET_STEP_DATAFRAME"), "it fetches a result of DataBrew and changes nothing"),
    "SORT": "a table keeps no order between steps; “Sort rows” can be added as the last one",
    "PIVOT": "Tilth's pivot needs the columns that stay in rows",
    "RANDOM": "random numbers differ", "RANDOM_BETWEEN": "random numbers differ", "SHUFFLE_ROWS": "random order differs",
}  # fmt: skip


def _no_columns() -> Made:
    raise Unmapped("“Flag duplicates” needs the names of all columns, which the recipe does not hold")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

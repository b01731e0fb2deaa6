"""SageMaker Data Wrangler flows: a JSON graph of nodes with operators. One recipe for the longest way, further ones beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transforms import formula
from transforms.errors import InputError
from transforms.importing.report import Builder, Made, Near, Parameters, Report, Unmapped
from transforms.recipe import Recipe

TYPES = {"long": "whole number", "int": "whole number", "integer": "whole number", "float": "number", "double": "number", "bool": "true/false", "boolean": "true/false",
         "string": "text", "date": "date", "datetime": "date and time", "timestamp": "date and time"}  # fmt: skip


def operations(content: Any) -> dict | None:
    """Return the content of a flow, or None if it is none."""
    nodes = content.get("nodes") if isinstance(content, dict) else None
    if isinstance(nodes, list) and nodes and all(isinstance(n, dict) and "node_id" in n for n in nodes):
        return content
    return None


def read(flow: dict, name: str) -> tuple[Recipe, Report]:
    """Return the recipe of the longest way through the flow; other ends and the other sides of joins are `report.recipes`."""
    return _Flow(flow).read(name)


class _Flow:
    def __init__(self, flow: dict):
        self.nodes = {str(n["node_id"]): n for n in flow["nodes"]}
        self.numbers = {node: number for number, node in enumerate(self.nodes, 1)}
        self.report = Report("Data Wrangler flow")
        self.names: dict[str, str] = {}  # source or branch node -> the name of an input
        self.told: set[str] = set()  # nodes that the report has a line for

    def feeds(self, node: str) -> list[str]:
        given = self.nodes[node].get("inputs") or []
        return [str(i["node_id"]) for i in given if isinstance(i, dict) and str(i.get("node_id")) in self.nodes]

    def way(self, end: str) -> list[str]:
        """Return the nodes from the source to `end`, following the first input of each."""
        found = [end]
        while before := self.feeds(found[-1]):
            if before[0] in found:
                raise InputError("The flow goes round in a circle.", hint="Export it again from Data Wrangler.")
            found.append(before[0])
        return found[::-1]

    def read(self, name: str) -> tuple[Recipe, Report]:
        used = {before for node in self.nodes for before in self.feeds(node)}
        ends = [node for node in self.nodes if node not in used] or list(self.nodes)[-1:]
        ways = sorted((self.way(end) for end in ends), key=len, reverse=True)
        recipe = self.recipe(ways[0], name)
        for place, way in enumerate(ways[1:], 2):
            self.report.recipes[f"{name}_{place}"] = self.recipe(way, f"{name}_{place}")
        if len(ways) > 1:
            self.report.remarks.append(
                f"The flow has {len(ways)} ends: the recipe follows the longest way, the others are recipes of their own."
            )
        return recipe, self.report

    def recipe(self, way: list[str], name: str) -> Recipe:
        builder = Builder("Data Wrangler", self.report, name)
        for node in way:
            content = self.nodes[node]
            operator = (
                str(content.get("operator", "")).removeprefix("sagemaker.").removeprefix("spark.").rsplit("_", 1)[0]
            )
            if content.get("type") == "SOURCE" or not self.feeds(node):
                self.source(node, operator)
                continue
            if content.get("type") not in ("TRANSFORM", None):
                self.line(node, operator, f"a {str(content.get('type')).lower()} node changes no data")
                continue
            lines = len(self.report.lines)
            parameters = content.get("parameters") or {}
            title = operator + (
                f": {parameters['operator']}"
                if isinstance(parameters, dict) and isinstance(parameters.get("operator"), str)
                else ""
            )
            original = {k: v for k, v in content.items() if k != "trained_parameters"}
            builder.add(
                self.numbers[node],
                title,
                original,
                self.maker(node, operator, parameters),
                kept=_code(operator, parameters),
            )
            if node in self.told:  # a node that several ways share is told once
                del self.report.lines[lines:]
            self.told.add(node)
        return builder.recipe()

    def source(self, node: str, operator: str) -> None:
        definition = (self.nodes[node].get("parameters") or {}).get("dataset_definition") or {}
        place = (definition.get("s3ExecutionContext") or {}).get("s3Uri") or definition.get("queryString") or ""
        self.line(
            node,
            operator,
            f"a source: give it as an input ({definition.get('name', 'unnamed')}{': ' + str(place) if place else ''})",
        )

    def line(self, node: str, operator: str, why: str) -> None:
        if node not in self.told:
            self.told.add(node)
            Builder("Data Wrangler", self.report, "").leave_out(self.numbers[node], operator, why)

    def branch(self, node: str) -> str:
        """Return the name of the input that stands for another node; its steps become a recipe of that name."""
        if node not in self.names:
            way = self.way(node)
            definition = (self.nodes[way[0]].get("parameters") or {}).get("dataset_definition") or {}
            base = (
                "".join(c if c.isalnum() else "_" for c in str(definition.get("name") or "other").rsplit(".", 1)[0])
                or "other"
            )
            name, number = base, 2
            while name in self.names.values() or name == "main":
                name, number = f"{base}_{number}", number + 1
            self.names[node] = name
            recipe = self.recipe(way, name)
            if recipe.steps:
                self.report.recipes[name] = recipe
                self.report.remarks.append(
                    f"The input {name!r} has steps of its own: they are the recipe {name!r}; run it first."
                )
        return self.names[node]

    def maker(self, node: str, operator: str, parameters: Any) -> Callable[[], Made | Near]:
        def make() -> Made | Near:
            if not isinstance(parameters, dict):
                raise Unmapped("its parameters are no object")
            p = Parameters(parameters)
            if operator in ("join_tables", "join"):
                return self.join(node, p)
            if operator.startswith("concatenate"):
                return [
                    (
                        "combine.union",
                        {
                            "input": self.branch(self.feeds(node)[1]),
                            "drop_duplicates": p.flag("remove_duplicates") or p.flag("dedupe"),
                        },
                    )
                ]
            if operator == "infer_and_cast_type":
                return types_of(self.nodes[node])
            if operator not in OPERATORS:
                raise Unmapped(
                    "the code is kept; it was written for Spark or pandas there"
                    if operator.startswith("custom_")
                    else "Tilth has no exact equivalent"
                )
            return OPERATORS[operator](p)

        return make

    def join(self, node: str, p: Parameters) -> Near:
        hows = {"inner": "inner", "left": "left", "leftouter": "left", "left_outer": "left", "outer": "full", "full": "full", "fullouter": "full", "left_semi": "keep matching",
                "leftsemi": "keep matching", "left_anti": "drop matching", "leftanti": "drop matching"}  # fmt: skip
        kind = p.text("join_type").lower().replace(" ", "_")
        if kind not in hows or len(self.feeds(node)) < 2:
            raise Unmapped(f"the join {kind!r} has no exact equivalent")
        keys, others = p.texts("left_column"), p.texts("right_column")
        steps: Made = [
            (
                "combine.join",
                {
                    "input": self.branch(self.feeds(node)[1]),
                    "keys": keys,
                    "other_keys": others,
                    "how": hows[kind],
                    "suffix": "_1",
                },
            )
        ]
        if hows[kind] in ("inner", "left", "full"):
            for key, other in zip(
                keys, others, strict=True
            ):  # there both keys stay: k_0 and k_1 where they have one name
                to = f"{key}_1" if key == other else other
                steps.append(("columns.duplicate", {"column": key, "to": to}))
                if key == other:
                    steps.append(("columns.rename", {"column": key, "to": f"{key}_0"}))
        return Near(
            steps,
            "other columns of the same name keep it on the left (there it becomes NAME_0) and get _1 on the right",
        )


def types_of(node: dict) -> Made:
    """Return the casts that the flow inferred."""
    schema = (node.get("trained_parameters") or {}).get("schema") or (node.get("parameters") or {}).get("schema")
    if not isinstance(schema, dict) or not schema:
        raise Unmapped("the flow does not hold the types that it inferred")
    groups: dict[str, list[str]] = {}
    for column, kind in schema.items():
        if str(kind).lower() not in TYPES:
            raise Unmapped(f"the type {kind!r} of column {column!r} has no equivalent")
        groups.setdefault(TYPES[str(kind).lower()], []).append(column)
    return [("types.change", {"columns": columns, "type": kind}) for kind, columns in groups.items()]


def _code(operator: str, parameters: Any) -> tuple[str, dict] | None:
    """Return the disabled step that carries custom code."""
    if not isinstance(parameters, dict):
        return None
    code = parameters.get("code") or parameters.get("query") or parameters.get("sql")
    if operator == "custom_formula" and isinstance(parameters.get("formula"), str):
        return "code.expression", {
            "expression": parameters["formula"],
            "to": str(parameters.get("output_column", "formula")),
        }
    if not isinstance(code, str):
        return None
    if "sql" in operator:
        return "code.sql", {"query": code}
    return ("code.python_table" if "pandas" in operator else "code.pyspark"), {"code": code}


def _target(p: Parameters, column: str) -> tuple[Made, str]:
    """Return the steps that copy a column to its output column, and that column's name."""
    to = p.get("output_column") or column
    return ([("columns.duplicate", {"column": column, "to": to})] if to != column else []), to


def columns(p: Parameters) -> Made | Near:
    kind = p.text("operator").lower()
    if kind.startswith("drop"):
        return [("columns.drop", {"columns": p.group("drop_column_parameters").texts("column_to_drop")})]
    if kind.startswith("rename"):
        g = p.group("rename_column_parameters")
        return [("columns.rename", {"column": g.text("input_column"), "to": g.text("new_name")})]
    if kind.startswith("duplicate"):
        g = p.group("duplicate_column_parameters")
        return [("columns.duplicate", {"column": g.text("input_column"), "to": g.text("new_name")})]
    if kind.startswith("move"):
        g = p.group("move_column_parameters")
        place = g.text("move_type").lower().removeprefix("move to ").removeprefix("move ")
        inner = g.group(f"move_{'to_' if place in ('start', 'end', 'index') else ''}{place}_parameters")
        settings: dict[str, Any] = {
            "columns": inner.texts("column_to_move"),
            "to": {"index": "position"}.get(place, place),
        }
        if place in ("before", "after"):
            settings["other"] = inner.text("target_column")
        if place == "index":
            settings["position"] = inner.whole("index") + 1
        return [("columns.move", settings)]
    raise Unmapped(f"the operator {kind!r} has no equivalent")


def cast(p: Parameters) -> Made:
    kind = p.text("data_type").lower()
    if kind not in TYPES or p.get("date_format"):
        raise Unmapped(f"the type {kind!r} has no equivalent")
    return [("types.change", {"columns": [p.text("column")], "type": TYPES[kind]})]


def missing(p: Parameters) -> Made | Near:
    kind = p.text("operator").lower()
    if kind.startswith("drop"):
        g = p.group("drop_missing_parameters")
        if "column" in g.text("dimension").lower():
            raise Unmapped("columns are dropped there by a share of missing values")
        return [("missing.drop_rows", {"columns": g.group("drop_rows_parameters").texts("input_column")})]
    if kind.startswith("fill"):
        g = p.group("fill_missing_parameters")
        start, to = _target(g, g.text("input_column"))
        return [*start, ("missing.fill_constant", {"columns": [to], "value": g.text("fill_value")})]
    if kind.startswith("impute"):
        g = p.group("impute_parameters")
        if g.text("column_type").lower() == "categorical":
            inner = g.group("categorical_parameters")
            start, to = _target(inner, inner.text("input_column"))
            return [*start, ("missing.fill_most_frequent", {"columns": [to]})]
        inner = g.group("numeric_parameters")
        start, to = _target(inner, inner.text("input_column"))
        median = "median" in inner.text("strategy").lower()
        steps: Made = [
            *start,
            ("missing.fill_statistic", {"columns": [to], "statistic": "median" if median else "mean"}),
        ]
        return Near(steps, "the median is exact here, approximate there") if median else steps
    if kind.startswith("add indicator"):
        g = p.group("add_indicator_for_missing_parameters")
        column, to = g.text("input_column"), g.text("output_column", f"{g.get('input_column')}_indicator")
        return Near(
            [("code.expression", {"expression": f"isnull({_quoted(column)})", "to": to})], "true/false here, 1/0 there"
        )
    raise Unmapped(f"the operator {kind!r} has no equivalent")


def encode(p: Parameters) -> Made | Near:
    kind = p.text("operator").lower()
    if kind.startswith("one-hot"):
        g = p.group("one_hot_encode_parameters")
        if g.text("output_style", "Columns").lower() != "columns":
            raise Unmapped("it makes a vector")
        settings = {"columns": g.texts("input_column"), "drop_first": g.flag("drop_last")}
        differs = "missing values get no column of their own" + (
            "; the first category is left out, there the last" if g.flag("drop_last") else ""
        )
        return Near([("encode.one_hot", settings)], differs)
    if kind.startswith("ordinal"):
        g = p.group("ordinal_encode_parameters")
        settings = {"columns": g.texts("input_column"), "unseen": "missing"}
        return Near([("encode.ordinal", settings)], "numbers follow the order of the alphabet; there the frequency")
    raise Unmapped(f"the operator {kind!r} has no equivalent")


def custom_formula(p: Parameters) -> Made | Near:
    text = p.text("formula")
    if why := formula.problem(text):
        raise Unmapped(why)
    return [("code.expression", {"expression": text, "to": p.text("output_column")})]


def rows(p: Parameters) -> Made | Near:
    kind = p.text("operator").lower()
    if kind.startswith("shuffle"):
        return Near([("rows.shuffle", {})], "another order")
    if kind.startswith("drop duplicates"):
        return [("rows.drop_duplicates", {})]
    if kind.startswith("sort"):
        g = p.group("sort_parameters")
        return [
            (
                "rows.sort",
                {"columns": g.texts("input_column"), "descending": "desc" in g.text("order", "Ascending").lower()},
            )
        ]
    raise Unmapped(f"the operator {kind!r} has no equivalent")


SCALERS = {
    "standard": "scale.standard",
    "min-max": "scale.min_max",
    "robust": "scale.robust",
    "max absolute": "scale.max_abs",
}
FORMATS = {"lower case": ("text.change_case", {"case": "lower"}), "upper case": ("text.change_case", {"case": "upper"}), "title case": ("text.change_case", {"case": "title"}),
           "capitalize": ("text.change_case", {"case": "sentence"}), "swap case": ("text.change_case", {"case": "swap"}), "strip left and right": ("text.trim", {}),
           "strip left": ("text.trim", {"where": "start"}), "strip right": ("text.trim", {"where": "end"}), "remove symbols": ("text.remove_characters", {"kind": "symbols"})}  # fmt: skip


def _only_group(p: Parameters, kind: str) -> Parameters:
    """Return the group of parameters of an operator, named after it."""
    return p.group(kind.lower().replace("-", "_").replace(" ", "_") + "_parameters")


def scale(p: Parameters) -> Made | Near:
    g = _only_group(p, p.text("operator"))
    scaler = g.text("scaler").lower().removesuffix(" scaler")
    if scaler not in SCALERS:
        raise Unmapped(f"the scaler {scaler!r} has no equivalent")
    inner = _only_group(g, g.text("scaler"))
    start, to = _target(inner, inner.text("input_column"))
    if scaler == "standard" and not inner.flag("center", True):
        raise Unmapped("it scales without centring")
    return [*start, (SCALERS[scaler], {"columns": [to]})]


def format_string(p: Parameters) -> Made | Near:
    kind = p.text("operator").lower()
    if kind not in FORMATS:
        raise Unmapped(f"the operator {kind!r} has no exact equivalent")
    g = _only_group(p, kind)
    start, to = _target(g, g.text("input_column"))
    transform, settings = FORMATS[kind]
    return [*start, (transform, {"columns": [to], **settings})]


OPERATORS: dict[str, Callable[[Parameters], Made | Near]] = {
    "manage_columns": columns, "cast_single_data_type": cast, "handle_missing": missing, "encode_categorical": encode, "custom_formula": custom_formula,
    "manage_rows": rows, "process_numeric": scale, "format_string": format_string,
}  # fmt: skip


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

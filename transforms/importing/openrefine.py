"""OpenRefine histories: a JSON list of operations ("Extract…" in Undo/Redo), with facets and GREL expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from transforms.importing import grel
from transforms.importing.grel import blank, literal, quoted
from transforms.importing.report import Builder, Made, Near, Parameters, Report, Unmapped

ORDER = "rows have no order here"


def operations(content: Any) -> list | None:
    """Return the operations of a history, or None if it is none."""
    if isinstance(content, dict):
        content = content.get("operations") or content.get("entries") or ([content] if "op" in content else None)
    if isinstance(content, list) and content:
        content = [
            o["operation"] if isinstance(o, dict) and isinstance(o.get("operation"), dict) else o for o in content
        ]
        if any(isinstance(o, dict) and isinstance(o.get("op"), str) for o in content):
            return content
    return None


def read(history: list, name: str):
    """Return (Recipe, Report)."""
    builder = Builder("OpenRefine", Report("OpenRefine history"), name)
    for number, operation in enumerate(history, 1):
        if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
            builder.keep(number, "operation", operation, "it names no operation")
            continue
        kind = operation["op"].removeprefix("core/")
        builder.add(number, kind, operation, _maker(kind, Parameters(operation), history[number:]))
    return builder.recipe(), builder.report


def _maker(kind: str, p: Parameters, later: list) -> Callable[[], Made | Near]:
    def make() -> Made | Near:
        if kind == "column-split":
            return split(p, later)
        if kind not in OPERATIONS:
            raise Unmapped(WHY.get(kind, "Tilth has no exact equivalent"))
        return OPERATIONS[kind](p)

    return make


# -- facets


def chosen(p: Parameters) -> str:
    """Return a formula for the rows that the facets leave, or "" for all."""
    engine = p.get("engineConfig") or {}
    tests = [_facet(Parameters(facet)) for facet in engine.get("facets") or []]
    tests = [test for test in tests if test]
    if tests and engine.get("mode") == "record-based":
        raise Unmapped("its facets choose records of several rows")
    return " and ".join(tests)


def _facet(p: Parameters) -> str:
    kind, column = p.text("type"), p.text("columnName")
    test = {"list": _list_facet, "text": _text_facet, "range": _range_facet}.get(kind)
    if test is None:
        raise Unmapped(f"a facet of type {kind!r} has no equivalent")
    found = test(p, column)
    return f"(not coalesce({found}, false))" if found and p.flag("invert") else found


def _list_facet(p: Parameters, column: str) -> str:
    expression = p.text("expression", "value")
    written, _ = grel.formula(expression, column)
    tests = []
    for one in p.get("selection") or []:
        value = one["v"]["v"]
        if isinstance(value, bool):
            tests.append(written if value else f"(not {written})")
        else:
            tests.append(f"{written} = {literal(value) if isinstance(value, str) else value}")
    if p.flag("selectBlank"):
        tests.append(blank(written))
    if p.flag("selectError"):
        raise Unmapped("a facet chooses errors")
    return f"({' or '.join(tests)})" if tests else ""


def _text_facet(p: Parameters, column: str) -> str:
    query = str(p.get("query") or "")
    if not query:
        return ""
    written = quoted(column)
    pattern = query if p.text("mode", "text") == "regex" else re.escape(query)
    return f"regexp_matches({written}, {literal(('' if p.flag('caseSensitive') else '(?i)') + pattern)})"


def _range_facet(p: Parameters, column: str) -> str:
    if p.flag("selectNonNumeric", False) or p.flag("selectBlank", False) or p.flag("selectError", False):
        # these are on by default and let rows pass that are no numbers
        raise Unmapped("a range facet lets values pass that are no numbers")
    written, _ = grel.formula(p.text("expression", "value"), column)
    return f"({written} >= {p.number('from')} and {written} < {p.number('to')})"


def where(p: Parameters, made: str, column: str) -> str:
    """Return the formula that changes a column only in the rows that the facets leave."""
    test = chosen(p)
    return f"if({test}, {made}, {quoted(column)})" if test else made


# -- operations

NATIVE: dict[str, tuple[str, dict[str, Any], str]] = {  # one call without arguments on `value`: a step of its own
    "trim": ("text.trim", {}, ""), "strip": ("text.trim", {}, ""), "toUppercase": ("text.change_case", {"case": "upper"}, ""),
    "toLowercase": ("text.change_case", {"case": "lower"}, ""), "toTitlecase": ("text.change_case", {"case": "title"}, ""),
    "toString": ("types.change", {"type": "text"}, ""), "toNumber": ("types.change", {"type": "number"}, "what is no number becomes missing"),
    "toDate": ("types.change", {"type": "date and time"}, "only dates such as 2024-01-31 are read; the rest becomes missing"),
    "fingerprint": ("similar.value_key", {"method": "fingerprint"}, ""),
}  # fmt: skip


def transform(p: Parameters) -> Made | Near:
    column, expression = p.text("columnName"), p.text("expression")
    if p.flag("repeat"):
        raise Unmapped("it repeats until nothing changes")
    tree = grel.parse(expression)
    if not chosen(p) and tree.kind == "call" and tree.parts and tree.parts[0].kind == "value":
        name, given = str(tree.value), tree.parts[1:]
        if name in NATIVE and not given:
            step, settings, differs = NATIVE[name]
            made: Made = [(step, {"columns": [column], **settings})]
            return Near(made, differs) if differs else made
        if name in ("escape", "unescape") and len(given) == 1 and given[0].value in ("html", "xml", "url"):
            return [
                (
                    f"web.{'encode' if name == 'escape' else 'decode'}",
                    {"columns": [column], "codec": str(given[0].value).upper()},
                )
            ]
        if (
            name == "replace"
            and len(given) == 2
            and given[1].kind == "text"
            and given[0].kind in ("text", "regex")
            and "$" not in str(given[1].value)
        ):
            return [
                (
                    "text.find_replace",
                    {
                        "columns": [column],
                        "find": str(given[0].value),
                        "replace": str(given[1].value),
                        "regex": given[0].kind == "regex",
                    },
                )
            ]
    if not chosen(p) and tree.kind == "null":
        return [("privacy.null_out", {"columns": [column]})]
    written, notes = grel.formula(expression, column)
    return _noted([("code.expression", {"expression": where(p, written, column), "to": column})], notes)


def _noted(steps: Made, notes: list[str]) -> Made | Near:
    return Near(steps, "; ".join(dict.fromkeys(notes))) if notes else steps


def addition(p: Parameters) -> Made | Near:
    base, to = p.text("baseColumnName"), p.text("newColumnName")
    written, notes = grel.formula(p.text("expression"), base)
    test = chosen(p)
    steps: Made = [("code.expression", {"expression": f"if({test}, {written}, null)" if test else written, "to": to})]
    if p.get("columnInsertIndex") is not None:
        steps.append(
            ("columns.move", {"columns": [to], "to": "position", "position": p.whole("columnInsertIndex") + 1})
        )
    return _noted(steps, notes)


def mass_edit(p: Parameters) -> Made | Near:
    column = p.text("columnName")
    if p.text("expression", "value").removeprefix("grel:") != "value":
        raise Unmapped("it edits by an expression")
    mapping: dict[str, str] = {}
    steps: Made = []
    for edit in p["edits"]:
        if edit.get("fromError"):
            raise Unmapped("it edits errors")
        mapping |= {str(old): str(edit["to"]) for old in edit.get("from") or []}
        if edit.get("fromBlank"):
            mapping[""] = str(edit["to"])
            steps.append(("missing.fill_constant", {"columns": [column], "value": str(edit["to"])}))
    if test := chosen(p):
        whens = " ".join(f"when {quoted(column)} = {literal(old)} then {literal(new)}" for old, new in mapping.items())
        if steps or not whens:
            raise Unmapped("it edits blank cells of some rows")
        return [
            (
                "code.expression",
                {
                    "expression": f"case when not coalesce({test}, false) then {quoted(column)} {whens} else {quoted(column)} end",
                    "to": column,
                },
            )
        ]
    return [*([("logic.map_values", {"columns": [column], "mapping": mapping})] if mapping else []), *steps]


def split(p: Parameters, later: list) -> Made | Near:
    column, remove = p.text("columnName"), p.flag("removeOriginalColumn", True)
    if chosen(p):
        raise Unmapped("it splits some of the rows")
    start = f"{column} "
    if p.text("mode", "separator") == "lengths":
        lengths = [int(n) for n in p["fieldLengths"]]
        ends, at = [], 0
        for length in lengths:
            at += length
            ends.append(at)
        parts, differs = len(lengths), ""
        made: Made = [
            ("pieces.split_columns", {"column": column, "how": "at positions", "numbers": ends, "parts": parts})
        ]
    else:
        if p.flag("regex"):
            raise Unmapped("it splits at a regular expression")
        most = p.whole("maxColumns", 0)
        named = [int(m) for m in re.findall(re.escape(start) + r"(\d{1,2})\b", str(later))]
        parts = most if most > 1 else max([2, *named])
        differs = (
            "the last column holds its own part only"
            if most > 1
            else f"{parts} new columns are made; there as many as the fullest cell has parts"
        )
        made = [("text.split_column", {"column": column, "delimiter": p.text("separator"), "parts": parts})]
    made += [("columns.rename", {"column": f"{column}_{n}", "to": f"{column} {n}"}) for n in range(1, parts + 1)]
    made += [("columns.drop", {"columns": [column]})] if remove else []
    guess = "numbers among the parts stay text" if p.flag("guessCellType") else ""
    return _noted(made, [n for n in (differs, guess) if n])


def to_rows(p: Parameters) -> Made | Near:
    if p.text("mode", "separator") not in ("separator", "plain") or p.flag("regex"):
        raise Unmapped("it splits by lengths or by a regular expression")
    steps: Made = [("text.split_to_rows", {"column": p.text("columnName"), "delimiter": p.text("separator")})]
    return Near(steps, "the other columns repeat in the new rows; there they are blank")


def remove_rows(p: Parameters) -> Made:
    test = chosen(p)
    if not test:
        raise Unmapped("it removes all rows")
    return [("code.filter_rows", {"expression": test, "action": "drop"})]


def reorder(p: Parameters) -> Made:
    criteria = p["sorting"]["criteria"]
    directions = {bool(c.get("reverse")) for c in criteria}
    if len(directions) != 1:
        raise Unmapped("it sorts up and down at once")
    return [("rows.sort", {"columns": [c["column"] for c in criteria], "descending": directions.pop()})]


OPERATIONS: dict[str, Callable[[Parameters], Made | Near]] = {
    "text-transform": transform,
    "column-addition": addition,
    "column-rename": lambda p: [("columns.rename", {"column": p.text("oldColumnName"), "to": p.text("newColumnName")})],
    "column-removal": lambda p: [("columns.drop", {"columns": [p.text("columnName")]})],
    "column-move": lambda p: [
        ("columns.move", {"columns": [p.text("columnName")], "to": "position", "position": p.whole("index") + 1})
    ],
    "column-reorder": lambda p: [("columns.keep", {"columns": p.texts("columnNames")})],
    "mass-edit": mass_edit,
    "multivalued-cell-split": to_rows,
    "row-removal": remove_rows,
    "row-reorder": reorder,
}
WHY = {
    "fill-down": f"{ORDER}: add “Fill from the row above” with a column to order by",
    "blank-down": ORDER, "multivalued-cell-join": f"{ORDER}: add “Join rows of a group” with a column to order by",
    "row-star": "stars mark rows in the screen only", "row-flag": "flags mark rows in the screen only",
    "column-addition-by-fetching-urls": "it fetches from the network",
    **dict.fromkeys(("recon", "recon-match-best-candidates", "recon-judge-similar-cells", "recon-mark-new-topics", "recon-discard-judgments",
                     "recon-match-specific-topic-to-cells", "extend-reconciled-data", "recon-use-values-as-identifiers"), "it asks a reconciliation service"),
}  # fmt: skip

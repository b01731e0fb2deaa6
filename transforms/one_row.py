"""Compiles a recipe's expression into one Python function for one record: microseconds instead of a query.

The expression stays the only source of truth: each Ibis operation becomes a piece of Python that means what DuckDB means.
Where Python cannot be sure to mean the same (an operation that is not listed, text beyond ASCII in upper case, an overflow)
it raises, and the caller asks DuckDB instead: slower, never different. A contract test compares both for every transform.
"""

from __future__ import annotations

import calendar
import hashlib
import itertools
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from re import _compiler, _constants, _parser
from typing import Any

import ibis.expr.operations as ops

from transforms.functions import bound

WHITESPACE = " \t\n\r\v\f"  # what Ibis writes into TRIM


class Unsure(Exception):
    """Python may mean something else than DuckDB here."""


REMOVED = object()  # what the function returns for a record that a step removes


def compiled(expression, columns: list[str]) -> Callable[[list], tuple | object]:
    """Return a function from the record's values (in the order of `columns`) to the values of the result, or REMOVED.

    The expression must stand on one table and keep one row per row.

    Raises:
        Unsure: an operation that Python does not have (at once), or whose answer could differ (when called).
    """
    writer = _Writer(columns)
    result = [writer.column(expression.op(), name) for name in expression.columns]
    body = [*writer.lines, f"return ({', '.join(result)}{',' if len(result) == 1 else ''})"]
    source = "def run(record):\n" + "".join(f"    {line}\n" for line in body)
    exec(
        builtins_compile(source), writer.space
    )  # source is made of our own templates; user values are constants beside it
    return writer.space["run"]


def builtins_compile(source: str):
    return compile(source, "<one row>", "exec")


class _Writer:
    """Writes the body of the function: one line per column that a step makes, in order of need."""

    def __init__(self, columns: list[str]):
        self.places = {name: i for i, name in enumerate(columns)}
        self.space: dict[str, Any] = dict(SPACE)
        self.lines: list[str] = []
        self.counter = itertools.count()
        self.known: dict[tuple, str] = {}  # (relation, column) -> variable
        self.filtered: set = set()
        self.arguments: dict = {}  # the variables of functions over lists

    def constant(self, value: Any) -> str:
        if value is None or value is True or value is False or (isinstance(value, int) and abs(value) < 2**63):
            return f"({value})" if isinstance(value, int) else repr(value)
        name = f"k{next(self.counter)}"
        self.space[name] = value
        return name

    def temporary(self) -> str:
        return f"t{next(self.counter)}"

    def column(self, relation, name: str) -> str:
        """Return the variable that holds a column of a relation, written on first need; filters run before what follows."""
        key = (relation, name)
        if key in self.known:
            return self.known[key]
        self.relation(relation)
        if isinstance(relation, ops.DatabaseTable | ops.UnboundTable | ops.InMemoryTable):
            if name not in self.places:
                raise Unsure(f"no column {name!r}")
            variable = self.assign(f"record[{self.places[name]}]")
        elif isinstance(relation, ops.Project):
            value = relation.values[name]
            text = self.value(value)
            variable = text if isinstance(value, ops.Field) or text.startswith("k") else self.assign(text)
        elif isinstance(relation, ops.Filter | ops.DropColumns | ops.Sort):
            variable = self.column(relation.parent, name)
        else:
            raise Unsure(type(relation).__name__)
        self.known[key] = variable
        return variable

    def relation(self, relation) -> None:
        """Write the filters on the way to a relation, oldest first."""
        if relation in self.filtered or not hasattr(relation, "parent"):
            return
        self.filtered.add(relation)
        self.relation(relation.parent)
        if isinstance(relation, ops.Filter):
            for predicate in relation.predicates:
                self.lines.append(f"if {self.value(predicate)} is not True: return REMOVED")

    def assign(self, text: str) -> str:
        variable = f"v{next(self.counter)}"
        self.lines.append(f"{variable} = {text}")
        return variable

    def value(self, node) -> str:
        """Return a Python expression for one value."""
        if isinstance(node, ops.Field):
            return self.column(node.rel, node.name)
        if isinstance(node, ops.Literal):
            return self.constant(_literal(node))
        if isinstance(node, ops.Alias):
            return self.value(node.arg)
        if isinstance(node, ops.ScalarUDF):
            return self.call(node)
        write = WRITERS.get(type(node).__name__)
        if write is None:
            raise Unsure(type(node).__name__)
        return write(self, node)

    def call(self, node) -> str:
        if node.__func_name__ == "try_strptime":
            return _parse_time(self, node)
        function = bound(node.__func_name__)
        if function is None:
            raise Unsure(node.__func_name__)
        name = f"k{next(self.counter)}"
        self.space[name] = function.strict
        return f"{name}({', '.join(self.value(a) for a in node.args)})"

    def strict(self, template: str, *arguments) -> str:
        """Return code of a template whose result is missing where an argument is; arguments are evaluated once."""
        names, tests = [], []
        for argument in arguments:
            text = argument if isinstance(argument, str) else self.value(argument)
            if text == "None":
                return "None"
            if not isinstance(argument, str) and isinstance(argument, ops.Literal):
                names.append(text)
            elif re.fullmatch(r"[vt]\d+", text):
                names.append(text)
                tests.append(f"{text} is None")
            else:
                name = self.temporary()
                names.append(name)
                tests.append(f"({name} := {text}) is None")
        code = template.format(*names)
        return f"(None if {' or '.join(tests)} else {code})" if tests else f"({code})"


def _literal(node) -> Any:
    value = node.value
    if value is None:
        return None
    if isinstance(value, str | bool | int | float | bytes | tuple):
        if node.dtype.is_floating():
            return float(value)
        if node.dtype.is_numeric() and not isinstance(value, int | float):
            raise Unsure("decimal")
        return list(value) if isinstance(value, tuple) else value
    if isinstance(value, date):
        return value
    raise Unsure(f"literal {node.dtype}")


# -- how each operation is written


def _numbers(template: str, whole: str | None = None):
    """Numbers in, number out: floats where one is float, else whole numbers that must stay within 64 bits."""

    def write(w: _Writer, node):
        floats = any(a.dtype.is_floating() for a in node.args)
        arguments = [
            w.strict("float({0})", a) if floats and a.dtype.is_integer() and not isinstance(a, ops.Literal) else a
            for a in node.args
        ]
        return w.strict(template if floats or whole is None else whole, *arguments)

    return write


def _compare(sign: str, with_nan: str):
    def write(w: _Writer, node):
        a, b = node.left, node.right
        if a.dtype.is_nested() or b.dtype.is_nested() or _family(a.dtype) != _family(b.dtype):
            raise Unsure("comparison of unlike types")
        if a.dtype.is_floating() or b.dtype.is_floating():
            return w.strict(
                f"({{0}} {sign} {{1}} if {{0}} == {{0}} and {{1}} == {{1}} else {with_nan}({{0}}, {{1}}))", a, b
            )
        return w.strict(f"{{0}} {sign} {{1}}", a, b)

    return write


def _between(w: _Writer, node) -> str:
    nodes = (node.arg, node.lower_bound, node.upper_bound)
    if len({_family(n.dtype) for n in nodes}) > 1 or any(n.dtype.is_floating() or n.dtype.is_nested() for n in nodes):
        raise Unsure("between")
    return w.strict("({1} <= {0} <= {2})", *nodes)


def _family(dtype) -> str:
    if dtype.is_timestamp():
        return "timestamp with zone" if dtype.timezone else "timestamp"
    for name in ("boolean", "numeric", "string", "date", "null"):
        if getattr(dtype, f"is_{name}")():
            return name
    return str(dtype)


def _plain(template: str):
    return lambda w, node: w.strict(template, *node.args)


def _first(template: str):
    return lambda w, node: w.strict(template, node.args[0])


def _nan_equal(a, b):
    return a != a and b != b


def _nan_greater(a, b):
    return a != a and b == b


def _nan_less(a, b):
    return a == a and b != b


def _whole(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Unsure("overflow")
    return value


def _divide(a, b):
    if b == 0:
        raise Unsure("division by zero")
    return a / b


def _modulus(a, b):
    if b == 0:
        raise Unsure("division by zero")
    return (
        math.fmod(a, b) if isinstance(a, float) else int(math.copysign(abs(a) % abs(b), a)) if abs(a) < 2**52 else _no()
    )


def _no():
    raise Unsure("out of range")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Unsure("not finite")
    return value


def _if_else(w: _Writer, node) -> str:
    return f"({w.value(node.true_expr)} if {w.value(node.bool_expr)} else {w.value(node.false_null_expr)})"


def _searched(w: _Writer, node) -> str:
    pairs = zip(node.cases, node.results, strict=True)
    return "(" + "".join(f"{w.value(r)} if {w.value(c)} else " for c, r in pairs) + w.value(node.default) + ")"


def _simple(w: _Writer, node) -> str:
    base = w.temporary()
    pairs = list(zip(node.cases, node.results, strict=True))
    if any(_family(c.dtype) != _family(node.base.dtype) or c.dtype.is_floating() for c, _ in pairs):
        raise Unsure("case of unlike types")
    chain = "".join(f"{w.value(r)} if {base} is not None and {base} == {w.value(c)} else " for c, r in pairs)
    return f"(({base} := {w.value(node.base)}), {chain}{w.value(node.default)})[1]"


def _coalesce(w: _Writer, node) -> str:
    *first, last = node.arg if isinstance(node.arg, tuple) else node.args
    code = w.value(last)
    for argument in reversed(first):
        name = w.temporary()
        code = f"({name} if ({name} := {w.value(argument)}) is not None else {code})"
    return code


def _null_if(w: _Writer, node) -> str:
    a, b = node.arg, node.null_if_expr
    if isinstance(b, ops.Literal) and isinstance(b.value, float) and math.isnan(b.value):
        return w.strict("(None if {0} != {0} else {0})", a)
    if _family(a.dtype) != _family(b.dtype) or a.dtype.is_floating() or b.dtype.is_floating():
        return (
            w.strict(
                "(None if {1} is not None and ({0} == {1} or ({0} != {0} and {1} != {1})) else {0})", a, w.value(b)
            )
            if _family(a.dtype) == _family(b.dtype) and isinstance(b, ops.Literal)
            else _no()
        )
    name = w.temporary()
    return w.strict(f"(None if {{0}} == ({name} := {w.value(b)}) else {{0}})", a)


def _and(a, b):
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _or(a, b):
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def _in_values(w: _Writer, node) -> str:
    options = [o for o in node.options if isinstance(o, ops.Literal)]
    if len(options) != len(node.options) or any(_family(o.dtype) != _family(node.value.dtype) for o in options):
        raise Unsure("options")
    values = [_literal(o) for o in options]
    if None in values or any(isinstance(v, float) and math.isnan(v) for v in values):
        raise Unsure("missing option")
    name = f"k{next(w.counter)}"
    w.space[name] = frozenset(values)
    return w.strict(f"({{0}} in {name})", node.value)


def _cast(w: _Writer, node) -> str:
    source, target = node.arg.dtype, node.to
    if source.copy(nullable=True) == target.copy(nullable=True) or (
        source.is_integer() and target.is_integer() and target.nbytes >= source.nbytes
    ):
        return w.value(node.arg)
    if source.is_null():
        return "None"
    if source.is_timestamp() and target.is_timestamp() and bool(source.timezone) == bool(target.timezone):
        return w.value(node.arg)
    key = (_kind(source), _kind(target))
    template = (TRY_CASTS if isinstance(node, ops.TryCast) else CASTS).get(key) or CASTS.get(key)
    if template is None:
        raise Unsure(f"cast {source} to {target}")
    if key[1] == "int" and target.nbytes < 8:
        raise Unsure("narrow integer")
    return w.strict(template, node.arg)


def _kind(dtype) -> str:
    for name, kind in (
        ("boolean", "bool"),
        ("integer", "int"),
        ("floating", "float"),
        ("string", "text"),
        ("date", "date"),
    ):
        if getattr(dtype, f"is_{name}")():
            return kind
    if dtype.is_timestamp():
        return "moment with zone" if dtype.timezone else "moment"
    return str(dtype)


CASTS = {
    ("int", "float"): "float({0})",
    ("bool", "int"): "int({0})",
    ("bool", "float"): "float({0})",
    ("float", "int"): "_whole(round(_finite({0})))",
    ("int", "text"): "str({0})",
    ("float", "text"): "_float_text({0})",
    ("bool", "text"): "('true' if {0} else 'false')",
    ("int", "bool"): "({0} != 0)",
    ("text", "int"): "_text_int({0})",
    ("text", "float"): "_text_float({0})",
    ("text", "date"): "_text_date({0})",
    ("text", "moment"): "_text_moment({0})",
    ("date", "moment"): "datetime({0}.year, {0}.month, {0}.day)",
    ("moment", "date"): "{0}.date()",
}


def _float_text(value: float) -> str:
    return repr(_finite(value))


_INT = re.compile(r"-?[0-9]{1,18}\Z")
_FLOAT = re.compile(r"[-+]?[0-9]{1,17}(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})? *\Z")
_NO_NUMBER = re.compile(r"[A-Za-z ]*\Z")


def _text_int(value: str) -> int:
    return int(value) if _INT.match(value) else _no()


def _text_float(value: str) -> float:
    return float(value) if _FLOAT.match(value) else _no()


def _try_float(value: str) -> float | None:
    if _FLOAT.match(value):
        return float(value)
    if _NO_NUMBER.match(value) and value.strip().lower() not in ("nan", "inf", "infinity"):
        return None
    raise Unsure("unusual number")


TRY_CASTS = {("text", "float"): "_try_float({0})"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.([0-9]{3}|[0-9]{6}))?)?\Z")


def _text_date(value: str) -> date:
    return date.fromisoformat(value) if _DATE.match(value) else _no()


def _text_moment(value: str) -> datetime:
    return datetime.fromisoformat(value) if _MOMENT.match(value) else _no()


def _parse_time(w: _Writer, node) -> str:
    """Formats of numbers only; a text that does not fit is left to DuckDB."""
    pattern = node.args[1].value if isinstance(node.args[1], ops.Literal) else _no()
    if not re.fullmatch(r"(%[YmdHMS]|[-/.: T,])+", pattern):
        raise Unsure("time format")
    return w.strict("datetime.strptime({0}, {1})", node.args[0], node.args[1])


def _round(w: _Writer, node) -> str:
    if node.digits is not None or not node.arg.dtype.is_floating():
        raise Unsure("round to digits")
    return w.strict("_whole(_half_away(_finite({0})))", node.arg)


def _half_away(value: float) -> int:
    """Halves go away from zero, as in C."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value)) if abs(value) < 2**52 else _no()


def _map(w: _Writer, node) -> str:
    if getattr(node, "index", None) is not None:
        raise Unsure("map with index")
    return w.strict(f"[{w.value(node.body)} for {_argument(w, node.param)} in {{0}}]", node.arg)


def _argument(w: _Writer, node) -> str:
    return w.arguments.setdefault(node, w.temporary())


def _ascii(value: str) -> str:
    if not value.isascii():
        raise Unsure("beyond ASCII")
    return value


def _substring(w: _Writer, node) -> str:
    if node.length is None:
        return w.strict("_sub({0}, {1}, None)", node.arg, node.start)
    return w.strict("_sub({0}, {1}, {2})", node.arg, node.start, node.length)


def _sub(value: str, start: int, length: int | None) -> str:
    if not value:
        return value
    if start < 0 or (length is not None and length < 0):
        raise Unsure("position from the end")
    return value[start:] if length is None else value[start : start + length]


def _find(w: _Writer, node) -> str:
    if node.start is not None or node.end is not None:
        raise Unsure("bounded find")
    return w.strict("{0}.find({1})", node.arg, node.substr)


def _split(value: str, delimiter: str) -> list:
    return value.split(delimiter) if delimiter else _no()


def _index(value: list, place: int):
    return value[place] if 0 <= place < len(value) else (_no() if place < 0 else None)


def _pad_left(value: str, width: int, fill: str) -> str:
    if len(value) >= width:
        return _ascii(value)[:width]
    return (fill * width)[: width - len(_ascii(value))] + value if fill else _no()


def _pad_right(value: str, width: int, fill: str) -> str:
    if len(value) >= width:
        return _ascii(value)[:width]
    return _ascii(value) + (fill * width)[: width - len(value)] if fill else _no()


def _translate(value: str, old: str, new: str) -> str:
    return value.translate({ord(a): (new[i] if i < len(new) else None) for i, a in reversed(list(enumerate(old)))})


def _replace(value: str, old: str, new: str) -> str:
    return value.replace(old, new) if old else value


# -- regular expressions: RE2's meaning, in Python's engine


def _regex(pattern: str) -> re.Pattern:
    """Return the pattern with RE2's meaning; raise Unsure for what the two may read differently."""
    try:
        parsed = _parser.parse(pattern, re.ASCII)
    except re.error as error:
        raise Unsure(str(error)) from error
    if parsed.state.flags & ~(re.ASCII | re.IGNORECASE | re.DOTALL):
        raise Unsure("flags")
    _strict_ends(parsed)
    return _compiler.compile(parsed, re.ASCII)


def _strict_ends(parsed) -> None:
    """Let `$` mean the end of the text only, in place; refuse look-around and back references."""
    for place, (kind, argument) in enumerate(parsed):
        if kind is _constants.AT:
            if argument is _constants.AT_END:
                parsed[place] = (kind, _constants.AT_END_STRING)
        elif kind is _constants.SUBPATTERN:
            if argument[1] or argument[2]:
                raise Unsure("local flags")
            _strict_ends(argument[3])
        elif kind is _constants.BRANCH:
            for option in argument[1]:
                _strict_ends(option)
        elif kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            _strict_ends(argument[2])
        elif kind not in (
            _constants.LITERAL,
            _constants.NOT_LITERAL,
            _constants.IN,
            _constants.ANY,
            _constants.CATEGORY,
        ):
            raise Unsure(f"pattern with {kind}")


def _pattern(w: _Writer, node, *, replace: bool = False) -> str:
    if not isinstance(node, ops.Literal):
        raise Unsure("pattern from a column")
    found = _regex(node.value)
    if found.flags & re.IGNORECASE or (replace and _parser.parse(node.value).getwidth()[0] == 0):
        raise Unsure("pattern")
    name = f"k{next(w.counter)}"
    w.space[name] = found
    return name


def _regex_search(w: _Writer, node) -> str:
    return w.strict(f"({_pattern(w, node.pattern)}.search({{0}}) is not None)", node.arg)


def _regex_replace(w: _Writer, node) -> str:
    name = _pattern(w, node.pattern, replace=True)
    if not isinstance(node.replacement, ops.Literal) or "\\" in node.replacement.value:
        raise Unsure("replacement")
    text = w.value(node.replacement)
    return w.strict(f"{name}.sub(lambda m: {text}, {{0}})", node.arg)


def _regex_extract(w: _Writer, node) -> str:
    name = _pattern(w, node.pattern)
    return w.strict(f"_group({name}.search({{0}}), {{1}})", node.arg, node.index)


def _group(match, index: int) -> str:
    return (match.group(index) or "") if match else ""


def _hash(w: _Writer, node) -> str:
    names = {"md5": "md5", "sha256": "sha256", "sha1": "sha1"}
    if node.how not in names:
        raise Unsure(node.how)
    return w.strict(f"hashlib.{names[node.how]}({{0}}.encode()).hexdigest()", node.arg)


# -- dates and times


def _truncate(w: _Writer, node) -> str:
    unit = node.unit.name.lower()
    if node.arg.dtype.is_date() or unit not in TRUNCATE:
        raise Unsure("truncate")
    return w.strict(TRUNCATE[unit], node.arg)


_ZERO = "hour=0, minute=0, second=0, microsecond=0"
TRUNCATE = {
    "year": f"{{0}}.replace(month=1, day=1, {_ZERO})",
    "quarter": f"{{0}}.replace(month={{0}}.month - ({{0}}.month - 1) % 3, day=1, {_ZERO})",
    "month": f"{{0}}.replace(day=1, {_ZERO})",
    "week": f"({{0}}.replace({_ZERO}) - timedelta(days={{0}}.weekday()))",
    "day": f"{{0}}.replace({_ZERO})",
    "hour": "{0}.replace(minute=0, second=0, microsecond=0)",
    "minute": "{0}.replace(second=0, microsecond=0)",
    "second": "{0}.replace(microsecond=0)",
}


def _epoch_seconds(value) -> int:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return math.floor((moment.replace(tzinfo=None) - datetime(1970, 1, 1)) / timedelta(microseconds=1)) // 1_000_000


def _add_time(w: _Writer, node) -> str:
    interval = node.right
    if isinstance(interval, ops.IntervalFromInteger):
        unit, amount = interval.unit.name.lower(), interval.arg
    elif isinstance(interval, ops.Literal) and isinstance(interval.value, int):
        unit, amount = interval.dtype.unit.name.lower(), ops.Literal(interval.value, "int64")
    else:
        raise Unsure("interval")
    if type(node).__name__.endswith("Sub") or node.left.dtype.is_date():
        raise Unsure("interval")
    if unit in ("year", "quarter", "month"):
        months = {"year": 12, "quarter": 3, "month": 1}[unit]
        return w.strict(f"_add_months({{0}}, {{1}} * {months})", node.left, amount)
    if unit not in ("week", "day", "hour", "minute", "second", "millisecond", "microsecond"):
        raise Unsure(unit)
    return w.strict(f"({{0}} + timedelta({unit}s={{1}}))", node.left, amount)


def _add_months(moment, months: int):
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _log(value: float, base: float) -> float:
    return math.log(value, base) if value > 0 else _no()


WRITERS: dict[str, Callable[[_Writer, Any], str]] = {
    "Add": _numbers("{0} + {1}", "_whole({0} + {1})"),
    "Subtract": _numbers("{0} - {1}", "_whole({0} - {1})"),
    "Multiply": _numbers("{0} * {1}", "_whole({0} * {1})"),
    "Divide": _plain("_divide({0}, {1})"),
    "Modulus": _numbers("_modulus({0}, {1})"),
    "FloorDivide": lambda w, node: (_ for _ in ()).throw(Unsure("floor division")),
    "Negate": _numbers("-{0}", "_whole(-{0})"),
    "Abs": _numbers("abs({0})", "_whole(abs({0}))"),
    "Floor": _first("math.floor(_finite({0}))"),
    "Ceil": _first("math.ceil(_finite({0}))"),
    "Sign": _numbers("(float(({0} > 0) - ({0} < 0)) if {0} == {0} else _no())", "(({0} > 0) - ({0} < 0))"),
    "Sqrt": _first("math.sqrt({0})"),
    "Exp": _first("math.exp({0})"),
    "Ln": _first("(math.log({0}) if {0} > 0 else _no())"),
    "Log10": _first("(math.log10({0}) if {0} > 0 else _no())"),
    "Log2": _first("(math.log2({0}) if {0} > 0 else _no())"),
    "Sin": _first("math.sin({0})"),
    "Cos": _first("math.cos({0})"),
    "Tan": _first("math.tan({0})"),
    "Asin": _first("math.asin({0})"),
    "Acos": _first("math.acos({0})"),
    "Atan": _first("math.atan({0})"),
    "Power": _numbers("_finite(math.pow({0}, {1}))"),
    "IsNan": _first("({0} != {0})"),
    "IsInf": _first("math.isinf({0})"),
    "Equals": _compare("==", "_nan_equal"),
    "NotEquals": _compare("!=", "not _nan_equal"),
    "Greater": _compare(">", "_nan_greater"),
    "GreaterEqual": _compare(">=", "not _nan_less"),
    "Less": _compare("<", "_nan_less"),
    "LessEqual": _compare("<=", "not _nan_greater"),
    "IsNull": lambda w, node: f"({w.value(node.arg)} is None)",
    "NotNull": lambda w, node: f"({w.value(node.arg)} is not None)",
    "Not": _first("(not {0})"),
    "And": lambda w, node: f"_and({w.value(node.left)}, {w.value(node.right)})",
    "Or": lambda w, node: f"_or({w.value(node.left)}, {w.value(node.right)})",
    "IfElse": _if_else,
    "SearchedCase": _searched,
    "SimpleCase": _simple,
    "Coalesce": _coalesce,
    "NullIf": _null_if,
    "InValues": _in_values,
    "Cast": _cast,
    "TryCast": _cast,
    "Lowercase": _first("_ascii({0}).lower()"),
    "Uppercase": _first("_ascii({0}).upper()"),
    "StringConcat": lambda w, node: w.strict(" + ".join(f"{{{i}}}" for i in range(len(node.arg))), *node.arg),
    "StringLength": _first("len({0})"),
    "StringContains": lambda w, node: w.strict("({1} in {0})", node.haystack, node.needle),
    "StartsWith": lambda w, node: w.strict("{0}.startswith({1})", node.arg, node.start),
    "EndsWith": lambda w, node: w.strict("{0}.endswith({1})", node.arg, node.end),
    "StringReplace": lambda w, node: w.strict("_replace({0}, {1}, {2})", node.arg, node.pattern, node.replacement),
    "Substring": _substring,
    "StringFind": _find,
    "StringAscii": _first("(ord({0}[0]) if {0} else 0)"),
    "Between": _between,
    "StrRight": lambda w, node: w.strict("({0}[-{1}:] if {1} > 0 else '')", node.arg, node.nchars),
    "Repeat": lambda w, node: w.strict("({0} * max({1}, 0))", node.arg, node.times),
    "LPad": lambda w, node: w.strict("_pad_left({0}, {1}, {2})", node.arg, node.length, node.pad),
    "RPad": lambda w, node: w.strict("_pad_right({0}, {1}, {2})", node.arg, node.length, node.pad),
    "Translate": lambda w, node: w.strict("_translate({0}, {1}, {2})", node.arg, node.from_str, node.to_str),
    "Strip": _first(f"{{0}}.strip({WHITESPACE!r})"),
    "LStrip": _first(f"{{0}}.lstrip({WHITESPACE!r})"),
    "RStrip": _first(f"{{0}}.rstrip({WHITESPACE!r})"),
    "Round": _round,
    "ArrayMap": _map,
    "Argument": _argument,
    "ArrayStringJoin": lambda w, node: w.strict("{1}.join(v for v in {0} if v is not None)", node.arg, node.sep),
    "Reverse": _first("_ascii({0})[::-1]"),
    "StringSplit": lambda w, node: w.strict("_split({0}, {1})", node.arg, node.delimiter),
    "ArrayIndex": lambda w, node: w.strict("_index({0}, {1})", node.arg, node.index),
    "ArrayLength": _first("len({0})"),
    "RegexSearch": _regex_search,
    "RegexReplace": _regex_replace,
    "RegexExtract": _regex_extract,
    "HexDigest": _hash,
    "TimestampTruncate": _truncate,
    "ExtractEpochSeconds": _first("_epoch_seconds({0})"),
    "ExtractYear": _first("{0}.year"),
    "ExtractQuarter": _first("(({0}.month + 2) // 3)"),
    "ExtractMonth": _first("{0}.month"),
    "ExtractDay": _first("{0}.day"),
    "ExtractDayOfYear": _first("{0}.timetuple().tm_yday"),
    "ExtractWeekOfYear": _first("{0}.isocalendar()[1]"),
    "ExtractHour": _first("{0}.hour"),
    "ExtractMinute": _first("{0}.minute"),
    "ExtractSecond": _first("{0}.second"),
    "ExtractMillisecond": _first("({0}.microsecond // 1000)"),
    "ExtractMicrosecond": _first("({0}.microsecond)"),
    "DayOfWeekIndex": _first("{0}.weekday()"),
    "TimestampAdd": _add_time,
}

SPACE = {name: value for name, value in globals().items() if name.startswith("_") and callable(value)}
SPACE |= {"math": math, "hashlib": hashlib, "datetime": datetime, "timedelta": timedelta, "REMOVED": REMOVED}

"""Formulas: one expression in SQL or spreadsheet words, such as `0.3 * price + if(city = 'Bonn', 1, 0)`.

A formula is read by sqlglot and turned into small steps on spare columns: operators are written here, functions are the
transforms of the catalogue that do the same. So a formula can do nothing that a step cannot do (no file, no setting, no
query), and every engine, the exported pandas code and single records agree on it as they agree on steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import ibis
import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

from transforms import schema as types
from transforms.errors import ColumnNotFound, ParamError, did_you_mean
from transforms.fields import KIND_WORDS, kind_of
from transforms.transform import find

LONGEST = 10_000  # characters


class Words(DuckDB):
    """DuckDB's operators; every function call stays a name with arguments; `a b` in backticks is a column too."""

    class Tokenizer(DuckDB.Tokenizer):
        IDENTIFIERS = ['"', "`"]

    class Parser(DuckDB.Parser):
        FUNCTIONS = {}
        NO_PAREN_FUNCTIONS = {}
        FUNCTION_PARSERS = {k: v for k, v in DuckDB.Parser.FUNCTION_PARSERS.items() if k in ("CAST", "TRY_CAST")}


def parsed(text: str) -> exp.Expression:
    """Return the syntax tree of a formula; raise ValueError in plain words."""
    text = text.strip().removeprefix("=").strip()
    if not text:
        raise ValueError("write a formula, such as price * 1.19")
    if len(text) > LONGEST:
        raise ValueError(f"the formula has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        found = sqlglot.parse(text, read=Words)
    except (SqlglotError, RecursionError) as error:
        raise ValueError(f"the formula {shown(text)} cannot be read: {plain_error(error)}") from error
    if len(found) != 1 or found[0] is None:
        raise ValueError(f"{shown(text)} is not one formula")
    return found[0]


def plain_error(error: Exception) -> str:
    said = getattr(error, "errors", None) or []
    if said and said[0].get("description"):
        place = f" near {said[0]['highlight']!r}" if said[0].get("highlight") else ""
        return f"{said[0]['description'].rstrip('.').split('<class')[0].strip().lower()}{place}"
    return "a bracket, quote or operator is missing"


def shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")


def columns_of(text: str) -> list[str]:
    """Return the columns that a formula names, in order."""
    return list(dict.fromkeys(c.name for c in parsed(text).find_all(exp.Column)))


READABLE = (exp.Paren, exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Pow, exp.Neg,
            exp.ILike, exp.Like, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Not, exp.Is, exp.Between, exp.In,
            exp.Cast, exp.TryCast, exp.DataType, exp.DPipe, exp.BitwiseAnd, exp.Case, exp.If, exp.Anonymous)  # fmt: skip


def problem(text: str) -> str:
    """Return why a formula of another tool is none of ours (a function, a query), or ""; column types are not looked at."""
    try:
        tree = parsed(text)
    except ValueError as error:
        return str(error)
    for node in tree.walk():
        if isinstance(node, exp.Anonymous) and SAME.get(node.name.upper(), node.name.upper()) not in {*FUNCTIONS, *OWN}:
            return f"a formula has no function {node.name.upper()}"
        if not isinstance(node, READABLE) or (isinstance(node, exp.Column) and node.args.get("table")):
            return f"a formula cannot hold {shown(node.sql(dialect=Words))}"
    return ""


def with_other_names(text: str, renamed: Mapping[str, str]) -> str:
    """Return the formula with columns under other names."""
    tree = parsed(text).transform(
        lambda n: exp.column(renamed.get(n.name, n.name), quoted=True) if isinstance(n, exp.Column) else n
    )
    return tree.sql(dialect=Words)


# -- what may be called: name -> the transform that does it and its settings


@dataclass(frozen=True)
class Arg:
    """Argument `place` of a call: a column, or (with `kind`) a fixed value with a default."""

    place: int
    kind: str = "column"
    default: Any = ...


def fixed(place: int, kind: str, default: Any = ...) -> Arg:
    return Arg(place, kind, default)


@dataclass(frozen=True)
class Call:
    """How a function is done: a transform, its settings, and how many arguments it takes."""

    transform: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    most: int = 1


X = Arg(0)
PARTS = {"YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "WEEK": "week", "WEEKOFYEAR": "week", "DAY": "day", "DAYOFMONTH": "day",
         "ISODOW": "weekday", "DAYOFYEAR": "day of year", "HOUR": "hour", "MINUTE": "minute", "SECOND": "second"}  # fmt: skip
FUNCTIONS: dict[str, Call] = {
    "LOWER": Call("text.change_case", {"case": "lower"}), "UPPER": Call("text.change_case", {"case": "upper"}),
    "PROPER": Call("text.change_case", {"case": "title"}), "INITCAP": Call("text.change_case", {"case": "title"}),
    "TRIM": Call("text.trim"), "LTRIM": Call("text.trim", {"where": "start"}), "RTRIM": Call("text.trim", {"where": "end"}),
    "LENGTH": Call("text.length", {"column": X}),
    "LEFT": Call("text.extract_part", {"column": X, "part": "first", "count": fixed(1, "whole")}, 2),
    "RIGHT": Call("text.extract_part", {"column": X, "part": "last", "count": fixed(1, "whole")}, 2),
    "SUBSTRING": Call("text.extract_part", {"column": X, "part": "from position", "start": fixed(1, "whole"), "count": fixed(2, "whole", 1000)}, 3),
    "REPLACE": Call("text.find_replace", {"find": fixed(1, "text"), "replace": fixed(2, "text")}, 3),
    "REGEXP_REPLACE": Call("text.find_replace", {"find": fixed(1, "text"), "replace": fixed(2, "text"), "regex": True}, 3),
    "REGEXP_EXTRACT": Call("text.extract_pattern", {"column": X, "pattern": fixed(1, "text"), "group": fixed(2, "whole", 0)}, 3),
    "REGEXP_MATCHES": Call("text.test", {"column": X, "test": "matches pattern", "text": fixed(1, "text")}, 2),
    "CONTAINS": Call("text.test", {"column": X, "test": "contains", "text": fixed(1, "text")}, 2),
    "STARTS_WITH": Call("text.test", {"column": X, "test": "starts with", "text": fixed(1, "text")}, 2),
    "ENDS_WITH": Call("text.test", {"column": X, "test": "ends with", "text": fixed(1, "text")}, 2),
    "STRPOS": Call("text.find_position", {"column": X, "find": fixed(1, "text")}, 2),
    "REPEAT": Call("text.repeat", {"times": fixed(1, "whole")}, 2),
    "LPAD": Call("text.pad", {"length": fixed(1, "whole"), "character": fixed(2, "text", " ")}, 3),
    "RPAD": Call("text.pad", {"side": "end", "length": fixed(1, "whole"), "character": fixed(2, "text", " ")}, 3),
    "REVERSE": Call("language.reorder"), "SHA256": Call("privacy.hash"),
    "ABS": Call("number.absolute"), "SIGN": Call("number.sign"), "SQRT": Call("number.square_root"), "EXP": Call("number.exponential"),
    "LN": Call("number.natural_log"), "LOG10": Call("number.log10"), "LOG1P": Call("number.log1p"),
    "SIN": Call("number.sine"), "COS": Call("number.cosine"), "TAN": Call("number.tangent"), "ASIN": Call("number.arcsine"),
    "ACOS": Call("number.arccosine"), "ATAN": Call("number.arctangent"),
    "RADIANS": Call("number.degrees_to_radians"), "DEGREES": Call("number.radians_to_degrees"),
    "ROUND": Call("number.round", {"digits": fixed(1, "whole", 0)}, 2), "FLOOR": Call("number.round", {"mode": "down"}),
    "CEIL": Call("number.round", {"mode": "up"}), "TRUNC": Call("number.round", {"mode": "towards zero"}),
    "DATE_TRUNC": Call("dates.start_of_period", {"period": fixed(0, "text"), "columns": Arg(1)}, 2),
    "MONTHNAME": Call("dates.extract_name", {"column": X, "part": "month"}), "DAYNAME": Call("dates.extract_name", {"column": X, "part": "weekday"}),
    **{name: Call("dates.extract_part", {"column": X, "part": part}) for name, part in PARTS.items()},
}  # fmt: skip
SAME = {"LCASE": "LOWER", "UCASE": "UPPER", "LEN": "LENGTH", "CHAR_LENGTH": "LENGTH", "MID": "SUBSTRING", "SUBSTR": "SUBSTRING", "SUBSTITUTE": "REPLACE",
        "REGEXP_LIKE": "REGEXP_MATCHES", "RLIKE": "REGEXP_MATCHES", "STARTSWITH": "STARTS_WITH", "ENDSWITH": "ENDS_WITH", "INSTR": "STRPOS",
        "CEILING": "CEIL", "IFF": "IF", "IFNULL": "COALESCE", "NVL": "COALESCE", "ISBLANK": "ISNULL", "POW": "POWER"}  # fmt: skip
OWN = ("IF", "COALESCE", "NULLIF", "ISNULL", "CONCAT", "POWER", "MOD", "GREATEST", "LEAST")
NAMES = tuple(sorted({*FUNCTIONS, *SAME, *OWN, "CASE", "CAST"}))
ARITHMETIC = {
    exp.Add: "add",
    exp.Sub: "subtract",
    exp.Mul: "multiply",
    exp.Div: "divide",
    exp.Mod: "remainder",
    exp.Pow: "power",
}
COMPARES = {exp.EQ: "==", exp.NEQ: "!=", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}  # fmt: skip
CASTS = {"whole number": ("INT", "BIGINT", "SMALLINT", "TINYINT"), "number": ("DOUBLE", "FLOAT", "DECIMAL"), "text": ("TEXT", "VARCHAR", "CHAR"),
         "true/false": ("BOOLEAN",), "date": ("DATE",), "date and time": ("TIMESTAMP", "TIMESTAMPNTZ", "DATETIME")}  # fmt: skip


@dataclass(frozen=True)
class Fixed:
    """A value written in the formula."""

    value: Any

    @property
    def kind(self) -> str:
        if self.value is None:
            return "nothing"
        return {bool: "bool", str: "text"}.get(type(self.value), "number")


class Built:
    """A formula on its way over a table: the table with spare columns, and the pandas lines that make the same ones."""

    def __init__(self, table, df: str = "df"):
        self.table, self.df = table, df
        self.first = list(table.columns)
        self.lines: list[str] = []
        self.helpers: list[str] = []

    # -- columns on the way

    def spare(self) -> str:
        number = len(self.table.columns)
        while f"__formula_{number}" in self.table.columns:
            number += 1
        return f"__formula_{number}"

    def emit(self, value, code: str) -> str:
        """Add a spare column; return its name."""
        name = self.spare()
        self.table = self.table.mutate(value.name(name))
        dtype = types.PANDAS.get(types.to_name(self.table[name].type()))
        self.lines.append(f"{self.df}[{name!r}] = " + (f"({code}).astype({dtype!r})" if dtype else code))
        return name

    def run(self, transform: str, settings: Mapping[str, Any], *, source: str | None = None) -> str:
        """Run a step of the catalogue; it changes a copy of `source`, or writes a new column."""
        cls = find(transform)
        name = self.spare()
        if source is None:
            step = cls.from_settings({**settings, "to": name})
        else:
            self.table = self.table.mutate(self.table[source].name(name))
            self.lines.append(f"{self.df}[{name!r}] = {self.df}[{source!r}]")
            step = cls.from_settings({**settings, "columns": [name]})
        schema = self.table.schema()
        step.check_columns(schema)
        self.table = step.apply(self.table, None)
        self.lines += step.pandas(self.df, None, schema)
        self.helpers += step.pandas_helpers
        return name

    def kind(self, value) -> str:
        return value.kind if isinstance(value, Fixed) else kind_of(self.table[value].type())

    def column(self, value) -> str:
        """Return the name of a column that holds the value."""
        if not isinstance(value, Fixed):
            return value
        if isinstance(value.value, datetime):
            made = ibis.literal(value.value.isoformat(sep=" ")).cast("timestamp(6)")
            return self.emit(made, f"pd.Series(pd.Timestamp({value.value.isoformat()!r}), index={self.df}.index)")
        dtype = {bool: "boolean", int: "int64", float: "float64"}.get(type(value.value), "string")
        made = ibis.null(dtype) if value.value is None else ibis.literal(value.value, dtype)
        code = "pd.NA" if value.value is None else repr(value.value)
        return self.emit(made, f"pd.Series({code}, index={self.df}.index, dtype={types.PANDAS[dtype]!r})")

    def both(self, name: str):
        """Return a column as an Ibis expression and as code."""
        return self.table[name], f"{self.df}[{name!r}]"

    def need(self, value, kind: str, where: str):
        if self.kind(value) not in (kind, "nothing"):
            seen = self.kind(value)
            raise ParamError(f"{where} needs {KIND_WORDS[kind]}, but it is given {KIND_WORDS[seen] if seen != 'any' else 'another kind'}.")  # fmt: skip
        return value

    # -- the tree

    def value(self, node: exp.Expression):
        """Return where the value of a node stands: a column's name, or a Fixed value."""
        if isinstance(node, exp.Paren):
            return self.value(node.this)
        if isinstance(node, exp.Column) and not node.args.get("table") and isinstance(node.this, exp.Identifier):
            if node.name not in self.first:
                raise ColumnNotFound.of(node.name, self.first)
            return node.name
        if isinstance(node, exp.Literal):
            return Fixed(node.this if node.is_string else number_of(node.this))
        if isinstance(node, exp.Boolean):
            return Fixed(bool(node.this))
        if isinstance(node, exp.Null):
            return Fixed(None)
        for kinds, write in self.WRITERS:
            if isinstance(node, kinds):
                return write(self, node)
        raise ParamError(
            f"a formula cannot hold {shown(node.sql(dialect=Words))}.", hint="Use operators, IF, CASE and functions."
        )

    def arithmetic(self, node):
        return self.calculate(ARITHMETIC[type(node)], self.value(node.this), self.value(node.expression))

    def calculate(self, operation: str, left, right):
        for side in (left, right):
            self.need(side, "number", f"'{operation}'")
        if isinstance(right, Fixed) and right.value is not None:
            given = {"number": float(right.value)}
        else:
            given = {"right": self.numeric(right)}
        return self.run("number.arithmetic", {"left": self.numeric(left), "operation": operation, **given})

    def numeric(self, value) -> str:
        """Return a column of numbers; a value that is nothing becomes a missing number."""
        if isinstance(value, Fixed) and value.value is None:
            return self.emit(ibis.null("float64"), f"pd.Series(pd.NA, index={self.df}.index, dtype='Float64')")
        return self.column(value)

    def negative(self, node):
        value = self.need(self.value(node.this), "number", "'-'")
        if isinstance(value, Fixed) and value.value is not None:
            return Fixed(-value.value)
        return self.run("number.negate", {}, source=self.numeric(value))

    def comparison(self, node):
        return self.compare(COMPARES[type(node)], self.value(node.this), self.value(node.expression))

    def compare(self, sign: str, left, right):
        left, right = self.time_like(left, right), self.time_like(right, left)
        kinds = {self.kind(left), self.kind(right)} - {"nothing"}
        if len(kinds) > 1:
            first, second = (KIND_WORDS.get(self.kind(v), "another kind") for v in (left, right))
            raise ParamError(f"{first} cannot be compared with {second}.", hint="CAST(x AS VARCHAR) changes the type.")
        if "nothing" in (self.kind(left), self.kind(right)):
            return Fixed(None)
        (a, x), (b, y) = self.both(self.column(left)), self.both(self.column(right))
        if len({getattr(v.type(), "timezone", None) for v in (a, b)}) > 1:
            raise ParamError("only one of two times has a time zone.", hint="Change the type of one of them.")
        test = {"==": a == b, "!=": a != b, ">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b}[sign]
        return self.emit(test, f"({x} {sign} {y}).astype('boolean').mask({x}.isna() | {y}.isna())")

    def time_like(self, value, other):
        """Read a fixed text as a time where it stands beside one."""
        if isinstance(value, Fixed) and isinstance(value.value, str) and self.kind(other) == "time":
            return self.moment(
                value.value,
                utc=not isinstance(other, Fixed) and bool(getattr(self.table[other].type(), "timezone", None)),
            )
        return value  # fmt: skip

    def moment(self, text: str, utc: bool = False) -> str:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ParamError(f"{text!r} is not a date such as '2024-01-31' or '2024-01-31 12:30:00'.") from error
        if moment.tzinfo:
            raise ParamError(f"{text!r} has a time zone.", hint="Leave it out; times with a zone are UTC.")
        if not utc:
            return self.column(Fixed(moment))
        made = ibis.literal(moment.isoformat() + "+00:00").cast(types.from_name("timestamp_utc"))
        return self.emit(made, f"pd.Series(pd.Timestamp({moment.isoformat()!r}, tz='UTC'), index={self.df}.index)")

    def logic(self, node):
        (a, x), (b, y) = (self.both(self.truth(self.value(n), "AND and OR")) for n in (node.this, node.expression))
        return self.emit(a & b, f"{x} & {y}") if isinstance(node, exp.And) else self.emit(a | b, f"{x} | {y}")

    def truth(self, value, where: str) -> str:
        if isinstance(value, Fixed) and value.value is None:
            return self.emit(ibis.null("boolean"), f"pd.Series(pd.NA, index={self.df}.index, dtype='boolean')")
        return self.column(self.need(value, "bool", where))

    def negation(self, node):
        a, x = self.both(self.truth(self.value(node.this), "NOT"))
        return self.emit(~a, f"~{x}")

    def is_(self, node):
        a, x = self.both(self.column(self.value(node.this)))
        if isinstance(node.expression, exp.Null):
            return self.emit(a.isnull(), f"{x}.isna()")
        if isinstance(node.expression, exp.Boolean) and self.kind(a.get_name()) == "bool":
            test = (a, x) if node.expression.this else (~a, f"(~{x})")
            return self.emit(test[0].fill_null(False), f"{test[1]}.fillna(False)")
        raise ParamError("after IS comes NULL, TRUE or FALSE.")

    def between(self, node):
        subject = self.value(node.this)
        (a, x), (b, y) = (
            self.both(self.truth(self.compare(sign, subject, self.value(node.args[bound])), "BETWEEN"))
            for sign, bound in ((">=", "low"), ("<=", "high"))
        )
        return self.emit(a & b, f"{x} & {y}")

    def among(self, node):
        if node.args.get("query") is not None or not node.expressions:
            raise ParamError("after IN comes a list of values in brackets.")
        subject = self.value(node.this)
        found = None
        for option in node.expressions:
            one = self.truth(self.compare("==", subject, self.value(option)), "IN")
            if found is None:
                found = one
                continue
            (a, x), (b, y) = self.both(found), self.both(one)
            found = self.emit(a | b, f"{x} | {y}")
        return found

    def like(self, node):
        pattern = self.value(node.expression)
        text = pattern.value if isinstance(pattern, Fixed) and isinstance(pattern.value, str) else None
        bare = (text or "").strip("%")
        if text is None or "_" in bare or "%" in bare or "\\" in bare:
            raise ParamError("LIKE takes a fixed text with % at its ends.", hint="Use REGEXP_MATCHES(text, 'pattern').")
        before, after = text.startswith("%"), text.endswith("%")
        test = {(True, True): "contains", (True, False): "ends with", (False, True): "starts with"}.get((before, after), "equals")  # fmt: skip
        column = self.column(self.need(self.value(node.this), "text", "LIKE"))
        if not bare and (before or after):
            a, x = self.both(column)
            return self.emit(a == a, f"({x} == {x})")
        ignore = isinstance(node, exp.ILike)
        return self.run("text.test", {"column": column, "test": test, "text": bare, "ignore_case": ignore})

    def cast(self, node):
        name = node.to.this.name if isinstance(node.to.this, exp.DataType.Type) else str(node.to.this)
        target = next((kind for kind, names in CASTS.items() if name in names), None)
        if target is None or node.to.args.get("nested"):
            raise ParamError(f"CAST to {node.to.sql(dialect=Words)} is not possible.", hint="VARCHAR, BIGINT, DOUBLE, BOOLEAN, DATE or TIMESTAMP.")  # fmt: skip
        value = self.value(node.this)
        if isinstance(value, Fixed) and isinstance(value.value, str) and target.startswith("date"):
            return self.moment(value.value)
        return self.run("types.change", {"type": target}, source=self.column(value))

    def joined(self, node):
        return self.concatenate([self.value(node.this), self.value(node.expression)])

    def concatenate(self, values, *, skip_missing: bool = False):
        columns = []
        for value in values:
            name = self.text_column(value)
            if skip_missing:
                a, x = self.both(name)
                name = self.emit(a.fill_null(""), f"{x}.fillna('')")
            columns.append(name)
        found = columns[0]
        for name in columns[1:]:
            (a, x), (b, y) = self.both(found), self.both(name)
            found = self.emit(a + b, f"{x} + {y}")
        return found

    def text_column(self, value) -> str:
        """Return a text column; numbers, dates and true/false are written as text."""
        name = self.column(value)
        return name if self.kind(name) == "text" else self.run("types.change", {"type": "text"}, source=name)

    def case(self, node):
        subject = node.this
        tests = [exp.EQ(this=subject.copy(), expression=i.this.copy()) if subject is not None else i.this for i in node.args["ifs"]]  # fmt: skip
        branches = [i.args["true"] for i in node.args["ifs"]]
        return self.choose(list(zip(tests, branches, strict=True)), node.args.get("default"))

    def if_(self, node):
        return self.choose([(node.this, node.args["true"])], node.args.get("false"))

    def choose(self, branches, otherwise):
        tests = [self.truth(self.value(test), "IF") for test, _ in branches]
        values = [self.value(v) for _, v in branches] + [
            self.value(otherwise) if otherwise is not None else Fixed(None)
        ]
        columns = self.alike(values, "IF and CASE")
        *picked, rest = (self.table[c] for c in columns)
        value = ibis.cases(*[(self.table[t], v) for t, v in zip(tests, picked, strict=True)], else_=rest)
        code = f"{self.df}[{columns[-1]!r}]"
        for test, name in reversed(list(zip(tests, columns, strict=False))):
            code += f".mask({self.df}[{test!r}].fillna(False).astype(bool), {self.df}[{name!r}])"
        return self.emit(value, code)

    def alike(self, values, where: str) -> list[str]:
        """Return columns of one type that hold the values."""
        kinds = {self.kind(v) for v in values} - {"nothing"}
        if len(kinds) > 1:
            raise ParamError(f"{where}: the values are of different kinds ({', '.join(sorted(KIND_WORDS[k] for k in kinds))}).")  # fmt: skip
        known = [self.column(v) for v in values if self.kind(v) != "nothing"]
        if not known:
            return [self.column(v) for v in values]
        found = [self.table[c].type() for c in known]
        dtype = (
            found[0] if all(t == found[0] for t in found) else ibis.dtype("float64") if kinds == {"number"} else None
        )
        if dtype is None and kinds == {"time"} and not any(getattr(t, "timezone", None) for t in found):
            dtype = types.from_name("timestamp")
        if dtype is None:
            raise ParamError(f"{where}: the values are of different types.", hint="CAST them to one type.")
        pandas = types.PANDAS.get(types.to_name(dtype))
        columns, rest = [], iter(known)
        for value in values:
            if self.kind(value) == "nothing":
                columns.append(
                    self.emit(ibis.null(dtype), f"pd.Series(pd.NA, index={self.df}.index, dtype={pandas!r})")
                )
                continue
            name = next(rest)
            a, x = self.both(name)
            columns.append(name if a.type() == dtype else self.emit(a.cast(dtype), f"{x}.astype({pandas!r})"))
        return columns

    def call(self, node):
        name = SAME.get(node.name.upper(), node.name.upper())
        given = list(node.expressions)
        if name in OWN:
            return self.own(name, given)
        if name not in FUNCTIONS:
            hint = did_you_mean(name, NAMES, "A formula may call ", most=12)
            if name == "LOG":
                hint = "Write LN (natural) or LOG10."
            raise ParamError(f"{name} is not a function that a formula may call.", hint=hint)
        how = FUNCTIONS[name]
        if not 1 <= len(given) <= how.most:
            raise ParamError(f"{name} takes {'one argument' if how.most == 1 else f'at most {how.most} arguments'}, not {len(given)}.")  # fmt: skip
        settings, source = {}, X
        for key, setting in how.settings.items():
            if not isinstance(setting, Arg):
                settings[key] = setting
            elif setting.kind != "column":
                settings[key] = self.fixed(name, given, setting)
            elif key == "columns":
                source = setting
            else:
                settings[key] = self.column(self.value(given[setting.place]))
        in_place = "column" not in settings
        if in_place and source.place >= len(given):
            raise ParamError(f"{name} takes {how.most} arguments, not {len(given)}.")
        return self.run(
            how.transform, settings, source=self.column(self.value(given[source.place])) if in_place else None
        )

    def fixed(self, name: str, given: list, setting: Arg):
        """Return an argument that must be written as a value."""
        if setting.place >= len(given):
            if setting.default is ...:
                raise ParamError(f"{name} needs {setting.place + 1} arguments, not {len(given)}.")
            return setting.default
        value = self.value(given[setting.place])
        wanted = int if setting.kind == "whole" else str
        if not isinstance(value, Fixed) or not isinstance(value.value, wanted) or isinstance(value.value, bool):
            raise ParamError(f"{name}: argument {setting.place + 1} must be a {'whole number' if wanted is int else 'text'} written in the formula.")  # fmt: skip
        return value.value

    def own(self, name: str, given: list):
        if (
            need := {"IF": (2, 3), "NULLIF": (2, 2), "ISNULL": (1, 1), "POWER": (2, 2), "MOD": (2, 2)}.get(
                name, (1, 99)
            )
        ) and not need[0] <= len(given) <= need[1]:
            raise ParamError(f"{name} takes {need[0]} to {need[1]} arguments, not {len(given)}.")  # fmt: skip
        if name == "IF":
            return self.choose([(given[0], given[1])], given[2] if len(given) > 2 else None)
        if name == "NULLIF":
            return self.choose([(exp.EQ(this=given[0].copy(), expression=given[1].copy()), exp.Null())], given[0])
        if name == "ISNULL":
            a, x = self.both(self.column(self.value(given[0])))
            return self.emit(a.isnull(), f"{x}.isna()")
        if name in ("POWER", "MOD"):
            return self.calculate("power" if name == "POWER" else "remainder", *map(self.value, given))
        values = [self.value(v) for v in given]
        if name == "CONCAT":
            return self.concatenate(values, skip_missing=True)
        if name in ("GREATEST", "LEAST"):
            columns = list(dict.fromkeys(self.numeric(self.need(v, "number", name)) for v in values))
            return self.run("number.row_statistic", {"columns": columns, "statistic": "max" if name == "GREATEST" else "min"})  # fmt: skip
        columns = self.alike(values, name)
        code = f"{self.df}[{columns[0]!r}]" + "".join(f".fillna({self.df}[{c!r}])" for c in columns[1:])
        return self.emit(ibis.coalesce(*[self.table[c] for c in columns]), code)

    WRITERS: tuple[tuple[Any, Callable], ...] = (
        (tuple(ARITHMETIC), arithmetic), (exp.Neg, negative), (exp.ILike, like), (exp.Like, like), (tuple(COMPARES), comparison),
        ((exp.And, exp.Or), logic), (exp.Not, negation), (exp.Is, is_), (exp.Between, between), (exp.In, among),
        ((exp.Cast, exp.TryCast), cast), ((exp.DPipe, exp.BitwiseAnd), joined), (exp.Case, case), (exp.If, if_), (exp.Anonymous, call),
    )  # fmt: skip


def number_of(text: str) -> int | float:
    try:
        value = int(text) if text.isdigit() else float(text)
    except ValueError as error:
        raise ParamError(f"{text!r} is not a number.") from error
    if isinstance(value, int) and value >= 2**63:
        raise ParamError(f"{text} is too large.")
    return value


def build(text: str, table, df: str = "df") -> tuple[Built, str]:
    """Return the formula over a table, and the column that holds its value."""
    built = Built(table, df)
    try:
        return built, built.column(built.value(parsed(text)))
    except ValueError as error:
        if isinstance(error, ParamError):
            raise
        raise ParamError(str(error)) from error

"""Arithmetic and functions of numbers. A number that does not exist (1/0, the root of -1) is missing."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import NumberFunction, ceiling, floor, no_nan, spare_names
from transforms.errors import ParamError
from transforms.fields import NewColumn, NumberColumn, NumericColumns, param
from transforms.schema import known
from transforms.transform import Example, Transform, register


@register
class Arithmetic(Transform):
    """Make a column from two numbers: add, subtract, multiply, divide, remainder or power.

    Columns: one float64 column is added. Dividing by zero, and powers that are not real numbers, give missing values.
    The remainder has the sign of the divisor (as in Python and spreadsheets).
    """

    name: ClassVar = "number.arithmetic"
    label: ClassVar = "Calculate with two numbers"
    covers: ClassVar = ("add", "subtract", "multiply", "divide", "modulo", "power")
    words: ClassVar = ("plus", "minus", "times", "ratio", "MOD", "sum of two columns", "formula")
    examples: ClassVar = (
        Example({"left": "a", "operation": "add", "right": "b", "to": "c"}, before={"a": [1, None], "b": [2, 3]}, after={"a": [1, None], "b": [2, 3], "c": [3.0, None]}),
        Example({"left": "a", "operation": "subtract", "number": 1.5, "to": "c"}, before={"a": [1, 2]}, after={"a": [1, 2], "c": [-0.5, 0.5]}),
        Example({"left": "a", "operation": "multiply", "right": "a", "to": "c"}, before={"a": [3.0]}, after={"a": [3.0], "c": [9.0]}),
        Example({"left": "a", "operation": "divide", "right": "b", "to": "c"}, before={"a": [1.0, 1.0], "b": [4, 0]}, after={"a": [1.0, 1.0], "b": [4, 0], "c": [0.25, None]}),
        Example({"left": "a", "operation": "remainder", "number": 3, "to": "c"}, before={"a": [7, -7]}, after={"a": [7, -7], "c": [1.0, 2.0]}),
        Example({"left": "a", "operation": "power", "number": 0.5, "to": "c"}, before={"a": [9.0, -1.0]}, after={"a": [9.0, -1.0], "c": [3.0, None]}),
    )  # fmt: skip

    left: NumberColumn = param("First number")
    operation: Literal["add", "subtract", "multiply", "divide", "remainder", "power"] = param(
        "Operation", default="add"
    )
    right: NumberColumn | None = param("Second number: a column", default=None)
    number: float | None = param("or a fixed number", default=None)
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if (self.right is None) == (self.number is None):
            raise ParamError("choose either a second column or a fixed number.")

    def apply(self, table, state):
        a = known(table[self.left])
        b = known(table[self.right]) if self.right is not None else ibis.literal(float(self.number))
        safe = b.nullif(0.0)
        value = {
            "add": lambda: a + b,
            "subtract": lambda: a - b,
            "multiply": lambda: a * b,
            "divide": lambda: a / safe,
            "remainder": lambda: a - safe * floor(a / safe),
            "power": lambda: ((a == 0) & (b < 0)).ifelse(ibis.null("float64"), a.pow(b).cast("float64")),
        }[self.operation]()
        return table.mutate(no_nan(value).name(self.to))

    def pandas(self, df, state, schema):
        a = f"{df}[{self.left!r}].astype('Float64')"
        b = f"{df}[{self.right!r}].astype('Float64')" if self.right is not None else repr(float(self.number))
        lines = [f"a, b = {a}, {b}"]
        if self.operation in ("divide", "remainder"):
            lines[0] = f"a, b = {a}, pd.Series({b}, index={df}.index, dtype='Float64').replace(0.0, pd.NA)"
        lines.append(f"{df}[{self.to!r}] = " + {
            "add": "a + b", "subtract": "a - b", "multiply": "a * b", "divide": "a / b",
            "remainder": "a - b * np.floor(a / b)", "power": f"(a ** b).mask((a == 0) & (pd.Series(b, index={df}.index) < 0))",
        }[self.operation])  # fmt: skip
        return lines


@register
class Round(NumberFunction):
    """Round numbers: to the nearest (halves away from zero), down, up, or towards zero.

    Columns: float64. `digits` counts decimals; negative digits round to tens, hundreds.
    """

    name: ClassVar = "number.round"
    label: ClassVar = "Round numbers"
    covers: ClassVar = ("round", "floor", "ceiling", "truncate_number")
    words: ClassVar = ("floor", "ceiling", "truncate", "integer part")
    examples: ClassVar = (
        Example({"columns": ["a"], "digits": 1}, before={"a": [2.25, -2.25, None]}, after={"a": [2.3, -2.3, None]}),
        Example({"columns": ["a"], "mode": "down"}, before={"a": [2.7, -2.2]}, after={"a": [2.0, -3.0]}),
        Example({"columns": ["a"], "mode": "up", "digits": -2}, before={"a": [120, 100]}, after={"a": [200.0, 100.0]}),
        Example({"columns": ["a"], "mode": "towards zero"}, before={"a": [2.7, -2.7]}, after={"a": [2.0, -2.0]}),
    )

    mode: Literal["nearest", "down", "up", "towards zero"] = param("Round", default="nearest")
    digits: int = param("Decimals", default=0, ge=-15, le=15)

    def value(self, column):
        x = known(column)
        up, down = (float(10**self.digits), 1.0) if self.digits >= 0 else (1.0, float(10**-self.digits))
        scaled = x * up / down
        size = floor(scaled.abs() + 0.5 if self.mode == "nearest" else scaled.abs())
        result = {
            "nearest": lambda: x.sign().cast("float64") * size,
            "towards zero": lambda: x.sign().cast("float64") * size,
            "down": lambda: floor(scaled),
            "up": lambda: ceiling(scaled),
        }[self.mode]() / up * down  # fmt: skip
        return (x.abs() > 1e15).ifelse(x, result)

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        up, down = (float(10**self.digits), 1.0) if self.digits >= 0 else (1.0, float(10**-self.digits))
        scaled = f"({x} * {up} / {down})"
        result = {
            "nearest": f"np.sign({x}) * np.floor({scaled}.abs() + 0.5)",
            "towards zero": f"np.sign({x}) * np.floor({scaled}.abs())",
            "down": f"np.floor({scaled})",
            "up": f"np.ceil({scaled})",
        }[self.mode]
        return f"{x}.where({x}.abs() > 1e15, ({result}) / {up} * {down})"


class Function(NumberFunction):
    """A function with a domain: outside of it the result is missing."""

    expression: ClassVar
    code: ClassVar[str]
    low: ClassVar[float | None] = None
    high: ClassVar[float | None] = None
    open_low: ClassVar[bool] = False  # whether `low` itself is outside

    def value(self, column):
        x = known(column)
        inside = ~x.isinf() if self.low is None and self.high is None else None
        if self.low is not None:
            inside = (x > self.low) if self.open_low else (x >= self.low)
        if self.high is not None:
            inside = inside & (x <= self.high) if inside is not None else x <= self.high
        x = inside.ifelse(x, ibis.null("float64"))
        return type(self).expression(x).cast("float64")

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        conditions = []
        if self.low is None and self.high is None:
            conditions = [f"({x}.abs() != np.inf)"]
        if self.low is not None:
            conditions.append(f"({x} {'>' if self.open_low else '>='} {self.low})")
        if self.high is not None:
            conditions.append(f"({x} <= {self.high})")
        inside = f"{x}.where({' & '.join(conditions)})"
        return type(self).code.format(x=inside)


def function(name, label, expression, code, covers, example, *, words=(), doc, low=None, high=None, open_low=False):
    """Register a function of one number in one line: they differ in an expression and its pandas spelling."""
    before, after = example
    body = {
        "__doc__": doc + "\n\n    Columns: float64. Outside of the function's domain the result is missing.",
        "__module__": __name__,
        "__annotations__": {},
        "name": f"number.{name}", "label": label, "covers": covers, "words": words,
        "expression": staticmethod(expression), "code": code, "low": low, "high": high, "open_low": open_low,
        "examples": (Example({"columns": ["a"]}, before={"a": before}, after={"a": after}),),
    }  # fmt: skip
    return register(type(name.title().replace("_", ""), (Function,), body))


function("square_root", "Square root", lambda x: x.sqrt(), "np.sqrt({x})", ("square_root",), ([9.0, -1.0, None], [3.0, None, None]),
         words=("sqrt",), doc="Take the square root.", low=0.0)  # fmt: skip
function("exponential", "Exponential (e to the power)", lambda x: x.exp(), "np.exp({x})", ("exponential",), ([0.0, 1.0], [1.0, math.e]),
         words=("exp",), doc="Raise e to the number.", low=-700.0, high=700.0)  # fmt: skip
function("natural_log", "Natural logarithm", lambda x: x.ln(), "np.log({x})", ("natural_log",), ([math.e, 0.0, 1.0], [1.0, None, 0.0]),
         words=("ln", "log"), doc="Take the natural logarithm.", low=0.0, open_low=True)  # fmt: skip
function("log10", "Logarithm to base 10", lambda x: x.log10(), "np.log10({x})", ("log_base",), ([1000.0, -1.0], [3.0, None]),
         words=("log",), doc="Take the logarithm to base 10.", low=0.0, open_low=True)  # fmt: skip
function("log1p", "Logarithm of one plus the number", lambda x: (x + 1.0).ln(), "np.log({x} + 1.0)", ("log1p",), ([0.0, -1.0, math.e - 1], [0.0, None, 1.0]),
         words=("log(1+x)", "skew"), doc="Take the natural logarithm of 1 + x, the usual cure for long tails.", low=-1.0, open_low=True)  # fmt: skip
function("sine", "Sine", lambda x: x.sin(), "np.sin({x})", ("sine",), ([0.0, math.pi / 2], [0.0, 1.0]), words=("sin",), doc="Take the sine of an angle in radians.", low=-1e6, high=1e6)  # fmt: skip
function("cosine", "Cosine", lambda x: x.cos(), "np.cos({x})", ("cosine",), ([0.0, math.pi], [1.0, -1.0]), words=("cos",), doc="Take the cosine of an angle in radians.", low=-1e6, high=1e6)  # fmt: skip
function("tangent", "Tangent", lambda x: x.tan(), "np.tan({x})", ("tangent",), ([0.0, math.pi / 4], [0.0, 1.0]), words=("tan",), doc="Take the tangent of an angle in radians.", low=-1e6, high=1e6)  # fmt: skip
function("arcsine", "Arcsine", lambda x: x.asin(), "np.arcsin({x})", ("arcsine",), ([1.0, 2.0], [math.pi / 2, None]), words=("asin",), doc="Take the arcsine, in radians.", low=-1.0, high=1.0)  # fmt: skip
function("arccosine", "Arccosine", lambda x: x.acos(), "np.arccos({x})", ("arccosine",), ([1.0, 2.0], [0.0, None]), words=("acos",), doc="Take the arccosine, in radians.", low=-1.0, high=1.0)  # fmt: skip
function("arctangent", "Arctangent", lambda x: x.atan(), "np.arctan({x})", ("arctangent",), ([1.0], [math.pi / 4]), words=("atan",), doc="Take the arctangent, in radians.")  # fmt: skip
function("degrees_to_radians", "Degrees to radians", lambda x: x * (math.pi / 180.0), "{x} * (np.pi / 180.0)", ("degrees_to_radians",), ([180.0], [math.pi]), words=("RADIANS",), doc="Turn degrees into radians.")  # fmt: skip
function("radians_to_degrees", "Radians to degrees", lambda x: x * (180.0 / math.pi), "{x} * (180.0 / np.pi)", ("radians_to_degrees",), ([math.pi], [180.0]), words=("DEGREES",), doc="Turn radians into degrees.")  # fmt: skip


@register
class Absolute(NumberFunction):
    """Drop the sign of numbers. Types stay."""

    name: ClassVar = "number.absolute"
    label: ClassVar = "Absolute value"
    covers: ClassVar = ("absolute",)
    words: ClassVar = ("abs", "magnitude")
    examples: ClassVar = (Example({"columns": ["a"]}, before={"a": [-2, 3, None]}, after={"a": [2, 3, None]}),)

    def value(self, column):
        return column.abs()

    def pandas_value(self, column, dtype):
        return f"{column}.abs()"


@register
class Negate(NumberFunction):
    """Change the sign of numbers. Types stay."""

    name: ClassVar = "number.negate"
    label: ClassVar = "Change the sign"
    covers: ClassVar = ("negate",)
    words: ClassVar = ("minus", "opposite")
    examples: ClassVar = (
        Example({"columns": ["a"], "suffix": "_neg"}, before={"a": [-2, 3]}, after={"a": [-2, 3], "a_neg": [2, -3]}),
    )

    def value(self, column):
        return -column

    def pandas_value(self, column, dtype):
        return f"-{column}"


@register
class Sign(NumberFunction):
    """Give -1, 0 or 1 for negative, zero and positive numbers (whole numbers)."""

    name: ClassVar = "number.sign"
    label: ClassVar = "Sign of the number"
    covers: ClassVar = ("sign",)
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [-2.5, 0.0, None, 7.0]}, after={"a": [-1, 0, None, 1]}),
    )

    def value(self, column):
        return column.sign().cast("int64")

    def pandas_value(self, column, dtype):
        return f"np.sign({column}).astype('Int64')"


@register
class EvenOrOdd(NumberFunction):
    """Tell whether whole numbers are even (or odd); numbers with a fraction are missing."""

    name: ClassVar = "number.is_even"
    label: ClassVar = "Is the number even or odd?"
    covers: ClassVar = ("is_even", "is_odd")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [2.0, 3.0, 2.5, None]}, after={"a": [True, False, None, None]}),
        Example({"columns": ["a"], "question": "odd"}, before={"a": [2, 3, -1]}, after={"a": [False, True, True]}),
    )

    question: Literal["even", "odd"] = param("Is it", default="even")

    def value(self, column):
        x = known(column)
        whole = (x == floor(x)).ifelse(x, ibis.null("float64"))
        half = whole / 2.0
        even = half == floor(half)
        return even if self.question == "even" else ~even

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        half = f"({x}.where({x} == np.floor({x})) / 2)"
        return f"{half} {'==' if self.question == 'even' else '!='} np.floor({half})"


@register
class RowStatistic(Transform):
    """Make a column from several numbers of the same row: sum, mean, smallest, largest, deviation, or how many are known.

    Missing values are left out; a row without a known value gives missing (and a count of 0). Variance and standard
    deviation are those of a sample (n - 1): a row with one known value has none. See `across.pick_number` for the median.
    """

    name: ClassVar = "number.row_statistic"
    label: ClassVar = "Sum, mean … across columns"
    covers: ClassVar = ("row_sum", "row_mean", "row_min", "row_max", "row_std", "row_variance", "row_count_values")
    words: ClassVar = ("total of columns", "average of columns", "AVERAGE", "MAX", "MIN")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "statistic": "sum", "to": "s"}, before={"a": [1, None, None], "b": [2.5, 3.0, None]}, after={"a": [1, None, None], "b": [2.5, 3.0, None], "s": [3.5, 3.0, None]}),
        Example({"columns": ["a", "b"], "statistic": "mean", "to": "s"}, before={"a": [1, None], "b": [2, 3]}, after={"a": [1, None], "b": [2, 3], "s": [1.5, 3.0]}),
        Example({"columns": ["a", "b"], "statistic": "min", "to": "s"}, before={"a": [1, None], "b": [2, 3]}, after={"a": [1, None], "b": [2, 3], "s": [1.0, 3.0]}),
        Example({"columns": ["a", "b"], "statistic": "max", "to": "s"}, before={"a": [1, 9], "b": [2, 3]}, after={"a": [1, 9], "b": [2, 3], "s": [2.0, 9.0]}),
        Example({"columns": ["a", "b"], "statistic": "count", "to": "s"}, before={"a": [1, None], "b": [2, None]}, after={"a": [1, None], "b": [2, None], "s": [2.0, 0.0]}),
        Example({"columns": ["a", "b", "c"], "statistic": "variance", "to": "s"}, before={"a": [1, 4], "b": [2, None], "c": [6.0, None]}, after={"a": [1, 4], "b": [2, None], "c": [6.0, None], "s": [7.0, None]}),
        Example({"columns": ["a", "b", "c"], "statistic": "std", "to": "s"}, before={"a": [1, 1], "b": [5, None], "c": [3.0, 1.0]}, after={"a": [1, 1], "b": [5, None], "c": [3.0, 1.0], "s": [2.0, 0.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    statistic: Literal["sum", "mean", "min", "max", "count", "std", "variance"] = param("Statistic", default="sum")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        if self.statistic in ("std", "variance"):
            return self._spread(table)
        values = [known(table[c]) for c in self.columns]
        count = _added([v.notnull().ifelse(1.0, 0.0) for v in values])
        total = _added([v.fill_null(0.0) for v in values])
        best = values[0]
        for v in values[1:]:
            wins = (v < best) if self.statistic == "min" else (v > best)
            best = ibis.cases((best.isnull(), v), (v.isnull(), best), (wins, v), else_=best)
        some = count > 0
        value = {
            "sum": lambda: some.ifelse(total, ibis.null("float64")),
            "mean": lambda: total / count.nullif(0.0),
            "count": lambda: count,
        }.get(self.statistic, lambda: best)()
        return table.mutate(value.name(self.to))

    def _spread(self, table):
        mean, count = spare_names(table, 2)
        values = [known(table[c]) for c in self.columns]
        known_ones = _added([v.notnull().ifelse(1.0, 0.0) for v in values])
        total = _added([v.fill_null(0.0) for v in values])
        table = table.mutate(known_ones.name(count), (total / known_ones.nullif(0.0)).name(mean))
        parts = [known(table[c]) - table[mean] for c in self.columns]
        spread = _added([(d * d).fill_null(0.0) for d in parts])
        value = (table[count] > 1.0).ifelse(spread / (table[count] - 1.0).nullif(0.0), ibis.null("float64"))
        return table.mutate((value.sqrt() if self.statistic == "std" else value).name(self.to)).drop(mean, count)

    def pandas(self, df, state, schema):
        values = f"{df}[{list(self.columns)!r}].astype('Float64')"
        how = {
            "variance": "var(axis=1)",
            "sum": "sum(axis=1, min_count=1)",
            "count": "count(axis=1).astype('Float64')",
        }.get(self.statistic, f"{self.statistic}(axis=1)")
        return [f"{df}[{self.to!r}] = {values}.{how}"]


def _added(values):
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total

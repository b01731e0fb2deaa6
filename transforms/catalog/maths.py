"""Mathematics beyond arithmetic: whole numbers, hyperbolic functions, units, random numbers, products of columns."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import NumberFunction, floor, new_name, no_nan
from transforms.catalog.hashing import ByHash
from transforms.catalog.window import InOrder
from transforms.errors import ParamError
from transforms.fields import NewColumn, NumberColumn, NumericColumns, param
from transforms.functions import row_function
from transforms.schema import known
from transforms.transform import Example, Transform, register

LIMIT = 2**63  # whole numbers beyond do not fit


@row_function("int64", "int64", "int64")
def whole_pair(a, b, *, operation):
    """Return an operation on two whole numbers, or None where it does not exist or does not fit into 64 bits."""
    if operation == "greatest common divisor":
        found = math.gcd(a, b)
    elif operation == "least common multiple":
        found = math.lcm(a, b)
    elif operation == "combinations":
        if a < 0 or b < 0:
            return None
        few = min(b, a - b)
        if few < 0:
            return 0
        found = math.comb(a, few) if few <= 33 else LIMIT  # comb(67, 33) fits, comb(68, 34) does not
    elif operation == "and":
        found = a & b
    elif operation == "or":
        found = a | b
    elif operation == "exclusive or":
        found = a ^ b
    elif not 0 <= b < 64:
        return None
    else:
        found = a << b if operation == "shift left" else a >> b
    return found if -LIMIT <= found < LIMIT else None


@register
class TwoWholeNumbers(Transform):
    """Make a column from two whole numbers: divisor, multiple, combinations, whole quotient, bits.

    Numbers with a fraction, missing values and results beyond 64 bits give missing. The whole quotient rounds down (as in
    Python); dividing by zero gives missing. Columns: one int64 column is added.
    """

    name: ClassVar = "maths.two_whole_numbers"
    label: ClassVar = "Calculate with two whole numbers"
    covers: ClassVar = ("gcd", "lcm", "combinations", "bitwise_op", "integer_divide")
    words: ClassVar = ("greatest common divisor", "LCM", "GCD", "COMBIN", "binomial coefficient", "bitand", "xor", "QUOTIENT", "div", "floor division")  # fmt: skip
    examples: ClassVar = (
        Example({"left": "a", "operation": "greatest common divisor", "right": "b", "to": "c"}, before={"a": [12, 0, None], "b": [18, 5, 1]}, after={"a": [12, 0, None], "b": [18, 5, 1], "c": [6, 5, None]}),
        Example({"left": "a", "operation": "least common multiple", "number": 6, "to": "c"}, before={"a": [4, 0]}, after={"a": [4, 0], "c": [12, 0]}),
        Example({"left": "a", "operation": "combinations", "right": "b", "to": "c"}, before={"a": [5, 3, -1, 100], "b": [2, 4, 1, 50]}, after={"a": [5, 3, -1, 100], "b": [2, 4, 1, 50], "c": [10, 0, None, None]}),
        Example({"left": "a", "operation": "and", "number": 6, "to": "c"}, before={"a": [3]}, after={"a": [3], "c": [2]}),
        Example({"left": "a", "operation": "or", "number": 6, "to": "c"}, before={"a": [3]}, after={"a": [3], "c": [7]}),
        Example({"left": "a", "operation": "exclusive or", "number": 6, "to": "c"}, before={"a": [3]}, after={"a": [3], "c": [5]}),
        Example({"left": "a", "operation": "shift left", "number": 3, "to": "c"}, before={"a": [3]}, after={"a": [3], "c": [24]}),
        Example({"left": "a", "operation": "shift right", "number": 1, "to": "c"}, before={"a": [5]}, after={"a": [5], "c": [2]}),
        Example({"left": "a", "operation": "whole quotient", "right": "b", "to": "c"}, before={"a": [7.0, -7.0, 1.0], "b": [2, 2, 0]}, after={"a": [7.0, -7.0, 1.0], "b": [2, 2, 0], "c": [3, -4, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = whole_pair.helpers

    left: NumberColumn = param("First number")
    operation: Literal[
        "greatest common divisor", "least common multiple", "combinations", "whole quotient", "and", "or", "exclusive or",
        "shift left", "shift right",
    ] = param("Operation", default="greatest common divisor")  # fmt: skip
    right: NumberColumn | None = param("Second number: a column", default=None)
    number: int | None = param("or a fixed number", default=None)
    to: NewColumn = param("New column")

    def check_columns(self, schema):
        super().check_columns(schema)
        if (self.right is None) == (self.number is None):
            raise ParamError("choose either a second column or a fixed number.")

    def apply(self, table, state):
        a = known(table[self.left])
        b = known(table[self.right]) if self.right is not None else ibis.literal(float(self.number))
        if self.operation == "whole quotient":
            value = floor(a / b.nullif(0.0))
            return table.mutate((value.abs() < 2.0**63).ifelse(value, ibis.null("float64")).cast("int64").name(self.to))
        return table.mutate(whole_pair(_whole(a), _whole(b), operation=self.operation).name(self.to))

    def pandas(self, df, state, schema):
        a = f"{df}[{self.left!r}].astype('Float64')"
        b = f"{df}[{self.right!r}].astype('Float64')" if self.right else f"pd.Series({float(self.number)}, index={df}.index, dtype='Float64')"  # fmt: skip
        lines = [f"a, b = {a}, {b}"]
        if self.operation == "whole quotient":
            lines.append("x = np.floor(a / b.mask(b == 0))")
            return [*lines, f"{df}[{self.to!r}] = x.where(x.abs() < 2.0**63).astype('Int64')"]
        lines.append("a, b = [x.where((x == np.floor(x)) & (x.abs() < 2.0**63)).astype('Int64') for x in (a, b)]")
        return [*lines, f"{df}[{self.to!r}] = {whole_pair.pandas('a', 'b', operation=self.operation)}"]


def _whole(x):
    """Return a float expression as a whole number; fractions and what does not fit are missing."""
    return ((x == floor(x)) & (x.abs() < 2.0**63)).ifelse(x, ibis.null("float64")).cast("int64")


@row_function("float64", "float64")
def of_whole(value, *, task):
    """Return the factorial of a whole number, or 1.0 / 0.0 for whether it is prime."""
    if abs(value) > 2**53 or value != math.floor(value):
        return None
    number = int(value)
    if task == "factorial":
        return float(math.factorial(number)) if 0 <= number <= 170 else None
    if number < 2:
        return 0.0
    # Miller-Rabin with these bases is exact far beyond 2^53
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    for base in bases:
        if number % base == 0:
            return 1.0 if number == base else 0.0
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in bases:
        x = pow(base, odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return 0.0
    return 1.0


@register
class Factorial(NumberFunction):
    """Take the factorial of whole numbers from 0 to 170; anything else is missing. Columns: float64."""

    name: ClassVar = "maths.factorial"
    label: ClassVar = "Factorial"
    covers: ClassVar = ("factorial",)
    words: ClassVar = ("FACT", "n!", "permutations")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [0, 5, -1, None]}, after={"a": [1.0, 120.0, None, None]}),
    )
    pandas_helpers: ClassVar = of_whole.helpers

    def value(self, column):
        return of_whole(known(column), task="factorial")

    def pandas_value(self, column, dtype):
        return of_whole.pandas(f"{column}.astype('Float64')", task="factorial")


@register
class IsPrime(NumberFunction):
    """Tell whether whole numbers are prime; numbers with a fraction, or above 2^53, are missing."""

    name: ClassVar = "maths.is_prime"
    label: ClassVar = "Is the number prime?"
    covers: ClassVar = ("is_prime",)
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [1.0, 2.0, 91.0, 97.0, 2.5, None]}, after={"a": [False, True, False, True, None, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = of_whole.helpers

    def value(self, column):
        return of_whole(known(column), task="is prime") == 1.0

    def pandas_value(self, column, dtype):
        return of_whole.pandas(f"{column}.astype('Float64')", task="is prime") + " == 1.0"


@register
class Curve(NumberFunction):
    """Apply a curve: hyperbolic sine, cosine or tangent, the logistic curve (sigmoid), or the cube root.

    Columns: float64. Hyperbolic sine and cosine of numbers beyond ±700 are missing.
    """

    name: ClassVar = "maths.curve"
    label: ClassVar = "Hyperbolic functions, sigmoid, cube root"
    covers: ClassVar = ("hyperbolic", "sigmoid", "cube_root")
    words: ClassVar = ("sinh", "cosh", "tanh", "logistic", "cbrt", "squash", "expit")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [0.0, math.log(2.0), 1000.0, None]}, after={"a": [0.0, 0.75, None, None]}),
        Example({"columns": ["a"], "function": "cosh"}, before={"a": [0.0, math.log(2.0)]}, after={"a": [1.0, 1.25]}),
        Example({"columns": ["a"], "function": "tanh"}, before={"a": [0.0, math.log(2.0), 1e9]}, after={"a": [0.0, 0.6, 1.0]}),
        Example({"columns": ["a"], "function": "sigmoid"}, before={"a": [0.0, math.log(3.0), 1e9]}, after={"a": [0.5, 0.75, 1.0]}),
        Example({"columns": ["a"], "function": "cube root"}, before={"a": [27.0, -8.0, 0.0]}, after={"a": [3.0, -2.0, 0.0]}),
    )  # fmt: skip

    function: Literal["sinh", "cosh", "tanh", "sigmoid", "cube root"] = param("Function", default="sinh")

    def value(self, column):
        x = known(column)
        if self.function == "cube root":
            return x.sign().cast("float64") * x.abs().pow(1.0 / 3.0).cast("float64")
        if self.function in ("sigmoid", "tanh"):
            small = (x.abs() > 300.0).ifelse(x.sign().cast("float64") * 300.0, x)  # exp(2 × 300) still is a number
            e = (small * (-1.0 if self.function == "sigmoid" else -2.0)).exp()
            if self.function == "sigmoid":
                return ibis.literal(1.0) / (e + 1.0)
            return (x.abs() > 300.0).ifelse((x > 0.0).ifelse(1.0, -1.0), (ibis.literal(1.0) - e) / (e + 1.0))
        inside = (x.abs() <= 700.0).ifelse(x, ibis.null("float64"))
        up, down = inside.exp(), (-inside).exp()
        return (up - down if self.function == "sinh" else up + down) / 2.0

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        return {
            "cube root": f"np.cbrt({x})",
            "sigmoid": f"1 / (1 + np.exp(-{x}.clip(-700, 700)))",
            "tanh": f"np.tanh({x})",
            "sinh": f"np.sinh({x}.where({x}.abs() <= 700))",
            "cosh": f"np.cosh({x}.where({x}.abs() <= 700))",
        }[self.function]


@register
class RoundTo(NumberFunction):
    """Round to the nearest multiple of a step, or to a number of significant digits; halves go away from zero.

    Columns: float64.
    """

    name: ClassVar = "maths.round_to"
    label: ClassVar = "Round to a multiple or to significant digits"
    covers: ClassVar = ("round_to_multiple", "round_significant")
    words: ClassVar = ("MROUND", "nearest 5", "significant figures", "round to step")
    examples: ClassVar = (
        Example({"columns": ["a"], "step": 5}, before={"a": [12.4, 12.5, -12.5, None]}, after={"a": [10.0, 15.0, -15.0, None]}),
        Example({"columns": ["a"], "mode": "significant digits", "digits": 2}, before={"a": [12345.0, 0.0567, -1.25, 0.0]}, after={"a": [12000.0, 0.057, -1.3, 0.0]}),
    )  # fmt: skip

    mode: Literal["multiple", "significant digits"] = param("Round to", default="multiple")
    step: float = param("Multiple of", default=1.0, gt=0)
    digits: int = param("Significant digits", default=3, ge=1, le=15)

    def value(self, column):
        x = known(column)
        sign = x.sign().cast("float64")
        if self.mode == "multiple":
            return sign * floor(x.abs() / self.step + 0.5) * self.step
        size = x.abs().nullif(0.0)
        places = floor(size.log10()) * -1.0 + (self.digits - 1)
        # powers of ten with a negative exponent are not exact: multiply or divide by a whole power
        up = places.abs().pow(1.0).cast("float64") * 0.0 + ibis.literal(10.0).pow(places.abs()).cast("float64")
        rounded = (places >= 0.0).ifelse(floor(size * up + 0.5) / up, floor(size / up + 0.5) * up)
        return ((places.abs() > 300.0) | (x == 0.0)).ifelse(x, sign * rounded)

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        if self.mode == "multiple":
            return f"np.sign({x}) * np.floor({x}.abs() / {self.step!r} + 0.5) * {self.step!r}"
        return f"significant({x}, {self.digits})"

    pandas_helpers: ClassVar = (
        '''
def significant(x, digits):
    """Round to significant digits; halves go away from zero."""
    size = x.abs().mask(x == 0)
    places = digits - 1 - np.floor(np.log10(size))
    up = 10.0 ** places.abs()
    rounded = (np.floor(size * up + 0.5) / up).where(places >= 0, np.floor(size / up + 0.5) * up)
    return x.where((places.abs() > 300) | (x == 0), np.sign(x) * rounded)
''',
    )


@register
class Constant(Transform):
    """Add a column with a mathematical constant: pi, tau, e or the golden ratio."""

    name: ClassVar = "maths.constant"
    label: ClassVar = "Add pi or another constant"
    covers: ClassVar = ("pi_constant",)
    words: ClassVar = ("PI", "Euler", "tau", "golden ratio")
    examples: ClassVar = (
        Example({"to": "p"}, before={"a": [1, None]}, after={"a": [1, None], "p": [math.pi, math.pi]}),
        Example({"constant": "e", "to": "p"}, before={"a": [1]}, after={"a": [1], "p": [math.e]}),
    )
    VALUES: ClassVar = {"pi": math.pi, "tau": math.tau, "e": math.e, "golden ratio": (1 + 5**0.5) / 2}

    constant: Literal["pi", "tau", "e", "golden ratio"] = param("Constant", default="pi")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        # as text: DuckDB reads a number with a point as a decimal
        return table.mutate(ibis.literal(repr(self.VALUES[self.constant])).cast("float64").name(self.to))

    def pandas(self, df, state, schema):
        return [f"{df}[{self.to!r}] = pd.Series({self.VALUES[self.constant]!r}, index={df}.index, dtype='Float64')"]


@register
class RandomNumber(ByHash):
    """Add a random number to each row: any number, or a whole one, between two bounds.

    The number depends on the seed and on a hash of the row's key values, so that it is the same on every run and every
    engine; rows with equal keys get equal numbers. The upper bound itself belongs to whole numbers only.
    """

    name: ClassVar = "maths.random_number"
    label: ClassVar = "Random number"
    covers: ClassVar = ("random_uniform", "random_integer")
    words: ClassVar = ("RAND", "RANDBETWEEN", "RAND_BETWEEN", "uniform", "dice", "randint")
    examples: ClassVar = (
        Example({"keys": ["k"], "to": "r"}, before={"k": ["a", "b", None, "a"]}, after={"k": ["a", "b", None, "a"], "r": [0.2554551362991333, 0.07546014711260796, 0.39863409847021103, 0.2554551362991333]}),
        Example({"whole": True, "low": 1, "high": 6, "to": "r"}, before={"k": ["a", "b"], "x": [1.5, None]}, after={"k": ["a", "b"], "x": [1.5, None], "r": [4, 4]}),
    )  # fmt: skip

    low: float = param("From", default=0.0)
    high: float = param("To", default=1.0)
    whole: bool = param("Whole numbers", default=False)
    to: NewColumn = param("New column", default="random")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.low > self.high:
            raise ParamError(f"the lower bound {self.low} is above the upper bound {self.high}.")
        if self.whole and (self.low != math.floor(self.low) or self.high != math.floor(self.high)):
            raise ParamError("the bounds of whole numbers must be whole.")

    def apply(self, table, state):
        share = self.share(table)
        if self.whole:
            value = floor(share * (self.high - self.low + 1.0)).cast("int64") + int(self.low)
        else:
            value = share * (self.high - self.low) + self.low
        return table.mutate(value.name(self.to))

    def pandas(self, df, state, schema):
        share = self.pandas_share(df, schema)
        if self.whole:
            value = f"np.floor({share} * {self.high - self.low + 1.0}).astype('Int64') + {int(self.low)}"
        else:
            value = f"{share} * {self.high - self.low} + {self.low}"
        return [f"{df}[{self.to!r}] = {value}"]


@register
class RandomChoice(ByHash):
    """Add a random pick from a list to each row, with weights if given.

    The pick depends on the seed and on a hash of the row's key values: the same on every run and every engine.
    """

    name: ClassVar = "maths.random_choice"
    label: ClassVar = "Random pick from a list"
    covers: ClassVar = ("random_choice",)
    words: ClassVar = ("CHOOSE at random", "sample from list", "A/B group", "assign at random")
    examples: ClassVar = (
        Example({"keys": ["k"], "values": ["x", "y"], "to": "r"}, before={"k": ["a", "b", None]}, after={"k": ["a", "b", None], "r": ["x", "x", "x"]}),
        Example({"keys": ["k"], "values": ["x", "y"], "weights": [0, 1], "to": "r"}, before={"k": ["a", "b"]}, after={"k": ["a", "b"], "r": ["y", "y"]}),
    )  # fmt: skip

    values: tuple[str, ...] = param("Pick from", min_length=1)
    weights: tuple[float, ...] = param("Weights", default=(), help="One for each value; none: all alike.")
    to: NewColumn = param("New column", default="choice")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.weights and len(self.weights) != len(self.values):
            raise ParamError(f"there are {len(self.values)} values and {len(self.weights)} weights.")
        if self.weights and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ParamError("weights must not be negative, and one must be above zero.")

    def _steps(self) -> list[tuple[float, str]]:
        """Return (share below which it is picked, value); the last one takes the rest."""
        weights = self.weights or (1.0,) * len(self.values)
        kept = [(w, v) for w, v in zip(weights, self.values, strict=True) if w > 0]
        sums = itertools.accumulate(w for w, _ in kept)
        return [(s / sum(weights), v) for s, (_, v) in zip(sums, kept, strict=True)]

    def apply(self, table, state):
        steps = self._steps()
        share = self.share(table)
        if len(steps) == 1:
            return table.mutate(ibis.literal(steps[0][1]).name(self.to))
        picked = ibis.cases(*[(share < top, ibis.literal(v)) for top, v in steps[:-1]], else_=steps[-1][1])
        return table.mutate(picked.name(self.to))

    def pandas(self, df, state, schema):
        tops = [top for top, _ in self._steps()[:-1]]
        values = [v for _, v in self._steps()]
        return [
            f"places = np.searchsorted({tops!r}, {self.pandas_share(df, schema)}.to_numpy('float64'), side='right')",
            f"{df}[{self.to!r}] = pd.Series(np.array({values!r}, dtype=object)[places], index={df}.index, dtype='string')",
        ]


# unit: (kind, how many base units it is); temperatures have a formula of their own
UNITS = {
    "metre": ("length", 1.0), "kilometre": ("length", 1000.0), "centimetre": ("length", 0.01), "millimetre": ("length", 0.001),
    "inch": ("length", 0.0254), "foot": ("length", 0.3048), "yard": ("length", 0.9144), "mile": ("length", 1609.344),
    "nautical mile": ("length", 1852.0),
    "kilogram": ("mass", 1.0), "gram": ("mass", 0.001), "milligram": ("mass", 1e-6), "tonne": ("mass", 1000.0),
    "pound": ("mass", 0.45359237), "ounce": ("mass", 0.028349523125), "stone": ("mass", 6.35029318),
    "litre": ("volume", 1.0), "millilitre": ("volume", 0.001), "cubic metre": ("volume", 1000.0),
    "US gallon": ("volume", 3.785411784), "US fluid ounce": ("volume", 0.0295735295625), "imperial gallon": ("volume", 4.54609),
    "square metre": ("area", 1.0), "square kilometre": ("area", 1e6), "hectare": ("area", 1e4), "square foot": ("area", 0.09290304),
    "acre": ("area", 4046.8564224), "square mile": ("area", 2589988.110336),
    "metre per second": ("speed", 1.0), "kilometre per hour": ("speed", 1 / 3.6), "mile per hour": ("speed", 0.44704),
    "knot": ("speed", 1852 / 3600),
    "second": ("time", 1.0), "minute": ("time", 60.0), "hour": ("time", 3600.0), "day": ("time", 86400.0), "week": ("time", 604800.0),
    "byte": ("data", 1.0), "kilobyte": ("data", 1e3), "megabyte": ("data", 1e6), "gigabyte": ("data", 1e9),
    "kibibyte": ("data", 1024.0), "mebibyte": ("data", 1048576.0), "gibibyte": ("data", 1073741824.0),
    "joule": ("energy", 1.0), "kilojoule": ("energy", 1e3), "kilocalorie": ("energy", 4184.0), "kilowatt hour": ("energy", 3.6e6),
    "celsius": ("temperature", 1.0), "fahrenheit": ("temperature", 5 / 9), "kelvin": ("temperature", 1.0),
}  # fmt: skip
ZERO_IN_KELVIN = {"celsius": 273.15, "fahrenheit": 459.67 * 5 / 9, "kelvin": 0.0}


@register
class ConvertUnits(NumberFunction):
    """Convert numbers from one unit to another: length, mass, volume, area, speed, time, data, energy, temperature.

    Columns: float64. Source: the exact definitions of the international yard and pound, and SI.
    """

    name: ClassVar = "maths.convert_units"
    label: ClassVar = "Convert units"
    covers: ClassVar = ("convert_units",)
    words: ClassVar = ("CONVERT", "miles to km", "pounds to kg", "fahrenheit", "measurement units")
    examples: ClassVar = (
        Example({"columns": ["a"], "from_unit": "mile", "to_unit": "kilometre"}, before={"a": [1, None, 100]}, after={"a": [1.609344, None, 160.9344]}),
        Example({"columns": ["a"], "from_unit": "fahrenheit", "to_unit": "celsius"}, before={"a": [212.0, 50.0, -40.0]}, after={"a": [100.0, 10.0, -40.0]}),
    )  # fmt: skip

    from_unit: Literal[tuple(UNITS)] = param("From")
    to_unit: Literal[tuple(UNITS)] = param("To")

    def check_columns(self, schema):
        super().check_columns(schema)
        a, b = UNITS[self.from_unit][0], UNITS[self.to_unit][0]
        if a != b:
            raise ParamError(f"{self.from_unit!r} measures {a}, but {self.to_unit!r} measures {b}.")

    def _numbers(self) -> tuple[float, float]:
        factor = UNITS[self.from_unit][1] / UNITS[self.to_unit][1]
        shift = ZERO_IN_KELVIN.get(self.from_unit, 0.0) - ZERO_IN_KELVIN.get(self.to_unit, 0.0)
        return factor, shift / UNITS[self.to_unit][1]

    def value(self, column):
        factor, shift = self._numbers()
        return known(column) * factor + shift

    def pandas_value(self, column, dtype):
        factor, shift = self._numbers()
        return f"{column}.astype('Float64') * {factor!r} + {shift!r}"


@register
class Polynomial(Transform):
    """Add powers and products of columns up to a degree.

    Columns: `a^2`, `a*b`, … (float64) are added. A missing value makes its products missing. Source: scikit-learn
    `PolynomialFeatures` without the constant and the columns themselves.
    """

    name: ClassVar = "maths.polynomial"
    label: ClassVar = "Powers and products of columns"
    covers: ClassVar = ("polynomial_terms",)
    words: ClassVar = ("PolynomialFeatures", "interactions", "squares", "cross terms")
    examples: ClassVar = (
        Example({"columns": ["a", "b"]}, before={"a": [2, None], "b": [3.0, 1.0]}, after={"a": [2, None], "b": [3.0, 1.0], "a^2": [4.0, None], "a*b": [6.0, None], "b^2": [9.0, 1.0]}),
        Example({"columns": ["a", "b", "c"], "degree": 3, "only_products": True}, before={"a": [2], "b": [3], "c": [5]}, after={"a": [2], "b": [3], "c": [5], "a*b": [6.0], "a*c": [10.0], "b*c": [15.0], "a*b*c": [30.0]}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns")
    degree: int = param("Degree", default=2, ge=2, le=4)
    only_products: bool = param("Only products of different columns", default=False)

    def terms(self, schema) -> list[tuple[str, tuple[str, ...]]]:
        """Return (new name, columns to multiply)."""
        choose = itertools.combinations if self.only_products else itertools.combinations_with_replacement
        found = []
        for degree in range(2, self.degree + 1):
            for term in choose(self.columns, degree):
                powers = [(c, term.count(c)) for c in dict.fromkeys(term)]
                found.append(("*".join(c if n == 1 else f"{c}^{n}" for c, n in powers), term))
        if len(found) > 2000:
            raise ParamError(f"that makes {len(found):,} columns.", hint="Choose fewer columns or a lower degree.")
        for name, _ in found:
            new_name(name, schema)
        return found

    def apply(self, table, state):
        values = {c: known(table[c]) for c in self.columns}
        return table.mutate(
            [math.prod((values[c] for c in t), start=1.0).name(n) for n, t in self.terms(table.columns)]
        )

    def pandas(self, df, state, schema):
        return [
            f"{df}[{name!r}] = " + " * ".join(f"{df}[{c!r}].astype('Float64')" for c in term)
            for name, term in self.terms(schema)
        ]


@register
class Pairwise(Transform):
    """Add a column for every pair of columns: their sum, difference, product and ratio, as chosen.

    A ratio by zero is missing. Columns: `a+b`, `a-b`, `a*b`, `a/b` (float64), in the order of the chosen columns.
    """

    name: ClassVar = "maths.pairwise"
    label: ClassVar = "Combine every pair of columns"
    covers: ClassVar = ("pairwise_arithmetic",)
    words: ClassVar = ("ratios", "differences", "feature crosses", "RelativeFeatures")
    examples: ClassVar = (
        Example({"columns": ["a", "b"], "operations": ["+", "-", "*", "/"]}, before={"a": [6, None], "b": [3.0, 0.0]}, after={"a": [6, None], "b": [3.0, 0.0], "a+b": [9.0, None], "a-b": [3.0, None], "a*b": [18.0, None], "a/b": [2.0, None]}),
        Example({"columns": ["a", "b", "c"]}, before={"a": [6], "b": [3], "c": [0]}, after={"a": [6], "b": [3], "c": [0], "a/b": [2.0], "a/c": [None], "b/c": [None]}, after_types={"a/c": "float64", "b/c": "float64"}),
    )  # fmt: skip

    columns: NumericColumns = param("Columns", help="At least two, at most 40.")
    operations: tuple[Literal["+", "-", "*", "/"], ...] = param("Operations", default=("/",), min_length=1)

    def pairs(self, schema):
        if not 2 <= len(self.columns) <= 40:
            raise ParamError(f"choose 2 to 40 columns, not {len(self.columns)}.")
        made = [
            (new_name(f"{a}{sign}{b}", schema), a, sign, b)
            for a, b in itertools.combinations(self.columns, 2)
            for sign in dict.fromkeys(self.operations)
        ]
        return made

    def check_columns(self, schema):
        super().check_columns(schema)
        self.pairs(schema)

    def apply(self, table, state):
        def value(a, sign, b):
            a, b = known(table[a]), known(table[b])
            return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b.nullif(0.0)}[sign]()

        return table.mutate([value(a, sign, b).name(name) for name, a, sign, b in self.pairs(table.columns)])

    def pandas(self, df, state, schema):
        lines = []
        for name, a, sign, b in self.pairs(schema):
            a, b = f"{df}[{a!r}].astype('Float64')", f"{df}[{b!r}].astype('Float64')"
            lines.append(f"{df}[{name!r}] = {a} {sign} {f'{b}.mask({b} == 0)' if sign == '/' else b}")
        return lines


@register
class PercentChange(InOrder):
    """Compute the change against an earlier row, relative to it (0.5 = half more), in an order and within groups.

    An earlier value that is missing or zero gives missing. Columns: one float64 column is added.
    """

    name: ClassVar = "maths.percent_change"
    label: ClassVar = "Relative change"
    covers: ClassVar = ("percent_change",)
    words: ClassVar = ("pct_change", "growth rate", "PERCENTAGE_DIFFERENCE", "return", "difference to previous")
    examples: ClassVar = (
        Example({"column": "v", "order_by": "t", "to": "c"}, before={"t": [2, 1, 3], "v": [15, 10, None]}, after={"t": [2, 1, 3], "v": [15, 10, None], "c": [0.5, None, None]}),
        Example({"column": "v", "order_by": "t", "groups": ["g"], "rows": 1, "absolute": True, "to": "c"}, before={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": [10, 15, 20]}, after={"g": ["a", "a", "b"], "t": [1, 2, 3], "v": [10, 15, 20], "c": [None, 5.0, None]}),
    )  # fmt: skip

    column: NumberColumn = param("Column")
    rows: int = param("Rows back", default=1, ge=1, le=10_000)
    absolute: bool = param("As a difference", default=False, help="Not divided by the earlier value.")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        x = known(table[self.column])
        before = x.lag(self.rows).over(self.window(table))
        change = x - before
        return table.mutate(no_nan(change if self.absolute else change / before.nullif(0.0)).name(self.to))

    def pandas(self, df, state, schema):
        change = "x - before" if self.absolute else "(x - before) / before.mask(before == 0)"
        return [
            f"{df} = {df}.reset_index(drop=True)",
            f"ordered = {self.pandas_sorted(df, schema)}",
            f"x = {df}[{self.column!r}].astype('Float64')",
            f"before = {self.pandas_grouped(self.column)}.shift({self.rows}).astype('Float64').reindex({df}.index)",
            f"{df}[{self.to!r}] = {change}",
        ]

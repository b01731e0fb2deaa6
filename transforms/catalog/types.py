"""Types: read text as numbers, dates and truth values, and the other way round. What cannot be read is missing."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import ibis

from transforms.catalog.common import (
    ColumnFunction,
    NumberFunction,
    TextFunction,
    TimeFunction,
    new_name,
    spare_names,
    whole_text,
)
from transforms.errors import FitError, ParamError
from transforms.fields import SomeColumns, TextColumn, param
from transforms.functions import row_function
from transforms.reading import one_row, rows
from transforms.schema import known
from transforms.transform import Example, Transform, register

WHOLE = r"^[ \t\r\n]*[+-]?[0-9]{1,18}[ \t\r\n]*$"
NUMBER = r"^[ \t\r\n]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?[ \t\r\n]*$"
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
SPACES = r"[ \t\r\n]+"
MOMENT = {"timestamp": "%Y-%m-%d %H:%M:%S", "date": "%Y-%m-%d"}


@register
class ChangeType(ColumnFunction):
    """Read columns as another type; a value that does not fit becomes missing.

    Whole numbers: up to 18 digits, fractions are cut off. True/false: true, t, yes, y, 1 and their opposites, in any case.
    Dates and times are read as ISO 8601 (2024-01-31, 2024-01-31 12:30:00). Numbers as text: 3, 2.5.
    """

    name: ClassVar = "types.change"
    label: ClassVar = "Change type"
    covers: ClassVar = (
        "cast_type",
        "cast_to_integer",
        "cast_to_float",
        "cast_to_string",
        "cast_to_boolean",
        "cast_to_date",
        "cast_to_datetime",
        "bool_to_int",
    )
    words: ClassVar = ("cast", "parse", "convert", "CHANGE_DATA_TYPE", "astype")
    examples: ClassVar = (
        Example({"columns": ["a"], "type": "whole number"}, before={"a": ["1", " -2 ", "2.5", "x", None]}, after={"a": [1, -2, None, None, None]}),
        Example({"columns": ["a"], "type": "number"}, before={"a": ["1.5", ".5e1", "1,5", ""]}, after={"a": [1.5, 5.0, None, None]}),
        Example({"columns": ["a"], "type": "text"}, before={"a": [3.0, 2.5, None]}, after={"a": ["3", "2.5", None]}),
        Example({"columns": ["a"], "type": "true/false"}, before={"a": ["Yes", "0", "x"]}, after={"a": [True, False, None]}),
        Example({"columns": ["a"], "type": "date"}, before={"a": ["2024-02-29", "2023-02-29", "x"]}, after={"a": ["2024-02-29", None, None]}, after_types={"a": "date"}),
        Example({"columns": ["a"], "type": "date and time"}, before={"a": ["2024-02-29 10:30:00", "2024-02-29"]}, after={"a": ["2024-02-29T10:30:00", "2024-02-29T00:00:00"]}, after_types={"a": "timestamp"}),
        Example({"columns": ["a"], "type": "whole number"}, before={"a": [2.9, -2.9, None]}, after={"a": [2, -2, None]}),
        Example({"columns": ["a"], "type": "text"}, before={"a": [True, None]}, after={"a": ["true", None]}),
        Example({"columns": ["a"], "type": "number"}, before={"a": [True, False]}, after={"a": [1.0, 0.0]}),
        Example({"columns": ["a"], "type": "whole number"}, before={"a": [True, False, None]}, after={"a": [1, 0, None]}),
    )  # fmt: skip

    differences: ClassVar = {
        "spark_edges": "never: Java writes very small and large numbers as 1.0E-9, DuckDB and Python as 1e-09."
    }

    type: Literal["whole number", "number", "text", "true/false", "date", "date and time"] = param(
        "New type", default="number"
    )

    def check_columns(self, schema):
        super().check_columns(schema)
        for c in self.columns:
            temporal = schema[c].is_temporal()
            if temporal and self.type in ("whole number", "number", "true/false"):
                raise ParamError(
                    f"column {c!r} is a date or time and cannot become a {self.type}.", hint='Use "Time to Unix time".'
                )
            if schema[c].is_numeric() and self.type in ("date", "date and time"):
                raise ParamError(f"column {c!r} is a number and cannot become a date.", hint='Use "Unix time to time".')

    def value(self, column):
        dtype = column.type()
        if self.type == "text":
            if dtype.is_floating():
                return whole_text(column)
            return (
                column.strftime(MOMENT["date" if dtype.is_date() else "timestamp"])
                if dtype.is_temporal()
                else column.cast("string")
            )
        if self.type in ("whole number", "number"):
            return self._number(column, dtype)
        if self.type == "true/false":
            if not dtype.is_string():
                return column if dtype.is_boolean() else column != 0
            text = column.re_replace(f"^{SPACES}", "").re_replace(f"{SPACES}$", "").lower()
            return ibis.cases((text.isin(TRUE), True), (text.isin(FALSE), False))
        if dtype.is_string():
            return _iso(column, self.type)
        return (
            column.cast("date") if self.type == "date" else column.cast("timestamp(6)") if dtype.is_date() else column
        )

    def _number(self, column, dtype):
        target = "int64" if self.type == "whole number" else "float64"
        if dtype.is_string():
            fits = column.re_search(WHOLE if target == "int64" else NUMBER)
            digits = column.re_replace(SPACES, "")
            return fits.ifelse(digits, ibis.null("string")).try_cast(target)
        if dtype.is_floating() and target == "int64":
            inside = (column.abs() < 2.0**62).ifelse(column, ibis.null("float64"))
            return (inside.sign().cast("float64") * inside.abs().floor().cast("float64")).cast("int64")
        return column.cast(target)

    def pandas_value(self, column, dtype):
        if self.type == "text":
            if dtype.is_floating():
                return f"{column}.map(lambda x: str(int(x)) if abs(x) < 1e15 and x == int(x) else repr(float(x)), na_action='ignore').astype('string')"
            if dtype.is_temporal():
                return f"{column}.dt.strftime({MOMENT['date' if dtype.is_date() else 'timestamp']!r}).astype('string')"
            return (
                f"{column}.map({{True: 'true', False: 'false'}}).astype('string')"
                if dtype.is_boolean()
                else f"{column}.astype('string')"
            )
        if self.type in ("whole number", "number"):
            target = "Int64" if self.type == "whole number" else "Float64"
            if dtype.is_string():
                pattern = WHOLE if target == "Int64" else NUMBER
                return f"pd.to_numeric({column}.where({column}.str.fullmatch({pattern!r})).str.replace({SPACES!r}, '', regex=True)).astype({target!r})"
            if dtype.is_floating() and target == "Int64":
                return f"np.trunc({column}.where({column}.abs() < 2.0**62)).astype('Int64')"
            return f"{column}.astype({target!r})"
        if self.type == "true/false":
            if not dtype.is_string():
                return column if dtype.is_boolean() else f"({column} != 0)"
            known_ = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
            return f"{column}.str.strip(' \\t\\r\\n').str.lower().map({known_!r}).astype('boolean')"
        if dtype.is_string():
            pattern = DATE if self.type == "date" else STAMP
            return f"pd.to_datetime({column}.where({column}.str.fullmatch({pattern!r})), format='ISO8601', errors='coerce').astype('datetime64[us]')"
        return f"{column}.dt.normalize()" if self.type == "date" else column


DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?)?$"


def _iso(column, kind: str):
    fits = column.re_search(DATE if kind == "date" else STAMP).ifelse(column, ibis.null("string"))
    return fits.try_cast("date" if kind == "date" else "timestamp(6)")


@register
class ParseNumber(TextFunction):
    """Read numbers out of text as people write them: "10,000+", "$4.99", "19M", "201k", "1.2 GB", "35%".

    Signs, currency, thousands marks and words around the number are dropped; a size letter right behind it multiplies:
    k 1,000, M 1,000,000, G or B 1,000,000,000, T 10^12; % divides by 100. Text without a number is missing.
    """

    name: ClassVar = "types.parse_number"
    label: ClassVar = "Read numbers from text"
    covers: ClassVar = ("parse_human_number", "parse_number_locale", "extract_numbers", "parse_percent")
    words: ClassVar = ("parse size", "parse currency", "parse price", "extract number", "19M", "10,000+")
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["19M", "201k", "10,000+", "$4.99", "Varies with device", None]}, after={"t": [19e6, 201e3, 10000.0, 4.99, None, None]}),
        Example({"columns": ["t"], "decimal": ","}, before={"t": ["1.234,5 €", "35%", "-2"]}, after={"t": [1234.5, 0.35, -2.0]}),
        Example({"columns": ["t"], "letters": False}, before={"t": ["19M"]}, after={"t": [19.0]}),
    )  # fmt: skip

    decimal: Literal[".", ","] = param("Decimal mark", default=".", help="The other one is read as the thousands mark.")
    letters: bool = param("Read k, M, G, T and % behind the number", default=True)
    PATTERN: ClassVar = r"([+-]?[0-9]+([.][0-9]+)?)[ ]?([kKmMgGbBtT%]?)"
    SCALE: ClassVar = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12, "%": 0.01}

    def value(self, column):
        return self._found(column, 1).try_cast("float64")

    def _found(self, column, group: int):
        text = column.replace("," if self.decimal == "." else ".", "")
        return (text.replace(",", ".") if self.decimal == "," else text).re_extract(self.PATTERN, group)

    def apply(self, table, state):
        if not self.letters:
            return super().apply(table, state)
        # In three steps, so that each text is searched once: an engine would search again for every letter.
        spare = dict(zip(self.columns, spare_names(table, len(self.columns)), strict=True))
        table = table.mutate([self._found(table[c], 0).name(s) for c, s in spare.items()])
        # The sign behind the number, as a code: comparing texts costs more, and TRANSLATE or RTRIM four times as much.
        numbers = []
        for c, s in spare.items():
            last = table[s].right(1)
            digits = last.between("0", "9").ifelse(table[s], table[s].substr(0, table[s].length() - 1))
            numbers += [digits.try_cast("float64").name(self.target(c)), last.ascii_str().name(s)]
        table = table.mutate(numbers)
        codes = [(ord(sign), scale) for k, scale in self.SCALE.items() for sign in dict.fromkeys((k, k.upper()))]
        scaled = []
        for c, s in spare.items():
            scale = ibis.cases(*[(table[s] == code, ibis.literal(scale)) for code, scale in codes], else_=1.0)
            scaled.append((table[self.target(c)] * scale).name(self.target(c)))
        return table.mutate(scaled).drop(*spare.values())

    def pandas_value(self, column, dtype):
        text = f"{column}.str.replace({',' if self.decimal == '.' else '.'!r}, '', regex=False)"
        text = f"{text}.str.replace(',', '.', regex=False)" if self.decimal == "," else text
        parts = f"{text}.str.extract({self.PATTERN!r})"
        if not self.letters:
            return f"pd.to_numeric({parts}[0]).astype('Float64')"
        return (
            f"(lambda parts: pd.to_numeric(parts[0]).astype('Float64')"
            f" * parts[2].str.lower().map({self.SCALE!r}).astype('Float64').fillna(1.0))({parts})"
        )


@register
class ParseDate(TextFunction):
    """Read dates and times written in a given format; what does not fit is missing.

    Format: %Y year, %m month, %d day, %H hour, %M minute, %S second, %y two-digit year, %b Jan, %B January (English).
    """

    name: ClassVar = "types.parse_date"
    label: ClassVar = "Read dates in a format"
    covers: ClassVar = ("parse_date",)
    words: ClassVar = ("strptime", "to_datetime", "string to date")
    examples: ClassVar = (
        Example({"columns": ["d"], "format": "%B %d, %Y"}, before={"d": ["January 07, 2018", "soon", None]}, after={"d": ["2018-01-07T00:00:00", None, None]}, after_types={"d": "timestamp"}),
        Example({"columns": ["d"], "format": "%d/%m/%Y %H:%M"}, before={"d": ["31/12/2023 23:59", "31/13/2023 00:00"]}, after={"d": ["2023-12-31T23:59:00", None]}, after_types={"d": "timestamp"}),
    )  # fmt: skip
    differences: ClassVar = {
        "spark": "never: Spark has other format letters and no strptime that returns missing; read dates before Spark."
    }

    format: str = param(
        "Format", default="%Y-%m-%d", min_length=2, help="As in Python: %d.%m.%Y, %B %d, %Y, %Y-%m-%d %H:%M:%S"
    )

    def check_columns(self, schema):
        super().check_columns(schema)
        if "%" not in self.format or re.sub(r"%[YmdHMSybBp]|[^%]", "", self.format):
            raise ParamError(
                f"{self.format!r} is not a date format.",
                hint="Use %Y %m %d %H %M %S %y %b %B and the marks between them.",
            )

    def value(self, column):
        return _try_strptime(column, self.format).cast("timestamp(6)")

    def pandas_value(self, column, dtype):
        return f"pd.to_datetime({column}, format={self.format!r}, errors='coerce').astype('datetime64[us]')"


@ibis.udf.scalar.builtin(name="try_strptime")
def _try_strptime(text: str, format: str) -> ibis.expr.datatypes.Timestamp(scale=6):
    """DuckDB's strptime that returns NULL where the text does not fit."""


@register
class FromUnixTime(NumberFunction):
    """Turn Unix time (counted from 1970-01-01 UTC) into a timestamp. Units: seconds, milliseconds, microseconds."""

    name: ClassVar = "types.from_unix_time"
    label: ClassVar = "Unix time to time"
    covers: ClassVar = ("unix_to_datetime",)
    words: ClassVar = ("epoch", "from_unixtime")
    examples: ClassVar = (
        Example({"columns": ["n"]}, before={"n": [0, 86400, None]}, after={"n": ["1970-01-01T00:00:00", "1970-01-02T00:00:00", None]}, after_types={"n": "timestamp"}),
        Example({"columns": ["n"], "unit": "milliseconds"}, before={"n": [1500]}, after={"n": ["1970-01-01T00:00:01.500000"]}, after_types={"n": "timestamp"}),
    )  # fmt: skip

    unit: Literal["seconds", "milliseconds", "microseconds"] = param("Unit", default="seconds")

    def value(self, column):
        scale = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0}[self.unit]
        micros = known(column) * scale
        inside = (micros.abs() < 4e15).ifelse(micros.round().cast("int64"), ibis.null("int64"))
        return ibis.literal("1970-01-01").cast("timestamp(6)") + inside.as_interval("us")

    def pandas_value(self, column, dtype):
        scale = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0}[self.unit]
        micros = f"({column}.astype('Float64') * {scale})"
        return f"pd.to_datetime({micros}.where({micros}.abs() < 4e15).round().astype('Int64'), unit='us').astype('datetime64[us]')"


@register
class ToUnixTime(TimeFunction):
    """Turn times into whole seconds since 1970-01-01 UTC (rounded down)."""

    name: ClassVar = "types.to_unix_time"
    label: ClassVar = "Time to Unix time"
    covers: ClassVar = ("datetime_to_unix",)
    words: ClassVar = ("epoch", "UNIX_TIME", "timestamp to number")
    examples: ClassVar = (
        Example({"columns": ["d"], "suffix": "_unix"}, before={"d": ["1970-01-02T00:00:00", None]}, after={"d": ["1970-01-02T00:00:00", None], "d_unix": [86400, None]}, types={"d": "timestamp"}),
    )  # fmt: skip

    def value(self, column):
        return (
            (column.cast("timestamp(6)") if column.type().is_date() else column.truncate("s"))
            .epoch_seconds()
            .cast("int64")
        )

    def pandas_value(self, column, dtype):
        return f"({column}.dt.tz_localize(None) - pd.Timestamp(0)).floordiv(pd.Timedelta(seconds=1)).astype('Int64')"


@register
class DetectTypes(Transform):
    """Find the best type of each text column from the training rows, remember it, and change the column to it.

    Tried in this order: whole number, true/false, number, date, date and time. A type is chosen where at least the share of the
    known values (empty text left out) can be read as it; else the column stays text. What cannot be read becomes missing, also
    in later rows. Columns that are not text stay.
    """

    name: ClassVar = "types.detect"
    label: ClassVar = "Detect types"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("auto_detect_types",)
    words: ClassVar = ("infer types", "guess types", "convert_dtypes", "parse columns", "auto type")
    examples: ClassVar = (
        Example({}, train={"a": ["1", " 2 ", None], "b": ["1", "2.5", ""], "c": ["yes", "no", "y"], "d": ["2024-01-31", None, None], "e": ["2024-01-31 10:00:00", None, None], "t": ["x", "1", "2"], "n": [1.5, 2.0, None]},
                before={"a": ["3", "x"], "b": ["0.5", None], "c": ["no", "?"], "d": ["2024-02-29", "soon"], "e": ["2024-02-29 01:02:03", None], "t": ["7", "y"], "n": [0.5, None]},
                after={"a": [3, None], "b": [0.5, None], "c": [False, None], "d": ["2024-02-29", None], "e": ["2024-02-29T01:02:03", None], "t": ["7", "y"], "n": [0.5, None]}, after_types={"d": "date", "e": "timestamp"}),
        Example({"columns": ["a"], "share": 0.6}, train={"a": ["1", "2", "x"], "b": ["1", "2", "3"]}, before={"a": ["5", "x"], "b": ["1", "2"]}, after={"a": [5, None], "b": ["1", "2"]}),
    )  # fmt: skip

    columns: SomeColumns = param("Columns", default=(), help="None: all text columns.")
    share: float = param("At least this share must fit", default=1.0, gt=0, le=1)
    TRIED: ClassVar = ("whole number", "true/false", "number", "date", "date and time")

    def fit(self, table):
        chosen = [c for c in self.columns or table.columns if table[c].type().is_string()]
        asked = []
        for i, c in enumerate(chosen):
            text = table[c].re_search(r"[^ \t\r\n]").ifelse(table[c], ibis.null("string"))
            asked.append(text.count().name(f"n{i}"))
            for k, kind in enumerate(self.TRIED):
                asked.append(ChangeType(columns=(c,), type=kind).value(text).count().name(f"k{i}_{k}"))
        found = one_row(table.aggregate(asked)) if asked else {}
        learnt = {}
        for i, c in enumerate(chosen):
            fits = [kind for k, kind in enumerate(self.TRIED) if found[f"n{i}"] and found[f"k{i}_{k}"] >= self.share * found[f"n{i}"]]  # fmt: skip
            if fits:
                learnt[c] = fits[0]
        return {"types": learnt}

    def _steps(self, state, columns):
        wanted: dict[str, list] = {}
        for c, kind in state["types"].items():
            if c in columns:
                wanted.setdefault(kind, []).append(c)
        return [ChangeType(columns=tuple(cs), type=kind) for kind, cs in wanted.items()]

    def apply(self, table, state):
        for step in self._steps(state, [c for c in table.columns if table[c].type().is_string()]):
            table = step.apply(table, None)
        return table

    def pandas(self, df, state, schema):
        steps = self._steps(state, [c for c in schema if schema[c].is_string()])
        return [line for step in steps for line in step.pandas(df, None, schema)]


@register
class DetectMeaning(Transform):
    """Recognise what text columns mean (e-mail, URL, IP address, IBAN, country code …), and remember it.

    A kind is chosen where at least the share of the known training values fit; of several, the first in the list, which goes from
    narrow to wide. Then the table stays as it is, or values that do not fit become missing, or are flagged in `<column>_fits`
    (true/false). Judged by at most 10,000 different values per column.
    """

    name: ClassVar = "types.detect_meaning"
    label: ClassVar = "Detect what values mean"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("auto_detect_semantic_type",)
    words: ClassVar = ("semantic type", "meaning", "data quality type", "recognise emails", "infer semantics")
    examples: ClassVar = (
        Example({"then": "flag values that do not fit"}, train={"a": ["x@y.org", "u@v.com", "?"], "b": ["p", "q", "r"]}, before={"a": ["e@f.org", "no", None], "b": ["s", "t", "u"]}, after={"a": ["e@f.org", "no", None], "b": ["s", "t", "u"], "a_fits": [True, False, None]}),
        Example({"columns": ["a"], "then": "make values that do not fit missing", "share": 1.0}, train={"a": ["10.0.0.1", None]}, before={"a": ["10.0.0.256", "::1"]}, after={"a": [None, "::1"]}),
        Example({}, before={"a": ["https://a.org"]}, after={"a": ["https://a.org"]}),
    )  # fmt: skip

    columns: SomeColumns = param("Columns", default=(), help="None: all text columns.")
    share: float = param("At least this share must fit", default=0.5, gt=0, le=1)
    then: Literal["only remember", "flag values that do not fit", "make values that do not fit missing"] = param("Then", default="only remember")  # fmt: skip

    @property
    def pandas_helpers(self):
        from transforms.catalog.rows import semantic

        return semantic().helpers

    def open_prefixes(self):
        return tuple(f"{c}_fits" for c in self.columns) or ("",)

    def fit(self, table):
        from transforms.catalog.rows import SEMANTIC, semantic

        chosen = [c for c in self.columns or table.columns if table[c].type().is_string()]
        parts = [
            table.filter(table[c].notnull()).select(table[c].name("v"), ibis.literal(i).name("i")).distinct().order_by("v").limit(10_000)
            for i, c in enumerate(chosen)
        ]  # fmt: skip
        learnt = {}
        found = rows(ibis.union(*parts) if len(parts) > 1 else parts[0]) if parts else []
        for i, c in enumerate(chosen):
            values = [r["v"] for r in found if r["i"] == i]
            for kind in SEMANTIC:
                if values and sum(semantic().python(v, what=kind) for v in values) >= self.share * len(values):
                    learnt[c] = kind
                    break
        return {"meanings": learnt}

    def _made(self, state, columns):
        return {c: k for c, k in state["meanings"].items() if c in columns} if self.then != "only remember" else {}

    def apply(self, table, state):
        from transforms.catalog.rows import semantic

        new = []
        for c, kind in self._made(state, table.columns).items():
            fits = semantic()(table[c], what=kind)
            missing = self.then.startswith("make")
            new.append(fits.fill_null(False).ifelse(table[c], ibis.null("string")).name(c) if missing else fits.name(new_name(f"{c}_fits", table.columns)))  # fmt: skip
        return table.mutate(new) if new else table

    def pandas(self, df, state, schema):
        from transforms.catalog.rows import semantic

        lines = []
        for c, kind in self._made(state, list(schema)).items():
            fits = semantic().pandas(f"{df}[{c!r}]", what=kind)
            if self.then.startswith("make"):
                lines.append(f"{df}[{c!r}] = {df}[{c!r}].where({fits}.fillna(False).astype(bool))")
            else:
                lines.append(f"{df}[{c + '_fits'!r}] = {fits}")
        return lines


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]  # fmt: skip
TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def roman(number):
    """Return a number from 1 to 3999 as a Roman numeral."""
    text = ""
    for value, sign in ROMAN:
        text += sign * (number // value)
        number %= value
    return text


def spoken(number):
    """Return a whole number in English words."""
    if number < 0:
        return "minus " + spoken(-number)
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10] + ("-" + SMALL[number % 10] if number % 10 else "")
    for value, word in ((10**18, "quintillion"), (10**15, "quadrillion"), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):  # fmt: skip
        if number >= value:
            rest = number % value
            return spoken(number // value) + " " + word + (" " + spoken(rest) if rest else "")
    return ""


def in_base(number, base):
    """Return a whole number in digits of a base."""
    sign, number, text = "-" if number < 0 else "", abs(number), ""
    while number:
        number, digit = divmod(number, base)
        text = DIGITS[digit] + text
    return sign + (text or "0")


@row_function("int64", "string")
def read_numeral(text, *, base):
    """Read a numeral in a base from 2 to 36, or a Roman one (base 0); None where it is none."""
    text = text.strip()
    if base == 0:
        text = text.upper()
        total = place = 0
        for value, sign in ROMAN:
            while text.startswith(sign, place):
                total, place = total + value, place + len(sign)
        return total if text and roman(total) == text else None
    digits = re.sub(r"^(?i:0x|0b|0o)", "", text.lstrip("+-")) if base in (2, 8, 16) else text.lstrip("+-")
    sign = text[: len(text) - len(text.lstrip("+-"))]
    if len(sign) > 1 or not digits or any(d not in DIGITS[:base] for d in digits.lower()):
        return None
    number = int(digits, base) * (-1 if sign == "-" else 1)
    return number if -(2**63) <= number < 2**63 else None


@row_function("string", "int64")
def write_numeral(number, *, style):
    """Write a whole number in a base (2 to 36), as a Roman numeral (0) or in English words (-1)."""
    if style == 0:
        return roman(number) if 0 < number < 4000 else None
    return spoken(number) if style == -1 else in_base(number, style)


@register
class ReadNumerals(TextFunction):
    """Read whole numbers written in another base (hexadecimal, binary, …) or as Roman numerals; what is none is missing.

    Prefixes 0x, 0b and 0o and signs are understood, capital and small letters are the same. Only correct Roman numerals from I
    to MMMCMXCIX are read.
    """

    name: ClassVar = "types.read_numerals"
    label: ClassVar = "Read numerals"
    covers: ClassVar = ("parse_roman_numeral", "hex_to_int")
    words: ClassVar = ("hex", "binary", "octal", "Roman numerals", "base 16", "FROM_BASE")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": ["ff", "0x1F", "-10", "xyz", None]}, after={"a": [255, 31, -16, None, None]}),
        Example({"columns": ["a"], "written": "roman"}, before={"a": ["XIV", "mcmxc", "IIII", ""]}, after={"a": [14, 1990, None, None]}),
        Example({"columns": ["a"], "written": "in base", "base": 2}, before={"a": ["101", "2"]}, after={"a": [5, None]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = read_numeral.helpers

    written: Literal["hexadecimal", "roman", "in base"] = param("Written", default="hexadecimal")
    base: int = param("Base", default=10, ge=2, le=36)

    def _base(self):
        return {"hexadecimal": 16, "roman": 0}.get(self.written, self.base)

    def value(self, column):
        return read_numeral(column, base=self._base())

    def pandas_value(self, column, dtype):
        return read_numeral.pandas(column, base=self._base())


@register
class WriteNumerals(NumberFunction):
    """Write whole numbers in another base, as Roman numerals or in English words; fractions are cut off.

    Roman numerals go from 1 to 3999, others are missing.
    """

    name: ClassVar = "types.write_numerals"
    label: ClassVar = "Write numerals"
    covers: ClassVar = ("int_to_hex", "base_convert", "number_to_words")
    words: ClassVar = ("hex", "binary", "TO_BASE", "num2words", "Roman", "spell out")
    examples: ClassVar = (
        Example({"columns": ["a"]}, before={"a": [255, -16, 0, None]}, after={"a": ["ff", "-10", "0", None]}),
        Example({"columns": ["a"], "style": "roman"}, before={"a": [14, 1990, 0]}, after={"a": ["XIV", "MCMXC", None]}),
        Example({"columns": ["a"], "style": "words"}, before={"a": [-42, 1100, 0]}, after={"a": ["minus forty-two", "one thousand one hundred", "zero"]}),
        Example({"columns": ["a"], "style": "in base", "base": 2}, before={"a": [5]}, after={"a": ["101"]}),
    )  # fmt: skip
    pandas_helpers: ClassVar = write_numeral.helpers

    style: Literal["hexadecimal", "roman", "words", "in base"] = param("Style", default="hexadecimal")
    base: int = param("Base", default=10, ge=2, le=36)

    def _style(self):
        return {"hexadecimal": 16, "roman": 0, "words": -1}.get(self.style, self.base)

    def value(self, column):
        whole = ChangeType(columns=("_",), type="whole number").value(column) if column.type().is_floating() else column
        return write_numeral(whole, style=self._style())

    def pandas_value(self, column, dtype):
        whole = ChangeType(columns=("_",), type="whole number").pandas_value(column, dtype) if dtype.is_floating() else column  # fmt: skip
        return write_numeral.pandas(whole, style=self._style())


@register
class ExcelDates(NumberFunction):
    """Turn Excel's day numbers into times: 45322 is 2024-01-31; fractions are the time of day.

    The 1900 system counts 1900-02-29, which never was: numbers up to 60 are off by a day there, as in Excel itself they name days
    before March 1900. Numbers outside 0 to 2,958,466 are missing. To the second.
    """

    name: ClassVar = "types.from_excel_date"
    label: ClassVar = "Excel day numbers to time"
    covers: ClassVar = ("excel_serial_to_date",)
    words: ClassVar = ("serial date", "1900 date system", "spreadsheet date")
    examples: ClassVar = (
        Example({"columns": ["n"]}, before={"n": [45322.0, 45322.5, None, -1.0]}, after={"n": ["2024-01-31T00:00:00", "2024-01-31T12:00:00", None, None]}, after_types={"n": "timestamp"}),
        Example({"columns": ["n"], "system": "1904"}, before={"n": [0]}, after={"n": ["1904-01-01T00:00:00"]}, after_types={"n": "timestamp"}),
    )  # fmt: skip

    system: Literal["1900", "1904"] = param("Date system", default="1900", help="1904: old Excel on Macintosh.")
    START: ClassVar = {"1900": "1899-12-30", "1904": "1904-01-01"}

    def value(self, column):
        x = known(column)
        seconds = ((x >= 0.0) & (x < 2958466.0)).ifelse((x * 86400.0).round().cast("int64"), ibis.null("int64"))
        return ibis.literal(self.START[self.system]).cast("timestamp(6)") + seconds.as_interval("s")

    def pandas_value(self, column, dtype):
        x = f"{column}.astype('Float64')"
        return f"(pd.Timestamp({self.START[self.system]!r}) + pd.to_timedelta(({x}.where({x}.between(0, 2958465.9999999)) * 86400).round().astype('Int64'), unit='s')).astype('datetime64[us]')"


@register
class ReadUnits(TextFunction):
    """Read amounts with their unit (3 kg, 2 lb, 1.5 km) and express them in one unit of the same kind.

    Text without a known unit of that kind is missing. Decimal point; thousands commas are dropped.
    """

    name: ClassVar = "types.read_units"
    label: ClassVar = "Read amounts with units"
    covers: ClassVar = ("parse_unit_of_measure",)
    words: ClassVar = ("convert units", "kg", "lb", "km", "miles", "measure")
    examples: ClassVar = (
        Example({"columns": ["a"], "unit": "kg"}, before={"a": ["3 kg", "500g", "2 lb", "1,000 g", "3 km", "x", None]}, after={"a": [3.0, 0.5, 0.90718474, 1.0, None, None, None]}),
        Example({"columns": ["a"], "unit": "C"}, before={"a": ["212 °F", "20 C"]}, after={"a": [100.0, 20.0]}),
    )  # fmt: skip

    unit: Literal["kg", "g", "lb", "m", "cm", "km", "mi", "ft", "l", "ml", "s", "min", "h", "C", "F"] = param("Express in", default="kg")  # fmt: skip

    def value(self, column):
        return read_amount(column, unit=self.unit)

    def pandas_value(self, column, dtype):
        return read_amount.pandas(column, unit=self.unit)


UNITS = {
    "kg": ("mass", 1.0), "g": ("mass", 0.001), "mg": ("mass", 1e-6), "t": ("mass", 1000.0), "lb": ("mass", 0.45359237), "lbs": ("mass", 0.45359237), "oz": ("mass", 0.028349523125),
    "m": ("length", 1.0), "cm": ("length", 0.01), "mm": ("length", 0.001), "km": ("length", 1000.0), "mi": ("length", 1609.344), "miles": ("length", 1609.344), "ft": ("length", 0.3048), "in": ("length", 0.0254), "yd": ("length", 0.9144),
    "l": ("volume", 1.0), "ml": ("volume", 0.001), "cl": ("volume", 0.01), "gal": ("volume", 3.785411784),
    "s": ("time", 1.0), "sec": ("time", 1.0), "min": ("time", 60.0), "h": ("time", 3600.0), "hours": ("time", 3600.0), "d": ("time", 86400.0), "days": ("time", 86400.0),
    "c": ("warmth", 1.0), "f": ("warmth", 1.0),
}  # fmt: skip
AMOUNT = re.compile(r"([+-]?[0-9][0-9,]*(?:[.][0-9]+)?)[ ]*°?[ ]*([A-Za-z]+)")


@row_function("float64", "string")
def read_amount(text, *, unit):
    """Return an amount with a unit in another unit of its kind, or None."""
    found = AMOUNT.fullmatch(text.strip())
    name = found.group(2).lower() if found else ""
    if name not in UNITS or UNITS[name][0] != UNITS[unit.lower()][0]:
        return None
    number = float(found.group(1).replace(",", ""))
    if UNITS[name][0] == "warmth":
        celsius = number if name == "c" else (number - 32) / 1.8
        return celsius if unit == "C" else celsius * 1.8 + 32
    return number * UNITS[name][1] / UNITS[unit.lower()][1]


ReadUnits.pandas_helpers = read_amount.helpers


@register
class SplitCurrency(Transform):
    """Split amounts such as "$4.99" or "1.234,50 EUR" into a number and a currency; what holds no number is missing.

    Signs become codes ($ USD, € EUR, £ GBP, ¥ JPY, ₹ INR); three capital letters are taken as a code; without either the default
    (or missing). The last of "." and "," is the decimal mark where one or two digits follow it.
    """

    name: ClassVar = "types.split_currency"
    label: ClassVar = "Split amount and currency"
    covers: ClassVar = ("parse_currency",)
    words: ClassVar = ("price", "money", "currency splitter", "parse currency")
    examples: ClassVar = (
        Example({"column": "p"}, before={"p": ["$4.99", "1.234,50 EUR", "-3 £", "free", "7", None]}, after={"p": ["$4.99", "1.234,50 EUR", "-3 £", "free", "7", None], "p_amount": [4.99, 1234.5, -3.0, None, 7.0, None], "p_currency": ["USD", "EUR", "GBP", None, None, None]}),
        Example({"column": "p", "default": "CHF"}, before={"p": ["7", "1,000 ¥"]}, after={"p": ["7", "1,000 ¥"], "p_amount": [7.0, 1000.0], "p_currency": ["CHF", "JPY"]}),
    )  # fmt: skip

    column: TextColumn = param("Column")
    default: str = param("Currency where none is named", default="", help="Empty: missing.")

    def check_columns(self, schema):
        super().check_columns(schema)
        for name in (f"{self.column}_amount", f"{self.column}_currency"):
            new_name(name, schema)

    def apply(self, table, state):
        x = table[self.column]
        return table.mutate(
            money_amount(x).name(f"{self.column}_amount"),
            money_currency(x, default=self.default).name(f"{self.column}_currency"),
        )

    def pandas(self, df, state, schema):
        x = f"{df}[{self.column!r}]"
        return [
            f"amount, currency = {money_amount.pandas(x)}, {money_currency.pandas(x, default=self.default)}",
            f"{df}[{self.column + '_amount'!r}], {df}[{self.column + '_currency'!r}] = amount, currency",
        ]


MONEY = re.compile(r"([+-]?)[^0-9+-]*([0-9][0-9.,' ]*)")
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}


def amount_in(text):
    """Return the number in an amount of money, or None."""
    found = MONEY.search(text)
    if not found:
        return None
    digits = re.sub("[ ']", "", found.group(2)).rstrip(".,")
    mark = re.search(r"[.,](?=[0-9]{1,2}$)", digits)
    whole = re.sub("[.,]", "", digits[: mark.start()] if mark else digits)
    return float(f"{found.group(1)}{whole}.{digits[mark.end() :] if mark else 0}")


@row_function("float64", "string")
def money_amount(text):
    """Return the number in an amount of money, or None."""
    return amount_in(text)


@row_function("string", "string")
def money_currency(text, *, default):
    """Return the currency code of an amount of money, or None."""
    if amount_in(text) is None:
        return None
    for sign, code in SIGNS.items():
        if sign in text:
            return code
    found = re.search(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])", text)
    return found.group() if found else default or None


SplitCurrency.pandas_helpers = tuple(dict.fromkeys((*money_amount.helpers, *money_currency.helpers)))


@register
class ToCategory(TextFunction):
    """Keep only a fixed list of categories: those given, or those of the training rows; other values become missing."""

    name: ClassVar = "types.to_category"
    label: ClassVar = "Fixed categories"
    serving: ClassVar = "fitted"
    covers: ClassVar = ("cast_to_category",)
    words: ClassVar = ("categorical", "factor levels", "enum", "astype category")
    examples: ClassVar = (
        Example({"columns": ["a"]}, train={"a": ["x", "y", None]}, before={"a": ["y", "z", None]}, after={"a": ["y", None, None]}),
        Example({"columns": ["a"], "levels": ["z"]}, before={"a": ["y", "z"]}, after={"a": [None, "z"]}),
    )  # fmt: skip

    levels: tuple[str, ...] = param("Categories", default=(), help="None: those of the training rows, at most 1,000.")

    def fit(self, table):
        if self.levels:
            return {"levels": {c: list(self.levels) for c in self.columns}}
        parts = [table.filter(table[c].notnull()).select(table[c].name("v"), ibis.literal(i).name("i")).distinct() for i, c in enumerate(self.columns)]  # fmt: skip
        found = rows((ibis.union(*parts) if len(parts) > 1 else parts[0]).limit(1001 * len(parts)))
        levels = {c: sorted(r["v"] for r in found if r["i"] == i) for i, c in enumerate(self.columns)}
        if wide := [c for c, v in levels.items() if len(v) > 1000]:
            raise FitError(f"column {wide[0]!r} has more than 1,000 categories.", hint="Group rare values first.")
        return {"levels": levels}

    def apply(self, table, state):
        new = [(table[c].isin(v) if v else ibis.literal(False)).ifelse(table[c], ibis.null("string")).name(self.target(c)) for c, v in state["levels"].items()]  # fmt: skip
        return table.mutate(new)

    def pandas(self, df, state, schema):
        return [
            f"{df}[{self.target(c)!r}] = {df}[{c!r}].where({df}[{c!r}].isin({v!r}))" for c, v in state["levels"].items()
        ]

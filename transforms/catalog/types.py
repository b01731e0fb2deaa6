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
    spare_names,
    whole_text,
)
from transforms.errors import ParamError
from transforms.fields import param
from transforms.schema import known
from transforms.transform import Example, register

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
    covers: ClassVar = ("parse_human_number", "parse_number_locale", "extract_numbers")
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

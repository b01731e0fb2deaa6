"""Excel and OpenDocument sheets, read by calamine. A sheet is held in memory (Excel allows 1,048,576 rows)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sources.choosing import choose_table
from sources.names import clean_names
from sources.queries import over_source
from sources.reading import Imported, Request
from transforms.errors import InputError, SourceError
from workspace.sql import text

if TYPE_CHECKING:
    import pyarrow as pa


def read(request: Request) -> Imported:
    """Open one sheet: its first row with a value is the header, unless header=no."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from python_calamine import CalamineError, load_workbook

    request.only_options("header", "skip")
    try:
        book = load_workbook(str(request.file))
        sheets = list(book.sheet_names)
        chosen = request.table or _first_filled(book, sheets)
        if request.table is not None:
            choose_table("sheet", request, sheets)
        rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=True)
    except CalamineError as error:
        raise SourceError(f"{request.shown!r} cannot be read as a workbook: {error}.", hint="Save it again.") from error
    warnings = []
    if request.table is None and len(sheets) > 1:
        warnings.append(f"The workbook has {len(sheets)} sheets; {chosen!r} was read. Choose another with --table.")
    skip = request.option("skip", "0")
    if not skip.isdecimal():
        raise InputError(f"The option skip is {skip!r}.", hint="Give a number of rows.")
    rows = [row for row in rows[int(skip) :] if any(cell not in ("", None) for cell in row)]
    if not rows:
        raise SourceError(f"The sheet {chosen!r} of {request.shown!r} is empty.", hint="Choose another with --table.")
    has_header = request.flag("header") is not False
    header = rows.pop(0) if has_header else [f"column_{place}" for place in range(1, len(rows[0]) + 1)]
    width = max([len(header), *map(len, rows)])
    names, renamed = clean_names([*map(_said, header), *[""] * (width - len(header))])
    columns, mixed = [], []
    for place, name in enumerate(names):
        array, is_mixed = _column([row[place] if place < len(row) else None for row in rows])
        columns.append(array)
        if is_mixed:
            mixed.append(name)
    if mixed:
        warnings.append("Columns with values of several types were kept as text: " + ", ".join(map(repr, mixed)) + ".")
    file = request.scratch / "sheet.parquet"
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), file)
    facts = {
        "format": "excel",
        "sheet": chosen,
        "sheets": sheets[:200],
        "header": has_header,
        "bytes": request.file.stat().st_size,
    }
    sql = f"SELECT * FROM read_parquet({text(str(file))})"
    return Imported(over_source(request, sql, [file]), facts, warnings + renamed)


def _first_filled(book, sheets: list[str]) -> str:
    for name in sheets:
        if book.get_sheet_by_name(name).total_height:
            return name
    return sheets[0]


def _column(values: list) -> tuple[pa.Array, bool]:
    """Return a typed column, and whether its values were of several types (then it is text)."""
    import pyarrow as pa

    values = [None if value == "" else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.array(values, pa.string()), False
    if kinds <= {int, float}:
        if all(value is None or float(value).is_integer() and abs(value) < 2**53 for value in values):
            return pa.array([None if value is None else int(value) for value in values], pa.int64()), False
        return pa.array([None if value is None else float(value) for value in values], pa.float64()), False
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), False
    if kinds == {dt.date}:
        return pa.array(values, pa.date32()), False
    if kinds <= {dt.date, dt.datetime}:
        as_moments = [dt.datetime.combine(v, dt.time()) if type(v) is dt.date else v for v in values]
        return pa.array(as_moments, pa.timestamp("us")), False
    if kinds == {str}:
        return pa.array(values, pa.string()), False
    return pa.array([None if value is None else _said(value) for value in values], pa.string()), len(kinds) > 1


def _said(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)

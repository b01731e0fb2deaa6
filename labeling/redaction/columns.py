"""Redact the pictures that lie in a column of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from labeling.pictures import encode_picture, read_picture
from labeling.redaction.detectors import default_detectors, find_regions, version_of
from labeling.redaction.redactor import METHODS, SHAPES, redact
from transforms.errors import AppError, ColumnNotFound, InputError
from workspace.sql import connection

BATCH = 32  # pictures in memory at once
MOST_PROBLEMS = 100


@dataclass
class ColumnRedaction:
    """The new version `dataset@version`, and what became of the pictures.

    `problems` names rows (from 1) whose picture could not be redacted: their cell is empty in the new version.
    """

    dataset: str = ""
    rows: int = 0
    redacted: int = 0
    regions: int = 0
    emptied: int = 0
    problems: list[str] = field(default_factory=list)


def redact_column(
    ws,
    dataset: str,
    column: str,
    *,
    name: str | None = None,
    detectors=None,
    method: str = "blur",
    shape: str = "box",
    feather: float = 0.0,
    progress: Callable[[float, str], None] | None = None,
) -> ColumnRedaction:
    """Write a version of a dataset in which the pictures of a column of bytes are redacted copies.

    Rows keep their order and number. A picture that cannot be read, or that a detector crashed on, leaves an empty cell:
    nothing unredacted is written.

    Args:
        dataset: a name, or `name@version`.
        name: of the dataset written; by default the same name, as its next version.
        detectors: what to look with; by default faces and plates.
        method, shape, feather: see `redact`.
        progress: called with (share done, words); may raise to stop, and then nothing is written.

    Raises:
        ColumnNotFound: there is no such column.
        InputError: it holds no bytes, or a setting is unknown.
    """
    if method not in METHODS or shape not in SHAPES:
        raise InputError(f"There is no way to redact {shape} by {method}.", hint=f"Use one of {', '.join(METHODS)}.")
    version = ws.datasets.get(dataset)
    types = {c["name"]: c["type"] for c in version.columns}
    if column not in types:
        raise ColumnNotFound.of(column, types)
    if types[column] not in ("binary", "blob"):
        raise InputError(
            f"Column {column!r} of {version.ref} holds {types[column]}, not pictures.",
            hint="Import a folder or a zip file of pictures, or choose a column of bytes.",
        )
    detectors = tuple(default_detectors() if detectors is None else detectors)
    done = ColumnRedaction(rows=version.rows)
    stopped: list[BaseException] = []  # Arrow hands on only the words of what was raised while it reads

    def pictures() -> Iterator:
        import pyarrow as pa

        with connection() as con:
            reader = con.sql(f"SELECT * FROM {version.sql()}").to_arrow_reader(BATCH)
            place = reader.schema.get_field_index(column)
            row = 0
            yield reader.schema
            for batch in reader:
                cells = []
                for value in batch.column(place).to_pylist():
                    row += 1
                    cells.append(None if value is None else _copy(value, row, detectors, method, shape, feather, done))
                    if progress:
                        try:
                            progress(row / max(1, version.rows), f"row {row:,} of {version.rows:,}")
                        except BaseException as stop:
                            stopped.append(stop)
                            raise
                yield batch.set_column(
                    place, reader.schema.field(place), pa.array(cells, reader.schema.field(place).type)
                )

    import pyarrow as pa

    made = pictures()
    stream = pa.RecordBatchReader.from_batches(next(made), made)
    about = {
        "from": [{"kind": "dataset", "ref": version.ref}], "how": "redact", "column": column, "method": method,
        "detectors": [version_of(d) for d in detectors],
    }  # fmt: skip
    try:
        written = ws.datasets.write(name or version.name, stream, lineage=about)
    except Exception:
        if stopped:
            raise stopped[0] from None
        raise
    done.dataset = written.ref
    detail = {
        "column": column,
        "method": method,
        "redacted": done.redacted,
        "regions": done.regions,
        "emptied": done.emptied,
    }
    ws.audit.record("dataset.redact", written.ref, detail)
    return done


def _copy(data: bytes, row: int, detectors, method: str, shape: str, feather: float, done: ColumnRedaction):
    try:
        picture = read_picture(data, f"The picture in row {row}")
        regions = find_regions(picture.bgr, detectors)
    except AppError as error:
        done.emptied += 1
        if len(done.problems) < MOST_PROBLEMS:
            done.problems.append(str(error))
        return None
    done.redacted += 1
    done.regions += len(regions)
    return encode_picture(redact(picture.bgr, regions, method, shape=shape, feather=feather), picture.suffix)

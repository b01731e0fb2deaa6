"""The offline store: everything ever written, one Delta table per group under `tables/features/`.

Columns: keys, event time (UTC, microseconds), features, then `written_at`, `version`, `is_deleted` and `_seq`, the number
of the row in the order of writing. Readers open exactly the Delta version that the catalog names.
"""

from __future__ import annotations

import math
from pathlib import Path

from featurestore.groups import SQL_TYPES, Column, Group
from workspace import sql as q
from workspace import tables

SMALL_FILE_BYTES = 4_000_000
MOST_SMALL_FILES = 64
MOST_KNOWN = 256


def folder(root: Path, group: Group) -> Path:
    return root / "tables" / "features" / f"{group.name}-{group.id}"


# (folder, when the group was made, Delta version) → files; a version never changes, but a dropped group's folder may return
_known_files: dict[tuple, tuple[str, ...]] = {}


def files(root: Path, group: Group) -> tuple[str, ...]:
    """Return the Parquet files that a reader of this group opens."""
    if group.table_version < 0:
        return ()
    found = _known_files.get(_place(root, group, group.table_version))
    if found is None:
        found = tuple(tables.active_files(folder(root, group), group.table_version))
        _remember(_place(root, group, group.table_version), found)
    return found


def appended(root: Path, group: Group, new: list[tables.NewFile], table_version: int) -> None:
    """Note that a Delta version has the group's files and these behind, so that nobody here needs to open its log."""
    added = (str(folder(root, group) / file.name) for file in new)
    _remember(_place(root, group, table_version), (*files(root, group), *added))


def _place(root: Path, group: Group, table_version: int) -> tuple:
    return str(folder(root, group)), group.created_at, table_version


def _remember(place: tuple, found: tuple[str, ...]) -> None:
    while len(_known_files) >= MOST_KNOWN:
        _known_files.pop(next(iter(_known_files), None), None)
    _known_files[place] = found


def schema(group: Group):
    """Return the Arrow schema of the group's files."""
    import pyarrow as pa

    from featurestore.intake import arrow_type

    fields = {key.name: arrow_type(key.type) for key in group.keys}
    fields[group.event_time] = arrow_type("timestamp")
    fields |= {feature.name: arrow_type(feature.type) for feature in group.features}
    fields |= {
        "written_at": arrow_type("timestamp"),
        "version": pa.int64(),
        "is_deleted": pa.bool_(),
        "_seq": pa.int64(),
    }
    return pa.schema(list(fields.items()))


def select(root: Path, group: Group, *, version: int | None = None, as_of_us: int | None = None, features=None) -> str:
    """Return SQL of the group's rows: keys, event time, features, written_at, version, is_deleted, _seq.

    Args:
        version: rows up to this data version, with the features of the definition that it was written with.
        as_of_us: rows written at or before this moment.
        features: which features; default is all of the definition.
    """
    wanted = list(group.features if features is None else features)
    names = [
        *group.key_names,
        group.event_time,
        *(f.name for f in wanted),
        "written_at",
        "version",
        "is_deleted",
        "_seq",
    ]
    paths = files(root, group)
    if not paths:
        return _empty(group, wanted)
    scan = f"read_parquet({q.texts(paths)}{', union_by_name = true' if len(group.definitions) > 1 else ''})"
    where = []
    if version is not None and version < group.version:
        where.append(f"version <= {int(version)}")
    if as_of_us is not None:
        where.append(f"written_at <= make_timestamptz({int(as_of_us)})")
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    if len(group.definitions) == 1:
        return f"SELECT {', '.join(map(q.ident, names))} FROM {scan}{condition}"
    # files may lack features that were added later: the typed empty rows bring them in as nulls
    listed = ", ".join(map(q.ident, names))
    return f"SELECT {listed} FROM ({_empty(group, wanted)} UNION ALL BY NAME SELECT * FROM {scan}){condition}"


def write(con, query, folder: Path) -> list[tables.NewFile]:
    """Write the rows of a query into a new file, as `tables.write_files`.

    DuckDB 2.0 writes in the background, and on a full disk it then waits for ever now and then (its issue 23885 is open).
    """
    con.execute("SET async_threads = 0")
    return tables.write_files(con, query, folder)


def key_test(group: Group, values: tuple) -> tuple[str, list]:
    """Return SQL that is true for the rows of one key, and the values to bind."""
    return " AND ".join(f"{q.ident(k.name)} = ?" for k in group.keys), list(values)


def _empty(group: Group, features: list[Column]) -> str:
    columns = [f"CAST(NULL AS {SQL_TYPES[k.type or 'string']}) AS {q.ident(k.name)}" for k in group.keys]
    columns.append(f"CAST(NULL AS TIMESTAMPTZ) AS {q.ident(group.event_time)}")
    columns += [f"CAST(NULL AS {SQL_TYPES[f.type]}) AS {q.ident(f.name)}" for f in features]
    columns += ["CAST(NULL AS TIMESTAMPTZ) AS written_at", "CAST(NULL AS BIGINT) AS version"]
    columns += ["CAST(NULL AS BOOLEAN) AS is_deleted", "CAST(NULL AS BIGINT) AS _seq"]
    return f"SELECT {', '.join(columns)} WHERE false"


def compact(root: Path, group: Group) -> int | None:
    """Merge the small files that many single writes leave into one; return the new Delta version, or None.

    The old files stay, older Delta versions name them.
    """
    if len(files(root, group)) <= MOST_SMALL_FILES:
        return None
    small = [p for p in files(root, group) if Path(p).stat().st_size < SMALL_FILE_BYTES]
    if len(small) <= MOST_SMALL_FILES:
        return None
    merged = f"SELECT * FROM read_parquet({q.texts(small)}, union_by_name = true)"
    where = folder(root, group)
    with q.connection() as con:
        new = write(con, merged, where)
    about, names = {"tilth": "compact"}, [Path(path).name for path in small]
    return tables.commit(where, new, "append", schema(group), about, removed=names)


def roll_back(root: Path, group: Group) -> int:
    """Take out of the Delta table what was committed but never became visible; return the version to read then."""
    where = folder(root, group)
    if group.table_version < 0:
        tables.drop(where)
        return -1
    from deltalake import DeltaTable

    table = DeltaTable(str(where))
    if set(tables.active_files(where)) != set(files(root, group)):
        table.restore(group.table_version)
        table = DeltaTable(str(where))
    return table.version()


def sweep(root: Path, group: Group) -> int:
    """Delete files that no Delta version names and whose writer is gone; return how many. The group's lock is held."""
    where = folder(root, group)
    if not where.exists():
        return 0
    log = "".join(path.read_text("utf-8", "replace") for path in (where / "_delta_log").glob("*.json"))
    doomed = tables.orphans(where, [path.name for path in where.glob("*.parquet") if path.name in log])
    for path in doomed:
        path.unlink(missing_ok=True)
    return len(doomed)


def vacuum(root: Path, group: Group, keep_hours: float) -> tuple[int, int]:
    """Delete files that merging took out of the table more than `keep_hours` ago; return how many and their bytes.

    No version of ours is lost: every row says when it was written, and the merged files hold them all. Only Delta's own time
    travel, in other programs, ends where the files end. The group's lock is held.
    """
    from deltalake import DeltaTable

    where = folder(root, group)
    if group.table_version < 0 or not where.exists():
        return 0, 0
    read = {Path(path).name for path in files(root, group)}
    table = DeltaTable(str(where))
    # a dry run: deltalake's own deletion writes to the log, and the catalog says which Delta version counts
    doomed = table.vacuum(math.ceil(keep_hours), dry_run=True, enforce_retention_duration=False)
    count = size = 0
    for name in doomed:
        path = where / Path(name).name
        if path.name in read or path.suffix != ".parquet" or not path.exists():
            continue
        size += path.stat().st_size
        path.unlink()
        count += 1
    return count, size

"""What the values of a group look like, how fresh they are, what has become of one record, and what leaks into labels.

All figures come out of DuckDB as aggregates; no function here brings rows into Python. A tombstone counts nowhere.
"""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from featurestore import catalog, intake, offline
from featurestore.encoding import encode_key, from_microseconds, key_values, read_moment, to_microseconds
from featurestore.groups import Group
from featurestore.intake import cast_sql, utc_micros
from featurestore.point_in_time import NaiveTimeWarning, Wanted, choose
from featurestore.stopping import Steps
from transforms.errors import ColumnNotFound, InputError
from workspace import sql as q

if TYPE_CHECKING:
    from featurestore.store import FeatureStore
    from workspace.runs import RunHandle

MOST_VERSIONS = 100
MOST_POINTS = 200
TOP = 5
DAY_US = 86_400_000_000
FEW_ROWS = 20  # below these many rows nothing is said about how features and label hang together
FEW_PER_CLASS = 5
MOST_CLASSES = 20
STRONG = 0.95  # correlation from which on a feature is suspect
SURE = 0.99  # share of rows whose label follows from a feature's value
MANY = 0.2  # share of labels without a valid record from which on a word is due
BY_CHANCE = 0.001
NUMBERS = ("int64", "float64")
WORDS = ("string", "bool", "image")
MATCHED = ("labels", "found", "expired", "before", "after", "same_time", "at_publish", "age_s", "first", "last")
SAYS = {  # kind of finding → sentence
    "correlated": "{about} alone nearly predicts {label}: their correlation is {r:.3f}. Is it known before the label?",
    "separates": (
        "{about} alone tells the classes of {label} apart: their values do not overlap. Is it known before the label?"
    ),
    "determines": (
        "{about} alone nearly predicts {label}: its value decides it in {share:.0%} of the rows. Is it known before "
        "the label?"
    ),
    "value": "{label} is {outcome} in all {rows:,} rows where {about} is {value}. Is that value set after the label?",
    "one label time": "All {rows:,} labels have the same time. Is it the moment at which they were exported?",
    "no rows": "Group {about} has no rows yet: its features are all null.",
    "one event time": (
        "Every row of group {about} has the same event time: it does not say when each value became known, so a value "
        "may come from after the label."
    ),
    "too early": "{share:.1%} of the labels are before the first event of group {about}: there its features are null.",
    "no match": "{share:.0%} of the labels find no record in group {about}. Are the keys spelt alike?",
    "expired": "{share:.0%} of the labels find only records of group {about} that are too old (TTL).",
    "stale": "{share:.0%} of the labels are after the newest event of group {about}: they all get its last state.",
    "same time": (
        "In {share:.0%} of the matches the record of group {about} has the very time of the label: it may have been "
        "written together with the outcome."
    ),
    "publish moment": (
        "{share:.0%} of the label times are the moment at which group {about} was published. Choose the column that "
        "says when it happened."
    ),
}


def describe(fs: FeatureStore, group: str, *, handle: RunHandle | None = None) -> dict:
    """Return everything that the Statistics tab shows, as JSON values: `values`, `versions`, `events`, `expiry`."""
    with q.connection() as con:
        steps = Steps(handle, con)
        steps.begin(0.05, "looking at every feature")
        found: dict[str, Any] = {"values": values(fs, group, con=con)}
        steps.begin(0.5, "comparing the versions")
        found["versions"] = over_versions(fs, group, con=con)
        steps.begin(0.75, "counting events by day")
        found["events"] = events(fs, group, con=con)
        steps.begin(0.9, "looking for records that are too old")
        found["expiry"] = expiry(fs, group, con=con)
        steps.end()
    return found


def values(fs: FeatureStore, group: str, *, con=None) -> list[dict]:
    """Return one dict per feature over all rows ever written.

    Returns:
        `feature`, `type`, `rows`, `missing` (share, 0 to 1), `not_finite` (share; NaN and ±inf of float64), `distinct`
        (approximate; None for lists), `min`, `mean`, `max` (finite numbers; times as text), `top` (most frequent texts:
        value and share).
    """
    current = _group(fs, group)
    parts = ["count(*)"]
    for feature in current.features:
        name = q.ident(feature.name)
        known = _finite(name, feature.type)
        number, ordered = feature.type in NUMBERS, feature.type in (*NUMBERS, "timestamp")
        kept = f"CAST({{}}({name}) FILTER ({known}) AS {'DOUBLE' if number else 'VARCHAR'})"
        parts += [
            f"avg(CASE WHEN {name} IS NULL THEN 1.0 ELSE 0.0 END)",
            f"avg(CASE WHEN {known} OR {name} IS NULL THEN 0.0 ELSE 1.0 END)",
            "NULL"
            if feature.type == "list<float>"
            else f"least(approx_count_distinct({name}), count({name}))",  # hashing embeddings takes long
            kept.format("min") if ordered else "NULL",
            f"avg({name}) FILTER ({known})" if number else "NULL",
            kept.format("max") if ordered else "NULL",
            f"approx_top_k(CAST({name} AS VARCHAR), {TOP})" if feature.type in WORDS else "NULL",
        ]
    source = _rows(fs, current)
    with _connection(con) as con:
        rows, *figures = q.one_row(con, f"SELECT {', '.join(parts)} FROM ({source})")
        measures = ("missing", "not_finite", "distinct", "min", "mean", "max", "top")
        found = [
            {"feature": f.name, "type": f.type, "rows": rows} | dict(zip(measures, part, strict=True))
            for f, part in zip(current.features, _pieces(figures, len(measures)), strict=True)
        ]
        wanted = [(one, value) for one in found for value in one["top"] or ()]
        counted = [f"count(*) FILTER (CAST({q.ident(one['feature'])} AS VARCHAR) = ?)" for one, _ in wanted]
        counts: tuple = ()
        if wanted:
            counts = con.execute(f"SELECT {', '.join(counted)} FROM ({source})", [v for _, v in wanted]).fetchall()[0]
    for one in found:
        one["top"] = []
    for (one, value), count in zip(wanted, counts, strict=True):
        one["top"].append({"value": value, "share": count / rows})
    for one in found:
        one["top"].sort(key=lambda top: (-top["share"], top["value"]))
    return found


def over_versions(fs: FeatureStore, group: str, *, con=None, most: int = MOST_VERSIONS) -> list[dict]:
    """Return one dict per data version that has rows, oldest first: what its own rows look like and how old they were.

    Returns:
        `version`, `rows`, `written_at`, `newest_event` (ISO 8601), `age_s` (from the newest event to the writing), and
        `features`: name → `missing` (share) and `mean`; a feature that its definition did not have yet is left out.
    """
    current = _group(fs, group)
    with fs.ws.reading() as session:
        definitions = {p.version: p.definition_version for p in catalog.publications(session, current)}
    event = q.ident(current.event_time)
    parts = ["version", "count(*)", "epoch_us(max(written_at))", f"epoch_us(max({event}))"]
    for feature in current.features:
        name = q.ident(feature.name)
        parts.append(f"avg(CASE WHEN {name} IS NULL THEN 1.0 ELSE 0.0 END)")
        parts.append(f"avg({name}) FILTER ({_finite(name, feature.type)})" if feature.type in NUMBERS else "NULL")
    ordered = f"GROUP BY version ORDER BY version DESC LIMIT {int(most)}"
    query = f"SELECT {', '.join(parts)} FROM ({_rows(fs, current)}) {ordered}"
    with _connection(con) as con:
        rows = con.execute(query).fetchall()
    found = []
    for version, count, written, newest, *figures in reversed(rows):
        had = {f.name for f in current.definitions[definitions[version]]} if version in definitions else set()
        pairs = zip(current.features, figures[::2], figures[1::2], strict=True)
        found.append(
            {
                "version": version,
                "rows": count,
                "written_at": from_microseconds(written).isoformat(),
                "newest_event": from_microseconds(newest).isoformat(),
                "age_s": (written - newest) / 1_000_000,
                "features": {f.name: {"missing": gone, "mean": mean} for f, gone, mean in pairs if f.name in had},
            }
        )
    return found


def events(fs: FeatureStore, group: str, *, con=None, most: int = MOST_POINTS) -> dict:
    """Return how many rows have their event on each day, as at most `most` points of equal width.

    Returns:
        `days_per_point`, and `points`: `{"from": first day, "rows"}`; days without rows have no point.
    """
    current = _group(fs, group)
    day = f"CAST(floor(epoch_us({q.ident(current.event_time)}) / {DAY_US}) AS BIGINT)"
    query = (
        f"WITH d AS MATERIALIZED (SELECT {day} AS day FROM ({_rows(fs, current)})), "
        f"s AS (SELECT min(day) AS first, CAST(ceil((max(day) - min(day) + 1) / {int(most)}) AS BIGINT) AS width "
        "FROM d) "
        "SELECT any_value(width), any_value(first) + (day - first) // width * any_value(width) AS start, count(*) "
        "FROM d, s GROUP BY (day - first) // width, first, width ORDER BY start"
    )
    with _connection(con) as con:
        rows = con.execute(query).fetchall()
    first = dt.date(1970, 1, 1)
    points = [{"from": (first + dt.timedelta(days=start)).isoformat(), "rows": count} for _, start, count in rows]
    return {"days_per_point": rows[0][0] if rows else 1, "points": points}


def expiry(fs: FeatureStore, group: str, *, con=None, now: dt.datetime | None = None) -> dict:
    """Return how many keys have a newest record, and how many of these are older than the group's TTL.

    Returns:
        `keys`, `expired`, `share` (None without a TTL or without keys), `newest_event` and its `age_s` until now.
    """
    current = _group(fs, group)
    now_us = to_microseconds(now or fs._clock())
    keys = ", ".join(map(q.ident, current.key_names))
    event = f"epoch_us({q.ident(current.event_time)})"
    source = offline.select(fs.ws.root, current, features=[])
    newest = f"SELECT max(struct_pack(t := {event}, s := _seq, d := is_deleted)) AS r FROM ({source}) GROUP BY {keys}"
    old = f"r.t < {now_us - current.ttl_us}" if current.ttl_us is not None else "false"
    with _connection(con) as con:
        query = f"SELECT count(*), count(*) FILTER ({old}), max(r.t) FROM ({newest}) WHERE NOT r.d"
        count, expired, last = q.one_row(con, query)
    return {
        "keys": count,
        "expired": expired,
        "share": expired / count if count and current.ttl_us is not None else None,
        "newest_event": from_microseconds(last).isoformat() if last is not None else None,
        "age_s": (now_us - last) / 1_000_000 if last is not None else None,
    }


def record_state(fs: FeatureStore, group: str, key) -> dict:
    """Return what is online for a key, and why nothing is where nothing is.

    Returns:
        `state`: "online", "deleted", "expired", "never written", "lost" (the history has a record, online has none), or
        "offline only"; `since`: the moment of the delete, of the expiry or of the record's event, else None.
    """
    current = fs._group(group, fresh=True)
    values_of = key_values(current.keys, key, group)
    if any(k.type is None for k in current.keys):
        return {"state": "never written", "since": None}
    if not current.online:
        return {"state": "offline only", "since": None}
    found = fs.online.find(current.id, encode_key(current.keys, values_of))
    if found:
        event_us, deleted, _ = found
        if deleted:
            return {"state": "deleted", "since": from_microseconds(event_us)}
        end = event_us + current.ttl_us if current.ttl_us is not None else None
        if end is not None and to_microseconds(fs._clock()) > end:
            return {"state": "expired", "since": from_microseconds(end)}
        return {"state": "online", "since": from_microseconds(event_us)}
    last = fs.history(group, key) if current.offline else None
    if last is None or not last.num_rows:
        return {"state": "never written", "since": None}
    newest = last.slice(last.num_rows - 1).to_pylist()[0]
    return {"state": "deleted" if newest["is_deleted"] else "lost", "since": newest[current.event_time]}


# ---------------------------------------------------------------- training sets


def matches(
    fs: FeatureStore,
    labels,
    features: Sequence[str] | str,
    time: str,
    *,
    as_of=None,
    join_keys: Mapping[str, Mapping[str, str]] | None = None,
    handle: RunHandle | None = None,
) -> list[dict]:
    """Return per group how many labels find a record, and how label times lie to event times.

    Arguments as in `FeatureStore.training_set`.

    Returns:
        `group`, `labels` (with a time), `found`, `expired` (found, but too old for every chosen feature), `before`
        (labels before the group's first event), `after` (after its newest), `same_time` (record and label have one
        moment), `at_publish` (label time within a second of a publish), `age_s` (median, of records found), `first` and
        `last` event.
    """
    view = fs._features_of(features)
    with fs.ws.reading() as session:
        groups = {name: catalog.group_named(session, name) for name in view.group_names()}
        published = {g.name: [p.written_at for p in catalog.publications(session, g)][-500:] for g in groups.values()}
    table = intake.as_arrow(labels)
    if time not in table.column_names:
        raise ColumnNotFound.of(time, table.column_names)
    wanted = choose(view.features, groups, table.column_names, {**view.join_keys, **(join_keys or {})}, view.ttl)
    try:
        as_of_us = to_microseconds(read_moment(as_of)) if as_of is not None else None
    except ValueError as error:
        raise InputError(f"as_of {as_of!r} is no moment.", hint="Give a datetime or ISO 8601 text.") from error
    found = []
    with q.connection() as con:
        steps = Steps(handle, con)
        con.register("labels", table)
        types = {name: kind for name, kind, *_ in con.execute("DESCRIBE labels").fetchall()}
        if utc_micros(q.ident(time), types[time]) is None:
            raise InputError(
                f"The label time {time!r} is {types[time]}, not a timestamp.", hint="Choose another column."
            )
        for part in wanted:
            steps.begin(0.7, f"counting matches in group {part.group.name}")
            found.append(_match(fs, con, part, types, time, published[part.group.name], as_of_us))
        steps.end()
    return found


def _match(fs: FeatureStore, con, part: Wanted, types: Mapping[str, str], time: str, written: list, as_of_us) -> dict:
    group = part.group
    moment = utc_micros(q.ident(time), types[time])
    source = offline.select(fs.ws.root, group, as_of_us=as_of_us, features=[])
    keys = [q.ident(name) for name in group.key_names]
    labelled = [
        (cast_sql(q.ident(column), types[column], key.type) or (q.ident(column),))[0] if key.type else "NULL"
        for column, key in zip(part.keys, group.keys, strict=True)
    ]
    same = " AND ".join(f"l.k{i} = f.k{i}" for i in range(len(keys)))
    named = ", ".join(f"{key} AS k{i}" for i, key in enumerate(keys))
    given = ", ".join(f"{key} AS k{i}" for i, key in enumerate(labelled))
    ttl_us = None if None in part.ttls else max(part.ttls)
    old = f"NOT d AND t - e > {ttl_us}" if ttl_us is not None else "false"
    # a label made at the moment of a publish most likely has the time of the import, not of what happened
    near = " OR ".join(f"abs(t - {us}) < 1000000" for us in written) or "false"
    event = f"epoch_us({q.ident(group.event_time)})"
    query = (
        f"WITH f AS MATERIALIZED (SELECT {named}, {event} AS e, arg_max(is_deleted, _seq) AS d FROM ({source}) "
        "GROUP BY ALL), "
        "ends AS (SELECT min(e) AS first, max(e) AS last FROM f), "
        f"l AS (SELECT {given}, epoch_us({moment}) AS t FROM labels WHERE {moment} IS NOT NULL), "
        f"j AS (SELECT l.t, f.e, f.d FROM l ASOF LEFT JOIN f ON {same} AND l.t >= f.e) "
        f"SELECT count(*), count(*) FILTER (NOT d), count(*) FILTER ({old}), count(*) FILTER (t < first), "
        f"count(*) FILTER (t > last), count(*) FILTER (NOT d AND e = t), count(*) FILTER ({near}), "
        "median(t - e) FILTER (NOT d), any_value(first), any_value(last) FROM j, ends"
    )
    counts = dict(zip(MATCHED, q.one_row(con, query), strict=True))
    counts["age_s"] = counts["age_s"] / 1_000_000 if counts["age_s"] is not None else None
    for end in ("first", "last"):
        counts[end] = from_microseconds(counts[end]).isoformat() if counts[end] is not None else None
    return {"group": group.name, **counts}


def leakage(
    fs: FeatureStore,
    labels,
    features: Sequence[str] | str,
    time: str,
    label: str | None = None,
    *,
    as_of=None,
    join_keys: Mapping[str, Mapping[str, str]] | None = None,
    table=None,
    matched: Sequence[Mapping] | None = None,
    handle: RunHandle | None = None,
) -> list[dict]:
    """Return what looks as if a training set knew more than it may, or learns nothing; arguments as `training_set`.

    Args:
        label: the column that a model is to predict; without it features are not compared with the label.
        table: the training set of these labels, if it is made already.
        matched: what `matches` gave, if it is known already.

    Returns:
        `kind` (a key of `SAYS`), `about` (feature or group) and `says` (a sentence).
    """
    labels = intake.as_arrow(labels)
    more = {"as_of": as_of, "join_keys": join_keys, "handle": handle}
    if table is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NaiveTimeWarning)
            table = fs.training_set(labels, features, time, **more)
    matched = matches(fs, labels, features, time, **more) if matched is None else matched
    found = []
    with q.connection() as con:
        con.register("train", table)
        if label is not None:
            found += _of_label(con, label, [c for c in table.column_names if c not in labels.column_names])
        found += _of_times(con, time, matched)
    return found


def _of_times(con, time: str, matched: Sequence[Mapping]) -> list[dict]:
    moments, rows = q.one_row(con, f"SELECT count(DISTINCT {q.ident(time)}), count({q.ident(time)}) FROM train")
    found = [_finding("one label time", time, rows=rows)] if moments == 1 and rows > 1 else []
    for one in matched:
        if one["labels"]:
            found += [_finding(kind, one["group"], share=share) for kind, share in _of_group(one)]
    return found


def _of_group(one: Mapping) -> Iterator[tuple[str, float]]:
    """Yield (kind of finding, share of the labels) for one group's matches."""
    count = one["labels"]
    if one["first"] is None:
        yield "no rows", 1.0
        return
    if one["first"] == one["last"]:
        yield "one event time", 1.0
    if one["before"]:
        yield "too early", one["before"] / count
    if one["found"] < (1 - MANY) * count:
        yield "no match", 1 - one["found"] / count
    if one["expired"] > MANY * count:
        yield "expired", one["expired"] / count
    if one["after"] > count / 2:
        yield "stale", one["after"] / count
    if one["same_time"] > one["found"] / 2:
        yield "same time", one["same_time"] / one["found"]
    if one["at_publish"] > count / 2:
        yield "publish moment", one["at_publish"] / count


def _of_label(con, label: str, features: Sequence[str]) -> list[dict]:
    """Compare each feature with the label, one aggregate query per question."""
    types = {name: kind for name, kind, *_ in con.execute("DESCRIBE train").fetchall()}
    if label not in types:
        raise ColumnNotFound.of(label, types)
    y = q.ident(label)
    classes, rows = q.one_row(con, f"SELECT count(DISTINCT {y}), count({y}) FROM train")
    if rows < FEW_ROWS or classes < 2:
        return []
    numeric = [f for f in features if _is_number(types[f])]
    wordy = [f for f in features if types[f] in ("VARCHAR", "BOOLEAN")]
    found: dict[str, dict] = {}
    if _is_number(types[label]) or classes == 2:
        number = q.ident(label) if _is_number(types[label]) else f"({y} = (SELECT max({y}) FROM train))"
        for finding in _correlated(con, f"CAST({number} AS DOUBLE)", label, numeric):
            found[finding["about"]] = finding
    if classes <= MOST_CLASSES:
        rest = [f for f in numeric if f not in found]
        for finding in [*_separating(con, y, label, rest), *_determining(con, y, label, wordy)]:
            found[finding["about"]] = finding
    return list(found.values())


def _correlated(con, number: str, label: str, features: Sequence[str]) -> list[dict]:
    if not features:
        return []
    parts = []
    for feature in features:
        x = f"CAST({q.ident(feature)} AS DOUBLE)"
        known = f"abs({x}) < 1e150 AND abs({number}) < 1e150"  # NaN is greater; squares of larger numbers overflow
        parts += [f"corr({number}, {x}) FILTER ({known})", f"count(*) FILTER ({known})"]
    figures = q.one_row(con, f"SELECT {', '.join(parts)} FROM train")
    return [
        _finding("correlated", feature, label=label, r=r)
        for feature, r, rows in zip(features, figures[::2], figures[1::2], strict=True)
        if r is not None and not math.isnan(r) and abs(r) > STRONG and rows >= FEW_ROWS
    ]  # fmt: skip


def _separating(con, y: str, label: str, features: Sequence[str]) -> list[dict]:
    """Name features whose values do not overlap between any two classes of the label."""
    if not features:
        return []
    parts = []
    for feature in features:
        x = f"CAST({q.ident(feature)} AS DOUBLE)"
        parts += [f"{what} FILTER (isfinite({x}))" for what in ("count(*)", f"min({x})", f"max({x})")]
    rows = con.execute(f"SELECT {', '.join(parts)} FROM train WHERE {y} IS NOT NULL GROUP BY {y}").fetchall()
    found = []
    for i, feature in enumerate(features):
        ranges = sorted(row[3 * i + 1 : 3 * i + 3] for row in rows if row[3 * i] >= FEW_PER_CLASS)
        apart = all(low[1] < high[0] for low, high in zip(ranges, ranges[1:], strict=False))
        if len(ranges) == len(rows) > 1 and apart:
            found.append(_finding("separates", feature, label=label))
    return found


def _determining(con, y: str, label: str, features: Sequence[str]) -> list[dict]:
    found = []
    for feature in features:
        counted = (
            f"WITH c AS (SELECT CAST({q.ident(feature)} AS VARCHAR) AS x, CAST({y} AS VARCHAR) AS y, count(*) AS n "
            f"FROM train WHERE {q.ident(feature)} IS NOT NULL AND {y} IS NOT NULL GROUP BY ALL), "
            "v AS (SELECT x, sum(n) AS n, max(n) AS best, arg_max(y, n) AS y FROM c GROUP BY x), "
            "p AS (SELECT y, sum(n) / (SELECT sum(n) FROM c) AS share FROM c GROUP BY y) "
        )
        rows, right, many, commonest = q.one_row(
            con, f"{counted} SELECT sum(n), sum(best), count(*), (SELECT max(share) FROM p) FROM v"
        )
        # many values of few rows each always "determine" a label, and so does any value where nearly all labels are one
        enough = rows and rows >= FEW_ROWS and many * FEW_PER_CLASS <= rows and commonest <= STRONG
        if enough and right >= SURE * rows:
            found.append(_finding("determines", feature, label=label, share=right / rows))
            continue
        sure = (
            f"{counted} SELECT v.x, v.y, v.n FROM v JOIN p USING (y) WHERE v.n = v.best AND v.n >= {FEW_ROWS} "
            f"AND share < 1 AND v.n * ln(share) < {math.log(BY_CHANCE)} ORDER BY v.n DESC, v.x LIMIT 1"
        )
        for value, outcome, count in con.execute(sure).fetchall():
            found.append(_finding("value", feature, label=label, value=value, outcome=outcome, rows=count))
    return found


def _is_number(kind: str) -> bool:
    return kind in (*intake.WHOLE, *intake.FLOATS) or kind.startswith("DECIMAL") and "[" not in kind


def _finding(kind: str, about: str, **facts) -> dict:
    return {"kind": kind, "about": about, "says": SAYS[kind].format(about=about, **facts)}


def _group(fs: FeatureStore, name: str) -> Group:
    with fs.ws.reading() as session:
        return catalog.group_named(session, name)


def _rows(fs: FeatureStore, group: Group) -> str:
    return f"SELECT * FROM ({offline.select(fs.ws.root, group)}) WHERE NOT is_deleted"


def _finite(name: str, kind: str | None) -> str:
    return f"isfinite({name})" if kind == "float64" else f"{name} IS NOT NULL"


def _pieces(values: Sequence, size: int) -> list[Sequence]:
    """Return a sequence cut into pieces of one size (Python 3.12 has it in itertools)."""
    return [values[i : i + size] for i in range(0, len(values), size)]


def _connection(con):
    """Return a context with the connection that was given, or with one of its own."""
    return q.connection() if con is None else nullcontext(con)

"""Review: what was decided about the personal data of a dataset, and reports that are remembered by content.

Decisions belong to the dataset, so a new version shows them again. "Not personal" holds for the types that were seen when
it was decided: other personal data in the same column is a new question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from insights.pii.columns import Entity, PiiColumn, PiiReport, find
from insights.pii.own import patterns
from insights.pii.steps import How, steps
from transforms.errors import ColumnNotFound, InputError
from transforms.personal.finder import found_in
from workspace.audit import who
from workspace.sql import connection, ident, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from workspace import Workspace
    from workspace.datasets import DatasetVersion

What = Literal["hide", "not personal", "later"]
REPORTS = "pii.reports"  # one setting: {key: report}, the newest last
MOST_REPORTS = 200
MOST_KEPT = 1_000  # values of a keep-list
EXAMPLES = 5


@dataclass(frozen=True)
class Decision:
    """What is to become of a column's findings: `how` of "hide", `note` and `types` of "not personal"."""

    what: What
    how: How | None = None
    note: str = ""
    types: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True)
class Review:
    """The decisions about one dataset by column, and the values in it that are never personal."""

    dataset: str
    decisions: dict[str, Decision] = field(default_factory=dict)
    keep: tuple[str, ...] = ()

    def open_types(self, column: PiiColumn) -> list[Entity]:
        """Return the column's findings that were not decided to be no personal data."""
        decided = self.decisions.get(column.name)
        excused = set(decided.types) if decided and decided.what == "not personal" else set()
        return [e for e in column.entities if e.type not in excused]


def review(ws: Workspace, dataset: str) -> Review:
    """Return what was decided about a dataset (all its versions); raise NotFound where there is none."""
    name = ws.datasets.get(dataset).name
    kept = ws.settings.get(_setting(name), {})
    decisions = {c: Decision(**{**d, "types": tuple(d["types"])}) for c, d in kept.get("columns", {}).items()}
    return Review(name, decisions, tuple(kept.get("keep", ())))


def decide(
    ws: Workspace,
    dataset: str,
    column: str,
    what: What,
    *,
    how: How | None = None,
    note: str = "",
    types: Iterable[str] = (),
    actor: str | None = None,
) -> Review:
    """Keep a decision about a column, with an audit line.

    Args:
        what: "hide", "not personal" or "later" (which takes an earlier decision back).
        how: of "hide": mask, pseudonym, hash, remove, drop or redact (inside text).
        note: of "not personal": why; it must be given.
        types: of "not personal": the types that were found and are none.

    Raises:
        ColumnNotFound: the newest version has no such column.
        InputError: no such decision or way, or no note.
    """
    version = ws.datasets.get(dataset)
    names = [c["name"] for c in version.columns]
    if column not in names:
        raise ColumnNotFound.of(column, names)
    if what not in get_args(What):
        raise InputError(f"There is no decision {what!r}.", hint=f"Use {', '.join(get_args(What))}.")
    if what == "hide" and how not in get_args(How):
        raise InputError(f"There is no way {how!r} to hide personal data.", hint=f"Use {', '.join(get_args(How))}.")
    if what == "not personal" and not note.strip():
        raise InputError(
            f"Say why column {column!r} holds no personal data.", hint="Write a note: others will read it."
        )
    made = Decision(what, how if what == "hide" else None, note.strip(), tuple(sorted(set(types))), who(actor))
    with ws.together():
        old = review(ws, version.name)
        decisions = {c: d for c, d in old.decisions.items() if c != column}
        if what != "later":
            decisions[column] = made
        new = replace(old, decisions=decisions)
        _keep(ws, new)
        ws.audit.record("pii.decide", version.name, {"column": column, **asdict(made)}, actor)
    return new


def set_keep(ws: Workspace, dataset: str, values: Iterable[str], *, actor: str | None = None) -> Review:
    """Keep the list of values that are never personal in a dataset; the audit line holds their number only."""
    kept = tuple(dict.fromkeys(v.strip() for v in values if v.strip()))
    if len(kept) > MOST_KEPT:
        raise InputError(f"A list holds at most {MOST_KEPT:,} values to leave, not {len(kept):,}.")
    with ws.together():
        new = replace(review(ws, dataset), keep=kept)
        _keep(ws, new)
        ws.audit.record("pii.keep", new.dataset, {"values": len(kept)}, actor)
    return new


def report_of(
    ws: Workspace,
    ref: str,
    *,
    con: DuckDBPyConnection | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> PiiReport:
    """Return what `find` says of a dataset version, with the workspace's patterns; remembered by content."""
    version = ws.datasets.get(ref)
    key, own, keep = _key(ws, version)
    if (kept := ws.settings.get(REPORTS, {}).get(key)) is not None:
        return _read(kept)
    with nullcontext(con) if con is not None else connection() as con:
        found = find(con, version.sql(), own=own, keep=keep, on_progress=on_progress)
    with ws.together():
        all_kept = dict(ws.settings.get(REPORTS, {})) | {key: asdict(found)}
        ws.settings.set(REPORTS, dict(list(all_kept.items())[-MOST_REPORTS:]))
    return found


def remembered(ws: Workspace, ref: str) -> PiiReport | None:
    """Return the report of a dataset version if it was made before, with the same patterns and values to leave."""
    kept = ws.settings.get(REPORTS, {}).get(_key(ws, ws.datasets.get(ref))[0])
    return None if kept is None else _read(kept)


def chosen_steps(ws: Workspace, ref: str, report: PiiReport, *, key: str = "PII") -> list[dict]:
    """Return the steps that hide the columns decided to be hidden, as far as the version has them."""
    made = review(ws, ref)
    ways = {c: d.how for c, d in made.decisions.items() if d.what == "hide"}
    return steps(report, ways, key=key, own=patterns(ws), keep=made.keep)


def examples(
    ws: Workspace, ref: str, column: str, *, whole: bool = False, actor: str | None = None, most: int = EXAMPLES
) -> list[str]:
    """Return a few different values of a column: masked, or whole, which the audit log notes.

    Masked, only the first sign of each word or number shows; of sentences what the finder finds is covered, other letters and digits
    too, so that a name that it does not know shows nowhere.
    """
    version = ws.datasets.get(ref)
    names = [c["name"] for c in version.columns]
    if column not in names:
        raise ColumnNotFound.of(column, names)
    if whole:
        ws.audit.record("pii.show", version.ref, {"column": column}, actor)
    value = f"{ident(column)}::VARCHAR"
    with connection() as con:
        query = f"SELECT DISTINCT {value} AS v FROM {version.sql()} WHERE trim({value}) <> '' ORDER BY hash(v), v LIMIT {int(most)}"
        values = [v[:300] for (v,) in con.execute(query).fetchall()]
        if whole or not values:
            return values
        covered = r"regexp_replace(v, '([\pL\pN])([\pL\pN]*)', '\1' || '•••', 'g')"
        rows = ", ".join(f"({text(marked(v))})" for v in values)
        return [v for (v,) in con.execute(f"SELECT {covered} FROM (VALUES {rows}) t(v)").fetchall()]


def marked(value: str) -> str:
    """Return a value in which what the finder finds is covered wholly; the other words stay."""
    pieces, end = [], 0
    for _, start, stop, _, _ in found_in(value):
        if start == 0 and stop == len(value):
            return value  # a cell of its own: its form is what one wants to see
        pieces += [value[end:start], "•••"]
        end = stop
    return "".join(pieces) + value[end:]


def _setting(dataset: str) -> str:
    name = f"pii:{dataset}"
    return name if len(name) <= 64 else f"pii:{hashlib.sha256(dataset.encode()).hexdigest()[:40]}"


def _keep(ws: Workspace, made: Review) -> None:
    columns = {c: {**asdict(d), "types": list(d.types)} for c, d in made.decisions.items()}
    ws.settings.set(_setting(made.dataset), {"columns": columns, "keep": list(made.keep)})


def _key(ws: Workspace, version: DatasetVersion):
    own, keep = patterns(ws), review(ws, version.name).keep
    settings = json.dumps([[o.plain for o in own], keep], ensure_ascii=False)
    return f"{version.content_hash}:{hashlib.sha256(settings.encode()).hexdigest()[:16]}", own, keep


def _read(kept: dict) -> PiiReport:
    columns = [PiiColumn(**{**c, "entities": [Entity(**e) for e in c["entities"]]}) for c in kept["columns"]]
    return PiiReport(kept["rows"], columns, kept["notes"])

"""Watching a dataset for drift: every new version is compared with a reference, the figures are kept, and alerts raised.

A watch never stops a version. Its reference is a version of any dataset: of the same one, or the training rows of a model.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from insights.drift import CHANCE, THRESHOLDS, ColumnDrift, DriftReport, compare, missing_p
from insights.expectations.kept import append, setting, write
from transforms.errors import ColumnNotFound, InputError, NotFound, did_you_mean
from workspace.audit import who
from workspace.sql import connection, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from workspace import Workspace

WATCH, RESULTS, ALERTS = "drift-watch", "drift-results", "drift-alerts"
KEPT_RESULTS, KEPT_ALERTS = 60, 500
# Metric → an alert from this value on: the second ("strong") line of the verdict.
LINES = {metric: lines[1] for metric, lines in THRESHOLDS.items()}
WORDS = {
    "psi": "PSI",
    "ks": "KS",
    "wasserstein_normalised": "Wasserstein (standard deviations)",
    "js_distance": "Jensen-Shannon distance",
    "total_variation": "total variation",
    "missing_change": "change of the missing share",
    "new_share": "share of rows with a new category",
    "schema": "columns",
}
P_VALUES = {  # metric → the p-value that guards it against chance
    "psi": ("ks_p", "chi2_p"), "js_distance": ("ks_p", "chi2_p"), "ks": ("ks_p",), "wasserstein_normalised": ("ks_p",),
    "total_variation": ("chi2_p",),
}  # fmt: skip


@dataclass(frozen=True)
class Watch:
    """What a dataset is compared with. `lines` are the alert lines that differ from `LINES`; None switches one off."""

    dataset: str
    reference: str  # NAME@3
    columns: tuple[str, ...] = ()  # none: all
    lines: Mapping[str, float | None] = None
    since: str = ""

    def line(self, metric: str) -> float | None:
        return (self.lines or {}).get(metric, LINES[metric])

    def as_json(self) -> dict:
        lines = {metric: self.line(metric) for metric in LINES}
        return {"dataset": self.dataset, "reference": self.reference, "columns": list(self.columns), "lines": lines, "since": self.since}  # fmt: skip


def watch(
    ws: Workspace,
    dataset: str,
    reference: str,
    *,
    columns: Iterable[str] = (),
    lines: Mapping[str, float | None] | None = None,
) -> Watch:
    """Compare every new version of a dataset with `reference` (NAME@3) from now on, and the newest version at once.

    Raises:
        NotFound: there is no such dataset or version.
        InputError: no such metric, or a line that is not above 0.
        ColumnNotFound: a column is not in the reference.
    """
    version, newest = ws.datasets.get(reference), ws.datasets.get(dataset)
    for metric, line in (lines or {}).items():
        if metric not in LINES:
            raise InputError(f"There is no metric {metric!r}.", hint=did_you_mean(metric, LINES, "Metrics: "))
        if line is not None and not line > 0:
            raise InputError(f"The line of {metric} must be above 0.", hint=f"The usual one is {LINES[metric]:g}.")
    known = [c["name"] for c in version.columns]
    for name in columns:
        if name not in known:
            raise ColumnNotFound.of(name, known)
    made = Watch(newest.name, version.ref, tuple(columns), dict(lines or {}), _now())
    with ws.session() as session:
        content = {"reference": made.reference, "columns": list(made.columns), "lines": made.lines, "since": made.since}
        write(session, setting(WATCH, made.dataset), content)
        ws.audit.record("drift.watch", made.dataset, {"reference": made.reference, "lines": made.lines}, session=session)  # fmt: skip
    if newest.ref != made.reference:
        look(ws, made.dataset, newest.ref)
    return made


def unwatch(ws: Workspace, dataset: str) -> None:
    """Stop watching a dataset; its results and alerts stay."""
    if watch_of(ws, dataset) is None:
        raise NotFound(f"{dataset!r} is not watched for drift.", hint=f"Watched: {', '.join(w.dataset for w in watches(ws)) or 'nothing'}.")  # fmt: skip
    with ws.session() as session:
        write(session, setting(WATCH, dataset), {})
        ws.audit.record("drift.unwatch", dataset, session=session)


def watch_of(ws: Workspace, dataset: str) -> Watch | None:
    """Return the watch of a dataset, or None."""
    found = ws.settings.get(setting(WATCH, dataset))
    return Watch(dataset, found["reference"], tuple(found["columns"]), found["lines"], found["since"]) if found else None  # fmt: skip


def watches(ws: Workspace) -> list[Watch]:
    """Return all watches, by the dataset's name."""
    found = (watch_of(ws, version.name) for version in ws.datasets.list())
    return sorted((w for w in found if w is not None), key=lambda w: w.dataset)


def look(ws: Workspace, dataset: str, ref: str, con: DuckDBPyConnection | None = None) -> DriftReport:
    """Compare a version with the reference of its watch; keep the figures and raise the alerts.

    Raises:
        NotFound: the dataset is not watched, or the reference was deleted.
    """
    found = watch_of(ws, dataset)
    if found is None:
        raise NotFound(f"{dataset!r} is not watched for drift.", hint=f"tilth drift watch {dataset} --reference 1")
    report = compare_versions(ws, found.reference, ref, found.columns or None, con=con)
    at = _now()
    raised = [
        {"id": uuid.uuid4().hex[:8], "dataset": dataset, "ref": ref, "reference": found.reference, "at": at, **alert}
        for alert in alerts_of(report, found)
    ]
    with ws.session() as session:
        append(session, setting(RESULTS, dataset), [_line(report, found, ref, at)], KEPT_RESULTS)
        if raised:
            append(session, ALERTS, raised, KEPT_ALERTS)
            ws.audit.record("drift.alert", ref, {"reference": found.reference, "alerts": len(raised)}, session=session)
    return report


def compare_versions(
    ws: Workspace, reference: str, current: str, columns=None, *, con: DuckDBPyConnection | None = None
) -> DriftReport:
    """Compare two dataset versions by name; `columns` that neither has any more are left out."""
    was, now = ws.datasets.get(reference), ws.datasets.get(current)
    if columns:
        known = {c["name"] for c in [*was.columns, *now.columns]}
        columns = [name for name in columns if name in known]
    if con is not None:
        return compare(con, was.sql(), now.sql(), columns)
    with ws.scratch("drift") as scratch, connection() as own:
        own.execute(f"SET temp_directory = {text(str(scratch))}")
        return compare(own, was.sql(), now.sql(), columns)


def figures(column: ColumnDrift) -> dict[str, float]:
    """Return {metric: value} of a column, for the metrics that have a line and apply to it."""
    found = {metric: getattr(column, metric) for metric in LINES if metric != "missing_change"}
    found["missing_change"] = abs(column.current_missing - column.reference_missing)
    return {metric: value for metric, value in found.items() if value is not None}


def alerts_of(report: DriftReport, of: Watch) -> list[dict[str, Any]]:
    """Return one alert per column with a figure that reaches its line and is no chance, the furthest one as its metric.

    Returns:
        `[{"column", "metric", "value", "line", "says"}]`; of columns that came, went or changed type without value.
    """
    found = []
    for names, words in ((report.added, "is new"), (report.removed, "is gone")):
        found += [_alert(name, "schema", None, None, f"Column {name} {words}.") for name in names]
    for r in report.retyped:
        said = f"Column {r['column']} was {r['reference']} and is now {r['current']}."
        found.append(_alert(r["column"], "schema", None, None, said))
    rows = report.reference_rows, report.current_rows
    for column in report.columns:
        over = {}
        for metric, value in figures(column).items():
            line = of.line(metric)
            if line is not None and value >= line and _is_real(column, metric, *rows):
                over[metric] = (value, line)
        if over:
            worst = max(over, key=lambda m: over[m][0] / over[m][1])
            said = ", ".join(f"{WORDS[m]} {value:.3g} (alert from {line:g})" for m, (value, line) in over.items())
            found.append(_alert(column.name, worst, *over[worst], f"{column.name}: {said}."))
    return found


def _alert(column: str, metric: str, value: float | None, line: float | None, says: str) -> dict[str, Any]:
    return {"column": column, "metric": metric, "value": value, "line": line, "says": says}


def _is_real(column: ColumnDrift, metric: str, before: int, now: int) -> bool:
    """Return whether a difference is more than chance gives."""
    if metric == "missing_change":
        return missing_p(column, before, now) <= CHANCE
    if column.verdict == "not compared" or column.is_identifier:
        return False
    known = [p for name in P_VALUES.get(metric, ()) if (p := getattr(column, name)) is not None]
    return all(p <= CHANCE for p in known)


def _line(report: DriftReport, of: Watch, ref: str, at: str) -> dict:
    return {
        "ref": ref, "reference": of.reference, "at": at, "rows": report.current_rows, "verdict": report.verdict,
        "columns": {c.name: {"verdict": c.verdict, **{m: round(v, 6) for m, v in figures(c).items()}} for c in report.columns},
    }  # fmt: skip


def results(ws: Workspace, dataset: str) -> list[dict]:
    """Return what was found over time, oldest first: ref, reference, at, rows, verdict, columns."""
    return ws.settings.get(setting(RESULTS, dataset), [])


def alerts(ws: Workspace, dataset: str | None = None, *, all_: bool = False) -> list[dict]:
    """Return alerts that nobody acknowledged yet (with `all_` every kept one), newest first."""
    found = ws.settings.get(ALERTS, [])
    return [
        a for a in reversed(found) if (all_ or "acknowledged" not in a) and dataset in (None, a["dataset"])
    ]  # fmt: skip


def acknowledge(ws: Workspace, ids: Iterable[str], note: str = "", *, by: str | None = None) -> list[dict]:
    """Mark alerts as seen, with a name and a note; return them.

    Raises:
        NotFound: there is no such alert.
    """
    from workspace.schema.core import SettingRow

    wanted = list(dict.fromkeys(ids))
    with ws.session() as session:
        row = session.get(SettingRow, ALERTS)
        kept = [dict(a) for a in (row.value if row is not None else [])]
        known = {a["id"]: a for a in kept}
        if gone := [i for i in wanted if i not in known]:
            raise NotFound.named("alert", gone[0], [a["id"] for a in kept if "acknowledged" not in a])
        for i in wanted:
            known[i].setdefault("acknowledged", {"by": who(by), "at": _now(), "note": note[:1000]})
            detail = {"alert": i, "says": known[i]["says"][:300], "note": note[:1000]}
            ws.audit.record("drift.acknowledge", known[i]["ref"], detail, actor=by, session=session)
        write(session, ALERTS, kept)
    return [known[i] for i in wanted]


def reference_of(ws: Workspace, dataset: str, written: str) -> str:
    """Return `3` as `NAME@3`, and `OTHER` or `OTHER@2` as an exact version."""
    written = str(written).strip()
    return ws.datasets.get(f"{dataset}@{written}" if written.isdecimal() else written).ref


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")

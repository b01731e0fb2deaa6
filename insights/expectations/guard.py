"""What happens to a staged version that has rules: it is refused, divided, or made with warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from insights.expectations.checking import Check, check, divide
from insights.expectations.kept import refusal, remember, rules_of, tables_of, warning
from transforms.errors import InputError
from workspace import tables
from workspace.hooks import Checked
from workspace.sql import connection, text

if TYPE_CHECKING:
    from workspace import Workspace
    from workspace.datasets import Staged

SUFFIX = "_quarantine"


def quarantine_name(dataset: str) -> str:
    """Return the dataset that the rows go to; a name has at most 64 characters."""
    return dataset[: 64 - len(SUFFIX)] + SUFFIX


def guard(ws: Workspace, staged: Staged) -> Checked | None:
    """Ask the rules of a dataset of the rows that shall become its next version.

    Raises:
        InputError: a rule that stops does not hold, or no row would be left. Nothing is made; the history says so.
    """
    rules = [rule for rule in rules_of(ws, staged.name) if rule.enabled]
    if not rules:
        return None
    source = tables.scan([str(staged.folder / file.name) for file in staged.files])
    with ws.scratch("expectations") as scratch, connection() as con:
        con.execute(f"SET temp_directory = {text(str(scratch))}")
        found = check(con, source, rules, tables=tables_of(ws))
        if found.outcome == "stop":
            stopping = [*found.broken("stop"), *(r for r in found.broken("quarantine") if r.problem)]
            _refuse(ws, staged, found, refusal(staged.name, stopping, "nothing was kept"))
        broken = found.broken("quarantine")
        kept, aside = (_divided(ws, con, staged, source, found) if broken else (staged, None))  # fmt: skip
    warnings = [warning(r) for r in found.broken("warn")]
    if aside is not None:
        words = "; ".join(f"{r.failing:,} break {r.rule.says()!r}" for r in broken)
        warnings = [f"{aside.rows:,} of {found.rows:,} rows went to {aside.name}: {words}.", *warnings]

    def record(session, refs: dict[str, str]) -> None:
        if staged.name in refs:
            put_aside = aside.rows if aside is not None else 0
            remember(session, staged.name, found, ref=refs[staged.name], where="version", put_aside=put_aside)

    return Checked(kept, [aside] if aside is not None else [], warnings, record)


def _refuse(ws: Workspace, staged: Staged, found: Check, error: InputError) -> None:
    with ws.session() as session:
        remember(session, staged.name, found, ref=staged.name, where="refused")
        detail = {"reason": "expectations", "rules": [r.rule.id for r in found.broken()]}
        ws.audit.record("dataset.refused", staged.name, detail, session=session)
    raise error


def _divided(ws: Workspace, con, staged: Staged, source: str, found: Check) -> tuple[Staged, Staged]:
    """Stage the rows that keep the rules and, for the quarantine, those that do not; the first files go."""
    rules = [r.rule for r in found.broken("quarantine")]
    good, bad, _ = divide(con, source, rules, tables_of(ws))
    kept = ws.datasets.stage(staged.name, con.sql(good))
    try:
        if not kept.rows:
            _refuse(ws, staged, found, refusal(staged.name, found.broken("quarantine"), "no row would be left"))
        aside = ws.datasets.stage(quarantine_name(staged.name), con.sql(bad))
    except BaseException:
        kept.discard()
        raise
    aside.lineage = {"how": f"quarantine of {staged.name}", "from": [], "rules": [r.id for r in rules]}
    kept.rejects, staged.rejects = staged.rejects, []
    staged.discard()
    return kept, aside

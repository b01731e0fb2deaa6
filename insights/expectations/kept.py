"""The rules that a workspace keeps for a dataset, what every check found, and checking a version now."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from insights.expectations.checking import Check, Result, check
from insights.expectations.rules import Rule, rule_from
from transforms.errors import InputError, NotFound
from workspace.audit import who
from workspace.sql import connection, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from workspace import Workspace

RULES, HISTORY = "expectations", "expectations-history"
KEPT = 100  # checks of a dataset that are remembered


def setting(kind: str, dataset: str) -> str:
    return f"{kind}:{dataset}"


def rules_of(ws: Workspace, dataset: str) -> list[Rule]:
    """Return the rules of a dataset in their order; none yet: an empty list."""
    return [rule_from(content) for content in ws.settings.get(setting(RULES, dataset), {}).get("rules", [])]


def keep(ws: Workspace, dataset: str, rules: Iterable[Rule | Mapping[str, Any]], what: str = "changed") -> list[Rule]:
    """Replace the rules of a dataset and return them; the audit log says what was done."""
    found = [rule if isinstance(rule, Rule) else rule_from(rule) for rule in rules]
    if len({rule.id for rule in found}) < len(found):
        raise InputError("Two of the rules have the same id.", hint="Leave the id out; each rule then gets its own.")
    content = {"format": 1, "rules": [rule.model_dump(exclude_defaults=True) | {"kind": rule.kind, "id": rule.id} for rule in found]}  # fmt: skip
    with ws.session() as session:
        write(session, setting(RULES, dataset), content)
        ws.audit.record("expectations.change", dataset, {"rules": len(found), "what": what}, session=session)
    return found


def add(ws: Workspace, dataset: str, *rules: Rule) -> list[Rule]:
    """Add rules behind those that are there."""
    return keep(ws, dataset, [*rules_of(ws, dataset), *rules], "added " + "; ".join(r.says() for r in rules)[:500])


def replace(ws: Workspace, dataset: str, rule: Rule) -> list[Rule]:
    """Put a rule in the place of the one with its id."""
    rules = rules_of(ws, dataset)
    named(rules, dataset, rule.id)
    return keep(ws, dataset, [rule if r.id == rule.id else r for r in rules], f"edited {rule.says()}"[:500])


def remove(ws: Workspace, dataset: str, rule_id: str) -> Rule:
    """Take a rule away and return it."""
    rules = rules_of(ws, dataset)
    gone = named(rules, dataset, rule_id)
    keep(ws, dataset, [r for r in rules if r.id != rule_id], f"removed {gone.says()}"[:500])
    return gone


def duplicate(ws: Workspace, dataset: str, rule_id: str) -> Rule:
    """Put a copy of a rule, not yet in force, behind it and return the copy."""
    rules = rules_of(ws, dataset)
    place = rules.index(named(rules, dataset, rule_id))
    copy = rules[place].model_copy(update={"id": uuid.uuid4().hex[:8], "enabled": False})
    keep(ws, dataset, [*rules[: place + 1], copy, *rules[place + 1 :]], f"copied {copy.says()}"[:500])
    return copy


def named(rules: list[Rule], dataset: str, rule_id: str) -> Rule:
    """Return the rule with an id, or with the only id that begins so."""
    found = [r for r in rules if r.id == rule_id] or [r for r in rules if rule_id and r.id.startswith(rule_id)]
    if len(found) != 1:
        raise NotFound.named(f"rule of {dataset}", rule_id, [r.id for r in rules])
    return found[0]


def check_version(
    ws: Workspace,
    ref: str,
    *,
    rules: Iterable[Rule] | None = None,
    con: DuckDBPyConnection | None = None,
    where: str = "check",
    on_progress: Callable[[float, str], None] | None = None,
) -> Check:
    """Ask the rules of a dataset of one of its versions, and remember the outcome where they are the kept ones."""
    version = ws.datasets.get(ref)
    asked = rules_of(ws, version.name) if rules is None else list(rules)
    if con is not None:
        found = check(con, version.sql(), asked, tables=tables_of(ws), on_progress=on_progress)
    else:
        with ws.scratch("expectations") as scratch, connection() as own:
            own.execute(f"SET temp_directory = {text(str(scratch))}")
            found = check(own, version.sql(), asked, tables=tables_of(ws), on_progress=on_progress)
    if rules is None and found.results:
        with ws.session() as session:
            remember(session, version.name, found, ref=version.ref, where=where)
    return found


def check_publish(ws: Workspace, ref: str) -> list[str]:
    """Check a version before it is published; return the warnings.

    Raises:
        InputError: a rule that stops, or that would put rows aside, does not hold; the sentence is the one of an import.
    """
    version = ws.datasets.get(ref)
    if not rules_of(ws, version.name):
        return []
    found = check_version(ws, version.ref, where="publish")
    # A version is not divided when it is published: rows that had to be put aside stop it too.
    stopping = [*found.broken("stop"), *found.broken("quarantine")]
    if stopping:
        raise refusal(version.ref, stopping, "nothing was published")
    return [warning(r) for r in found.broken("warn")]


def publish_data(ws: Workspace, data: object) -> list[str]:
    """Check what is about to be published where it is a dataset of this workspace; return the warnings."""
    from workspace.datasets import split_ref

    if not isinstance(data, str) or os.path.exists(data):
        return []
    try:
        name, _ = split_ref(data)
    except InputError:  # a file whose name holds an @
        return []
    if not ws.settings.get(setting(RULES, name)):
        return []
    try:
        ws.datasets.get(data)
    except NotFound:
        return []
    return check_publish(ws, data)


def refusal(name: str, broken: list[Result], nothing: str) -> InputError:
    """Return the error of rules that stop: the first in full, the number of the others."""
    more = len(broken) - 1
    others = f" {more} more rule{'s do' if more > 1 else ' does'} not hold." if more else ""
    return InputError(
        f"{name}: {nothing}, because {broken[0].says()}.{others}",
        hint=f"Correct the rows, or change the rule under Quality › Expectations (rule {broken[0].rule.id}).",
    )


def warning(result: Result) -> str:
    """Return a broken rule as a sentence to keep with a version."""
    said = result.says()
    return said[:1].upper() + said[1:] + "."


def tables_of(ws: Workspace) -> Callable[[str], str]:
    return lambda ref: ws.datasets.get(ref).sql()


def history(ws: Workspace, dataset: str) -> list[dict]:
    """Return what the checks of a dataset found, newest first: at, by, where, ref, rows, outcome, put_aside, rules."""
    return list(reversed(ws.settings.get(setting(HISTORY, dataset), [])))


def last_results(ws: Workspace, dataset: str) -> dict[str, dict]:
    """Return {rule id: {"passed", "failing", "rows", "observed", "ref", "at"}} of the newest check that asked each."""
    found: dict[str, dict] = {}
    for line in history(ws, dataset):
        for rule_id, result in line["rules"].items():
            found.setdefault(rule_id, {**result, "rows": line["rows"], "ref": line["ref"], "at": line["at"]})
    return found


def remember(session, dataset: str, found: Check, *, ref: str, where: str, put_aside: int = 0) -> None:
    """Add a line to the history, within a catalog transaction. Counts only: cell texts stay in the data."""
    from workspace.schema.core import SettingRow

    line = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "by": who(),
        "where": where,  # version, refused, publish or check
        "ref": ref,
        "rows": found.rows,
        "outcome": found.outcome,
        "put_aside": put_aside,
        "rules": {
            r.rule.id: {"says": r.rule.says()[:300], "passed": r.passed, "failing": r.failing, "observed": r.problem or r.observed}
            for r in found.results
        },
    }  # fmt: skip
    name = setting(HISTORY, dataset)
    row = session.get(SettingRow, name)
    kept = list(row.value) if row is not None else []
    if where == "check" and kept and (kept[-1]["where"], kept[-1]["ref"]) == (where, ref):
        kept.pop()  # asked again while the rules were edited: the versions' lines shall not fall out for that
    write(session, name, [*kept, line][-KEPT:])


def write(session, name: str, value) -> None:
    """Write a setting within a catalog transaction."""
    from workspace.schema.core import SettingRow

    row = session.get(SettingRow, name)
    if row is None:
        session.add(SettingRow(name=name, value=value))
    else:
        row.value = value


def append(session, name: str, lines: list, most: int) -> None:
    """Add lines to a setting that is a list, within a catalog transaction; the oldest go."""
    from workspace.schema.core import SettingRow

    row = session.get(SettingRow, name)
    write(session, name, [*(row.value if row is not None else []), *lines][-most:])

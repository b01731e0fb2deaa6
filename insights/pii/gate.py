"""The gate: a dataset version with open personal data is not published without a reason, which is audited."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from insights.pii.review import Review, remembered, report_of, review
from transforms.errors import AppError, InputError

if TYPE_CHECKING:
    from insights.pii.columns import PiiReport
    from workspace import Workspace
    from workspace.datasets import DatasetVersion

SETTING = "pii.gate"
LEAST = 0.8  # confidence from which a finding stands in the way
# Of many people at once: they name nobody alone. How far they do together is measured by `insights.privacy`.
SHARED = {"AGE", "URL"}
# Steps that replace whole values, and steps that replace parts of them: what they leave is looked at again.
REPLACING = {
    "privacy.mask", "privacy.pseudonymise", "privacy.hash", "privacy.null_out", "privacy.generalise", "privacy.encrypt",
    "privacy.keep_format", "privacy.replace_random", "privacy.shift_dates", "privacy.mask_date_parts",
}  # fmt: skip
PARTIAL = {"privacy.redact_text", "privacy.redact", "privacy.mask_parts"}


class PersonalDataFound(AppError):
    """A dataset version cannot be published: it holds personal data that nobody hid or explained."""

    code = "personal_data"


@dataclass
class Checked:
    """What the gate saw. `why`: "clean", "off", "override" or "blocked"; `open`: [{"column", "type", "confidence", "rows"}]."""

    ref: str
    why: str
    open: list[dict] = field(default_factory=list)

    @property
    def may_publish(self) -> bool:
        return self.why != "blocked"

    def says(self) -> str:
        """Return the open findings in a few words."""
        words = [f"{f['column']!r} ({f['type'].replace('_', ' ').lower()})" for f in self.open]
        more = f" and {len(words) - 5} more" if len(words) > 5 else ""
        return ", ".join(words[:5]) + more


def is_on(ws: Workspace) -> bool:
    """Return whether the gate is on in this workspace (it is, unless it was switched off)."""
    return bool(ws.settings.get(SETTING, True))


def switch(ws: Workspace, on: bool, *, actor: str | None = None) -> None:
    """Switch the gate on or off, with an audit line."""
    with ws.together():
        ws.settings.set(SETTING, bool(on))
        ws.audit.record("pii.gate", "on" if on else "off", {}, actor)


def check(
    ws: Workspace,
    ref: str,
    override: str | None = None,
    actor: str | None = None,
    *,
    columns: Iterable[str] | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> Checked:
    """Say whether a dataset version may be published; all its values are looked at once, then the report is remembered.

    Args:
        ref: `dataset` or `dataset@version`.
        override: why it is published all the same; the reason goes into the audit log.
        columns: only these are published (None: all).

    Raises:
        PersonalDataFound: findings of confidence 0.8 and more that were neither hidden nor decided to be no personal data;
            ages and web addresses alone do not count.
        InputError: the override gives no reason.
        NotFound: there is no such dataset or version.
    """
    version = ws.datasets.get(ref)
    if override is not None and not override.strip():
        raise InputError("Publishing personal data needs a reason.", hint="Say why in a few words.")
    if not is_on(ws):
        return Checked(version.ref, "off")
    found = _judged(ws, version, report_of(ws, version.ref, on_progress=on_progress), columns)
    if found.why == "clean":
        return found
    if override is None:
        raise PersonalDataFound(
            f"{version.ref} holds personal data that is neither hidden nor decided to be none: {found.says()}.",
            hint="Hide it, or decide on the Privacy page that it is not personal, or give a reason to publish it "
            "(--allow-personal-data).",
        )
    ws.audit.record("pii.override", version.ref, {"reason": override.strip(), "findings": found.open}, actor)
    found.why = "override"
    return found


def known(ws: Workspace, ref: str, columns: Iterable[str] | None = None) -> Checked | None:
    """Return what the gate would say if that needs no look at the data, else None; nothing is raised or written."""
    version = ws.datasets.get(ref)
    if not is_on(ws):
        return Checked(version.ref, "off")
    report = remembered(ws, version.ref)
    return None if report is None else _judged(ws, version, report, columns)


def _judged(ws: Workspace, version: DatasetVersion, report: PiiReport, columns) -> Checked:
    only = None if columns is None else set(columns)
    decided, (replaced, partly) = review(ws, version.name), hidden(ws, version)
    found = [f for f in _open(report, decided, replaced, partly) if only is None or f["column"] in only]
    return Checked(version.ref, "blocked" if found else "clean", found)


def _open(report: PiiReport, decided: Review, replaced: set[str], partly: set[str]) -> list[dict]:
    found = []
    for column in report.columns:
        if column.name in replaced:
            continue
        for e in decided.open_types(column):
            if (
                e.type not in SHARED
                and e.confidence >= LEAST
                and not (column.name in partly and e.evidence == "column name")
            ):
                found.append({"column": column.name, "type": e.type, "confidence": e.confidence, "rows": e.rows})
    return found


def hidden(ws: Workspace, version: DatasetVersion) -> tuple[set[str], set[str]]:
    """Return (columns whose values steps replaced, columns in whose text steps hid parts), by the recipes that made a version.

    A later step that names such a column might fill it anew, so it does not count any more then.
    """
    chain: list[DatasetVersion] = []
    seen: set[str] = set()
    at: DatasetVersion | None = version
    while at is not None and at.ref not in seen and len(chain) < 50:
        seen.add(at.ref)
        chain.append(at)
        at = _parent(ws, at)
    replaced: set[str] = set()
    partly: set[str] = set()
    for made in reversed(chain):
        recipe = made.lineage.get("fitted_recipe")
        if recipe is None:
            replaced, partly = set(), set()
            continue
        for step in recipe.get("steps", []):
            if step.get("enabled", True) is False or step.get("disabled"):
                continue
            settings = step.get("settings", {})
            name = step.get("transform")
            columns = set(settings.get("columns", ())) if isinstance(settings.get("columns"), list | tuple) else set()
            if name in REPLACING and not settings.get("suffix"):
                replaced |= columns
            elif name in PARTIAL and not settings.get("suffix"):
                partly |= columns
            else:
                named = set(_texts(settings))
                replaced, partly = replaced - named, partly - named
    return replaced, partly


def _parent(ws: Workspace, version: DatasetVersion) -> DatasetVersion | None:
    if "fitted_recipe" not in version.lineage:
        return None
    origins = [o["ref"] for o in version.lineage.get("from") or [] if o.get("kind") == "dataset"]
    try:
        return ws.datasets.get(origins[0]) if origins else None
    except AppError:  # it was deleted
        return None


def _texts(value):
    """Yield every text in settings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)

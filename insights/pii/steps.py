"""Redaction: the recipe steps that hide what was found, as `{"transform": id, "settings": {…}}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

from transforms.errors import InputError

if TYPE_CHECKING:
    from insights.pii.columns import PiiReport
    from insights.pii.own import OwnPattern

SECRETS = ("PASSWORD", "PIN", "CREDIT_DEBIT_CVV", "AWS_SECRET_KEY", "ACCESS_TOKEN", "PRIVATE_KEY")
ENDS_SHOWN = ("CREDIT_DEBIT_NUMBER", "INTERNATIONAL_BANK_ACCOUNT_NUMBER")  # long, and known by their last four signs
How = Literal["mask", "pseudonym", "hash", "remove", "drop", "redact"]


def steps(
    report: PiiReport,
    how: How | Mapping[str, How] = "mask",
    *,
    key: str = "PII",
    salt: str = "",
    least: float = 0.5,
    own: Iterable[OwnPattern] = (),
    keep: Iterable[str] = (),
) -> list[dict]:
    """Return the steps that hide the findings of a report, columns treated alike in one step.

    Args:
        report: what `find` gave.
        how: one way for all columns, or {column: way} for only those. "mask" covers text, makes numbers and dates coarser and
            removes secrets; "pseudonym" puts keyed pseudonyms, "hash" hashes in place of text; "remove" empties the columns;
            "drop" drops them; "redact" hides all types inside the text. Where all findings are among other words, "mask",
            "pseudonym" and "hash" hide only what was found (`privacy.redact_text`) and the other words stay.
        key: the name of the key of "pseudonym" (the secret is in the environment variable TILTH_KEY_<NAME>).
        salt: of "hash"; no secret, it stands in the recipe.
        least: findings of less confidence (0-1) are left alone, unless their column is named in `how`.
        own, keep: the user's own patterns and values to leave, as `find` was given them.

    Raises:
        InputError: there is no such way to hide, or it cannot be done to a column.
    """
    chosen = dict(how) if isinstance(how, Mapping) else None
    for way in chosen.values() if chosen is not None else [how]:
        if way not in get_args(How):
            raise InputError(f"There is no way {way!r} to hide personal data.", hint=f"Use {', '.join(get_args(How))}.")
    plan = _Plan(key, salt, list(own), list(keep))
    made: dict[str, dict] = {}
    for column in report.columns:
        way = how if chosen is None else chosen.get(column.name)
        entities = [e for e in column.entities if e.confidence >= least or chosen is not None]
        if way is None or not (entities or chosen is not None):
            continue
        if way == "redact" and column.kind != "text":
            raise InputError(f"Column {column.name!r} is no text to look into.", hint="Remove, drop or mask it.")
        step = plan.step(entities, column.kind, way)
        same = made.setdefault(repr(step), {**step, "settings": {"columns": [], **step["settings"]}})
        same["settings"]["columns"].append(column.name)
    return list(made.values())


class _Plan:
    def __init__(self, key: str, salt: str, own: list, keep: list[str]):
        self.key, self.salt, self.own, self.keep = key, salt, own, keep

    def step(self, entities, kind: str, how: How) -> dict:
        types = {e.type for e in entities}
        if how == "drop":
            return _made("columns.drop")
        if how == "redact":
            return self.inside(set(), "name the type")
        if how != "remove" and entities and all(e.inside for e in entities):
            return self.inside(types, "keyed pseudonym" if how == "pseudonym" else "name the type")
        if how == "remove" or types & set(SECRETS):
            return _made("privacy.null_out")
        if kind == "time":
            return _made("privacy.generalise", period="year")
        if kind == "number":
            return _made("privacy.generalise", step=10.0) if types == {"AGE"} else _made("privacy.null_out")
        if kind != "text":
            return _made("privacy.null_out")
        if how == "pseudonym":
            return _made("privacy.pseudonymise", key=self.key)
        if how == "hash":
            return _made("privacy.hash", salt=self.salt)
        whole = not any(e.inside for e in entities) and bool(entities) and entities[0].share >= 0.9
        return _made("privacy.mask", show=4 if whole and entities[0].type in ENDS_SHOWN else 0)

    def inside(self, types: set[str], how: str) -> dict:
        """Return the step that hides types inside text (none named: all)."""
        own = [o for o in self.own if not types or o.name in types]
        settings: dict = {"types": sorted(types - {o.name for o in own})} if types else {}
        if types and not settings["types"]:  # only own patterns: with none named the step hides all types
            settings = {}
        if how != "name the type":
            settings |= {"how": how, "key": self.key}
        if own:
            settings["own"] = [{"name": o.name, "pattern": o.pattern, "words": list(o.words)} for o in own]
        if self.keep:
            settings["keep"] = list(self.keep)
        return _made("privacy.redact_text", **settings)


def _made(transform: str, **settings) -> dict:
    return {"transform": transform, "settings": settings}

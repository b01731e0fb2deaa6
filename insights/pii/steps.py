"""Redaction: the recipe steps that hide what was found, as `{"transform": id, "settings": {…}}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from transforms.errors import InputError

if TYPE_CHECKING:
    from insights.pii.columns import PiiReport

SECRETS = ("PASSWORD", "PIN", "CREDIT_DEBIT_CVV", "AWS_SECRET_KEY", "ACCESS_TOKEN", "PRIVATE_KEY")
ENDS_SHOWN = ("CREDIT_DEBIT_NUMBER", "INTERNATIONAL_BANK_ACCOUNT_NUMBER")  # long, and known by their last four signs
# What privacy.redact hides inside text: our type → its kind.
REDACTED = {
    "EMAIL": "e-mail address",
    "URL": "web address",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "IBAN",
    "CREDIT_DEBIT_NUMBER": "card number",
    "IP_ADDRESS": "IP address",
    "SSN": "US social security number",
    "PHONE": "telephone number",
    "DATE_TIME": "date",
}
How = Literal["mask", "pseudonym", "hash", "remove", "drop"]


def steps(report: PiiReport, how: How = "mask", *, key: str = "PII", salt: str = "", least: float = 0.5) -> list[dict]:
    """Return the steps that hide the findings of a report, columns treated alike in one step.

    Args:
        report: what `find` gave.
        how: "mask" covers text, makes numbers and dates coarser and removes secrets; "pseudonym" puts keyed pseudonyms, "hash"
            hashes in place of text; "remove" empties the columns; "drop" drops them. Text with findings inside keeps its other words
            where `privacy.redact` knows all that was found, else the whole column is treated.
        key: the name of the key of "pseudonym" (the secret is in the environment variable TILTH_KEY_<NAME>).
        salt: of "hash"; no secret, it stands in the recipe.
        least: findings of less confidence (0-1) are left alone.

    Raises:
        InputError: there is no such way to hide.
    """
    if how not in get_args(How):
        raise InputError(f"There is no way {how!r} to hide personal data.", hint=f"Use {', '.join(get_args(How))}.")
    made: dict[str, dict] = {}
    for column in report.columns:
        entities = [e for e in column.entities if e.confidence >= least]
        if not entities:
            continue
        step = _step(entities, column.kind, how, key, salt)
        same = made.setdefault(repr(step), {**step, "settings": {"columns": [], **step["settings"]}})
        same["settings"]["columns"].append(column.name)
    return list(made.values())


def hidden_inside(types: set[str]) -> bool:
    """Tell whether `privacy.redact` can hide all these types inside text."""
    return types <= set(REDACTED)


def _step(entities, kind: str, how: How, key: str, salt: str) -> dict:
    types = {e.type for e in entities}
    if how == "drop":
        return _made("columns.drop")
    if how == "remove" or types & set(SECRETS):
        return _made("privacy.null_out")
    if all(e.inside for e in entities) and hidden_inside(types):
        return _made("privacy.redact", kinds=[REDACTED[t] for t in REDACTED if t in types])
    if kind == "time":
        return _made("privacy.generalise", period="year")
    if kind == "number":
        return _made("privacy.generalise", step=10.0) if types == {"AGE"} else _made("privacy.null_out")
    if how == "pseudonym":
        return _made("privacy.pseudonymise", key=key)
    if how == "hash":
        return _made("privacy.hash", salt=salt)
    whole = not any(e.inside for e in entities) and entities[0].share >= 0.9
    return _made("privacy.mask", show=4 if whole and entities[0].type in ENDS_SHOWN else 0)


def _made(transform: str, **settings) -> dict:
    return {"transform": transform, "settings": settings}

"""Personal data inside free text: hide everything that the finder of Tilth finds."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from transforms.catalog.common import TextFunction, new_name
from transforms.catalog.privacy import KEY_HELP
from transforms.errors import ParamError
from transforms.fields import Settings, param
from transforms.functions import EACH, VALUES
from transforms.personal.finder import SURE, TYPES
from transforms.personal.own import problem_of
from transforms.personal.redaction import bundle, count_in_text, hide_in_text
from transforms.transform import Example, register

Types = Literal[TYPES]


class OwnType(Settings):
    """A pattern of your own: what matches it is hidden too."""

    name: str = param("Name", pattern="^[A-Z][A-Z0-9_]{1,40}$", help="In capitals, such as STAFF_ID.")
    pattern: str = param("Pattern", min_length=1, help="A regular expression such as EMP-[0-9]{6}.")
    words: tuple[str, ...] = param("Words near", default=(), help="With words, a match counts only beside one of them.")


@register
class RedactText(TextFunction):
    """Hide personal data inside free text: about sixty types, told by forms, check digits and the words close by.

    E-mail, telephone, card and account numbers, national ids of many countries, keys and passwords, dates, ages, streets,
    and names behind titles and introductions; the other words stay. Most names of people are not found: no step of this kind
    replaces reading. "keyed pseudonym" gives the same value the same letters, so that people can still be told apart; the key is read
    from the environment variable TILTH_KEY_<NAME> when the step runs. What was hidden once is not found again. Missing stays missing.
    """

    name: ClassVar = "privacy.redact_text"
    label: ClassVar = "Hide personal data in text (all types)"
    covers: ClassVar = ("redact_pii_in_text",)
    words: ClassVar = ("REDACT", "PII redaction", "scrub", "anonymise text", "Comprehend", "Presidio", "de-identify")
    pandas_helpers: ClassVar = (*bundle(), VALUES, EACH)
    examples: ClassVar = (
        Example({"columns": ["t"]}, before={"t": ["Dear Dr. Roe, ann@x.org pays with 4111 1111 1111 1111.", "My password is tr0ub4dor!", "in all 3 of 4", None]}, after={"t": ["Dear Dr. [NAME], [EMAIL] pays with [CREDIT_DEBIT_NUMBER].", "My password is [PASSWORD]!", "in all 3 of 4", None]}),
        Example({"columns": ["t"], "types": ["EMAIL"], "how": "cover", "found_suffix": "_found"}, before={"t": ["a@b.org or c@d.org, 10.0.0.1"]}, after={"t": ["******* or *******, 10.0.0.1"], "t_found": ["EMAIL 2"]}),
        Example({"columns": ["t"], "how": "keyed pseudonym", "key": "EXAMPLE"}, before={"t": ["a@b.org, A@b.org"]}, after={"t": ["[EMAIL LPLIZAGVHT], [EMAIL LPLIZAGVHT]"]}),
        Example({"columns": ["t"], "own": [{"name": "STAFF_ID", "pattern": "EMP-[0-9]{4}"}], "keep": ["help@x.org"]}, before={"t": ["EMP-0042 wrote to help@x.org"]}, after={"t": ["[STAFF_ID] wrote to help@x.org"]}),
    )  # fmt: skip

    types: tuple[Types, ...] = param("Types to hide", default=(), help="None: all of them.")
    least: float = param("Least confidence", default=SURE, ge=0, le=1, help="From 0 (hides more) to 1.")
    how: Literal["name the type", "cover", "keyed pseudonym"] = param("How", default="name the type")
    symbol: str = param("Cover with", default="*", min_length=1, max_length=1)
    key: str = param("Name of the key", default="PII", pattern="^[A-Z][A-Z0-9_]{0,60}$", help=KEY_HELP)
    own: tuple[OwnType, ...] = param("Patterns of your own", default=())
    keep: tuple[str, ...] = param("Values that stay", default=(), help="Never hidden, such as your own address.")
    found_suffix: str = param(
        "Columns for what was found end in", default="", help="Adds a column such as EMAIL 2, PHONE 1; empty: none."
    )

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.symbol.isalnum():
            raise ParamError(f"values cannot be covered with {self.symbol!r}.", hint="Take a sign such as * or #.")
        for own in self.own:
            if problem := problem_of(own.pattern):
                raise ParamError(f"the pattern {own.name} cannot be used: {problem}.")
        if self.found_suffix:
            if self.found_suffix == self.suffix:
                raise ParamError("the columns for the text and for what was found need different endings.")
            for c in self.columns:
                new_name(c + self.found_suffix, schema)

    @property
    def _search(self) -> dict:
        own = [[o.name, o.pattern, "|".join(re.escape(w.strip()) for w in o.words if w.strip())] for o in self.own]
        types = [*self.types, *(o.name for o in self.own)] if self.types else []
        return {"types": types, "least": max(self.least, 0.0), "own": own, "keep": list(self.keep)}

    @property
    def _hiding(self) -> dict:
        return {**self._search, "how": self.how, "symbol": self.symbol, "key": self.key}

    def apply(self, table, state):
        found = [
            count_in_text(table[c], **self._search).name(c + self.found_suffix)
            for c in self.columns
            if self.found_suffix
        ]
        return table.mutate(
            [*found, *(hide_in_text(table[c], **self._hiding).name(self.target(c)) for c in self.columns)]
        )

    def pandas(self, df, state, schema):
        lines = []
        for c in self.columns:
            column = f"{df}[{c!r}]"
            if self.found_suffix:
                lines.append(f"{df}[{c + self.found_suffix!r}] = {count_in_text.pandas(column, **self._search)}")
            lines.append(f"{df}[{self.target(c)!r}] = {hide_in_text.pandas(column, **self._hiding)}")
        return lines

"""The user's own patterns and lists of values that are never personal, kept in the workspace.

A pattern must be one that RE2 takes (no look-around, no references back), as DuckDB runs it in time linear in the text,
and must not repeat a repetition, as Python would take for ever over it inside texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from transforms.errors import InputError, NotFound
from transforms.personal.finder import TYPES
from transforms.personal.own import problem_of

if TYPE_CHECKING:
    from workspace import Workspace

SETTING = "pii.patterns"


@dataclass(frozen=True)
class OwnPattern:
    """A kind of personal data that only the user knows: `name` in capitals, a regular expression, and words that stand near.

    Without words a match is sure enough (0.9); with words only one close by, or in the column's name, makes it so.

    Raises:
        InputError: the name or the pattern is not allowed.
    """

    name: str
    pattern: str
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(w.strip() for w in self.words if w.strip()))
        if not re.fullmatch("[A-Z][A-Z0-9_]{1,40}", self.name):
            raise InputError(
                f"{self.name!r} is no name of a pattern.", hint="Use capitals, digits and _, such as STAFF_ID."
            )
        if self.name in TYPES:
            raise InputError(f"{self.name} is a type that Tilth knows already.", hint="Choose another name.")
        if problem := problem_of(self.pattern):
            raise InputError(
                f"The pattern {self.name} cannot be used: {problem}.", hint="Write for example EMP-[0-9]{6}."
            )
        import duckdb

        try:
            with duckdb.connect() as con:
                con.execute("SELECT regexp_matches('', ?)", [self.pattern]).fetchall()
        except duckdb.Error as error:
            said = str(error).split("\n")[0].removeprefix("Invalid Input Error: ")
            raise InputError(f"The pattern {self.name} cannot be used: {said}.", hint="Use RE2's syntax.") from None

    @property
    def plain(self) -> tuple[str, str, str]:
        """Return (type, form, words as a regular expression), as the finder takes it."""
        return self.name, self.pattern, "|".join(map(re.escape, self.words))


def patterns(ws: Workspace) -> list[OwnPattern]:
    """Return the patterns of a workspace, by name."""
    return [OwnPattern(p["name"], p["pattern"], tuple(p["words"])) for p in ws.settings.get(SETTING, [])]


def save_pattern(ws: Workspace, pattern: OwnPattern, *, actor: str | None = None) -> None:
    """Keep a pattern in the workspace, in place of one of the same name."""
    with ws.together():
        kept = [p for p in patterns(ws) if p.name != pattern.name]
        _keep(ws, [*kept, pattern])
        ws.audit.record("pii.pattern", pattern.name, {"pattern": pattern.pattern, "words": list(pattern.words)}, actor)


def drop_pattern(ws: Workspace, name: str, *, actor: str | None = None) -> None:
    """Take a pattern out of the workspace; raise NotFound if there is none of this name."""
    with ws.together():
        kept = patterns(ws)
        if name not in [p.name for p in kept]:
            raise NotFound.named("pattern", name, [p.name for p in kept])
        _keep(ws, [p for p in kept if p.name != name])
        ws.audit.record("pii.pattern", name, {"removed": True}, actor)


def _keep(ws: Workspace, kept: Iterable[OwnPattern]) -> None:
    ws.settings.set(SETTING, [{**asdict(p), "words": list(p.words)} for p in sorted(kept, key=lambda p: p.name)])

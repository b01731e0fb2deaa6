"""The one family of errors that users see.

Each error says where, what, what we saw, and (in `hint`) what to do, in plain words. Pages and the command line show
`str(error)`; anything that is not an `AppError` is a defect and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AppError(Exception):
    """A problem that the user can act on.

    Args:
        message: one sentence: where, what, what we saw.
        hint: what to do about it, or "".
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} Hint: {self.hint}" if self.hint else self.message


class NotFound(AppError, LookupError):
    """A named thing (dataset, recipe, group, model …) does not exist."""

    code = "not_found"

    @classmethod
    def named(cls, kind: str, name: str, known: Iterable[str]) -> NotFound:
        return cls(f"There is no {kind} called {name!r}.", hint=did_you_mean(name, known))


class Conflict(AppError):
    """The thing exists already, or somebody else changed it first."""

    code = "conflict"


class Unavailable(AppError):
    """A server that Tilth was told to use does not answer."""

    code = "unavailable"


class InputError(AppError, ValueError):
    """A file, value or request that cannot be used as it is."""

    code = "invalid"


class SourceError(InputError):
    """A source (file, folder, database, URL) that cannot be read."""

    code = "source"


class RecipeError(AppError):
    """A recipe that cannot run; usually raised with the step's place in front."""

    code = "recipe"


class ParamError(RecipeError, ValueError):
    """A setting of a step that is not allowed."""

    code = "setting"


class ColumnNotFound(RecipeError, LookupError):
    code = "column_not_found"

    column = ""

    @classmethod
    def of(cls, column: str, table_columns: Iterable[str]) -> ColumnNotFound:
        hint = did_you_mean(column, table_columns, "The table has: ")
        error = cls(f"column {column!r} is not in the table.", hint=hint)
        error.column = column
        return error


class WrongColumnType(RecipeError, TypeError):
    code = "wrong_type"

    @classmethod
    def of(cls, setting: str, wanted: str, column: str, dtype) -> WrongColumnType:
        """Say that a setting needs another kind of column; `wanted` is a kind of `fields.KIND_WORDS`."""
        from transforms.fields import KIND_WORDS, kind_of

        seen = kind_of(dtype)
        return cls(
            f"{setting!r} needs {KIND_WORDS[wanted]}, but column {column!r} is "
            f"{KIND_WORDS[seen] if seen != 'any' else 'of another kind'} ({dtype}).",
            hint="Change its type with an earlier step, or choose another column.",
        )


class FitError(RecipeError):
    """A step could not learn what it needs from the rows."""

    code = "fit"


class NotOnThisEngine(RecipeError, NotImplementedError):
    code = "not_on_this_engine"


def did_you_mean(name: str, known: Iterable[str], prefix: str = "Known: ", most: int = 12) -> str:
    """Return a hint that names the closest known name and the first `most` names."""
    known = list(known)
    if not known:
        return "There is none yet."
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    shown = ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")
    return (f"did you mean {close[0]!r}? " if close else "") + prefix + shown + "."

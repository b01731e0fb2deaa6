"""Steps about the recipe itself: a note, and a rule that stops the run."""

from __future__ import annotations

from typing import ClassVar

from transforms.catalog.rows import ByConditions
from transforms.fields import param
from transforms.functions import row_function
from transforms.transform import Example, Transform, register


@register
class Comment(Transform):
    """Say something in the middle of a recipe; the table stays as it is."""

    name: ClassVar = "control.comment"
    label: ClassVar = "Comment"
    covers: ClassVar = ("comment_step",)
    words: ClassVar = ("note", "heading", "section", "documentation")
    examples: ClassVar = (
        Example({"text": "From here on prices are in euro."}, before={"a": [1, None]}, after={"a": [1, None]}),
    )

    text: str = param("Comment")

    def apply(self, table, state):
        return table

    def pandas(self, df, state, schema):
        return [f"# {' '.join(line.split())}" for line in self.text.splitlines() if line.strip()]

    def describe(self):
        first = self.text.strip().split("\n")[0]
        return f"Comment: {first[:80]}" if first else self.label


@row_function("boolean", "boolean")
def stop_where_false(holds, *, message):
    """Return True, or stop with the message."""
    if not holds:
        raise ValueError(message)
    return True


@register
class MustHold(ByConditions):
    """Stop the run at the first row that does not meet the conditions; the table stays as it is.

    Checked in every run, in training and for each record that is served. To warn only, flag the rows ("Flag rows", "Flag invalid rows").
    """

    name: ClassVar = "control.must_hold"
    label: ClassVar = "Stop unless every row meets conditions"
    covers: ClassVar = ("assert_step",)
    words: ClassVar = ("assert", "expectation", "data quality rule", "check", "constraint", "fail")
    pandas_helpers: ClassVar = stop_where_false.helpers
    examples: ClassVar = (
        Example({"conditions": [{"column": "a", "test": "is not", "value": "-1"}], "message": "a is never -1"}, before={"a": [1, None], "list": [[1], [2]]}, after={"a": [1, None], "list": [[1], [2]]}),
        Example({"conditions": [{"column": "a", "test": "is none of", "value": "0, -1"}, {"column": "t", "test": "equals", "value": "x"}], "match": "any"}, before={"a": [1, None], "t": ["y", "x"], "list": [[1], [2]]}, after={"a": [1, None], "t": ["y", "x"], "list": [[1], [2]]}),
    )  # fmt: skip

    message: str = param("What to say", default="", help="Leave empty to name the conditions.")

    def said(self) -> str:
        tests = (" and " if self.match == "all" else " or ").join(
            f"{c.column!r} {c.test} {c.value}".strip() for c in self.conditions
        )
        return f"A row breaks the rule: {self.message or tests}."

    def apply(self, table, state):
        return table.filter(stop_where_false(self.chosen(table), message=self.said()))

    def pandas(self, df, state, schema):
        held = f"({self.pandas_chosen(df, schema)}).fillna(False).astype('boolean')"
        return [f"{df} = {df}[{stop_where_false.pandas(held, message=self.said())}.astype(bool)]"]

"""Lineage: arrows from exact versions to exact versions, to walk back from a prediction to its sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from workspace import Workspace


@dataclass(frozen=True)
class Arrow:
    """`from_kind`/`to_kind` are words such as "file", "dataset", "recipe"; refs are exact, such as "apps@3"."""

    from_kind: str
    from_ref: str
    to_kind: str
    to_ref: str
    how: str
    at: datetime


class Lineage:
    def __init__(self, ws: Workspace):
        self._ws = ws

    def add(
        self, from_kind: str, from_ref: str, to_kind: str, to_ref: str, how: str, session: Session | None = None
    ) -> None:
        """Note that `to` was made from `from_` by `how`; the same arrow twice is one arrow."""
        from sqlalchemy.dialects.sqlite import insert

        from workspace.schema.base import now
        from workspace.schema.core import LineageRow

        statement = (
            insert(LineageRow)
            .values(from_kind=from_kind, from_ref=from_ref, to_kind=to_kind, to_ref=to_ref, how=how, at=now())
            .on_conflict_do_nothing()
        )
        if session is not None:
            session.execute(statement)
            return
        with self._ws.session() as own:
            own.execute(statement)

    def of(self, kind: str, ref: str) -> list[Arrow]:
        """Return every arrow that leads to this thing, nearest first, back to where the data came from."""
        from sqlalchemy import select

        from workspace.schema.core import LineageRow

        found: list[Arrow] = []
        seen, ahead = set(), [(kind, ref)]
        with self._ws.reading() as session:
            while ahead:
                target = ahead.pop(0)
                if target in seen:
                    continue
                seen.add(target)
                query = select(LineageRow).where(LineageRow.to_kind == target[0], LineageRow.to_ref == target[1])
                for row in session.scalars(query.order_by(LineageRow.id)):
                    found.append(Arrow(row.from_kind, row.from_ref, row.to_kind, row.to_ref, row.how, row.at))
                    ahead.append((row.from_kind, row.from_ref))
        return found

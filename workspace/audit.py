"""Audit lines: who did what to what, when."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from workspace import Workspace


@dataclass(frozen=True)
class AuditLine:
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict


def who(actor: str | None = None) -> str:
    """Return the name to write down: `actor`, else `TILTH_USER`, else the login name of this process."""
    if actor or os.environ.get("TILTH_USER"):
        return (actor or os.environ["TILTH_USER"])[:128]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"


class Audit:
    def __init__(self, ws: Workspace):
        self._ws = ws

    def record(
        self,
        action: str,
        subject: str,
        detail: dict | None = None,
        actor: str | None = None,
        session: Session | None = None,
    ) -> None:
        """Add one line, such as `("dataset.import", "apps@1", {...})`.

        Inside `with ws.session() as s:` pass `session=s`: the line then stands or falls with the change.
        """
        from workspace.schema.core import AuditRow

        row = AuditRow(actor=who(actor), action=action, subject=subject, detail=detail or {})
        if session is not None:
            session.add(row)
            return
        with self._ws.session() as own:
            own.add(row)

    def list(self, limit: int = 200) -> list[AuditLine]:
        """Return the newest lines, newest first."""
        from sqlalchemy import select

        from workspace.schema.core import AuditRow

        with self._ws.reading() as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
            return [AuditLine(r.at, r.actor, r.action, r.subject, r.detail) for r in rows]

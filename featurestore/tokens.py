"""Bearer tokens of the HTTP API: shown once when they are made, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transforms.errors import Conflict, InputError, NotFound
from workspace.names import check_name
from workspace.schema.base import now
from workspace.schema.features import ApiTokenRow

if TYPE_CHECKING:
    from workspace import Workspace

SCOPES = ("read", "write", "predict")


class Tokens:
    """Tokens of one workspace. As long as none was ever made, the API is open (on loopback)."""

    def __init__(self, ws: Workspace):
        self.ws = ws

    def create(self, name: str, scopes: Sequence[str] = SCOPES) -> str:
        """Make a token and return its text; it cannot be shown again."""
        from sqlalchemy import select

        name = check_name("token", name)
        if unknown := [s for s in scopes if s not in SCOPES] or not scopes:
            raise InputError(
                f"{unknown if scopes else 'Nothing'} is no scope.", hint=f"Scopes are {', '.join(SCOPES)}."
            )
        token = "tilth_" + secrets.token_urlsafe(32)
        with self.ws.session() as session:
            if session.scalar(select(ApiTokenRow.id).where(ApiTokenRow.name == name)):
                raise Conflict(f"There is a token called {name!r} already.", hint="Choose another name.")
            session.add(ApiTokenRow(name=name, token_hash=_hash(token), scopes=list(scopes), created_at=now()))
            self.ws.audit.record("token.create", name, {"scopes": list(scopes)}, session=session)
        return token

    def list(self) -> list[dict]:
        """Return name, scopes, created_at and revoked_at of every token."""
        from sqlalchemy import select

        with self.ws.reading() as session:
            return [
                {
                    "name": row.name,
                    "scopes": row.scopes,
                    "created_at": row.created_at.isoformat(),
                    "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
                }
                for row in session.scalars(select(ApiTokenRow).order_by(ApiTokenRow.name))
            ]

    def revoke(self, name: str) -> None:
        """Make a token useless at once."""
        from sqlalchemy import select

        with self.ws.session() as session:
            row = session.scalar(select(ApiTokenRow).where(ApiTokenRow.name == name))
            if row is None:
                raise NotFound.named("token", name, session.scalars(select(ApiTokenRow.name)))
            row.revoked_at = row.revoked_at or now()
            self.ws.audit.record("token.revoke", name, {}, session=session)

    def required(self) -> bool:
        """Return whether requests need a token: as soon as one was made, revoked or not."""
        from sqlalchemy import select

        with self.ws.reading() as session:
            return session.scalar(select(ApiTokenRow.id).limit(1)) is not None

    def scopes_of(self, token: str) -> tuple[str, ...] | None:
        """Return the scopes of a valid token, or None."""
        from sqlalchemy import select

        query = select(ApiTokenRow.scopes).where(
            ApiTokenRow.token_hash == _hash(token), ApiTokenRow.revoked_at.is_(None)
        )
        with self.ws.reading() as session:
            scopes = session.scalar(query)
        return None if scopes is None else tuple(scopes)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

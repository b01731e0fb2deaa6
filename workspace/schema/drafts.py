"""Drafts: recipes while they are edited, with every edit kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from workspace.schema.base import Base, UtcTime, now


class DraftRow(Base):
    """A recipe that somebody edits; `head` is the edit that counts now."""

    __tablename__ = "drafts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    head: Mapped[int | None] = mapped_column(Integer)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class DraftEditRow(Base):
    """One edit: the whole recipe after it. Undo goes to `parent`, redo to the newest child; nothing is deleted."""

    __tablename__ = "draft_edits"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), ForeignKey("drafts.name", ondelete="CASCADE"), index=True)
    parent: Mapped[int | None] = mapped_column(Integer)
    recipe: Mapped[dict] = mapped_column(JSON)
    what: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)

"""Tables of the workspace itself: datasets and their versions, recipes, runs, audit lines, lineage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workspace.schema.base import Base, UtcTime, now


class DatasetRow(Base):
    """A named table. It shows once it has a version; `folder` is its Delta table below `tables/datasets/`."""

    __tablename__ = "datasets"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    folder: Mapped[str] = mapped_column(String(128), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class DatasetVersionRow(Base):
    """One immutable version. This row, not the Delta log, decides whether the version exists."""

    __tablename__ = "dataset_versions"
    __table_args__ = (UniqueConstraint("dataset_id", "version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    delta_version: Mapped[int] = mapped_column(Integer)
    files: Mapped[list] = mapped_column(JSON)
    rows: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    columns: Mapped[list] = mapped_column(JSON)
    content_hash: Mapped[str] = mapped_column(String(64))
    rejected: Mapped[int] = mapped_column(BigInteger, default=0)
    rejects_file: Mapped[str | None] = mapped_column(String(128))
    parse: Mapped[dict | None] = mapped_column(JSON)
    warnings: Mapped[list] = mapped_column(JSON, default=list)
    lineage: Mapped[dict] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    created_by: Mapped[str] = mapped_column(String(128))


class RecipeRow(Base):
    """One saved version of a recipe; the recipe file itself is in `recipe`, unknown keys and all."""

    __tablename__ = "recipes"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    recipe: Mapped[dict] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    created_by: Mapped[str] = mapped_column(String(128))


class RunRow(Base):
    """One execution of something long. `process` says who runs it, so that a dead process is noticed."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), index=True)
    share: Mapped[float | None] = mapped_column(Float)
    message: Mapped[str] = mapped_column(Text, default="")
    log: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[dict | None] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(Text, default="")
    hint: Mapped[str] = mapped_column(Text, default="")
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    process: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(128))


class AuditRow(Base):
    """Who did what to what, when. Lines are only ever added."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now, index=True)
    actor: Mapped[str] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict] = mapped_column(JSON)


class LineageRow(Base):
    """One arrow: this exact thing was made from that exact thing."""

    __tablename__ = "lineage"
    __table_args__ = (
        UniqueConstraint("from_kind", "from_ref", "to_kind", "to_ref", "how"),
        Index("ix_lineage_to", "to_kind", "to_ref"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    from_kind: Mapped[str] = mapped_column(String(32))
    from_ref: Mapped[str] = mapped_column(Text)
    to_kind: Mapped[str] = mapped_column(String(32))
    to_ref: Mapped[str] = mapped_column(Text)
    how: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class SettingRow(Base):
    """One setting of the workspace, for all who open it; no secrets."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[dict | list | str | int] = mapped_column(JSON)

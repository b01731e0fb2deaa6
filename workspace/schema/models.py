"""Tables of the model registry. Artefacts are files under `models/`, named by their SHA-256."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workspace.schema.base import Base, UtcTime


class ModelRow(Base):
    """A named model; its versions hold everything else."""

    __tablename__ = "models"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ModelVersionRow(Base):
    """One trained estimator with its metrics, its lineage and its approval status."""

    __tablename__ = "model_versions"
    __table_args__ = (UniqueConstraint("model_id", "version", name="uq_model_versions_version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    task: Mapped[str] = mapped_column(String(16))  # classification | regression
    estimator: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(255))
    features: Mapped[list] = mapped_column(JSON)  # [{name, kind: numeric | categorical}], in order
    settings: Mapped[dict] = mapped_column(JSON)  # split, seed, estimator settings, library versions
    metrics: Mapped[dict] = mapped_column(JSON)
    artifact: Mapped[str] = mapped_column(String(64))  # SHA-256 of the skops file
    artifact_bytes: Mapped[int] = mapped_column(BigInteger)
    recipe: Mapped[dict | None] = mapped_column(
        JSON, nullable=True
    )  # fitted recipe that turns a raw record into features
    lineage: Mapped[dict] = mapped_column(JSON)  # dataset versions, training set manifest
    status: Mapped[str] = mapped_column(String(16), default="pending")  # pending | approved | rejected
    status_note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)

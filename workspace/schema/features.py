"""Tables of the feature store: groups, their definitions, publications, views, and the tokens of the HTTP API.

Values live elsewhere (Delta tables, `online.sqlite`). A group's `version` and `table_version` say what readers may see:
moving them is the one commit of a publish.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workspace.schema.base import Base, UtcTime


class FeatureGroupRow(Base):
    """One feature group and the state that readers see. Times are UTC; event times are microseconds since 1970."""

    __tablename__ = "feature_groups"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    keys: Mapped[list] = mapped_column(JSON)  # [{name, type}], type null until the first rows come
    event_time: Mapped[str] = mapped_column(String(255))  # name of the column
    ttl_us: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
    online: Mapped[bool] = mapped_column(Boolean, default=True)
    offline: Mapped[bool] = mapped_column(Boolean, default=True)
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list] = mapped_column(JSON, default=list)
    owner: Mapped[str] = mapped_column(String(200), default="")
    definition_version: Mapped[int] = mapped_column(Integer, default=1)
    version: Mapped[int] = mapped_column(Integer, default=0)  # the newest visible data version
    table_version: Mapped[int] = mapped_column(Integer, default=-1)  # the Delta version that readers open
    next_seq: Mapped[int] = mapped_column(BigInteger, default=0)  # number of the next row ever written
    may_tie: Mapped[bool] = mapped_column(Boolean, default=False)  # two rows may share key and event time
    max_event_time: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
    last_written_at: Mapped[int] = mapped_column(BigInteger, default=0)
    revision: Mapped[int] = mapped_column(Integer, default=1)  # grows with every change of this row
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class FeatureDefinitionRow(Base):
    """The features of a group at one definition version, in order."""

    __tablename__ = "feature_definitions"
    __table_args__ = (UniqueConstraint("group_id", "version", name="uq_feature_definitions_version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("feature_groups.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    features: Mapped[list] = mapped_column(JSON)  # [{name, type, description}]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class FeaturePublicationRow(Base):
    """One data version of a group: a publish, a put, a delete or an erasure."""

    __tablename__ = "feature_publications"
    __table_args__ = (
        UniqueConstraint("group_id", "version", name="uq_feature_publications_version"),
        Index("ix_feature_publications_content", "group_id", "content_hash"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("feature_groups.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    definition_version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))  # publish | put | delete | erase
    rows: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str] = mapped_column(String(64))
    table_version: Mapped[int] = mapped_column(Integer)
    first_seq: Mapped[int] = mapped_column(BigInteger)
    written_at: Mapped[int] = mapped_column(BigInteger)  # microseconds since 1970, UTC
    min_event_time: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
    max_event_time: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
    source: Mapped[dict | None] = mapped_column(JSON, nullable=True)  # {recipe, dataset, fitted_recipe …}
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class FeatureViewVersionRow(Base):
    """One version of a view: features across groups, and what is done to them at the read."""

    __tablename__ = "feature_view_versions"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    description: Mapped[str] = mapped_column(Text, default="")
    definition: Mapped[dict] = mapped_column(JSON)  # features, ttl, defaults, join_keys, request, recipe
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ApiTokenRow(Base):
    """A bearer token of the HTTP API; only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of a random 256-bit token
    scopes: Mapped[list] = mapped_column(JSON)  # read | write | predict
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime, nullable=True)

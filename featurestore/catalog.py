"""Reading and writing the catalog's rows about groups and publications. What is visible is decided here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from featurestore.groups import Column, Group
from transforms.errors import Conflict, NotFound
from workspace.schema.features import FeatureDefinitionRow, FeatureGroupRow, FeaturePublicationRow


@dataclass(frozen=True)
class Published:
    """What a publication moves in the catalog."""

    kind: str
    rows: int
    content_hash: str
    version: int
    table_version: int
    first_seq: int
    written_at: int
    min_event_time: int | None
    max_event_time: int | None
    may_tie: bool
    keys: list  # [[name, type]] as this batch fixes them
    source: dict | None


def group_named(session: Session, name: str) -> Group:
    row = session.scalar(select(FeatureGroupRow).where(FeatureGroupRow.name == name))
    if row is None:
        raise NotFound.named("feature group", name, session.scalars(select(FeatureGroupRow.name)))
    return _group(session, row)


def groups(session: Session) -> list[Group]:
    return [_group(session, row) for row in session.scalars(select(FeatureGroupRow).order_by(FeatureGroupRow.name))]


def _group(session: Session, row: FeatureGroupRow) -> Group:
    query = select(FeatureDefinitionRow).where(FeatureDefinitionRow.group_id == row.id)
    definitions = {
        d.version: _columns(d.features) for d in session.scalars(query.order_by(FeatureDefinitionRow.version))
    }
    names = ("id", "name", "event_time", "ttl_us", "online", "offline", "description", "owner", "definition_version")
    names += (
        "version",
        "table_version",
        "next_seq",
        "may_tie",
        "max_event_time",
        "last_written_at",
        "revision",
        "created_at",
    )
    return Group(
        **{name: getattr(row, name) for name in names},
        keys=_columns(row.keys),
        features=definitions[row.definition_version],
        tags=tuple(row.tags or ()),
        definitions=definitions,
    )


def _columns(stored: list[dict]) -> tuple[Column, ...]:
    return tuple(Column(**c) for c in stored)


def as_stored(columns) -> list[dict]:
    """Return columns as JSON values; unit, expectations and deprecation only where there are any."""
    return [
        {"name": c.name, "type": c.type, "description": c.description}
        | {part: value for part in ("unit", "expect", "deprecated") if (value := getattr(c, part))}
        for c in columns
    ]


def publication_with_content(session: Session, group: Group, content_hash: str) -> FeaturePublicationRow | None:
    query = select(FeaturePublicationRow).where(
        FeaturePublicationRow.group_id == group.id,
        FeaturePublicationRow.content_hash == content_hash,
        FeaturePublicationRow.kind == "publish",
    )
    return session.scalars(query.order_by(FeaturePublicationRow.version.desc())).first()


def publications(session: Session, group: Group) -> list[FeaturePublicationRow]:
    query = select(FeaturePublicationRow).where(FeaturePublicationRow.group_id == group.id)
    return list(session.scalars(query.order_by(FeaturePublicationRow.version)))


def rows_written(session: Session, group: Group) -> int:
    query = select(func.coalesce(func.sum(FeaturePublicationRow.rows), 0))
    return session.scalar(query.where(FeaturePublicationRow.group_id == group.id))


def make_visible(session: Session, group: Group, done: Published, at) -> None:
    """Record the publication and move the group to it: the commit of this transaction is the commit of the publish."""
    row = session.get(FeatureGroupRow, group.id)
    if row is None or row.version != done.version - 1:
        raise Conflict(f"Group {group.name!r} was changed at the same time.", hint="Nothing was written; try again.")
    session.add(
        FeaturePublicationRow(
            group_id=group.id,
            version=done.version,
            definition_version=group.definition_version,
            kind=done.kind,
            rows=done.rows,
            content_hash=done.content_hash,
            table_version=done.table_version,
            first_seq=done.first_seq,
            written_at=done.written_at,
            min_event_time=done.min_event_time,
            max_event_time=done.max_event_time,
            source=done.source,
            created_at=at,
        )
    )
    types = dict(map(tuple, done.keys))
    row.keys = [{**key, "type": types.get(key["name"], key["type"])} for key in row.keys]
    row.version = done.version
    row.table_version = done.table_version
    row.next_seq = done.first_seq + done.rows
    row.may_tie = row.may_tie or done.may_tie
    if done.max_event_time is not None:
        row.max_event_time = max(done.max_event_time, row.max_event_time or done.max_event_time)
    row.last_written_at = done.written_at
    row.revision += 1

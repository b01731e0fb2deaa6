"""Settings of the workspace; versions of feature views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "feature_view_versions",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_feature_view_versions"),
    )
    op.execute(
        "INSERT INTO feature_view_versions (name, version, description, definition, created_at) "
        "SELECT name, 1, description, json_object('features', json(features), 'ttl', json('{}'), 'defaults', json('{}'), "
        "'join_keys', json('{}'), 'request', json('{}'), 'recipe', NULL), created_at FROM feature_views"
    )
    op.drop_table("feature_views")


def downgrade() -> None:
    op.create_table(
        "feature_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feature_views"),
        sa.UniqueConstraint("name", name="uq_feature_views_name"),
    )
    op.execute(
        "INSERT INTO feature_views (name, features, description, created_at) SELECT name, definition->'features', "
        "description, created_at FROM feature_view_versions v WHERE version = (SELECT max(version) FROM "
        "feature_view_versions n WHERE n.name = v.name)"
    )
    op.drop_table("feature_view_versions")
    op.drop_table("settings")

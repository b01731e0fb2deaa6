"""Drafts: recipes while they are edited."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("head", sa.Integer()),
        sa.Column("changed_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_drafts"),
    )
    op.create_table(
        "draft_edits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("parent", sa.Integer()),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_draft_edits"),
        sa.ForeignKeyConstraint(["name"], ["drafts.name"], name="fk_draft_edits_name_drafts", ondelete="CASCADE"),
    )
    op.create_index("ix_draft_edits_name", "draft_edits", ["name"])


def downgrade() -> None:
    op.drop_table("draft_edits")
    op.drop_table("drafts")

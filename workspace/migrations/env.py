"""Alembic's entry: run the migrations on the connection that `workspace.catalog` hands over."""

from __future__ import annotations

from alembic import context

from workspace.schema.base import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()

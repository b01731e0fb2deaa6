"""Migrations of the catalog (Alembic), run by `workspace.catalog` when a workspace is opened."""

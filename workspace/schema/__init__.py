"""The tables of the catalog, one module per part of Tilth, all on one `Base`."""

from __future__ import annotations

# The newest migration. A catalog that says so needs no migration and no import of Alembic.
HEAD = "0006"

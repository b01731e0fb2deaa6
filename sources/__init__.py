"""Readers: one module per kind of source, each giving a lazy relation with facts about how it was parsed.

from sources import import_source
version = import_source(ws, "apps.csv")          # snapshot into a dataset
"""

from __future__ import annotations

from sources.importing import import_source
from sources.reading import Imported, read_source

__all__ = ["Imported", "import_source", "read_source"]

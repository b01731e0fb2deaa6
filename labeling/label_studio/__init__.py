"""Two-way sync of a collection with a project on a Label Studio server."""

from labeling.label_studio.client import Client
from labeling.label_studio.sync import Synced, sync

__all__ = ["Client", "Synced", "sync"]

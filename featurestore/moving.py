"""Moving online records from one store to another."""

from __future__ import annotations

from itertools import islice

from featurestore.online import ROWS_AT_ONCE


def copy(old, new, group_id: int) -> None:
    """Make the records of a group in `new` what they are in `old`, with the hard deletes and the version they stand for."""
    new.drop(group_id)
    rows = old.scan(group_id)
    batches = iter(lambda: list(islice(rows, ROWS_AT_ONCE)), [])
    new.write(group_id, old.applied(group_id), batches, old.pending_publication(group_id), replace=True)
    new.set_guards(group_id, old.guards(group_id))

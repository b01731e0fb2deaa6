"""What `tilth doctor` asks the feature store: is online what offline says, and repair it where it is not."""

from __future__ import annotations

from featurestore.store import FeatureStore
from transforms.errors import AppError
from workspace import Workspace


def examine(ws: Workspace) -> list[dict]:
    """Return one check `{"name", "ok", "message"}`: every group compared and repaired."""
    try:
        with FeatureStore(ws) as fs:
            reports = fs.reconcile()
    except AppError as error:
        return [{"name": "features", "ok": False, "message": str(error)}]
    said = [f"{r['group']}: {'; '.join(r['messages'])}" for r in reports if r["messages"]]
    keys = sum(r["keys"] for r in reports)
    message = (
        f"repaired {' · '.join(said)}."
        if said
        else f"{len(reports)} groups, {keys:,} online records agree with offline."
    )
    return [{"name": "features", "ok": True, "message": message}]

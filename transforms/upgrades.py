"""Old steps in today's settings: when settings change their meaning, a class raises its `version` and this file learns how.

Applied when a recipe is opened, one version at a time. A step that cannot be upgraded stays as it is, and checking names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

# (transform id, from version) -> a function from its settings to those of the next version
UPGRADES: dict[tuple[str, int], Upgrade] = {
    # Version 2 leaves out the row's fold unless told otherwise; a saved recipe goes on doing what it did.
    ("encode.target_mean", 1): lambda settings: {"leave_out": "nothing", **settings},
}

# old id -> id of today: only for transforms that were merged into another; ids are never used again
RENAMED: dict[str, str] = {}


def upgraded(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a saved step with today's id, settings and version, as far as somebody said how."""
    step = dict(step)
    if step.get("transform") in RENAMED:
        step["transform"] = RENAMED[step["transform"]]
    version, settings = step.get("version", 1), step.get("settings")
    if not isinstance(version, int) or not isinstance(settings, Mapping):
        return step
    try:
        while upgrade := UPGRADES.get((step.get("transform"), version)):
            settings, version = upgrade(dict(settings)), version + 1
    except Exception:  # settings that nobody wrote down: opening a recipe never fails on them, building the step does
        return step
    return step | {"settings": settings, "version": version}

"""Sending steps that protect people to the Prepare page."""

from __future__ import annotations

import streamlit as st

from shell.state import state
from shell.widgets import workspace
from transforms import Recipe
from workspace.datasets import DatasetVersion


def take(version: DatasetVersion, steps: list[dict], title: str) -> None:
    """Start a recipe with these steps on the dataset, and open it on the Prepare page."""
    taken = set(workspace().drafts.list())
    start = f"{version.name} {title}"[:100]
    name = next(n for n in (f"{start}{i or ''}" for i in range(len(taken) + 1)) if n not in taken)
    recipe = Recipe(name=name, inputs={"main": {c["name"]: c["type"] for c in version.columns}})
    for step in steps:
        recipe = recipe.add(step["transform"], step["settings"])
    workspace().drafts.start(recipe.dump() | {"sources": {"main": version.ref}})
    state().dataset, state().recipe = version.name, name
    st.switch_page("../pages/prepare.py")

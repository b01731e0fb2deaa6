"""The house: who may import whom, who may import streamlit, and that documents and code agree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {  # room → rooms that it may import
    "transforms": set(),
    "workspace": {"transforms"},
    "sources": {"transforms", "workspace"},
    "insights": {"transforms", "workspace", "sources"},
    "labeling": {"transforms", "workspace", "sources"},
    "featurestore": {"transforms", "workspace", "sources"},
    "training": {"transforms", "workspace", "sources", "featurestore"},
}
EVERYTHING = set(ROOMS) | {"shell", "pages", "commands", "examples"}
ROOMS |= {
    "shell": EVERYTHING - {"pages", "commands"},
    "pages": EVERYTHING - {"commands"},
    "commands": EVERYTHING - {"shell", "pages"},
    "cli": EVERYTHING - {"shell", "pages"},
    "app": EVERYTHING - {"commands", "pages"},
    "examples": set(),
}
STREAMLIT = {"app", "shell", "pages"}


def files() -> list[tuple[str, Path]]:
    found = []
    for room in ROOMS:
        folder = ROOT / room
        paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{room}.py"]
        found += [(room, p) for p in paths if "data" not in p.relative_to(ROOT).parts[1:2]]
    return found


def imported(path: Path) -> set[str]:
    """Return the first names of all modules that a file imports, inside functions too, but not for type checking only."""
    names: set[str] = set()
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", getattr(node.test, "attr", "")) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room,path", files(), ids=lambda v: str(v.relative_to(ROOT)) if isinstance(v, Path) else v)
def test_imports_go_one_way(room, path):
    mine = imported(path) & (set(ROOMS) - {room})
    assert mine <= ROOMS[room], f"{path.relative_to(ROOT)} imports {sorted(mine - ROOMS[room])}; see ARCHITECTURE.md"
    if room not in STREAMLIT:
        assert "streamlit" not in imported(path), f"{path.relative_to(ROOT)} imports streamlit"


def test_every_room_is_on_the_map():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for room in ROOMS:
        assert f"`{room}" in text, f"ARCHITECTURE.md does not name {room}"


def test_every_page_is_in_the_navigation_and_in_the_readme():
    router = (ROOT / "shell" / "main.py").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8").lower()
    for page in (ROOT / "pages").glob("*.py"):
        assert f"../pages/{page.name}" in router
        assert page.stem in readme


def test_every_command_is_documented():
    from typer.main import get_command

    import cli

    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    for name in get_command(cli.app).commands:
        assert f"`tilth {name}" in text, f"docs/commands.md does not name {name}"


def test_no_file_is_too_long_for_one_reader():
    long = {str(p.relative_to(ROOT)): n for _, p in files() if (n := len(p.read_text("utf-8").splitlines())) > 900}
    assert not long, f"split these by their parts' names: {long}"

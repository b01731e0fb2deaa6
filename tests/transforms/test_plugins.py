"""Transforms of installed packages: found by their entry point, run like ours."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

STEPS = '''
from typing import ClassVar

from transforms.fields import NumberColumn, param
from transforms.transform import Example, Transform, register


@register
class Halve(Transform):
    """Halve a number."""

    name: ClassVar = "acme.halve"
    label: ClassVar = "Halve"
    covers: ClassVar = ()
    serving: ClassVar = "row"
    examples: ClassVar = (Example({"column": "a"}, before={"a": [4.0]}, after={"a": [2.0]}),)

    column: NumberColumn = param("Column")

    def apply(self, table, state):
        return table.mutate(**{self.column: table[self.column] / 2})
'''


@pytest.fixture
def installed(tmp_path) -> Path:
    """A folder that looks like site-packages with one good and one broken package."""
    (tmp_path / "acme_steps.py").write_text(STEPS)
    (tmp_path / "broken_steps.py").write_text("raise RuntimeError('no licence')")
    for name in ("acme", "broken"):
        facts = tmp_path / f"{name}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[tilth.transforms]\n{name} = {name}_steps\n")
    return tmp_path


def test_a_package_adds_its_steps_and_a_broken_one_is_named(installed):
    code = """
        import warnings
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            from transforms import Recipe, catalog
        assert any("broken_steps" in str(w.message) and "no licence" in str(w.message) for w in said), said
        assert [c.name for c in catalog.families()["acme"]] == ["acme.halve"]
        import pyarrow as pa
        fitted = Recipe().add("acme.halve", {"column": "x"}).fit({"main": pa.table({"x": [3]})})
        assert fitted.transform_record({"x": 5}) == {"x": 2.5}
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=root, env={"PYTHONPATH": f"{installed}:{root}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

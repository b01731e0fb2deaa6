"""What became of each operation of an imported file, and the builder that keeps count."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from transforms.errors import AppError
from transforms.recipe import Recipe, Step
from transforms.transform import find

Outcome = Literal["mapped", "approximated", "kept disabled", "left out"]
LONGEST_NOTE = 4000  # characters; the settings hold the original in full


class Unmapped(Exception):
    """An operation that is kept disabled; the message says why."""


class Parameters(dict):
    """The parameters of an operation; what is not there or of another kind makes the operation Unmapped, in plain words."""

    def __init__(self, *given):
        super().__init__(*given)
        self.seen: set[str] = set()  # the names that were asked for: a mapping that ignores one is not exact

    def __getitem__(self, name):
        self.seen.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.seen.add(name)
        return super().get(name, default)

    def need(self, name: str) -> Any:
        if self.get(name) in (None, ""):
            raise Unmapped(f"it has no {name!r}")
        return self[name]

    def text(self, name: str, default: str | None = None) -> str:
        value = self.need(name) if default is None else self.get(name, default)
        if isinstance(value, list | dict) or value is None:
            raise Unmapped(f"{name!r} is not a text")
        return value if isinstance(value, str) else json.dumps(value)

    def whole(self, name: str, default: int | None = None) -> int:
        return int(self.number(name, default))

    def number(self, name: str, default: float | None = None) -> float:
        value = self.need(name) if default is None or self.get(name) not in (None, "") else default
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise Unmapped(f"{name!r} is {value!r}, not a number") from error

    def flag(self, name: str, default: bool = False) -> bool:
        return str(self.get(name, default)).strip().lower() in ("true", "1", "yes")

    def json(self, name: str) -> Any:
        """Return a value that may be written as JSON inside a text."""
        value = self.need(name)
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError as error:
                raise Unmapped(f"{name!r} is not JSON") from error
        return value

    def texts(self, name: str) -> list[str]:
        value = self.need(name)
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = self.json(name)
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise Unmapped(f"{name!r} is not a list of names")
        return value

    def group(self, name: str) -> Parameters:
        value = self.get(name)
        if not isinstance(value, Mapping):
            raise Unmapped(f"it has no {name!r}")
        return Parameters(value)


Made = list[tuple[str, dict[str, Any]]]  # steps: (transform id, settings)


@dataclass(frozen=True)
class Near:
    """Steps that come near, and what differs."""

    steps: Made
    differs: str


@dataclass(frozen=True)
class Line:
    """One operation: its number and name in the file, what became of it, the steps that it became, and why."""

    number: int
    operation: str
    outcome: Outcome
    steps: tuple[str, ...] = ()
    why: str = ""


@dataclass
class Report:
    """One line per operation, further recipes by name (other inputs and branches of a flow), and remarks."""

    kind: str
    lines: list[Line] = field(default_factory=list)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(line.outcome == outcome for line in self.lines)

    def dump(self) -> dict[str, Any]:
        """Return the report as JSON values (further recipes by name only)."""
        return {
            "kind": self.kind,
            "mapped": self.count("mapped"),
            "approximated": self.count("approximated"),
            "kept_disabled": self.count("kept disabled"),
            "left_out": self.count("left out"),
            "lines": [asdict(line) | {"steps": list(line.steps)} for line in self.lines],
            "recipes": list(self.recipes),
            "remarks": self.remarks,
        }

    def text(self) -> str:
        """Return the report for people: the counts, then every operation that did not map exactly."""
        said = [f"{self.kind}: {len(self.lines)} operations; {self.count('mapped')} mapped, {self.count('approximated')} approximated, "
                f"{self.count('kept disabled')} kept disabled, {self.count('left out')} left out."]  # fmt: skip
        said += [
            f"  {line.number}. {line.operation}: {line.outcome} ({line.why})"
            for line in self.lines
            if line.outcome != "mapped"
        ]
        return "\n".join(said + [f"  {remark}" for remark in self.remarks])


class Builder:
    """Collects steps and the lines of the report."""

    def __init__(self, tool: str, report: Report, name: str):
        self.tool, self.report, self.name = tool, report, name
        self.steps: list[Step] = []

    def add(
        self,
        number: int,
        operation: str,
        original: Any,
        make: Callable[[], Made | Near],
        *,
        kept: tuple[str, dict] | None = None,
    ) -> None:
        """Add the steps of one operation; if `make` raises, one disabled step (`kept`, or a placeholder with the original)."""
        try:
            made = make()
            steps, differs = (made.steps, made.differs) if isinstance(made, Near) else (made, "")
            built = [(find(t).version, t, find(t).from_settings(s).settings()) for t, s in steps]
        except (Unmapped, AppError) as error:
            self.keep(number, operation, original, error.message if isinstance(error, AppError) else str(error), kept)
            return
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as error:
            self.keep(number, operation, original, f"its parameters are not as expected ({type(error).__name__})", kept)
            return
        for version, transform, settings in built:
            note = f"Imported from {self.tool}: {operation}." + (f" Differs: {differs}." if differs else "")
            self._step(transform, settings, note, version=version)
        outcome: Outcome = "approximated" if differs else "mapped"
        self.report.lines.append(Line(number, operation, outcome, tuple(t for _, t, _ in built), differs))

    def keep(self, number: int, operation: str, original: Any, why: str, kept: tuple[str, dict] | None = None) -> None:
        """Add a disabled step that carries the original."""
        transform, settings = kept or (
            f"{self.tool.lower().replace(' ', '')}.{operation}",
            original if isinstance(original, dict) else {"original": original},
        )
        text = json.dumps(original, ensure_ascii=False)
        text = text if len(text) <= LONGEST_NOTE else text[:LONGEST_NOTE] + " …"
        self._step(transform, settings, f"Imported from {self.tool}, disabled: {why}. Original: {text}", enabled=False)
        self.report.lines.append(Line(number, operation, "kept disabled", (transform,), why))

    def leave_out(self, number: int, operation: str, why: str) -> None:
        self.report.lines.append(Line(number, operation, "left out", (), why))

    def _step(self, transform: str, settings: dict, note: str, *, version: int = 1, enabled: bool = True) -> None:
        step = Step(
            id=f"s{len(self.steps) + 1}",
            transform=transform,
            version=version,
            enabled=enabled,
            note=note,
            settings=settings,
        )
        self.steps.append(step)

    def recipe(self) -> Recipe:
        return Recipe(name=self.name, steps=tuple(self.steps))

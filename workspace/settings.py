"""Settings of a workspace: few, named values that every process must agree on. Secrets never lie here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workspace import Workspace


class Settings:
    def __init__(self, ws: Workspace):
        self._ws = ws

    def get(self, name: str, default: Any = None) -> Any:
        """Return the JSON value of a setting, or `default`."""
        from workspace.schema.core import SettingRow

        with self._ws.reading() as session:
            row = session.get(SettingRow, name)
            return default if row is None else row.value

    def set(self, name: str, value: Any, *, keep: bool = False) -> Any:
        """Write a setting (a JSON value) and return what holds now; with `keep` an existing one stays."""
        from workspace.schema.core import SettingRow

        with self._ws.session() as session:
            row = session.get(SettingRow, name)
            if row is None:
                session.add(SettingRow(name=name, value=value))
            elif keep:
                return row.value
            else:
                row.value = value
        return value

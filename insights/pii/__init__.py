"""Personal data: in columns (`find`), inside text (`find_in_text`), and the steps that hide it (`steps`)."""

from __future__ import annotations

from insights.pii.columns import Entity, PiiColumn, PiiReport, find
from insights.pii.names import by_name
from insights.pii.steps import steps
from insights.pii.text import Finding, find_in_text

__all__ = ["Entity", "Finding", "PiiColumn", "PiiReport", "by_name", "find", "find_in_text", "steps"]

"""Personal data: in columns (`find`), inside text (`find_in_text`), and the steps that hide it (`steps`).

What a user decided about the findings is in `review`, what keeps personal data from being published in `gate`.
"""

from __future__ import annotations

from insights.pii.columns import Entity, PiiColumn, PiiReport, find
from insights.pii.names import by_name
from insights.pii.own import OwnPattern
from insights.pii.steps import steps
from insights.pii.text import Finding, find_in_text
from transforms.personal import checksums

__all__ = [
    "Entity", "Finding", "OwnPattern", "PiiColumn", "PiiReport", "by_name", "checksums", "find", "find_in_text", "steps",
]  # fmt: skip

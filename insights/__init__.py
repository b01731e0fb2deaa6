"""Insights: questions about a dataset with evidence - profile and quality, charts, bias, personal data.

Every answer is computed by DuckDB on all rows; where something is estimated or bounded, the result says so.
"""

from __future__ import annotations

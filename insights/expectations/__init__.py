"""Expectations: rules that a dataset is held to, whenever a version of it is made or published.

from insights import expectations as expect

rules = expect.suggest(con, ws.datasets.get("apps").sql())
expect.keep(ws, "apps", rules)
expect.check_version(ws, "apps@3").outcome
"""

from insights.expectations.checking import Check, Result, check, failing_rows, validate
from insights.expectations.kept import (
    add,
    check_publish,
    check_version,
    duplicate,
    history,
    keep,
    last_results,
    named,
    publish_data,
    remove,
    replace,
    rules_of,
)
from insights.expectations.out import FORMATS, export, from_json
from insights.expectations.rules import KINDS, Rule, rule_from
from insights.expectations.suggesting import suggest

__all__ = [
    "FORMATS",
    "KINDS",
    "Check",
    "Result",
    "Rule",
    "add",
    "check",
    "check_publish",
    "check_version",
    "duplicate",
    "export",
    "failing_rows",
    "from_json",
    "history",
    "keep",
    "last_results",
    "named",
    "publish_data",
    "remove",
    "replace",
    "rule_from",
    "rules_of",
    "suggest",
    "validate",
]

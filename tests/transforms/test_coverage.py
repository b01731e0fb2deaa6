"""How much of the field's catalogue is covered: three counts, printed; every name must be in the catalogue."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest

from transforms import catalog

CATALOGUE = (
    Path(os.environ.get("TILTH_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "transform_catalog.csv"
)


@pytest.mark.skipif(
    not CATALOGUE.exists(), reason="the field's catalogue lies in ../shared, which a clone does not have"
)
def test_covered_rows(capsys):
    rows = list(csv.DictReader(CATALOGUE.open(encoding="utf-8")))
    covered = {name for cls in catalog.all_transforms() for name in cls.covers}
    assert covered <= {row["name"] for row in rows}

    def products(row, starred: bool) -> set[str]:
        return {p.rstrip("*") for p in row["found_in"].split(";") if starred or not p.endswith("*")}

    aws = [r["name"] for r in rows if products(r, False) & {"DW", "DB"}]
    common = [r["name"] for r in rows if len(products(r, True)) >= 3]
    others = [r["name"] for r in rows if r["name"] not in {*aws, *common}]
    with capsys.disabled():
        for title, names in (("Data Wrangler, DataBrew", aws), ("three or more products", common), ("others", others)):
            sys.stdout.write(f"\n{title}: {len(covered & set(names))} of {len(names)} rows covered")
    reasons = (Path(__file__).resolve().parents[2] / "docs" / "not-covered.md").read_text("utf-8")
    unexplained = [name for name in (*aws, *common) if name not in covered and f"`{name}`" not in reasons]
    assert not unexplained

"""Agreement on random tables: DuckDB, exported pandas in an isolated process and the single record give the same rows.

Hypothesis draws the tables, a strategy per column kind: missing values, NaN, ±inf, empty and Unicode text, whole numbers
beyond 32 bits, dates far off. What a transform declares under `differences` is left out, with its reason.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.cases import Case, _kinds, assert_same, table
from tests.contract.running import Worker, run_file
from transforms import catalog
from transforms import schema as types
from transforms.engines import scratch
from transforms.errors import AppError
from transforms.export import export

EXAMPLES = int(os.environ.get("TILTH_RANDOM_TABLES", "8"))
WORDS = ["", " ", "a", "A", "b", "red", "Red", "12", "-3.5", "1e3", "true", "no", "x,y;z", "a b  c", "größe", "İı", "名", "👍🏽", "e\u0301", "it's \"q\"", "%\\_", "\t", "2024-02-29", "ann@x.org", "http://x.org/a?b=1", '{"a": 1}', "nan", "None"]  # fmt: skip
VALUES = {
    "float64": st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, 2.5, -1.5, 100.0, float("nan"), float("inf"), float("-inf"), 1e-9]),
        st.floats(-1e6, 1e6, width=32),
    ),
    "int64": st.one_of(st.integers(-3, 3), st.integers(-(2**40), 2**40)),
    "string": st.one_of(st.sampled_from(WORDS), st.text(alphabet="abcAB 019-.,äÉ名", max_size=6)),
    "boolean": st.booleans(),
    "timestamp": st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)),
    "date": st.dates(date(1700, 1, 1), date(2250, 1, 1)),
}
VALUES["timestamp_utc"] = VALUES["timestamp"].map(lambda t: t.replace(tzinfo=UTC))


@pytest.fixture(scope="module")
def worker():
    found = Worker()
    yield found
    found.stop()


def drawable(cls) -> list[int]:
    """Return the numbers of the examples whose columns are all of kinds that can be drawn."""
    found = []
    for number, example in enumerate(cls.examples):
        before = table(example.before, example.types)
        if set(_kinds(before).values()) <= set(VALUES) and before.num_columns:
            found.append(number)
    return found


@st.composite
def rows_like(draw, before: pa.Table) -> pa.Table:
    """Draw a table with these columns: up to 12 rows, about one value in six missing."""
    count = draw(st.integers(0, 12))
    columns = {}
    for name, kind in _kinds(before).items():
        cell = st.one_of(*[VALUES[kind]] * 5, st.none())
        values = draw(st.lists(cell, min_size=count, max_size=count))
        columns[name] = pa.array(values, types.from_name(kind).to_pyarrow(), from_pandas=False)
    return pa.table(columns)


TRANSFORMS = [cls for cls in catalog.all_transforms() if drawable(cls)]


@pytest.mark.random
@pytest.mark.parametrize("cls", TRANSFORMS, ids=lambda c: c.name)
def test_random_tables_agree(cls, worker, tmp_path):
    numbers = drawable(cls)

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def agree(data):
        number = data.draw(st.sampled_from(numbers), label="example")
        example = cls.examples[number]
        before = table(example.before, example.types)
        rows = data.draw(rows_like(before), label="rows")
        train = (
            rows
            if data.draw(st.booleans(), label="fit on the rows")
            else table(example.train or example.before, example.types | _kinds(before))
        )
        others = {k: table(v, example.types) for k, v in example.others.items()}
        check(
            Case(
                f"{cls.name}-{number}-random", "", cls, example.settings, rows, train, others, ordered=example.ordered
            ),
            worker,
            tmp_path,
        )

    agree()


def check(case: Case, worker: Worker, folder: Path) -> None:
    inputs = {"main": case.rows, **case.others}
    try:
        fitted = case.recipe().fit({"main": case.train, **case.others}, engine=scratch())
        expected = fitted.run(inputs, engine=scratch()).to_arrow_table()
    except AppError:
        return  # nothing to learn from, or a value that the step refuses: said in plain words, tested in its family
    if "pandas_export" not in case.transform.differences and "random" not in case.transform.differences:
        found = run_file(worker, folder, export(fitted, "pandas"), case)
        assert_same(found, expected, ordered=case.ordered, where=case.id)
    if case.transform.serving in ("row", "fitted"):
        for place, record in enumerate(case.rows.slice(0, 3).to_pylist()):
            one = (
                fitted.run({"main": case.rows.slice(place, 1), **case.others}, engine=scratch())
                .to_arrow_table()
                .to_pylist()
            )
            if len(one) > 1:
                continue  # splits one row into several: refused for records
            found = fitted.transform_record(record, case.others)
            assert json.dumps(found, default=str) == json.dumps(one[0] if one else None, default=str)

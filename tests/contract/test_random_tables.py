"""Agreement on random tables: DuckDB, exported pandas in an isolated process and the single record give the same rows.

Hypothesis draws the tables, a strategy per column kind: missing values, NaN, ±inf, empty and Unicode text, whole numbers
beyond 32 bits, dates far off. What a transform declares under `differences` is left out, with its reason.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.cases import Case, _kinds, assert_same, table
from tests.contract.running import Bench
from transforms import catalog
from transforms import schema as types
from transforms.catalog.images import png
from transforms.errors import AppError

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


@st.composite
def pictures(draw) -> bytes:
    """Draw a PNG of up to 9 × 9 pixels, now and then cut off."""
    width, height, depth = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.sampled_from([1, 3, 4]))
    pixels = random.Random(draw(st.integers(0, 99)))
    cell = lambda: tuple(pixels.randrange(256) for _ in range(depth)) if depth > 1 else pixels.randrange(256)  # noqa: E731
    data = png(*[[cell() for _ in range(width)] for _ in range(height)], orientation=draw(st.integers(0, 8)))
    return data if draw(st.integers(0, 5)) else data[: draw(st.integers(0, len(data)))]


VALUES["binary"] = st.one_of(pictures(), pictures(), pictures(), st.binary(max_size=9))
VALUES["timestamp_utc"] = VALUES["timestamp"].map(lambda t: t.replace(tzinfo=UTC))


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    found = Bench(tmp_path_factory.mktemp("random"))
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
def test_random_tables_agree(cls, bench):
    numbers, count = drawable(cls), itertools.count()

    @settings(  # without `explain`, which traces every line that runs
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
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
        name = f"{cls.name}-{number}-random-{next(count)}"  # a key of its own: another table to learn from
        check(Case(name, name, cls, example.settings, rows, train, others, ordered=example.ordered), bench)

    agree()


def check(case: Case, bench: Bench) -> None:
    try:
        fitted, expected = bench.fitted(case), bench.duckdb(case)
    except (AppError, duckdb.BinderException, duckdb.ParserException):
        return  # nothing to learn from, or a value that the step refuses: said in plain words, tested in its family
    if "pandas_export" not in case.transform.differences and "random" not in case.transform.differences:
        assert_same(bench.pandas(case), expected, ordered=case.ordered, where=case.id)
    if case.transform.serving in ("row", "fitted"):
        for place, record in enumerate(case.rows.slice(0, 3).to_pylist()):
            alone = replace(case, id=f"{case.id}-{place}", rows=case.rows.slice(place, 1))
            one = bench.duckdb(alone).to_pylist()
            if len(one) > 1:
                continue  # splits one row into several: refused for records
            found = fitted.transform_record(record, case.others)
            assert json.dumps(found, default=str) == json.dumps(one[0] if one else None, default=str)

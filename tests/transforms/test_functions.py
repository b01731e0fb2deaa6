"""Row functions: one source, called by DuckDB and carried in exported pandas code."""

from __future__ import annotations

import re

import pandas as pd
import pyarrow as pa

from transforms.engines import DuckDBEngine
from transforms.functions import EACH, functions_in, row_function

VOWELS = re.compile("[aeiou]", re.IGNORECASE)
MARK = "*"


def mask(match):
    return MARK if match else ""


@row_function("string", "string")
def hide_vowels(value, *, times=1):
    return VOWELS.sub(lambda m: mask(m) * times, value)


@row_function("int64", "string", "int64", sees_missing=True)
def count_given(text, number):
    return (text is not None) + (number is not None)


ROWS = pa.table({"a": ["Ada", None, "", "xyz"], "n": [1, 2, None, None]})


def test_duckdb_calls_the_function_and_leaves_missing_values_out():
    engine = DuckDBEngine()
    table = engine.table(ROWS)
    table = table.mutate(b=hide_vowels(table.a), c=hide_vowels(table.a, times=2), d=count_given(table.a, table.n))
    found = engine.arrow(table)
    assert found["b"].to_pylist() == ["*d*", None, "", "xyz"]
    assert found["c"].to_pylist() == ["**d**", None, "", "xyz"]
    assert found["d"].to_pylist() == [2, 1, 1, 1]
    assert [f.function.name for f in functions_in(table)] == ["count_given", "hide_vowels", "hide_vowels"]


def test_helpers_carry_all_that_the_function_needs():
    code = "import pandas as pd\n" + "\n".join(hide_vowels.helpers)
    space: dict = {}
    exec(code, space)
    df = pd.DataFrame({"a": pd.array(ROWS["a"].to_pylist(), "string")})
    found = eval(hide_vowels.pandas("df['a']", times=2), space | {"df": df})
    assert found.astype(object).where(found.notna(), None).tolist() == ["**d**", None, "", "xyz"]
    assert EACH in hide_vowels.helpers and "MARK = '*'" in hide_vowels.helpers

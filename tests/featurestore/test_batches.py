from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from featurestore.batches import Batches
from transforms.errors import ColumnNotFound, InputError

TABLE = pa.table(
    {
        "n": [1, None, 3],
        "b": [True, False, None],
        "v": [[1.0, 2.0], None, [3.0, float("inf")]],
        "s": ["a", "b", "c"],
        "y": [7, 8, 9],
    }
)


def test_numbers_lists_and_missing_values():
    batches = Batches(TABLE, ["n", "v", "b"], "y", size=2)
    assert len(batches) == 2 and batches.columns == ["n", "v[0]", "v[1]", "b"]
    nan = np.nan
    np.testing.assert_array_equal(batches[0][0], np.array([[1, 1, 2, 1], [nan, nan, nan, 0]], "float32"))
    np.testing.assert_array_equal(batches[1][0], np.array([[3, 3, np.inf, nan]], "float32"))
    assert [batches[i][1].tolist() for i in range(2)] == [[7, 8], [9]]
    assert batches[0][0].dtype == np.float32


def test_one_fixed_order_and_every_row_once():
    table = pa.table({"x": range(100)})
    first, again = (np.concatenate(list(Batches(table, ["x"], size=30, shuffle=5))) for _ in range(2))
    assert first.ravel().tolist() == again.ravel().tolist() != list(range(100))
    assert sorted(first.ravel()) == list(range(100))


def test_what_cannot_be_a_batch_is_told():
    with pytest.raises(InputError, match="'s' is string, not a number"):
        Batches(TABLE, ["s"])
    with pytest.raises(ColumnNotFound, match="'x' is not in the table"):
        Batches(TABLE, ["x"])
    with pytest.raises(InputError, match=r"lists of \[1, 2\] numbers"):
        Batches(pa.table({"v": [[1.0], [1.0, 2.0]]}), ["v"])
    assert len(Batches(TABLE.slice(0, 0), ["n", "v"])) == 0
    with pytest.raises(IndexError):
        Batches(TABLE, ["n"])[1]

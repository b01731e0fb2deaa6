"""Training sets as numbered batches of numpy arrays, for PyTorch and any other loop.

A `Batches` has a length and gives batch `i` by index, which is what `torch.utils.data.DataLoader(batches, batch_size=None)`
asks of a dataset; PyTorch itself is not needed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transforms.errors import ColumnNotFound, InputError

if TYPE_CHECKING:
    import numpy as np


class Batches:
    """Batches of a table: `batches[i]` is `(features, label)`, features as float32 of shape (rows, columns).

    Args:
        table: Arrow table, such as `FeatureStore.training_set` returns.
        features: columns of numbers, booleans or lists of one length (each place becomes a column); missing values are NaN.
        label: column of the label, as it is; None: batches are features alone.
        size: rows of a batch; the last may have fewer.
        shuffle: seed of one fixed order of the rows; None keeps theirs.

    Raises:
        InputError: a feature that is no number.

    Example:
        >>> import pyarrow as pa
        >>> batches = Batches(pa.table({"x": [1, 2, None], "y": [0, 1, 0]}), ["x"], "y", size=2)
        >>> len(batches), batches[0][0].tolist(), batches[1][1].tolist()
        (2, [[1.0], [2.0]], [0])
    """

    def __init__(
        self, table, features: Sequence[str], label: str | None = None, *, size: int = 1024, shuffle: int | None = None
    ):
        import numpy as np

        if size < 1:
            raise InputError(f"A batch of {size} rows is empty.", hint="Give a size of 1 or more.")
        for name in [*features, *([label] if label else [])]:
            if name not in table.column_names:
                raise ColumnNotFound.of(name, table.column_names)
        self.size, self.rows = size, table.num_rows
        self._features = [_numbers(name, table.column(name)) for name in features]
        self.columns = [c for name, part in zip(features, self._features, strict=True) for c in _names(name, part)]
        self._label = table.column(label).to_numpy() if label else None
        self._order = None if shuffle is None else np.random.default_rng(shuffle).permutation(self.rows)

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def __getitem__(self, number: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        import numpy as np

        if not 0 <= number < len(self):
            raise IndexError(number)
        place = slice(number * self.size, (number + 1) * self.size)
        rows = place if self._order is None else self._order[place]
        count = min(self.size, self.rows - number * self.size)
        parts = [part[rows] for part in self._features]
        found = np.concatenate(parts, axis=1) if parts else np.empty((count, 0), "float32")
        return found if self._label is None else (found, self._label[rows])


def _numbers(name: str, column) -> np.ndarray:
    """Return a column as float32 of shape (rows, width)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, column = column.type, column.combine_chunks()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        widths = pc.unique(pc.drop_null(pc.list_value_length(column))).to_pylist()
        if len(widths) > 1:
            raise InputError(f"Feature {name!r} has lists of {sorted(widths)} numbers.", hint="Make them one length.")
        width = widths[0] if widths else 0
        found = np.full((len(column), width), np.nan, "float32")
        there = column.is_valid().to_numpy(zero_copy_only=False)
        found[there] = _flat(name, column.flatten()).reshape(int(there.sum()), width)
        return found
    return _flat(name, column).reshape(-1, 1)


def _flat(name: str, column) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise InputError(f"Feature {name!r} is {kind}, not a number.", hint="Encode it with a recipe first.")
    return column.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)


def _names(name: str, part: np.ndarray) -> list[str]:
    return [name] if part.shape[1] == 1 else [f"{name}[{i}]" for i in range(part.shape[1])]

"""The flip test (FT): is somebody of the group predicted otherwise than the nearest people of the rest?

FT = (F+ - F-) / rows of the group, where F+ have the favourable prediction and their neighbours (5, unscaled features,
k-d tree) do not, and F- the other way round: the sign of smclarify 0.5; Clarify's documentation turns it round. It
depends on ties among neighbours and on the features' scales: informative, not exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from insights.bias.counts import Asked, Choice, check_column, is_number, known, predicate
from insights.bias.words import NAMES, Facts, Reading, says, severity
from transforms.errors import InputError
from workspace.sql import one_value

NEIGHBOURS = 5
MOST_ROWS = 100_000


def with_flip_test(con, asked: Asked, found, choice: Choice, features: Sequence[str]):
    """Return the same `FacetBias` with FT; beyond `MOST_ROWS` rows it is made on a sample of them, which is said."""
    value, rows = flip_test(con, asked, choice, features)
    facts = Facts(choice, asked.good, 0, 0, found.counts, found.confusion)
    reading = Reading("FT", NAMES["FT"], value, says("FT", value, facts, asked.group), severity("FT", value))
    notes = (*found.notes, f"FT is made on {rows:,} sampled rows.") if rows == MOST_ROWS else found.notes
    return replace(found, metrics=found.metrics | {"FT": value}, readings=(*found.readings, reading), notes=notes)


def flip_test(con, asked: Asked, choice: Choice, features: Sequence[str]) -> tuple[float, int]:
    """Return FT of a group against the rest, and the rows that it is made on (those with every feature known)."""
    from sklearn.neighbors import KNeighborsClassifier

    if asked.predicted is None:
        raise InputError("The flip test needs a column with predictions.", hint="Name it with `predicted`.")
    for column in features:
        check_column(column, asked.types)
        if not is_number(asked.types[column]):
            raise InputError(f"The feature {column!r} of the flip test is not a number.", hint="Choose other columns.")
    columns = [f"{known(column, asked.types)}::DOUBLE AS c{place}" for place, column in enumerate(features)]
    asks = [(choice, "d"), (asked.predicted, "p"), (asked.good, "y")]
    columns += [f"{predicate(what, asked.types[what.column])} AS {name}" for what, name in asks]
    there = " AND ".join(f"{name} IS NOT NULL" for name in (*(f"c{i}" for i in range(len(features))), "d", "p", "y"))
    query = f"SELECT * FROM (SELECT {', '.join(columns)} FROM {asked.source}) WHERE {there}"
    if one_value(con, f"SELECT count(*) FROM ({query})") > MOST_ROWS:
        query = f"SELECT * FROM ({query}) USING SAMPLE reservoir({MOST_ROWS} ROWS) REPEATABLE (0)"
    found = con.execute(query).fetchnumpy()
    x = np.column_stack([np.asarray(found[f"c{place}"], dtype=float) for place in range(len(features))])
    in_d, predicted = np.asarray(found["d"], dtype=bool), np.asarray(found["p"], dtype=int)
    if in_d.all() or not in_d.any():
        raise InputError(
            f"No row has {choice}, or every row has it, with all features known.", hint="Choose other features."
        )
    near = KNeighborsClassifier(min(NEIGHBOURS, int((~in_d).sum())), algorithm="kd_tree").fit(
        x[~in_d], predicted[~in_d]
    )
    others = near.predict(x[in_d])
    return float((predicted[in_d] - others).mean()), len(in_d)

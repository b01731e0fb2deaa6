"""Bootstrap intervals from counts, verdicts, intersections, weights, many outcomes, the flip test, edge cases."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights import bias
from insights.bias import Choice, verdict
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connect, text

# (sex, race, paid, guess): rows
CELLS = {
    ("f", "x", "yes", "yes"): 10, ("f", "x", "no", "no"): 30, ("f", "y", "yes", "no"): 5, ("f", "y", "no", "no"): 45,
    ("m", "x", "yes", "yes"): 60, ("m", "x", "no", "yes"): 40, ("m", "y", "yes", "yes"): 20, ("m", "y", "no", "no"): 4,
}  # fmt: skip


def rows_of(cells):
    values = ", ".join(f"({', '.join(map(text, key))}, {n})" for key, n in cells.items())
    return f"(SELECT sex, race, paid, guess FROM (VALUES {values}) t(sex, race, paid, guess, n), range(n))"


def measure(source=None, call=bias.measure, **more):
    more = {"label": "paid", "positive": "yes", "facets": ["sex=f"]} | more
    return call(connect(), source or rows_of(CELLS), **more)


def ends(report, metric, facet=0):
    return next(r for r in report.facets[facet].readings if r.metric == metric).interval


def test_an_interval_is_that_of_the_normal_theory():
    found = measure(intervals=4000, predicted="guess")
    # women 15 of 90, men 80 of 124: DPL 0.478495, its standard error from two binomial shares
    p, q = 15 / 90, 80 / 124
    error = math.sqrt(p * (1 - p) / 90 + q * (1 - q) / 124)
    low, high = ends(found, "DPL")
    assert (low, high) == (pytest.approx(q - p - 1.96 * error, abs=0.01), pytest.approx(q - p + 1.96 * error, abs=0.01))
    for reading in found.facets[0].readings:
        assert reading.interval[0] <= reading.value <= reading.interval[1], reading.metric
    assert found.level == 0.95 and found.as_json()["facets"][0]["readings"][1]["interval"] == [low, high]


def test_intervals_are_seeded_and_optional():
    assert ends(measure(), "DPL") is None
    assert ends(measure(intervals=200, seed=7), "DPL") == ends(measure(intervals=200, seed=7), "DPL")
    assert ends(measure(intervals=200, seed=7), "DPL") != ends(measure(intervals=200, seed=8), "DPL")
    wide, narrow = (ends(measure(intervals=500, level=level), "DPL") for level in (0.99, 0.8))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """150 samples of 400 rows from known shares (0.3 and 0.5, DPL 0.2): 142 hits are expected; 132 are 3 sigma less."""
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(150):
        d_yes, d_no, a_yes, a_no = rng.multinomial(400, [0.12, 0.28, 0.30, 0.30])
        cells = {("f", "x", "yes", "no"): d_yes, ("f", "x", "no", "no"): d_no, ("m", "x", "yes", "no"): a_yes, ("m", "x", "no", "no"): a_no}  # fmt: skip
        low, high = ends(measure(rows_of(cells), intervals=300, seed=seed), "DPL")
        hits += low <= 0.2 <= high
    assert 132 <= hits <= 149


@pytest.mark.parametrize(
    ("interval", "said"),
    [((0.11, 0.3), "alert"), ((-0.3, -0.11), "alert"), ((0.09, 0.3), "unclear"), ((-0.02, 0.1), "fine"),
     ((-0.5, 0.5), "unclear"), ((0.2, math.inf), "alert"), (None, "")],
)  # fmt: skip
def test_an_alert_needs_an_interval_outside_the_allowed_range(interval, said):
    assert verdict(interval, (-0.1, 0.1)) == said


def test_the_allowed_range_can_be_set():
    def said(**more):
        return next(r.verdict for r in measure(intervals=200, **more).facets[0].readings if r.metric == "DPL")

    assert (
        said() == "alert"
        and said(allowed={"DPL": (-0.9, 0.9)}) == "fine"
        and said(allowed={"DPL": (0, 0.48)}) == "unclear"
    )
    with pytest.raises(InputError, match="There is no metric 'XX'"):
        measure(allowed={"XX": (0, 1)})


def test_a_metric_that_most_resamples_lack_has_no_interval():
    one = {("f", "x", "yes", "no"): 1, ("f", "x", "no", "no"): 0, ("m", "x", "yes", "no"): 3, ("m", "x", "no", "no"): 3}
    # a resample misses the only woman with probability (6/7)^7 = 0.34
    (found,) = measure(rows_of(one), intervals=500).facets
    assert all(r.interval is None and r.verdict == "" for r in found.readings)
    assert "Only 1 row with sex = f: what they show may be chance." in found.notes and found.is_small


@pytest.mark.parametrize(("more", "said"), [({"intervals": 5}, "5 resamples are asked for"), ({"intervals": 200, "level": 2}, "The level 2")])  # fmt: skip
def test_wrong_intervals(more, said):
    with pytest.raises(InputError, match=said):
        measure(**more)


# ---- intersections


def cross(**more):
    return measure(call=bias.intersect, **({"facets": ["sex", "race"]} | more))


def test_groups_that_meet_are_compared_with_everybody_else_worst_first():
    report = cross(predicted="guess", by="DPL")
    assert report.crossed == ("sex", "race") and report.rows == 214
    # shares with yes: f×y 5/50, f×x 10/40, m×x 60/100, m×y 20/24, of 95 in 214 rows; m×y is below 30 rows: last
    assert [f.value for f in report.facets] == ["f × y", "f × x", "m × x", "m × y"]
    worst = report.facets[0]
    assert worst.metrics["DPL"] == pytest.approx(90 / 164 - 5 / 50)
    assert worst.counts == {"n_a": 164, "n_d": 50, "n_a_pos": 90, "n_d_pos": 5}
    assert worst.readings[1].says.startswith("sex × race = f × y gets paid = yes 44.9 points less often")
    assert [f.is_small for f in report.facets] == [False, False, False, True]
    assert worst.metrics["RD"] == pytest.approx(1.0)  # every other yes is predicted, none of hers


def test_what_is_worst_can_be_another_metric():
    assert cross(predicted="guess").facets[0].value in ("f × x", "f × y")
    by = cross(predicted="guess", by="AD")
    values = [f.metrics["AD"] for f in by.facets if not f.is_small]
    assert values == sorted(values, reverse=True)
    with pytest.raises(InputError, match="There is no metric 'RD' to sort by here"):
        cross(by="RD")


def test_a_crossing_takes_thresholds_and_leaves_unknown_parts_out():
    rows = "(VALUES ('f',20,'yes'),('f',60,'no'),('m',20,'yes'),('m',60,'yes'),(NULL,20,'no'),('m',NULL,'no')) t(sex, age, paid)"
    report = measure(rows, call=bias.intersect, facets=["sex", "age>40"])
    assert {f.value for f in report.facets} == {"f × > 40", "f × not > 40", "m × > 40", "m × not > 40"}
    assert report.facets[0].value == "f × > 40" and report.facets[0].metrics["DPL"] == 1.0
    assert report.facets[0].excluded["facet"] == 2


def test_parts_that_hold_the_sign_between_them_are_kept_apart():
    rows = "(VALUES ('a × b','c','yes'),('a','b × c','no')) t(sex, race, paid)"
    assert [f.counts["n_d"] for f in measure(rows, call=bias.intersect, facets=["sex", "race"]).facets] == [1, 1]


@pytest.mark.parametrize(
    ("facets", "said"),
    [(["sex"], "two or more different columns"), (["sex", "sex=f"], "two or more different columns")],
)
def test_an_intersection_needs_columns(facets, said):
    with pytest.raises(InputError, match=said):
        cross(facets=facets)
    with pytest.raises(ColumnNotFound):
        cross(facets=["sex", "nope"])


def test_an_intersection_says_when_there_is_too_much_or_too_little():
    many = "(SELECT range::VARCHAR sex, range % 7 race, 'yes' paid FROM range(400))"
    with pytest.raises(InputError, match="make 400 groups together; at most 200"):
        measure(many, call=bias.intersect, facets=["sex", "race"])
    with pytest.raises(InputError, match="Fewer than two groups"):
        measure("(SELECT 'f' sex, 'x' race, 'yes' paid)", call=bias.intersect, facets=["sex", "race"])


# ---- weights, several outcomes, predictions of another kind


def test_weights_count_instead_of_rows():
    rows = "(VALUES ('f','yes',3.0),('f','no',1.0),('m','yes',0.5),('m','no',1.5),('m','no',NULL)) t(sex, paid, w)"
    (found,) = measure(rows, weight="w").facets
    assert found.counts == {"n_a": 2, "n_d": 4, "n_a_pos": 0.5, "n_d_pos": 3}
    assert found.metrics["DPL"] == pytest.approx(0.25 - 0.75)
    with pytest.raises(InputError, match="The weight 'sex' is not a number"):
        measure(rows, weight="sex")
    with pytest.raises(InputError, match="weigh nothing"):
        measure("(VALUES ('f','yes',0),('m','yes',1)) t(sex, paid, w)", weight="w")


def test_a_label_with_many_outcomes_is_also_compared_over_all_of_them():
    rows = "(VALUES ('f','low'),('f','low'),('f','mid'),('f','high'),('m','low'),('m','mid'),('m','high'),('m','high')) t(sex, paid)"
    (found,) = measure(rows, positive="high").facets
    # f: 1/2 1/4 1/4, m: 1/4 1/4 1/2
    assert found.outcomes["TVD"] == 0.25 and found.outcomes["KS"] == 0.25
    assert found.outcomes["LP"] == pytest.approx(math.sqrt(2) / 4)
    assert found.outcomes["KL"] == pytest.approx(0.25 * math.log(0.5) + 0.5 * math.log(2))
    assert measure().facets[0].outcomes == {}


def test_many_outcomes_equal_the_reference(shared):
    reference = json.loads((shared / "data/bias/reference_values.json").read_text())
    con = connect()
    for case in reference["multi_category_labels"]:
        path = shared / "data/bias" / case["data_file"]
        if path.exists():
            con.execute(f"CREATE OR REPLACE TABLE t AS FROM read_csv({text(str(path))})")
            label = case["label_column"]
            some = con.execute(f'SELECT any_value("{label}")::VARCHAR FROM t').fetchone()[0]
            facet = Choice(case["facet"]["column"], tuple(case["facet"]["values"]))
            (found,) = bias.measure(con, "t", label=label, positive=some, facets=[facet]).facets
            for metric, value in case["definition_full_support"].items():
                assert found.outcomes[metric] == pytest.approx(float(value), abs=1e-9), (case["id"], metric)


def test_predictions_may_have_a_favourable_value_of_their_own():
    rows = "(VALUES ('f','yes',0.4),('f','no',0.1),('m','yes',0.9),('m','no',0.6)) t(sex, paid, p)"
    (found,) = measure(rows, predicted="p", predicted_positive=">0.5").facets
    assert found.metrics["DPPL"] == 1.0 and found.metrics["DI"] == 0.0


# ---- the flip test


def test_flip_test_by_hand():
    # both women are like the accepted men; the refused woman flips: (0 - 1) / 2
    rows = "(VALUES ('f','yes','no',1.0),('f','yes','yes',2.0),('m','yes','yes',1.0),('m','yes','yes',2.0),('m','no','no',900.0)) t(sex, paid, p, x)"
    report = measure(rows, predicted="p", features=["x"])
    (found,) = report.facets
    assert found.metrics["FT"] == -0.5
    assert found.as_json()["metrics"]["FT_aws_doc_sign"] == 0.5
    assert found.readings[-1].says.startswith("50.0 points more of this group are predicted worse")


def test_flip_test_equals_the_reference(shared):
    reference = json.loads((shared / "data/bias/reference_values.json").read_text())
    case = next(c for c in reference["cases"] if c["id"] == "german-sex-female")
    con = connect()
    con.execute(f"CREATE TABLE t AS FROM read_csv({text(str(shared / 'data/bias/german_credit.csv'))})")
    positive = Choice(case["label"]["column"], tuple(map(str, case["label"]["positive_values"])))
    report = bias.measure(
        con, "t", label=positive.column, positive=positive, facets=["sex=female"], predicted=case["predicted_column"],
        features=case["ft_features"],
    )  # fmt: skip
    assert report.facets[0].metrics["FT"] == pytest.approx(case["post_training"]["FT"], abs=1e-6)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"features": ["n"]}, "needs a column with predictions"), ({"features": ["sex"], "predicted": "guess"}, "is not a number")],
)  # fmt: skip
def test_flip_test_says_what_it_needs(more, said):
    with pytest.raises(InputError, match=said):
        measure(f"(SELECT *, 1 AS n FROM {rows_of(CELLS)})", **more)
    with pytest.raises(InputError, match="with all features known"):
        measure("(VALUES ('f','yes','yes',1.0),('m','no','no',NULL)) t(sex, paid, p, x)", predicted="p", features=["x"])


# ---- edge cases


def test_a_comparison_that_there_is_not():
    with pytest.raises(InputError, match="There is no comparison '<>'"):
        measure("(SELECT 1 AS sex, 'yes' AS paid)", facets=[Choice("sex", operator="<>", bound="1")])


RANGES = {"CI": (-1, 1), "DPL": (-1, 1), "KL": (0, math.inf), "JS": (0, math.log(2) + 1e-12), "LP": (0, math.sqrt(2) + 1e-12), "TVD": (0, 1 + 1e-12),
          "KS": (0, 1), "CDDL": (-1, 1), "DPPL": (-1, 1), "DI": (0, math.inf), "RD": (-1, 1), "SD": (-1, 1), "DAR": (-1, 1), "DRR": (-1, 1), "AD": (-1, 1),
          "CDDPL": (-1, 1), "GE": (0, math.inf)}  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from([None, "f", "m"]), st.sampled_from([None, "x", "y"]), st.sampled_from([None, "yes", "no"]), st.sampled_from([None, "yes", "no"])), min_size=1, max_size=14)
)  # fmt: skip
def test_any_table_gives_values_in_range_or_one_sentence(rows):
    """A group that is empty, one class only, zero counts, nulls, all equal: never a crash, never a value out of range."""
    values = ", ".join("(" + ", ".join("NULL::VARCHAR" if v is None else text(v) for v in row) + ")" for row in rows)
    source = f"(VALUES {values}) t(sex, race, paid, guess)"
    try:
        (found,) = measure(source, predicted="guess", group="race", intervals=100).facets
    except InputError as error:
        assert error.hint
        usable = [row for row in rows if row[0] and row[2] and row[3]]
        no_yes = not any(row[2] == "yes" for row in rows)
        assert no_yes or {row[0] for row in usable} != {"f", "m"}
        return
    d = [row for row in rows if row[0] == "f" and row[2]]
    a = [row for row in rows if row[0] == "m" and row[2]]
    assert found.counts == {"n_a": len(a), "n_d": len(d), "n_a_pos": sum(r[2] == "yes" for r in a), "n_d_pos": sum(r[2] == "yes" for r in d)}  # fmt: skip
    for reading in found.readings:
        if reading.value is not None:
            assert not math.isnan(reading.value) and reading.says
            if reading.metric in RANGES:
                low, high = RANGES[reading.metric]
                assert low <= reading.value <= high
        if reading.interval:
            assert reading.interval[0] <= reading.interval[1]
    if all(r == rows[0] for r in rows):
        raise AssertionError("one group cannot be compared with nobody")

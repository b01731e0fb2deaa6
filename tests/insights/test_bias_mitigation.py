"""Mitigation: each method evens out the labels, as the paper's formulas say, and proposes steps that run."""

from __future__ import annotations

import pytest

from insights.bias import Choice, mitigate
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connect

# 10 women with 2 yes, 10 men with 6 yes: expected 4 yes each, if group and outcome were independent
TABLE = """(SELECT i, CASE WHEN i < 10 THEN 'f' ELSE 'm' END AS sex, CASE WHEN i IN (0, 1) OR i BETWEEN 10 AND 15 THEN 'yes' ELSE 'no' END AS paid,
    20 + i AS age, 20.5 + i AS exact, (i % 10) / 10 AS score, CASE WHEN i % 2 = 0 THEN 'u' ELSE 'v' END AS job FROM range(20) t(i))"""


def run(method, source=TABLE, **more):
    return mitigate(connect(), source, method, **({"label": "paid", "positive": "yes", "facet": "sex=f"} | more))


def test_reweighing_by_hand():
    found = run("reweigh")
    (before,), (after,) = found.before.facets, found.after.facets
    assert before.metrics["DPL"] == pytest.approx(0.4)
    assert after.metrics["DPL"] == pytest.approx(0, abs=1e-12)
    # women with yes weigh 10 × 8 / 20 / 2 = 2, so 2 of them count 4; the sum of all weights stays
    assert after.counts == pytest.approx({"n_a": 10, "n_d": 10, "n_a_pos": 4, "n_d_pos": 4})
    assert found.after.weight == "weight" and found.steps == [
        {"transform": "balance.weights", "settings": {"target": "paid", "group": "sex", "to": "weight"}}
    ]


def test_resampling_by_hand():
    found = run("resample")
    assert found.after.facets[0].counts == {"n_a": 10, "n_d": 10, "n_a_pos": 4, "n_d_pos": 4}
    assert found.as_json() == run("resample").as_json()


def test_massaging_by_hand():
    found = run("massage", score="score")
    # M = (10 × 6 - 10 × 2) / 20 = 2 women up, 2 men down
    assert found.after.facets[0].counts == {"n_a": 10, "n_d": 10, "n_a_pos": 4, "n_d_pos": 4}
    assert found.steps[0]["settings"]["negative"] == "no"
    assert found.before.facets[0].counts["n_d_pos"] == 2


@pytest.mark.parametrize("method", ["reweigh", "resample", "massage"])
@pytest.mark.parametrize("facet", ["age<30", "exact<30", Choice("exact", ("20.5", "21.5", "22.5"))])
def test_thresholds_and_fractions_get_a_column_of_their_own(method, facet):
    found = run(method, facet=facet, score="score", group="job")
    assert (
        abs(found.after.facets[0].metrics["DPL"]) < 0.1 < abs(found.before.facets[0].metrics["DPL"])
        or method == "massage"
    )
    assert "CDDL" in found.after.facets[0].metrics
    wanted = {"reweigh": ["logic.case_when", "balance.weights"], "resample": ["logic.case_when", "balance.resample"], "massage": ["balance.massage_labels"]}  # fmt: skip
    assert [step["transform"] for step in found.steps] == wanted[method]


def test_an_outcome_may_be_a_threshold_and_unknown_rows_keep_out():
    source = "(VALUES ('f',1.5),('f',2.5),('m',9.5),('m',8.5),(NULL,3.0),('f',NULL),('m',1.0)) t(sex, pay)"
    found = run("reweigh", source, label="pay", positive=">5")
    assert found.after.facets[0].excluded == found.before.facets[0].excluded
    # nobody with sex = f has it, and no weight can change that
    assert found.after.facets[0].counts["n_d_pos"] == 0
    with pytest.raises(InputError, match="Massaging turns one outcome into another"):
        run("massage", source, label="pay", positive=">5", score="pay")


def test_new_columns_do_not_hide_old_ones():
    source = f'(SELECT *, 1 AS "Weight", 2 AS bias_group FROM {TABLE})'
    found = run("reweigh", source, facet="age<30")
    assert [step["settings"]["to"] for step in found.steps] == ["bias_group_2", "weight_2"]


@pytest.mark.parametrize(
    ("method", "more", "said"),
    [
        ("pray", {}, "There is no method 'pray'"),
        ("massage", {}, "Massaging needs a score"),
        ("massage", {"score": "sex"}, "The score 'sex' is not a number"),
        ("massage", {"positive": ["yes", "no"], "score": "score"}, "is not one value"),
        ("massage", {"label": "job", "positive": "u", "score": "score", "source": f"(SELECT * REPLACE (paid || job AS job) FROM {TABLE})"}, "No row has job = u"),
        ("massage", {"label": "job", "positive": "yesu", "score": "score", "source": f"(SELECT * REPLACE (paid || job AS job) FROM {TABLE})"}, "has more than two outcomes"),
        ("reweigh", {"facet": "sex"}, "names no group"),
        ("massage", {"facet": Choice("sex", ("f", "a,b")), "score": "score"}, "has a comma or outer spaces"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(method, more, said):
    with pytest.raises(InputError, match=said):
        run(method, **more)


def test_a_score_that_is_not_there():
    with pytest.raises(ColumnNotFound):
        run("massage", score="nope")

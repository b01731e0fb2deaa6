"""Bias metrics: the reference cases of smclarify 0.5, and small tables worked out by hand."""

from __future__ import annotations

import json
import math

import pytest

from insights import bias
from insights.bias import Choice, Confusion
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connect, text

SHARED_NAMES = {"DCA": "DCAcc"}
REFERENCE_IDS = [
    "adult-sex-female", "adult-sex-male", "adult-sex-female-by-marital", "adult-race-black", "adult-race-nonwhite", "adult-age-gt-40",
    "adult-age-le-25", "adult-sex-female-label-hours-gt-40", "adult-race-onevsall-Amer-Indian-Eskimo", "adult-race-onevsall-Asian-Pac-Islander",
    "adult-race-onevsall-Black", "adult-race-onevsall-Other", "adult-race-onevsall-White", "german-sex-female", "german-age-gt-25",
    "german-age-le-25", "german-foreign-worker-A201", "german-personal-status-A92",
]  # fmt: skip

# 4 men with 3 yes, 4 women with 1 yes, in strata u and v.
BASE = "(VALUES ('a','yes','u'),('a','yes','u'),('a','yes','v'),('a','no','v'),('d','yes','u'),('d','no','u'),('d','no','v'),('d','no','v')) t(f, y, g)"


@pytest.fixture(scope="module")
def reference(shared):
    return json.loads((shared / "data/bias/reference_values.json").read_text())


@pytest.fixture(scope="module")
def con(shared):
    found = connect()
    for file in ("adult.csv", "german_credit.csv"):
        path = text(str(shared / "data/bias" / file))
        found.execute(f'CREATE TABLE "{file}" AS FROM read_csv({path})')
    yield found
    found.close()


def choice(column, spec, values_key="values"):
    if values_key in spec:
        return Choice(column, tuple(map(str, spec[values_key])))
    return Choice(column, operator=spec["op"], bound=str(spec["threshold"]))


def number(value):
    return float(value) if isinstance(value, str) else value


def test_every_reference_case_is_named(reference):
    assert [case["id"] for case in reference["cases"]] == REFERENCE_IDS


@pytest.mark.parametrize("case_id", REFERENCE_IDS)
def test_reference_case(case_id, reference, con):
    case = next(c for c in reference["cases"] if c["id"] == case_id)
    report = bias.measure(
        con,
        f'"{case["data_file"]}"',
        label=case["label"]["column"],
        positive=choice(case["label"]["column"], case["label"], "positive_values"),
        facets=[choice(case["facet"]["column"], case["facet"])],
        group=case["group_column"],
        predicted=case["predicted_column"],
    )
    (found,) = report.facets
    expected = case["pre_training"] | {k: v for k, v in case["post_training"].items() if not k.startswith("FT")}
    assert found.counts == case["counts"]
    for side, counts in (case.get("confusion") or {}).items():
        assert vars(found.confusion[side]) == counts
    for metric, value in expected.items():
        assert found.metrics[SHARED_NAMES.get(metric, metric)] == pytest.approx(number(value), abs=1e-9), metric


def test_confusions_of_the_documentation(reference):
    tables = [e for e in reference["edge_cases"] if "confusion" in e and isinstance(e["result"], list)]
    assert len(tables) >= 9
    for case in tables:
        found = bias.prediction_metrics(Confusion(**case["confusion"]["a"]), Confusion(**case["confusion"]["d"]))
        for metric, value in case["result"][0]["metrics"].items():
            assert found[SHARED_NAMES.get(metric, metric)] == pytest.approx(number(value), abs=1e-12), (
                case["id"],
                metric,
            )


def test_several_outcomes_use_the_full_support(reference, con):
    cases = [c for c in reference["multi_category_labels"] if c["data_file"] in ("adult.csv", "german_credit.csv")]
    for case in cases:
        column, label = case["facet"]["column"], case["label_column"]
        rows = con.execute(
            f'SELECT "{column}" IN ({", ".join(map(text, case["facet"]["values"]))}), "{label}"::VARCHAR, count(*) '
            f'FROM "{case["data_file"]}" GROUP BY ALL'
        ).fetchall()
        found = bias.distribution_metrics({y: n for d, y, n in rows if not d}, {y: n for d, y, n in rows if d})
        for metric, value in case["definition_full_support"].items():
            assert found[metric] == pytest.approx(number(value), abs=1e-9), (case["id"], metric)


def measure(source=BASE, **given):
    with_defaults = {"label": "y", "positive": "yes", "facets": ["f=d"]} | given
    return bias.measure(connect(), source, **with_defaults)


def test_a_small_table_by_hand():
    (found,) = measure(group="g").facets
    # women 1/4, men 3/4; stratum u: d is 1/1 of the rejected, 1/3 of the accepted; v: 2/3 and 0/1.
    assert found.metrics["DPL"] == 0.5
    assert found.metrics["KL"] == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1 / 3))
    assert found.metrics["CDDL"] == pytest.approx((4 * (1 - 1 / 3) + 4 * (2 / 3 - 0)) / 8)
    assert found.metrics["CI"] == 0
    says = {r.metric: r for r in found.readings}
    assert says["DPL"].says == "f = d gets y = yes 50.0 points less often than the rest (25.0% against 75.0%)."
    assert says["DPL"].severity == "high" and says["CI"].severity == "low"
    assert "CDDL" not in measure().facets[0].metrics


def test_a_group_without_the_favourable_outcome_has_infinite_kl():
    rows = "(VALUES ('a','yes'),('a','yes'),('a','yes'),('a','no'),('d','no'),('d','no'),('d','no'),('d','no')) t(f, y)"
    (found,) = measure(rows).facets
    # P_a = (3/4, 1/4), P_d = (0, 1), the middle (3/8, 5/8)
    js = (0.75 * math.log(2) + 0.25 * math.log(0.4) + math.log(1.6)) / 2
    assert found.metrics["KL"] == math.inf
    assert found.metrics["JS"] == pytest.approx(js)
    assert found.metrics["TVD"] == found.metrics["KS"] == 0.75
    assert found.as_json()["metrics"]["KL"] == "Infinity"
    assert "KL is infinite" in found.notes[0]


def test_opposite_outcomes_reach_the_largest_distances():
    rows = "(VALUES ('a','yes'),('a','yes'),('d','no'),('d','no')) t(f, y)"
    metrics = measure(rows).facets[0].metrics
    assert metrics["JS"] == pytest.approx(math.log(2))
    assert (metrics["LP"], metrics["TVD"], metrics["KS"]) == (pytest.approx(math.sqrt(2)), 1.0, 1.0)


def test_missing_values_are_left_out_and_counted():
    rows = "(VALUES ('a','yes','u','yes'),('a','no','u','no'),('d','yes',NULL,'no'),('d','no','u',NULL),(NULL,'yes','u','yes'),('d',NULL,'u','yes')) t(f,y,g,p)"
    report = measure(rows, group="g", predicted="p")
    (found,) = report.facets
    assert report.rows == 6
    assert found.excluded == {"facet": 1, "label": 1, "group": 1, "predicted": 1}
    assert found.counts == {"n_a": 2, "n_d": 2, "n_a_pos": 1, "n_d_pos": 1}
    assert found.confusion["d"] == Confusion(FN=1)
    # only the stratum u with three rows: d holds 1 of 2 rejections, 0 of 1 acceptances
    assert found.metrics["CDDL"] == 0.5
    assert "1 row without a known prediction left out of the metrics on predictions." in found.notes


def test_numbers_are_never_guessed_to_be_thresholds():
    rows = "(VALUES (1,1),(1,1),(1,1),(1,0),(0,1),(0,0),(0,0),(0,0)) t(f, y)"
    as_value = measure(rows, positive="1", facets=["f=0"]).facets[0]
    assert as_value.metrics["DPL"] == 0.5
    assert measure(rows, positive=">0", facets=["f<=0"]).facets[0].metrics == as_value.metrics
    floats = "(VALUES (1.0::DOUBLE,1),(1.0,1),(0.0,0),('nan',1)) t(f, y)"
    found = measure(floats, positive="1", facets=["f>0"]).facets[0]
    assert found.counts == {"n_a": 1, "n_d": 2, "n_a_pos": 0, "n_d_pos": 2}
    assert found.excluded["facet"] == 1  # NaN is missing, not the largest number


def test_dates_take_thresholds():
    rows = "(VALUES (DATE '2020-01-01', true), (DATE '2021-01-01', false)) t(f, y)"
    found = measure(rows, positive="true", facets=["f>=2021-01-01"]).facets[0]
    assert found.metrics["DPL"] == 1.0


def test_several_facets_in_one_report_and_a_facet_without_a_value():
    report = measure(facets=["f=d", "g=u", "f"])
    assert [(f.facet, f.value) for f in report.facets] == [("f", "d"), ("g", "u"), ("f", "a"), ("f", "d")]
    assert report.facets[2].metrics["DPL"] == -report.facets[3].metrics["DPL"] == -0.5


def test_columns_with_odd_names():
    source = """(SELECT f AS "a""b=c", y AS "select", g AS "größe" FROM """ + BASE + ")"
    (found,) = measure(source, label="select", facets=['a"b=c=d'], group="größe").facets
    assert found.metrics["DPL"] == 0.5
    assert found.facet == 'a"b=c'


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"facets": []}, "No group to protect"),
        ({"facets": ["f=zzz"]}, "No row has f = zzz"),
        ({"facets": ["f=a,d"]}, "nobody to compare with"),
        ({"facets": ["f>3"]}, "is a threshold, but column 'f' is not a number"),
        ({"positive": "maybe"}, "No row has y = maybe"),
    ],
)
def test_what_cannot_be_measured_is_said(given, said):
    with pytest.raises(InputError, match=said):
        measure(**given)


def test_a_missing_column_names_the_others():
    with pytest.raises(ColumnNotFound, match="did you mean 'f'|The table has"):
        measure(facets=["ff=d"])


def test_a_comma_separates_values_unless_the_table_holds_it():
    rows = "(VALUES ('x, y','yes'),('b','no'),('c','yes'),('d','no')) t(f, y)"
    assert measure(rows, facets=["f=x, y"]).facets[0].counts["n_d"] == 1
    assert measure(rows, facets=["f=b,c"]).facets[0].counts["n_d"] == 2


def test_nobody_predicted_positive_leaves_disparate_impact_undefined():
    rows = "(VALUES ('a','yes','no'),('d','no','no')) t(f, y, p)"
    (found,) = measure(rows, predicted="p").facets
    assert found.metrics["DI"] is None
    assert next(r for r in found.readings if r.metric == "DI").severity == "none"


@pytest.mark.parametrize(
    ("metric", "value", "level"),
    [("DPL", -0.05, "low"), ("DPL", 0.08, "medium"), ("DPL", 0.11, "high"), ("DI", 0.79, "high"), ("DI", 1.2, "medium"),
     ("DI", 1.0, "low"), ("CI", 0.81, "high"), ("KL", math.inf, "high"), ("TE", None, "none")],
)  # fmt: skip
def test_severity_follows_the_published_rules(metric, value, level):
    assert bias.severity(metric, value) == level

"""Differential privacy: samplers against their distributions, sensitivities by hand, and the budget."""

from __future__ import annotations

import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli import app
from insights import dp
from transforms.errors import ColumnNotFound, InputError, NotFound
from workspace.sql import connect, connection

# One person (p) may have several rows; ages 20, 30, 40 and one of 1,000, one missing, one NaN.
PEOPLE = """SELECT * FROM (VALUES (1, 20.0, 'f'), (1, 20.0, 'f'), (2, 30.0, 'm'), (3, 40.0, 'm'), (4, 1000.0, 'x'),
    (5, NULL, NULL), (6, 'nan'::DOUBLE, 'f')) t(p, age, sex)"""


@pytest.fixture
def con():
    found = connect()
    yield found
    found.close()


@pytest.fixture
def ws(tmp_workspace, con):
    tmp_workspace.datasets.write("people", con.sql(PEOPLE), lineage={})
    dp.set_budget(tmp_workspace, "people", 100)
    return tmp_workspace


@pytest.fixture
def silent(monkeypatch):
    """No noise: what is left is what the noise is added to. Remembers the scales that were asked for."""
    scales = []
    monkeypatch.setattr(dp, "discrete_laplace", lambda scale: scales.append(scale) or 0)
    return scales


@pytest.fixture
def seeded(monkeypatch):
    """Draw from a seeded generator, so that the statistical tests give the same answer each time."""
    monkeypatch.setattr(dp.secrets, "randbelow", random.Random(7).randrange)


@pytest.mark.parametrize("gamma", [Fraction(0), Fraction(1, 3), Fraction(1), Fraction(5, 2)])
def test_bernoulli_exp(seeded, gamma):
    n = 20_000
    share = sum(dp.bernoulli_exp(gamma) for _ in range(n)) / n
    p = math.exp(-gamma)
    assert abs(share - p) <= 4 * math.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(1), Fraction(10, 3)])
def test_discrete_laplace(seeded, scale):
    """P(n) = (1 - a) / (1 + a) · a^|n| with a = exp(-1 / scale)."""
    n = 20_000
    drawn = [dp.discrete_laplace(scale) for _ in range(n)]
    a = math.exp(-1 / scale)
    for value in (-2, -1, 0, 1, 2):
        p = (1 - a) / (1 + a) * a ** abs(value)
        assert abs(drawn.count(value) / n - p) <= 4 * math.sqrt(p * (1 - p) / n)
    assert sum(abs(x) > dp._error_95(scale) for x in drawn) / n <= 0.05


def test_exponential_mechanism(seeded):
    n = 20_000
    drawn = [dp.exponential_mechanism([0, -1, -4], 1, Fraction(2)) for _ in range(n)]
    weights = [math.exp(u) for u in (0, -1, -4)]
    for place, weight in enumerate(weights):
        p = weight / sum(weights)
        assert abs(drawn.count(place) / n - p) <= 4 * math.sqrt(p * (1 - p) / n)


def test_noise_uses_the_systems_generator():
    assert len({dp.discrete_laplace(Fraction(10**6)) for _ in range(50)}) > 40


def test_sums_by_hand(ws, con, silent):
    ask = dp.Private(ws, con, "people")
    assert ask.count(0.5).value == 7
    found = ask.sum("age", 0, 100, 0.5)
    assert (found.value, found.sensitivity) == (210.0, 100.0)  # 20 + 20 + 30 + 40 + 1,000 clamped to 100
    assert ask.sum("age", -10, 30, 1).sensitivity == 30
    found = ask.mean("age", 0, 100, 1)
    assert (found.value, found.sensitivity) == (pytest.approx(42.0), pytest.approx(50.0))
    bars = ask.histogram("sex", 2, categories=["f", "m", "none"])
    assert bars.value == {"f": 3, "m": 2, "none": 0, dp.REST: 2}
    assert ask.histogram("age", 2, edges=[0, 30, 40]).value == {"[0, 30)": 2, "[30, 40]": 2, dp.REST: 3}
    # Scales: sensitivity / epsilon, in units of the grid (0.0001 for bounds of 100); a mean has half of epsilon each.
    unit = 10**4
    assert silent[:5] == [2, 200 * unit, 30 * 10**5, 100 * unit, 2] and set(silent[5:]) == {Fraction(1, 2)}


def test_a_persons_rows_are_bounded(ws, con, silent):
    ask = dp.Private(ws, con, "people", person="p")
    assert (ask.count(1).value, ask.sum("age", 0, 100, 1).value) == (6, 190.0)
    twice = dp.Private(ws, con, "people", person="p", rows_per_person=2)
    found = twice.sum("age", 0, 100, 1)
    assert (found.value, found.sensitivity, twice.count(1).value) == (210.0, 200.0, 7)


def test_whole_numbers_are_counted_in_ones(ws, con, silent):
    found = dp.Private(ws, con, "people").sum("p", 0, 3, 1)
    assert (found.value, silent, found.sensitivity) == (1 + 1 + 2 + 3 + 3 + 3 + 3, [3], 3)


def test_one_person_moves_no_sum_by_more_than_its_sensitivity(ws, con, silent):
    """The same question to random tables with and without one person."""
    draw = random.Random(11)
    for trial in range(6):
        rows = [(draw.randrange(4), draw.choice([draw.gauss(0, 50), 1e300, -1e300, None])) for _ in range(12)]
        for less in (False, True):
            kept = [row for row in rows if not less or row[0] != 0] or [(9, None)]
            con.execute("CREATE OR REPLACE TABLE made (p INTEGER, x DOUBLE)")
            con.executemany("INSERT INTO made VALUES (?, ?)", kept)
            ws.datasets.write(f"made_{trial}_{less}", con.sql("FROM made"), lineage={})
            dp.set_budget(ws, f"made_{trial}_{less}", 10)
        with_, without = (
            dp.Private(ws, con, f"made_{trial}_{less}", person="p", rows_per_person=2).sum("x", -7.5, 3.25, 1)
            for less in (False, True)
        )
        assert with_.sensitivity == 15.0
        assert abs(with_.value - without.value) <= with_.sensitivity + 1e-9


def test_quantiles(ws, con):
    assert dp._quantile_utilities([1, 1, 1], Fraction(1, 2)) == [-2, 0, -2]
    assert dp._quantile_utilities([3, 0, 1], Fraction(3, 4)) == [-3, 0, -3]  # 1 · below - 3 · above: -3, 3 - 3, 3
    ask = dp.Private(ws, con, "people")
    found = ask.quantile("age", 0.5, 0, 100, 50)
    assert found.value == pytest.approx(30.0, abs=10)
    assert found.mechanism == "exponential mechanism" and found.sensitivity == 1


def test_the_budget(ws, con):
    dp.set_budget(ws, "people", "0.3", actor="ann")
    ask = dp.Private(ws, con, "people@1")
    for left in (0.2, 0.1, 0.0):  # 0.1 three times is exactly 0.3
        assert ask.count(0.1).left == left
    with pytest.raises(dp.BudgetSpent, match="costs epsilon 0.1, but dataset 'people' has 0.0 of 0.3 left"):
        ask.count(0.1)
    assert dp.budget(ws, "people").spent == Decimal("0.3") and dp.budget(ws, "people").answers == 3
    with pytest.raises(InputError, match="has spent 0.3 already"):
        dp.set_budget(ws, "people", 0.2)
    lines = [line for line in ws.audit.list() if line.action.startswith("privacy.")]
    assert [line.action for line in lines[:3]] == ["privacy.release"] * 3
    assert lines[0].subject == "people@1" and lines[0].detail["kind"] == "count"
    assert (lines[3].action, lines[3].actor, lines[3].detail["epsilon"]) == ("privacy.budget", "ann", "0.3")


def test_versions_share_a_budget(ws, con):
    ws.datasets.write("people", con.sql(f"{PEOPLE} UNION ALL SELECT 7, 50.0, 'f'"), lineage={})
    dp.Private(ws, con, "people@1").count(40)
    assert dp.Private(ws, con, "people@2").count(40).left == 20.0


def test_two_askers_cannot_spend_the_same_epsilon(ws):
    dp.set_budget(ws, "people", 1)

    def ask(_):
        con = connect(threads=1)
        try:
            return dp.Private(ws, con, "people").count(0.4) is not None
        except dp.BudgetSpent:
            return False
        finally:
            con.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(8))) == 2
    assert dp.budget(ws, "people").spent == Decimal("0.8")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda a: a.count(0), "epsilon must be"),
        (lambda a: a.count("nan"), "epsilon must be"),
        (lambda a: a.count("much"), "epsilon must be"),
        (lambda a: a.sum("age", 10, 0, 1), "not two numbers in rising order"),
        (lambda a: a.sum("age", 0, math.inf, 1), "not two numbers in rising order"),
        (lambda a: a.sum("age", 0, 1e20, 1), "at most 1e.15"),
        (lambda a: a.mean("sex", 0, 1, 1), "is not a number"),
        (lambda a: a.histogram("sex", 1), "needs either its categories or its edges"),
        (lambda a: a.histogram("age", 1, edges=[1, 1]), "rising order"),
        (lambda a: a.histogram("sex", 1, categories=[]), "from 1 to 10,000 bars"),
        (lambda a: a.quantile("age", 1, 0, 1, 1), "between 0 and 1"),
    ],
)
def test_a_wrong_question_costs_nothing(ws, con, question, said):
    with pytest.raises(InputError, match=said):
        question(dp.Private(ws, con, "people"))
    assert dp.budget(ws, "people").spent == 0


def test_more_errors(ws, con):
    with pytest.raises(ColumnNotFound, match="did you mean 'age'"):
        dp.Private(ws, con, "people").sum("agee", 0, 1, 1)
    with pytest.raises(ColumnNotFound):
        dp.Private(ws, con, "people", person="who")
    ws.datasets.write("other", con.sql(PEOPLE), lineage={})
    with pytest.raises(NotFound, match="no privacy budget"):
        dp.Private(ws, con, "other").count(1)


def test_declared_values_are_data(ws, con):
    found = dp.Private(ws, con, "people").histogram("sex", 99, categories=["it's", 'f"; DROP', dp.REST])
    assert list(found.value) == ["it's", 'f"; DROP', dp.REST, dp.REST + " "]


def test_commands(ws):
    def run(*words):
        return CliRunner().invoke(app, ["privacy", *words])

    assert json.loads(run("budget", "people", "--epsilon", "5", "--json").stdout)["left"] == 5.0
    result = run(
        "dp", "people", "mean", "--column", "age", "--lower", "0", "--upper", "100", "--epsilon", "2", "--json"
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert 0 <= found["value"] <= 100 and (found["epsilon"], found["left"]) == (2.0, 3.0)
    assert "Epsilon 1 spent; 2 left." in run("dp", "people", "count", "--epsilon", "1").stdout
    bars = run("dp", "people", "histogram", "--column", "sex", "--category", "f", "--epsilon", "1").stdout
    assert dp.REST in bars
    refused = run("dp", "people", "count", "--epsilon", "2")
    assert refused.exit_code == 1 and "has 1 of 5 left" in refused.stderr
    assert "needs --lower and --upper" in run("dp", "people", "sum", "--column", "age", "--epsilon", "1").stderr


# -- before asking, summaries, and what was asked


def test_noise_before_asking_is_what_the_answer_says(tmp_workspace):
    tmp_workspace.datasets.write("d", pa.table({"x": [1, 2, 3]}), lineage={})
    dp.set_budget(tmp_workspace, "d", 10)
    with connection() as con:
        private = dp.Private(tmp_workspace, con, "d", rows_per_person=2)
        assert (
            private.count(0.5).error_95 == dp.noise_before("count", 0.5, rows_per_person=2) == 12
        )  # 4 · ln 20 = 11.98
        told = dp.noise_before("sum", 0.5, rows_per_person=2, lower=-3, upper=10)
        assert told == pytest.approx(20 / 0.5 * math.log(20))
        assert private.sum("x", -3, 10, 0.5).error_95 == math.ceil(told)


def test_noise_before_of_means_and_quantiles():
    # Half of epsilon 1 for a sum about the middle of 0..100: scale 50 / 0.5, over 1,000 rows.
    assert dp.noise_before("mean", 1, lower=0, upper=100) == pytest.approx(100 * math.log(20) / 1000)
    # A median's utility counts half ranks: 2 · 1 / 1 · ln(20 · 1001) / 2.
    assert dp.noise_before("quantile", 1) == pytest.approx(math.log(20 * 1001))


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("median", {}, "'median' is no question"),
        ("sum", {"lower": 1}, "needs its bounds"),
        ("mean", {"lower": 2, "upper": 1}, "needs its bounds"),
        ("count", {"rows_per_person": 0}, "at least 1 row"),
    ],
)
def test_noise_before_refuses(kind, more, message):
    with pytest.raises(InputError, match=message):
        dp.noise_before(kind, 1, **more)


def test_a_summary_is_paid_for_once(tmp_workspace):
    tmp_workspace.datasets.write("d", pa.table({"x": list(range(1001)), "y": [5.0] * 1001}), lineage={})
    dp.set_budget(tmp_workspace, "d", 1000)
    with connection() as con:
        private = dp.Private(tmp_workspace, con, "d")
        found = private.summary({"x": (0, 1000), "y": (0, 10)}, 900)
        assert private._prepaid is None
    assert (found.kind, found.left) == ("summary", 100)
    assert dp.budget(tmp_workspace, "d").answers == 1
    # With an epsilon this large the noise is all but gone.
    assert found.value["x · mean"] == pytest.approx(500, abs=2) and found.value["y · mean"] == pytest.approx(5, abs=0.1)
    assert found.value["x · median"] == pytest.approx(500, abs=5)
    assert found.value["x · upper quartile"] == pytest.approx(750, abs=5)
    (line,) = dp.history(tmp_workspace, "d")
    assert (line["kind"], line["column"], line["epsilon"], line["left"]) == ("summary", "x, y", 900, 100)


def test_refused_summaries_cost_nothing(tmp_workspace):
    tmp_workspace.datasets.write("d", pa.table({"x": [1, 2], "t": ["a", "b"]}), lineage={})
    dp.set_budget(tmp_workspace, "d", 1)
    with connection() as con:
        private = dp.Private(tmp_workspace, con, "d")
        for bounds, epsilon, message in [
            ({}, 0.1, "at least one column"),
            ({"x": (1, 1)}, 0.1, "must differ"),
            ({"t": (0, 1)}, 0.1, "is not a number"),
            ({"x": (0, 1)}, 0.000002, "too small for 1 columns"),
        ]:
            with pytest.raises(InputError, match=message):
                private.summary(bounds, epsilon)
        with pytest.raises(dp.BudgetSpent):
            private.summary({"x": (0, 5)}, 2)
    assert dp.budget(tmp_workspace, "d").answers == 0 and dp.history(tmp_workspace, "d") == []


def test_history_is_of_one_dataset(tmp_workspace):
    for name in ("d", "e"):
        tmp_workspace.datasets.write(name, pa.table({"x": [1]}), lineage={})
        dp.set_budget(tmp_workspace, name, 1)
        with connection() as con:
            dp.Private(tmp_workspace, con, name, actor="bo").count(0.25)
    (line,) = dp.history(tmp_workspace, "e")
    assert (line["ref"], line["actor"], line["left"]) == ("e@1", "bo", 0.75)

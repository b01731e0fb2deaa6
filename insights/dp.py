"""Differential privacy: counts, sums, means, histograms and quantiles with noise, and a budget per dataset.

An answer is epsilon-differentially private towards adding or removing one person. What it rests on comes from the
asker, never from the data: bounds of the values, categories, and how many rows a person may have. DuckDB sums whole
numbers (values are clamped and put on a grid first) and the noise is whole too, drawn exactly from `secrets` with
fractions, so there are no floating-point digits that give the answer away (Mironov 2012). Sources: Dwork & Roth 2014
(mechanisms); Canonne, Kamath & Steinke 2020, algorithms 1 and 2 (exact samplers). Limits: no delta; how long an answer
takes is not hidden.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from insights.profile import kind_of
from transforms.errors import AppError, ColumnNotFound, InputError, NotFound
from workspace.sql import ident, one_row, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from workspace import Workspace

SETTING = "privacy.budgets"  # one setting for all, since a dataset's name may be as long as a setting's
KINDS = ("count", "sum", "mean", "histogram", "quantile")
REST = "(other or missing)"
MOST_BOUND = 10**15
CANDIDATES = 1000  # steps between the bounds of a quantile
DIGITS = 6  # the grid of fractional values is this many digits finer than the larger bound


class BudgetSpent(AppError):
    """An answer that would cost more than is left of the dataset's budget."""

    code = "budget"


@dataclass(frozen=True)
class Budget:
    """Epsilon of one dataset, all versions together: what may be spent in all, and what is spent."""

    dataset: str
    epsilon: Decimal
    spent: Decimal
    answers: int

    @property
    def left(self) -> Decimal:
        return self.epsilon - self.spent

    def as_json(self) -> dict:
        numbers = {"epsilon": float(self.epsilon), "spent": float(self.spent), "left": float(self.left)}
        return {"dataset": self.dataset, **numbers, "answers": self.answers}


@dataclass
class Release:
    """A noisy answer. `value` is a number, or {category: number} for a histogram.

    `error_95`: the noise alone stays within this distance with a chance of at least 95% (of a mean: about; of each bar
    of a histogram; of a quantile: None). What clamping changes is not in it.
    """

    kind: str
    column: str | None
    value: Any
    epsilon: float
    mechanism: str
    sensitivity: float
    error_95: float | None
    left: float
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return asdict(self)


# -- the budget


def set_budget(ws: Workspace, dataset: str, epsilon: float | str, *, actor: str | None = None) -> Budget:
    """Set what may be spent on a dataset in all, and write an audit line.

    Raises:
        NotFound: there is no such dataset.
        InputError: epsilon is no positive number, or more is spent already.
    """
    name = ws.datasets.get(dataset).name
    total = _epsilon(epsilon)
    with ws.together():
        ledgers = dict(ws.settings.get(SETTING, {}))
        old = _read(name, ledgers[name]) if name in ledgers else Budget(name, Decimal(0), Decimal(0), 0)
        if total < old.spent:
            raise InputError(f"Dataset {name!r} has spent {old.spent} already, more than {total}.")
        new = Budget(name, total, old.spent, old.answers)
        ws.settings.set(SETTING, ledgers | {name: _written(new)})
        ws.audit.record("privacy.budget", name, {"epsilon": str(total), "before": str(old.epsilon)}, actor)
    return new


def budget(ws: Workspace, dataset: str) -> Budget:
    """Return a dataset's budget; raise NotFound where none was set."""
    name = ws.datasets.get(dataset).name
    ledgers = ws.settings.get(SETTING, {})
    if name not in ledgers:
        raise _no_budget(name)
    return _read(name, ledgers[name])


def _spend(ws: Workspace, name: str, ref: str, epsilon: Decimal, detail: dict, actor: str | None) -> Budget:
    """Take epsilon off in one transaction, before anything is counted: two askers at once cannot share what is left."""
    with ws.together():
        ledgers = dict(ws.settings.get(SETTING, {}))
        if name not in ledgers:
            raise _no_budget(name)
        old = _read(name, ledgers[name])
        if epsilon > old.left:
            raise BudgetSpent(
                f"The answer costs epsilon {epsilon}, but dataset {name!r} has {old.left} of {old.epsilon} left.",
                hint="Ask with a smaller epsilon (more noise), or have the budget raised.",
            )
        new = Budget(name, old.epsilon, old.spent + epsilon, old.answers + 1)
        ws.settings.set(SETTING, ledgers | {name: _written(new)})
        ws.audit.record("privacy.release", ref, detail | {"epsilon": str(epsilon), "left": str(new.left)}, actor)
    return new


def _no_budget(name: str) -> NotFound:
    return NotFound(
        f"Dataset {name!r} has no privacy budget.",
        hint=f"Set one: tilth privacy budget {name} --epsilon 1 (1 or less is cautious, above 10 protects little).",
    )


def _rounded_down(value: Decimal) -> Decimal:
    """Return an epsilon of six significant digits that is no larger."""
    return value.quantize(Decimal(1).scaleb(value.adjusted() - 5), rounding=ROUND_DOWN)


def _read(name: str, kept: dict) -> Budget:
    return Budget(name, Decimal(kept["epsilon"]), Decimal(kept["spent"]), int(kept["answers"]))


def _written(budget: Budget) -> dict:
    return {"epsilon": str(budget.epsilon), "spent": str(budget.spent), "answers": budget.answers}


def _epsilon(value: float | str | Decimal) -> Decimal:
    """Return epsilon as the decimal number that was written (0.1 three times is 0.3)."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not Decimal("1e-6") <= found <= 1000:
        raise InputError(f"epsilon must be a number from 0.000001 to 1000, not {value!r}.")
    return found.normalize()


def history(ws: Workspace, dataset: str, most: int = 100) -> list[dict]:
    """Return the answers that a dataset (all versions) has paid for, newest first: when, who, what, epsilon, left."""
    name = ws.datasets.get(dataset).name
    found = []
    for line in ws.audit.list(limit=10_000):
        if line.action == "privacy.release" and line.subject.rpartition("@")[0] == name:
            about = {k: v for k, v in line.detail.items() if k not in ("epsilon", "left") and v is not None}
            found.append({"at": line.at, "actor": line.actor, "ref": line.subject, **about,
                          "epsilon": float(line.detail["epsilon"]), "left": float(line.detail["left"])})  # fmt: skip
    return found[:most]


def noise_before(
    kind: str,
    epsilon: float | str,
    *,
    rows_per_person: int = 1,
    lower: float | None = None,
    upper: float | None = None,
    q: float | str = 0.5,
    rows: int = 1_000,
) -> float:
    """Return how far the noise of an answer reaches in 95 of 100 cases; nothing is looked at and nothing is spent.

    Of count, sum and histogram (each bar) it is exact; of a mean it is for so many `rows` as are guessed; of a quantile it is a
    number of rows: so many ranks the answer may lie off (McSherry & Talwar 2007, for 1,001 values to choose from).

    Raises:
        InputError: no such question, no epsilon, or no bounds where they are needed.
    """
    cost, m = Fraction(_epsilon(epsilon)), int(rows_per_person)
    if m < 1 or rows < 1:
        raise InputError(f"A person must be allowed at least 1 row, not {min(m, rows)}.")
    if kind in ("count", "histogram"):
        return float(_error_95(m / cost))
    if kind == "quantile":
        share = Fraction(str(q)).limit_denominator(1000)
        reach = m * max(share.numerator, share.denominator - share.numerator)
        return 2 * reach / float(cost) * math.log(20 * (CANDIDATES + 1)) / share.denominator
    if kind not in ("sum", "mean"):
        raise InputError(f"{kind!r} is no question that can be answered.", hint=f"Known: {', '.join(KINDS)}.")
    if lower is None or upper is None or not lower <= upper:
        raise InputError(f"A {kind} needs its bounds, in rising order.", hint="Give the range that values can have.")
    if kind == "sum":
        return m * max(abs(lower), abs(upper)) / float(cost) * math.log(20)
    half = float(cost) / 2
    return m * (upper - lower) / 2 / half * math.log(20) / rows


# -- exact noise


def bernoulli(p: Fraction) -> bool:
    """Return True with probability p (0-1)."""
    return secrets.randbelow(p.denominator) < p.numerator


def bernoulli_exp(gamma: Fraction) -> bool:
    """Return True with probability exp(-gamma), gamma >= 0 (Canonne, Kamath & Steinke 2020, algorithm 1)."""
    while gamma > 1:
        if not bernoulli_exp(Fraction(1)):
            return False
        gamma -= 1
    k = 1
    while bernoulli(gamma / k):
        k += 1
    return k % 2 == 1


def discrete_laplace(scale: Fraction) -> int:
    """Return a whole number n with probability proportional to exp(-|n| / scale) (the same, algorithm 2).

    It is the two-sided geometric distribution; with scale = sensitivity / epsilon, adding n is epsilon-DP.
    """
    t, s = scale.numerator, scale.denominator
    while True:
        u = secrets.randbelow(t)
        if not bernoulli_exp(Fraction(u, t)):
            continue
        v = 0
        while bernoulli_exp(Fraction(1)):
            v += 1
        size, negative = (u + t * v) // s, bool(secrets.randbelow(2))
        if negative and not size:
            continue  # else 0 would come twice as often
        return -size if negative else size


def exponential_mechanism(utilities: list[int], sensitivity: int, epsilon: Fraction) -> int:
    """Return a place with probability proportional to exp(epsilon · utility / (2 · sensitivity)), by rejection."""
    best = max(utilities)
    while True:
        i = secrets.randbelow(len(utilities))
        if bernoulli_exp(epsilon * (best - utilities[i]) / (2 * sensitivity)):
            return i


def _error_95(scale: Fraction) -> float:
    """Return a distance that discrete Laplace noise passes with a chance of at most 5%."""
    return math.ceil(float(scale) * math.log(20))


# -- answers


class Private:
    """Questions to one dataset of a workspace that cost budget.

    Args:
        ref: `dataset` or `dataset@version`; the budget is that of the dataset.
        person: the column that tells people apart. Only `rows_per_person` rows of each are used, and rows without a
            person are left out. None: you promise that nobody has more than `rows_per_person` rows.
    """

    def __init__(
        self,
        ws: Workspace,
        con: DuckDBPyConnection,
        ref: str,
        *,
        person: str | None = None,
        rows_per_person: int = 1,
        actor: str | None = None,
    ):
        version = ws.datasets.get(ref)
        self.ws, self.con, self.actor = ws, con, actor
        self.name, self.ref, self.source = version.name, version.ref, version.sql()
        relation = con.sql(f"SELECT * FROM {self.source}")
        self.types = {n: str(t) for n, t in zip(relation.columns, relation.types, strict=True)}
        if person is not None:
            self._known(person)
        if rows_per_person < 1:
            raise InputError(f"A person must be allowed at least 1 row, not {rows_per_person}.")
        self.person, self.m = person, int(rows_per_person)
        self._prepaid: float | None = None  # what is left, while a summary that was paid for as a whole is made

    def count(self, epsilon: float | str) -> Release:
        """Count the rows."""
        cost = _epsilon(epsilon)
        left = self._spend("count", None, cost)
        exact = self._ask("count(*)", "1", "true")[0]
        scale = self.m / Fraction(cost)
        return self._release("count", None, exact + discrete_laplace(scale), cost, self.m, _error_95(scale), left)

    def sum(self, column: str, lower: float, upper: float, epsilon: float | str) -> Release:
        """Add up a column's known values, each clamped to [lower, upper]."""
        cost, grid = _epsilon(epsilon), self._grid(column, lower, upper)
        left = self._spend("sum", column, cost, lower=lower, upper=upper)
        exact = self._ask("coalesce(sum(x), 0)", grid.sql, grid.known)[0]
        reach = self.m * max(abs(grid.low), abs(grid.high))
        scale = reach / Fraction(cost)
        value = (int(exact) + discrete_laplace(scale)) * grid.unit
        wide = _error_95(scale) * grid.unit
        return self._release("sum", column, value, cost, reach * grid.unit, float(wide), left)

    def mean(self, column: str, lower: float, upper: float, epsilon: float | str) -> Release:
        """Average a column's known values, each clamped to [lower, upper]: half of epsilon each for sum and count."""
        cost, grid = _epsilon(epsilon), self._grid(column, lower, upper)
        left = self._spend("mean", column, cost, lower=lower, upper=upper)
        middle = (grid.low + grid.high) // 2
        total, rows = self._ask(f"coalesce(sum(x - {middle}), 0), count(*)", grid.sql, grid.known)
        reach, half = self.m * max(grid.high - middle, middle - grid.low), Fraction(cost) / 2
        total, rows = int(total) + discrete_laplace(reach / half), rows + discrete_laplace(self.m / half)
        off = Fraction(total, rows) if rows > 0 else Fraction(0)
        off = max(Fraction(grid.low - middle), min(Fraction(grid.high - middle), off))
        wide = None
        if rows > 0:
            wide = float((_error_95(reach / half) + abs(off) * _error_95(self.m / half)) / rows * grid.unit)
        span = max(upper - lower, 0)
        release = self._release("mean", column, (middle + off) * grid.unit, cost, reach * grid.unit, wide, left)
        if wide is None or wide > span / 4:
            release.notes.append(
                "The noise is wide beside the bounds: use more rows, a larger epsilon or closer bounds."
            )
        return release

    def histogram(
        self,
        column: str,
        epsilon: float | str,
        *,
        categories: Iterable[str] | None = None,
        edges: Iterable[float] | None = None,
    ) -> Release:
        """Count rows per declared category, or per bin between declared edges.

        Bins are closed on the left, the last one on both sides. What is in none of them is one more bar, so that no
        value shows that was not declared. Bars may be negative.
        """
        cost = _epsilon(epsilon)
        self._known(column)
        names, place = self._cells(column, categories, edges)
        left = self._spend("histogram", column, cost, bars=len(names))
        bars = ", ".join(f"count(*) FILTER (x = {i})" for i in range(len(names)))
        exact = self._ask(bars, place, "true")
        scale = self.m / Fraction(cost)
        value = {name: n + discrete_laplace(scale) for name, n in zip(names, exact, strict=True)}
        return self._release("histogram", column, value, cost, self.m, _error_95(scale), left)

    def quantile(self, column: str, q: float | str, lower: float, upper: float, epsilon: float | str) -> Release:
        """Return one of 1,001 evenly spaced values from lower to upper near the q-quantile (q 0-1) of known values."""
        cost = _epsilon(epsilon)
        share = Fraction(str(q)).limit_denominator(1000)
        if not 0 < share < 1:
            raise InputError(f"A quantile must be between 0 and 1, not {q}.", hint="The median is 0.5.")
        self._grid(column, lower, upper)
        if lower == upper:
            raise InputError("The bounds of a quantile must differ.")
        left = self._spend("quantile", column, cost, lower=lower, upper=upper, q=str(q))
        value = f"{ident(column)}::DOUBLE"
        inside = f"greatest({float(lower)!r}::DOUBLE, least({float(upper)!r}::DOUBLE, {value}))"
        step = (Fraction(str(upper)) - Fraction(str(lower))) / CANDIDATES
        place = f"round(({inside} - {float(lower)!r}::DOUBLE) / {float(step)!r}::DOUBLE)::INTEGER"
        kept = self._rows(place, f"{value} IS NOT NULL AND NOT isnan({value})")
        found = dict(self.con.execute(f"SELECT x, count(*) FROM ({kept}) GROUP BY x").fetchall())
        utilities = _quantile_utilities([found.get(i, 0) for i in range(CANDIDATES + 1)], share)
        reach = self.m * max(share.numerator, share.denominator - share.numerator)
        chosen = exponential_mechanism(utilities, reach, Fraction(cost))
        found_value = Fraction(str(lower)) + chosen * step
        release = self._release("quantile", column, found_value, cost, reach, None, left)
        release.mechanism = "exponential mechanism"
        return release

    def summary(self, bounds: Mapping[str, tuple[float, float]], epsilon: float | str) -> Release:
        """Describe number columns: mean and quartiles of each, clamped to its bounds. Epsilon is paid once and shared evenly.

        Of a column's share half goes to the mean and a sixth to each quartile. The value is {"column · figure": number}.

        Raises:
            InputError: no column, or bounds that are no range.
            ColumnNotFound, BudgetSpent: as other questions.
        """
        cost = _epsilon(epsilon)
        if not bounds:
            raise InputError("A summary needs at least one column with its bounds.")
        for column, (lower, upper) in bounds.items():
            self._grid(column, lower, upper)
            if lower == upper:
                raise InputError(f"The bounds of column {column!r} must differ.")
        part = cost / len(bounds)
        if part / 6 < Decimal("1e-6"):
            raise InputError(f"epsilon {cost} is too small for {len(bounds)} columns.", hint="Choose fewer columns.")
        said = {column: [low, high] for column, (low, high) in bounds.items()}
        self._prepaid = self._spend("summary", ", ".join(bounds), cost, bounds=said)
        try:
            value: dict[str, float] = {}
            for column, (lower, upper) in bounds.items():
                value[f"{column} · mean"] = self.mean(column, lower, upper, _rounded_down(part / 2)).value
                for q, name in ((0.25, "lower quartile"), (0.5, "median"), (0.75, "upper quartile")):
                    value[f"{column} · {name}"] = self.quantile(column, q, lower, upper, _rounded_down(part / 6)).value
            left = self._prepaid
        finally:
            self._prepaid = None
        release = self._release("summary", ", ".join(bounds), value, cost, self.m, None, left)
        release.mechanism = "discrete Laplace and exponential mechanism"
        return release

    def _known(self, column: str) -> str:
        if column not in self.types:
            raise ColumnNotFound.of(column, self.types)
        return self.types[column]

    def _spend(self, kind: str, column: str | None, cost: Decimal, **detail: Any) -> float:
        if self._prepaid is not None:
            return self._prepaid
        about = {"kind": kind, "column": column, "person": self.person, "rows_per_person": self.m, **detail}
        return float(_spend(self.ws, self.name, self.ref, cost, about, self.actor).left)

    def _release(self, kind, column, value, cost, sensitivity, error, left) -> Release:
        value = value if isinstance(value, dict | int) else float(value)
        release = Release(kind, column, value, float(cost), "discrete Laplace", float(sensitivity), error, left)
        if cost > 10:
            release.notes.append("An epsilon above 10 protects little.")
        if self.person is None:
            some = "1 row" if self.m == 1 else f"{self.m} rows"
            release.notes.append(
                f"It protects people only if nobody has more than {some}; else name the person column."
            )
        return release

    def _rows(self, value: str, known: str) -> str:
        """Return SQL for the values `x` that count: at most m of each person, chosen by that person's rows alone."""
        if self.person is None:
            return f"SELECT {value} AS x FROM {self.source} WHERE {known}"
        person = ident(self.person)
        return (
            f"SELECT {value} AS x FROM {self.source} WHERE {known} AND {person} IS NOT NULL "
            f"QUALIFY row_number() OVER (PARTITION BY {person} ORDER BY hash({value})) <= {self.m}"
        )

    def _ask(self, what: str, value: str, known: str) -> tuple:
        return one_row(self.con, f"SELECT {what} FROM ({self._rows(value, known)})")

    def _grid(self, column: str, lower: float, upper: float) -> _Grid:
        dtype = self._known(column)
        if kind_of(dtype) != "number":
            raise InputError(f"Column {column!r} ({dtype}) is not a number.", hint="Ask for a histogram instead.")
        if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
            raise InputError(f"The bounds {lower:g} and {upper:g} are not two numbers in rising order.")
        most = max(abs(lower), abs(upper))
        if most > MOST_BOUND:
            raise InputError(
                f"The bounds may be at most {MOST_BOUND:.0e}.", hint="Give the range that values can have."
            )
        whole = "INT" in dtype or dtype.startswith("DECIMAL") and dtype.endswith(",0)")
        if whole or not most:
            unit = Fraction(1)
        else:
            unit = Fraction(10) ** (math.floor(math.log10(most)) - DIGITS)
        low, high = math.floor(Fraction(str(lower)) / unit), math.ceil(Fraction(str(upper)) / unit)
        value = f"{ident(column)}::DOUBLE"
        scaled = f"round({value} * {float(1 / unit)!r}::DOUBLE)"
        sql = f"greatest({low}::DOUBLE, least({high}::DOUBLE, {scaled}))::HUGEINT"
        return _Grid(unit, low, high, sql, f"{value} IS NOT NULL AND NOT isnan({value})")

    def _cells(self, column, categories, edges) -> tuple[list[str], str]:
        """Return the names of the bars and SQL for the number of a row's bar."""
        if (categories is None) == (edges is None):
            raise InputError(
                "A histogram needs either its categories or its edges.",
                hint="They must not come from the data: showing which values occur would give some away.",
            )
        if categories is not None:
            names = list(dict.fromkeys(str(c) for c in categories))
            tests = [f"{ident(column)}::VARCHAR = {text(name)}" for name in names]
        else:
            cuts = [float(e) for e in edges]
            if kind_of(self.types[column]) != "number":
                raise InputError(f"Column {column!r} ({self.types[column]}) is not a number.", hint="Give categories.")
            if (
                len(cuts) < 2
                or not all(map(math.isfinite, cuts))
                or any(a >= b for a, b in zip(cuts, cuts[1:], strict=False))
            ):
                raise InputError("Edges must be at least two numbers in rising order.")  # fmt: skip
            value = f"{ident(column)}::DOUBLE"
            names, tests = [], []
            for i, (a, b) in enumerate(zip(cuts, cuts[1:], strict=False)):
                last = i == len(cuts) - 2
                names.append(f"[{a:g}, {b:g}{']' if last else ')'}")
                tests.append(f"{value} >= {a!r}::DOUBLE AND {value} {'<=' if last else '<'} {b!r}::DOUBLE")
        if not names or len(names) > 10_000:
            raise InputError(f"A histogram has from 1 to 10,000 bars, not {len(names):,}.")
        cases = " ".join(f"WHEN {test} THEN {i}" for i, test in enumerate(tests))
        rest = REST if REST not in names else REST + " "
        return [*names, rest], f"(CASE {cases} ELSE {len(names)} END)"


@dataclass(frozen=True)
class _Grid:
    """Values as whole numbers of `unit`, clamped to low..high (in units)."""

    unit: Fraction
    low: int
    high: int
    sql: str
    known: str


def _quantile_utilities(counts: list[int], share: Fraction) -> list[int]:
    """Return how evenly each place divides the rows: -|(b - a) · below - a · above| for the share a/b."""
    a, b = share.numerator, share.denominator
    below, above, found = 0, sum(counts), []
    for n in counts:
        above -= n
        found.append(-abs((b - a) * below - a * above))
        below += n
    return found

"""Personal data in the columns of a table, told by the values (forms, check digits) and by the column's name.

All values are looked at, in SQL, each distinct one once; a column with more than `MAX_DISTINCT` different values is
judged by that many of them, and the result says so. Check digits are computed only for the values whose form fits. Columns
of sentences are also read by `find_in_text`, up to `MAX_TEXTS` different ones. Types are named as Amazon Comprehend names them.
Limit: names of people, user names and passwords that stand alone in a cell are told by the column's name alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from insights.pii.names import by_name, words_of
from insights.pii.own import OwnPattern
from insights.pii.steps import steps
from insights.pii.text import find_in_text
from insights.profile import kind_of
from transforms.personal.finder import OWN, OWN_NEAR
from transforms.personal.forms import IPV4, KINDS, Kind
from workspace.sql import ident, one_row, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MAX_DISTINCT = 2_000_000
MAX_TEXTS = 10_000
SAMPLE = 4_000
WEAK_SHARE = 0.10  # a weak pattern needs this share of the values, or a column name that says the same
CARD_SHARE = 0.30  # of long numbers that pass the Luhn check: one in ten passes by chance
PASS_SHARE = (
    0.80  # of the values in the form of an identifier that pass its check; with a name that says so NAMED_SHARE
)
NAMED_SHARE = 0.50
BY_CHANCE = 1e-3  # as many passes by chance must be rarer than this
INSIDE = 0.6  # confidence that a finding inside a text needs to count for its column
SURE_INSIDE, RARE_INSIDE = 0.75, 0.01  # less sure findings must be in this share of the texts
STRONG, WEAK, BY_NAME = 0.95, 0.50, 0.60  # confidence

# RE2 has no look-around: what a pattern must not be is said by further conditions.
EMAIL = r"(^|[^A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}($|[^A-Za-z0-9])"
IP = rf"(^|[^0-9.]){IPV4}($|[^0-9.]|\.($|[^0-9]))"
IPV6 = r"(?i)^\s*([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\s*$|^\s*([0-9a-f]{1,4}:){1,6}(:[0-9a-f]{1,4}){1,6}\s*$"
MAC = r"(?i)(^|[^0-9a-f:-])([0-9a-f]{2}:){5}[0-9a-f]{2}($|[^0-9a-f:])|(^|[^0-9a-f-])([0-9a-f]{2}-){5}[0-9a-f]{2}($|[^0-9a-f-])"
URL = r"(?i)(^|[^a-z0-9])(https?://|www\.)[a-z0-9][a-z0-9.-]*\.[a-z]{2,24}"
DOMAIN = r"(?i)^\s*([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+(com|org|net|edu|gov|info|biz|io|[a-z]{2})(\.[a-z]{2})?(/\S*)?\s*$"
CARD = r"(?:^|[^0-9.-])([0-9](?:[ -]?[0-9]){11,18})(?:$|[^0-9.-])"
IBAN = r"(?i)(?:^|[^A-Z0-9])([A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30})(?:$|[^A-Z0-9])"
SSN = r"(?:^|[^0-9-])([0-9]{3}-[0-9]{2}-[0-9]{4})(?:$|[^0-9-])"
PHONE = r"^\s*(\+|00)?\s?\(?[0-9]{1,5}\)?([ ./()-]{0,3}[0-9]{1,6}){1,6}\s*$"
DATE = r"^\s*([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))([ T].*)?\s*$"
WORDS = r"^\s*\p{L}[\p{L}\p{M}'’. -]*$"

PATTERNS_ARE_WEAK = ("PHONE", "SSN", "URL")
AGREE = {"AGE": r"^\s*[0-9]{1,3}\s*$", "CREDIT_DEBIT_CVV": r"^\s*[0-9]{3,4}\s*$", "CREDIT_DEBIT_EXPIRY": None, "DATE_TIME": DATE, "NAME": WORDS, "PIN": r"^\s*[0-9]{4,8}\s*$"}  # fmt: skip
SENTENCE = r"\S+\s+\S+\s+\S+\s+\S"  # four words or more
# Kinds tested on whole cells; those that `_tests` finds anywhere in a cell are left to it.
WHOLE = tuple(k for k in KINDS if k.type not in ("EMAIL", "URL", "IP_ADDRESS", "MAC_ADDRESS", "CREDIT_DEBIT_NUMBER", "INTERNATIONAL_BANK_ACCOUNT_NUMBER") and k.why != "US social security number, ranges")  # fmt: skip


@dataclass(frozen=True)
class Entity:
    """Personal data of one type in a column. `share` of its known values (0-1); `confidence` by our rules (0-1)."""

    type: str
    share: float
    confidence: float
    rows: int
    evidence: str  # "values", "column name" or "values and column name"
    inside: bool = False  # among other words, not the whole value


@dataclass
class PiiColumn:
    name: str
    entities: list[Entity] = field(default_factory=list)
    values_looked_at: int = 0
    kind: str = "text"  # text, number, time, bool or other


@dataclass
class PiiReport:
    rows: int
    columns: list[PiiColumn]
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return {**asdict(self), "steps": steps(self)}

    @property
    def found(self) -> list[PiiColumn]:
        return [column for column in self.columns if column.entities]


def find(
    con: DuckDBPyConnection,
    source: str,
    *,
    max_distinct: int = MAX_DISTINCT,
    max_texts: int = MAX_TEXTS,
    own: Iterable[OwnPattern] = (),
    keep: Iterable[str] = (),
    on_progress: Callable[[float, str], None] | None = None,
) -> PiiReport:
    """Look for personal data in every column of a table.

    Args:
        con: a DuckDB connection; two temporary tables and two functions named `tilth_pii_…` are made in it and removed.
        source: SQL to stand behind FROM.
        max_distinct: so many different values of a column are looked at.
        max_texts: so many different sentences of a column are read.
        own: the user's own patterns, looked for beside Tilth's.
        keep: values that are never personal (compared without case), taken out of every cell first.
        on_progress: told (share 0-1, words) before each column.
    """
    looked = _Looked(max_distinct, max_texts, tuple(own), tuple(dict.fromkeys(v.strip() for v in keep if v.strip())))
    relation = con.sql(f"SELECT * FROM {source}")
    report = PiiReport(one_row(con, f"SELECT count(*) FROM {source}")[0], [])
    with _row_functions(con):
        for place, (name, dtype) in enumerate(zip(relation.columns, relation.types, strict=True)):
            if on_progress:
                on_progress(place / len(relation.columns), f"looking at {name}")
            kind = kind_of(str(dtype))
            column = PiiColumn(name, kind=kind)
            report.columns.append(column)
            if kind in ("text", "number"):
                _look(con, source, column, looked, report.notes)
            elif kind == "time" and by_name(name) == "DATE_TIME":
                known = one_row(con, f"SELECT count({ident(name)}) FROM {source}")[0]
                if known:
                    column.entities.append(Entity("DATE_TIME", 1.0, 0.9, known, "column name"))
    return report


@contextmanager
def _row_functions(con: DuckDBPyConnection):
    """Give SQL the check digits and the reader of sentences, and a table of values; take them back afterwards."""
    import duckdb

    def passes(at: int, value: str) -> bool:
        return WHOLE[at].check(value.strip())

    def inside(value: str) -> str:
        sure: dict[str, float] = {}
        for one in find_in_text(value, least=INSIDE):
            sure[one.type] = max(one.confidence, sure.get(one.type, 0.0))
        return "|".join(f"{kind}={confidence}" for kind, confidence in sure.items())

    made = {"tilth_pii_passes": (passes, ["INTEGER", "VARCHAR"], "BOOLEAN"), "tilth_pii_inside": (inside, ["VARCHAR"], "VARCHAR")}  # fmt: skip
    try:
        for name, (function, takes, gives) in made.items():
            con.create_function(name, function, takes, gives)
        yield
    finally:
        con.execute("DROP TABLE IF EXISTS temp.tilth_pii_values")
        con.execute("DROP TABLE IF EXISTS temp.tilth_pii_sample")
        for name in made:
            with suppress(duckdb.Error):
                con.remove_function(name)


@dataclass(frozen=True)
class _Looked:
    """How far to look, and the user's patterns and values to leave out."""

    max_distinct: int
    max_texts: int
    own: tuple[OwnPattern, ...]
    keep: tuple[str, ...]

    def value(self, name: str) -> str:
        """Return SQL for a cell as text without the values to keep."""
        sql = f"{ident(name)}::VARCHAR"
        for value in self.keep:
            sql = f"regexp_replace({sql}, {text('(?i)' + re.escape(value))}, ' ', 'g')"
        return sql


def _look(con, source: str, column: PiiColumn, looked: _Looked, notes: list[str]) -> None:
    """Fill one column's entities, the likeliest first."""
    name, max_distinct = ident(column.name), looked.max_distinct
    said, kind = by_name(column.name), column.kind
    con.execute(
        "CREATE OR REPLACE TEMP TABLE tilth_pii_values AS "
        f"SELECT {looked.value(column.name)} AS v, count(*) AS n FROM {source} WHERE {name} IS NOT NULL GROUP BY v LIMIT {max_distinct + 1}"
    )
    kinds = _possible(con, column.name, said)
    anywhere = _tests("v") if kind == "text" else {"CREDIT_DEBIT_NUMBER": _tests("v")["CREDIT_DEBIT_NUMBER"]}
    agrees = AGREE.get(said)
    asked = {
        **anywhere,
        "agrees": f"regexp_matches(v, {text(agrees)})" if agrees else "false",
        "filled": "trim(v) <> ''",
        "like_cards": f"regexp_matches(v, {text(CARD)})",
        "sentences": f"regexp_matches(v, {text(SENTENCE)})",
        **{i: _is_form(i) for i in kinds},
        **{o: f"regexp_matches(v, {text(o.pattern)})" for o in looked.own},
    }
    sums = ", ".join(f"coalesce(sum(n) FILTER ({test}), 0)::BIGINT" for test in asked.values())
    distinct, known, *counts = one_row(
        con, f"SELECT count(*), coalesce(sum(n), 0)::BIGINT, {sums} FROM tilth_pii_values"
    )
    column.values_looked_at = distinct
    if distinct > max_distinct:
        notes.append(
            f"Column {column.name!r} has more than {max_distinct:,} different values; that many were looked at."
        )
    found = dict(zip(asked, counts, strict=True))
    filled, agreeing, sentences = found["filled"], found["agrees"], found["sentences"]
    if not filled:
        return
    if found["CREDIT_DEBIT_NUMBER"] < CARD_SHARE * found["like_cards"]:
        found["CREDIT_DEBIT_NUMBER"] = 0
    is_text = sentences >= 0.2 * filled
    for entity in anywhere:
        share = found[entity] / known
        weak = entity in PATTERNS_ARE_WEAK
        if not found[entity] or (weak and said != entity and share < WEAK_SHARE):
            continue
        confidence = min(0.99, (WEAK if weak else STRONG) + (0.4 if said == entity else 0.0))
        evidence = "values and column name" if said == entity else "values"
        column.entities.append(Entity(entity, share, round(confidence, 2), found[entity], evidence, inside=is_text))
    for i in kinds:
        if found[i]:
            _add(column, _whole(con, i, column.name, said, found[i], known))
    if is_text:
        for entity in _inside(con, column, looked.max_texts, notes):
            if entity.confidence >= SURE_INSIDE or entity.share >= RARE_INSIDE:
                _add(column, entity)
    for own in looked.own:
        if found[own]:
            column.entities.append(_own(con, column.name, own, found[own], known, is_text))
    seen = {e.type for e in column.entities}
    # A number of one country says more than "national id"; a surer form outranks the name altogether.
    told = any(
        e.share >= 0.5 and e.type not in PATTERNS_ARE_WEAK and (not e.inside or said is None) and e.confidence > BY_NAME
        for e in column.entities
    )
    if said and said not in seen and not told:
        confidence = BY_NAME
        if agrees:
            confidence = 0.8 if agreeing >= 0.8 * known else 0.3
        # A name that names a weaker pattern too ("national id" holding phone-like numbers) outranks that pattern.
        column.entities = [e for e in column.entities if e.type not in PATTERNS_ARE_WEAK or e.inside]
        column.entities.insert(0, Entity(said, filled / known, confidence, filled, "column name"))
    column.entities.sort(key=lambda e: (-e.confidence * e.share, e.type))


def _own(con, column: str, own: OwnPattern, rows: int, known: int, is_text: bool) -> Entity:
    """Return what an own pattern found; where words are named, one must stand in the column's name or in a tenth of its cells."""
    words = own.plain[2]
    near = not words or bool(re.search(rf"(?i)(?<![^\W_])(?:{words})(?![^\W_])", words_of(column)))
    if not near:
        beside = rf"(?i)(^|[^\pL\pN])({words})($|[^\pL\pN])"
        said = one_row(
            con,
            "SELECT coalesce(sum(n), 0)::BIGINT FROM tilth_pii_values "
            f"WHERE regexp_matches(v, {text(own.pattern)}) AND regexp_matches(v, {text(beside)})",
        )[0]
        near = said >= WEAK_SHARE * rows
    return Entity(own.name, rows / known, OWN_NEAR if near else OWN, rows, "own pattern", is_text)


def _add(column: PiiColumn, entity: Entity | None) -> None:
    """Add an entity unless the column has its type already, at least as sure."""
    if entity is None:
        return
    same = [e for e in column.entities if e.type == entity.type]
    if not same:
        column.entities.append(entity)
    elif entity.confidence * entity.share > same[0].confidence * same[0].share:
        column.entities[column.entities.index(same[0])] = entity


def _possible(con, column: str, said: str | None) -> list[int]:
    """Return the kinds worth counting in all values: a sample of the commonest and of others does not rule them out.

    A kind needs a tenth of the rows, so one that a hundredth of the sample has not, or whose check few pass, is not asked for.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE tilth_pii_sample AS (SELECT v FROM tilth_pii_values ORDER BY n DESC, v LIMIT 1000) "
        f"UNION (SELECT v FROM tilth_pii_values ORDER BY hash(v), v LIMIT {SAMPLE})"
    )
    counts = ", ".join(f"count(*) FILTER ({_is_form(i)})" for i in range(len(WHOLE)))
    total, *like = one_row(con, f"SELECT count(*), {counts} FROM tilth_pii_sample")
    kinds = [i for i, n in enumerate(like) if n and (n >= 0.01 * total or _is_named(WHOLE[i], column, said))]
    tests = [i for i in kinds if WHOLE[i].check and like[i] >= 100]
    if tests:
        passed = ", ".join(f"count(*) FILTER ({_is_form(i)} AND tilth_pii_passes({i}, v))" for i in tests)
        passing = dict(zip(tests, one_row(con, f"SELECT {passed} FROM tilth_pii_sample"), strict=True))
        kinds = [i for i in kinds if i not in passing or passing[i] >= 0.5 * NAMED_SHARE * like[i]]
    return kinds


def _is_named(kind: Kind, column: str, said: str | None) -> bool:
    """Tell whether a column's name says that it holds this kind."""
    words = kind.words and re.search(rf"(?<![^\W_])(?:{kind.words})(?![^\W_])", words_of(column))
    return said == kind.type or bool(words)


def _is_form(at: int) -> str:
    return f"regexp_full_match(trim(v), {text(WHOLE[at].form)})"


def _whole(con, at: int, column: str, said: str | None, like: int, known: int) -> Entity | None:
    """Return the entity if enough whole values have the form of kind `at` and, where it has one, pass its check."""
    kind = WHOLE[at]
    named = _is_named(kind, column, said)
    if like < WEAK_SHARE * known and not named:
        return None
    if kind.alone < 0.6 and not named and kind.chance == 1.0:
        return None  # a form that many other things have too
    passed, distinct = like, 0
    if kind.check:
        passed, distinct = one_row(
            con,
            "SELECT coalesce(sum(n), 0)::BIGINT, count(*) FROM (SELECT v, n FROM tilth_pii_values WHERE "
            f"{_is_form(at)}) WHERE tilth_pii_passes({at}, v)",
        )
    by_chance = kind.chance**distinct if kind.chance < 1 else 1.0
    if passed < (NAMED_SHARE if named else PASS_SHARE) * like or not passed:
        return None
    if not named and kind.chance < 1 and by_chance > BY_CHANCE and kind.alone < 0.6:
        return None
    confidence = kind.near if named else max(kind.alone, 0.9 if by_chance < BY_CHANCE**2 else 0.0)
    evidence = "values and column name" if named else "values"
    return Entity(kind.type, passed / known, round(confidence, 2), passed, evidence)


def _inside(con, column: PiiColumn, max_texts: int, notes: list[str]) -> list[Entity]:
    """Return what `find_in_text` finds in a column of sentences. Which ones: by hash, so the same each time."""
    looked = f"SELECT v, n FROM tilth_pii_values ORDER BY hash(v), v LIMIT {max_texts}"
    if column.values_looked_at > max_texts:
        notes.append(
            f"Column {column.name!r}: {max_texts:,} of {column.values_looked_at:,} different texts were read for names, addresses and ids."
        )
    rows = con.execute(
        f"WITH looked AS MATERIALIZED ({looked}), read AS (SELECT n, unnest(string_split(tilth_pii_inside(v), '|')) AS e FROM looked) "
        "SELECT split_part(e, '=', 1), sum(n)::BIGINT, sum(n) / (SELECT sum(n) FROM looked), sum(n * split_part(e, '=', 2)::DOUBLE) / sum(n) "
        "FROM read WHERE e <> '' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [Entity(kind, float(share), round(float(sure), 2), n, "values", True) for kind, n, share, sure in rows]


def _tests(v: str) -> dict[str, str]:
    """Return {entity: SQL that is true where the text `v` holds one}."""

    def has(pattern: str) -> str:
        return f"regexp_matches({v}, {text(pattern)})"

    digits = f"regexp_replace({v}, '[^0-9]', '', 'g')"
    card = f"regexp_replace(regexp_extract({v}, {text(CARD)}, 1), '[^0-9]', '', 'g')"
    iban = f"upper(replace(regexp_extract({v}, {text(IBAN)}, 1), ' ', ''))"
    ssn = f"regexp_extract({v}, {text(SSN)}, 1)"
    is_phone = (
        f"{has(PHONE)} AND length({digits}) BETWEEN 7 AND 15 AND NOT {has(DATE)} AND NOT {has(IP)} AND NOT {has(SSN)} "
        f"AND regexp_matches({v}, {text(r'[+ ()/-]|^0')}) AND regexp_matches(trim({v}), {text(r'^[+0(]|[ ()/.-].*[0-9]')})"
    )
    return {
        "EMAIL": has(EMAIL),
        "CREDIT_DEBIT_NUMBER": f"CASE WHEN {has(CARD)} THEN {luhn(card)} ELSE false END",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER": f"CASE WHEN {has(IBAN)} THEN {iban_is_valid(iban)} ELSE false END",
        "IP_ADDRESS": f"({has(IP)} OR {has(IPV6)})",
        "MAC_ADDRESS": has(MAC),
        "SSN": f"({has(SSN)} AND {ssn}[1:3] NOT IN ('000', '666') AND {ssn}[1] <> '9' AND {ssn}[5:6] <> '00' AND {ssn}[8:] <> '0000')",
        "URL": f"({has(URL)} OR ({has(DOMAIN)} AND NOT {has(EMAIL)} AND NOT {has(IP)}))",
        "PHONE": f"({is_phone})",
    }


def luhn(digits: str) -> str:
    """Return SQL that tells whether a text of digits (SQL `digits`) passes the Luhn check and starts as cards do (2-6)."""
    at = f"substr({digits}, length({digits}) - i::INT, 1)::INT"
    doubled = f"(CASE WHEN i % 2 = 0 THEN {at} WHEN {at} > 4 THEN 2 * {at} - 9 ELSE 2 * {at} END)"
    total = f"list_sum(list_transform(range(length({digits})), lambda i: {doubled}))"
    return f"(length({digits}) BETWEEN 12 AND 19 AND {digits}[1] BETWEEN '2' AND '6' AND {total} % 10 = 0)"


def iban_is_valid(iban: str) -> str:
    """Return SQL that tells whether a text (SQL `iban`, capitals, no spaces) has ISO 13616's check digits (mod 97)."""
    moved = f"({iban}[5:] || {iban}[1:4])"
    number = "(CASE WHEN c BETWEEN 'A' AND 'Z' THEN ascii(c) - 55 ELSE c::INT END)"
    values = f"list_transform(string_split({moved}, ''), lambda c: {number})"
    folded = f"list_reduce({values}, lambda a, b: (a * (CASE WHEN b > 9 THEN 100 ELSE 10 END) + b) % 97)"
    return f"({iban} <> '' AND {folded} = 1)"

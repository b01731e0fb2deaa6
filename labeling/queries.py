"""Find items by what is labelled on them: by SQL over the label tables, by conditions, or by conditions as words.

    car >= 5 @0.8 and any person        at least five cars with confidence 0.8 or more, and somebody
    any text and not status = done      something is written there, and the item is not done
    agreement < 0.6 or flagged          people disagree, or somebody flagged it

Conditions look at the label that holds now (gold, else what people's answers come to, else a model's proposal).
What was found can become a batch that annotators get first, a collection, a dataset, or gold.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import func, select, update

from labeling.collections import Collection, get_collection
from labeling.label_tables import COLUMNS, label_connection
from labeling.settled import settled
from transforms.errors import AppError, Conflict, InputError
from workspace.schema.base import now
from workspace.schema.labels import LabelAnnotation, LabelCollection, LabelImage, LabelTask
from workspace.sql import ident, text

MAX_QUERY = 20_000  # characters
MAX_SECONDS = 60
MAX_DEPTH = 40  # conditions within conditions
Compare = Literal[">=", "<=", "=", "!=", ">", "<"]
FACTS = {
    "flagged": "SELECT item, 'flagged' AS why FROM answers WHERE flagged",
    "commented": "SELECT item, 'comment: ' || any_value(left(text, 80)) AS why FROM comments WHERE NOT resolved "
    "GROUP BY item",
    "gold": "SELECT item, 'gold' AS why FROM items WHERE gold",
    "gold failed": "SELECT item, 'gold failed by ' || string_agg(annotator, ', ' ORDER BY annotator) AS why "
    "FROM answers WHERE gold_score < {mark} GROUP BY item",
    "unlabelled": "SELECT item, 'unlabelled' AS why FROM items WHERE NOT gold AND item NOT IN "
    "(SELECT item FROM answers WHERE kind = 'person' AND revision > 0)",
    "empty": "SELECT item, 'left empty' AS why FROM answers WHERE revision > 0 AND kind = 'person' AND item NOT IN "
    "(SELECT item FROM consensus) GROUP BY item",
    "disagree": "SELECT item, 'disagreed: ' || string_agg(DISTINCT label, ', ' ORDER BY label) AS why FROM consensus "
    "WHERE len(disagreed) > 0 GROUP BY item",
}  # fmt: skip


class _Condition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def sql(self) -> str:
        """Return a SELECT of the matching `item` and `why`, with each item once or more."""
        raise NotImplementedError


class Count(_Condition):
    """How many regions or classes with a label (any label, if none is named) an item has."""

    kind: Literal["count"] = "count"
    label: str | None = Field(None, max_length=256)
    compare: Compare = ">="
    number: int = Field(1, ge=0)
    confidence: float = Field(0.0, ge=0, le=1)

    def sql(self) -> str:
        where = ["c.shape <> 'field'"]
        where += [f"c.label = {text(self.label)}"] if self.label else []
        where += [f"c.confidence >= {self.confidence!r}"] if self.confidence else []
        said = text(
            f" {self.label or 'labels'}" + (f" with confidence {self.confidence:g} or more" * bool(self.confidence))
        )
        return (
            f"SELECT i.item, count(c.item) || {said} AS why FROM items i LEFT JOIN consensus c ON c.item = i.item "
            f"AND {' AND '.join(where)} GROUP BY i.item HAVING count(c.item) {_operator(self.compare)} {self.number}"
        )  # fmt: skip


class Text(_Condition):
    """Something is written: in a region, as an answer, or in the item itself; case does not matter."""

    kind: Literal["text"] = "text"
    contains: str = Field("", max_length=1000)

    def sql(self) -> str:
        why = "'text: ' || any_value(left(text, 80))"
        if not self.contains:
            return f"SELECT item, {why} AS why FROM consensus WHERE text <> '' GROUP BY item"
        found = f"contains(lower({{}}), lower({text(self.contains)}))"
        return (
            f"SELECT item, {why} AS why FROM consensus WHERE {found.format('text')} GROUP BY item "
            f"UNION ALL SELECT item, 'text: ' || left(content, 80) AS why FROM items WHERE {found.format('content')}"
        )


class Agreement(_Condition):
    """Several people answered, and their answers are less alike than this (0: nothing in common, 1: equal)."""

    kind: Literal["agreement"] = "agreement"
    below: float = Field(0.5, gt=0, le=1)

    def sql(self) -> str:
        return (
            "SELECT item, 'agreement ' || round(agreement, 2) || ' of ' || people || ' people' AS why FROM agreement "
            f"WHERE agreement < {self.below!r}"
        )


class Status(_Condition):
    kind: Literal["status"] = "status"
    status: Literal["todo", "started", "review", "done", "skipped"]

    def sql(self) -> str:
        return f"SELECT item, 'status ' || status AS why FROM items WHERE status = {text(self.status)}"


class Annotator(_Condition):
    """A person or model has answered."""

    kind: Literal["annotator"] = "annotator"
    name: str = Field(min_length=1, max_length=200)

    def sql(self) -> str:
        return (
            f"SELECT item, 'by ' || annotator AS why FROM answers WHERE revision > 0 AND annotator = {text(self.name)}"
        )


class Fact(_Condition):
    """Flagged, commented on, gold, gold that somebody failed, without an answer, left empty, or disagreed about."""

    kind: Literal["is"] = "is"
    what: Literal["flagged", "commented", "gold", "gold failed", "unlabelled", "empty", "disagree"]

    def sql(self) -> str:
        from labeling.workforce import GOLD_RIGHT

        return FACTS[self.what].format(mark=GOLD_RIGHT)


class Attribute(_Condition):
    """A region has an attribute with this value ("yes" and "no" for those that are true or false)."""

    kind: Literal["attribute"] = "attribute"
    name: str = Field(min_length=1, max_length=256)
    value: str = Field(max_length=1000)

    def sql(self) -> str:
        pointer = text("/" + self.name.replace("~", "~0").replace("/", "~1"))
        values = {self.value} | {{"yes": "true", "no": "false"}.get(self.value.lower(), self.value)}
        listed = ", ".join(text(v) for v in sorted(values))
        return (
            f"SELECT item, {text(f'{self.name} = {self.value}')} AS why FROM consensus WHERE attributes IS NOT NULL "
            f"AND (json_extract_string(attributes, {pointer}) IN ({listed}) OR list_contains("
            f"TRY_CAST(json_extract(attributes, {pointer}) AS VARCHAR[]), {text(self.value)})) GROUP BY item"
        )


class Size(_Condition):
    """How large: `area` of a region (pixels), its `share` of the picture (0 to 1), `width` and `height` of that."""

    kind: Literal["size"] = "size"
    of: Literal["area", "share", "width", "height"] = "area"
    label: str | None = Field(None, max_length=256)  # of area and share: only such regions
    least: float | None = None
    most: float | None = None
    open: bool = False  # the bounds themselves are left out

    def sql(self) -> str:
        value = {"area": "c.area", "share": "c.area / nullif(i.width * i.height, 0)"}.get(self.of, f"i.{self.of}")
        where = [f"{value} {sign}{'' if self.open else '='} {bound!r}"
                 for sign, bound in ((">", self.least), ("<", self.most)) if bound is not None]  # fmt: skip
        if self.of in ("width", "height"):
            return f"SELECT item, '{self.of} ' || {value} AS why FROM items i WHERE {' AND '.join(where) or 'true'}"
        where += ["c.area IS NOT NULL"] + ([f"c.label = {text(self.label)}"] if self.label else [])
        return (
            f"SELECT c.item, '{self.of} ' || any_value(round({value}, 4)) AS why FROM consensus c "
            f"JOIN items i ON i.item = c.item WHERE {' AND '.join(where)} GROUP BY c.item"
        )


class All(_Condition):
    kind: Literal["all"] = "all"
    of: tuple[Condition, ...] = Field(min_length=1)

    def sql(self) -> str:
        return _together(self.of, len(self.of))


class Any(_Condition):
    kind: Literal["any"] = "any"
    of: tuple[Condition, ...] = Field(min_length=1)

    def sql(self) -> str:
        return _together(self.of, 1)


class Not(_Condition):
    kind: Literal["not"] = "not"
    of: Condition

    def sql(self) -> str:
        return f"SELECT item, NULL AS why FROM items WHERE item NOT IN (SELECT item FROM ({self.of.sql()}))"


Condition = Annotated[
    Count | Text | Agreement | Status | Annotator | Fact | Attribute | Size | All | Any | Not,
    Field(discriminator="kind"),
]
for _model in (All, Any, Not):
    _model.model_rebuild()


def _operator(sign: str) -> str:
    return "<>" if sign == "!=" else sign


def _together(parts, least: int) -> str:
    each = [
        f"SELECT item, {n} AS part, string_agg(DISTINCT why, ', ') AS why FROM ({p.sql()}) GROUP BY item"
        for n, p in enumerate(parts)
    ]
    return (
        f"SELECT item, string_agg(why, '; ' ORDER BY part) AS why FROM ({' UNION ALL '.join(each)}) "
        f"GROUP BY item HAVING count(*) >= {least}"
    )


def read_condition(settings: dict) -> _Condition:
    """Return a condition from its JSON: `{"kind": "count", "label": "car", "number": 5, "confidence": 0.8}`.

    Raises:
        InputError: not a condition, or a value out of bounds; one sentence for the first of them.
    """
    try:
        return TypeAdapter(Condition).validate_python(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the condition"
        raise InputError(f"{where}: {first['msg']}.") from None
    except RecursionError:
        raise InputError("These conditions are nested too deeply.") from None


# -- conditions as words --------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"""\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(>=|<=|!=|==|[=<>@()])|([^\s"'=<>!@()]+))""")
_HELP = 'Write for example: car >= 5 @0.8 and any person. Quote labels of several words: any "traffic light".'


def parse_where(words: str) -> _Condition:
    """Return the condition that words say (see the top of this module and docs/label-data.md).

    Raises:
        InputError: they cannot be read; it says where.
    """
    if len(words) > MAX_QUERY:
        raise InputError(f"The condition has {len(words):,} characters; at most {MAX_QUERY:,} are read.")
    return _Reader(words).read()


class _Reader:
    """A small recursive-descent parser; `tokens` are (kind, value) with kind quoted, sign or word."""

    def __init__(self, words: str):
        self.tokens, self.place, self.depth = [], 0, 0
        at, end = 0, len(words.rstrip())
        while at < end:
            found = _TOKEN.match(words, at)
            if not found:
                raise InputError(f"{words[at : at + 20].strip()!r} cannot be read.", hint=_HELP)
            quoted, sign, word = found.groups()
            if quoted:
                self.tokens.append(("quoted", re.sub(r"\\(.)", r"\1", quoted[1:-1])))
            else:
                self.tokens.append(("sign", "=" if sign == "==" else sign) if sign else ("word", word))
            at = found.end()

    def read(self) -> _Condition:
        made = self.either()
        if self.place < len(self.tokens):
            raise InputError(f"{self.tokens[self.place][1]!r} is not expected there.", hint=_HELP)
        return made

    def is_next(self, *values: str, kind: str = "word") -> bool:
        if self.place >= len(self.tokens):
            return False
        sort, value = self.tokens[self.place]
        return sort == kind and value.lower() in values

    def take(self, *values: str, kind: str = "word") -> bool:
        found = self.is_next(*values, kind=kind)
        self.place += found
        return found

    def need(self, what: str, kinds: tuple[str, ...] = ("word", "quoted")) -> str:
        if self.place >= len(self.tokens) or self.tokens[self.place][0] not in kinds:
            seen = repr(self.tokens[self.place][1]) if self.place < len(self.tokens) else "the end"
            raise InputError(f"Expected {what}, and there is {seen}.", hint=_HELP)
        self.place += 1
        return self.tokens[self.place - 1][1]

    def number(self, what: str) -> float:
        said = self.need(what, ("word",))
        percent = said.endswith("%")
        if not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", said.removesuffix("%")):
            raise InputError(f"{said!r} is not {what}.", hint=_HELP)
        return float(said.removesuffix("%")) / (100 if percent else 1)

    def either(self) -> _Condition:
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Any(of=tuple(parts))

    def both(self) -> _Condition:
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(of=tuple(parts))

    def one(self) -> _Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError("These conditions are nested too deeply.")
        try:
            if self.take("not"):
                return Not(of=self.one())
            if self.take("(", kind="sign"):
                made = self.either()
                if not self.take(")", kind="sign"):
                    raise InputError("A bracket is not closed.", hint=_HELP)
                return made
            return self.condition()
        finally:
            self.depth -= 1

    def condition(self) -> _Condition:
        if self.take("any"):
            if self.take("text"):
                return Text()
            label = self.need("a label")
            return read_condition(
                {"kind": "count", "label": None if label == "*" else label, "confidence": self.sure()}
            )
        if self.take("no"):
            return Count(label=self.need("a label"), confidence=self.sure(), compare="=", number=0)
        if self.take("text"):
            self.take("contains") or self.take("=", kind="sign")
            return Text(contains=self.need("the text to look for"))
        if self.take("gold"):
            return Fact(what="gold failed" if self.take("failed") else "gold")
        for fact in ("flagged", "commented", "unlabelled", "empty", "disagree"):
            if self.take(fact):
                return Fact(what=fact)
        if self.take("status"):
            self.equals("status")
            return read_condition({"kind": "status", "status": self.need("a status").lower()})
        if self.take("annotator"):
            self.equals("annotator")
            return read_condition({"kind": "annotator", "name": self.need("a name")})
        if self.take("attribute"):
            name = self.need("the name of an attribute")
            self.equals("attribute")
            return read_condition({"kind": "attribute", "name": name, "value": self.need("its value")})
        if self.take("agreement"):
            if self.need("<", ("sign",)) != "<":
                raise InputError("Agreement can only be asked for below a number.", hint="Write: agreement < 0.6.")
            return read_condition({"kind": "agreement", "below": self.number("a share from 0 to 1")})
        if self.is_next("area", "share", "width", "height"):
            return self.size()
        label = self.need("a label")
        sign = self.need("a comparison such as >= 5", ("sign",))
        if sign not in (">=", "<=", "=", "!=", ">", "<"):
            raise InputError(f"{sign!r} is not a comparison.", hint=_HELP)
        count = self.number("a whole number")
        if not count.is_integer():
            raise InputError(f"{count:g} is not a whole number of {label!r}.", hint=_HELP)
        made = {"label": None if label == "*" else label, "compare": sign, "number": int(count)}
        return read_condition({"kind": "count", **made, "confidence": self.sure()})

    def equals(self, what: str) -> None:
        if self.need("=", ("sign",)) != "=":
            raise InputError(f"Write {what} with =.", hint=_HELP)

    def sure(self) -> float:
        return self.number("a confidence from 0 to 1") if self.take("@", kind="sign") else 0.0

    def size(self) -> _Condition:
        of = self.need("a size").lower()
        label = self.need("a label") if self.take("of") else None
        sign, value = self.need("a comparison", ("sign",)), self.number("a number")
        if sign not in (">=", "<=", "=", ">", "<"):
            raise InputError(f"{sign!r} is not a comparison of sizes.", hint=_HELP)
        bounds = {k: value for k, signs in (("least", (">=", ">", "=")), ("most", ("<=", "<", "="))) if sign in signs}
        return Size(of=of, label=label, open=sign in ("<", ">"), **bounds)


# -- finding --------------------------------------------------------------------------------------------------------


def find_items(ws, name: str | int, query: str | _Condition) -> list[dict]:
    """Return the items that a query finds, as `{item, name, why}`, in the collection's order.

    Args:
        query: a condition; a SELECT over the label tables with a column `item` (and, if wanted, `why`; the order of
            such a query is kept); or conditions as words.

    Raises:
        InputError: the query cannot be read or run, or gives no column `item`.
    """
    if not isinstance(query, str):
        return _found(ws, name, query.sql(), keep_order=False)
    if re.match(r"\s*(select|with|from)\b", query, re.IGNORECASE):
        return _found(ws, name, query, keep_order=True)
    return _found(ws, name, parse_where(query).sql(), keep_order=False)


def _found(ws, name: str | int, query: str, keep_order: bool) -> list[dict]:
    import duckdb

    if len(query) > MAX_QUERY * 20:
        raise InputError(f"The query has {len(query):,} characters; at most {MAX_QUERY * 20:,} are read.")
    con = label_connection(ws, name, _tables(query) | {"items"})
    clock = threading.Timer(MAX_SECONDS, con.interrupt)
    clock.start()
    try:
        statements = con.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputError("The query is not one SELECT.", hint="Write: SELECT item FROM items WHERE …")
        relation = con.sql(query)
        columns = {c.lower(): c for c in relation.columns}
        if "item" not in columns:
            raise InputError(
                f"The query gives no column 'item'; it gives {', '.join(relation.columns[:10])}.",
                hint="Items are numbers: SELECT item, … FROM regions.",
            )
        why = f"CAST({ident(columns['why'])} AS VARCHAR)" if "why" in columns else "NULL"
        relation.select(f"TRY_CAST({ident(columns['item'])} AS BIGINT) AS item, {why} AS why").to_table("found")
        rows = con.execute(
            "SELECT i.item, i.name, string_agg(DISTINCT f.why, ', ') FROM (SELECT *, rowid AS place FROM found) f "
            "JOIN items i ON i.item = f.item GROUP BY i.item, i.name, i.rowid "
            f"ORDER BY {'min(f.place)' if keep_order else 'i.rowid'}"
        ).fetchall()
    except duckdb.InterruptException:
        raise InputError(f"The query took more than {MAX_SECONDS} seconds, so it was stopped.") from None
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"The query cannot run: {said}", hint=f"The tables are {', '.join(COLUMNS)}; see docs/label-data.md."
        ) from None
    finally:
        clock.cancel()
        con.close()
    return [{"item": item, "name": title, "why": why or ""} for item, title, why in rows]


def _tables(query: str) -> set[str]:
    """Return the tables that a query may read: every one whose name is in its text."""
    words = set(re.findall(r"[a-z_]+", query.lower()))
    return {t for t in COLUMNS if t in words}


def _ids(ws, collection: Collection, items: Iterable) -> list[int]:
    """Return item numbers (given as such, or as rows of `find_items`) that are in the collection, each once."""
    given = list(dict.fromkeys(int(i["item"]) if isinstance(i, dict) else int(i) for i in items))
    if not given:
        raise InputError("No item is chosen.", hint="Change the query so that it finds some.")
    with ws.reading() as session:
        known = set(session.scalars(select(LabelImage.id).where(LabelImage.collection_id == collection.id)))
    if foreign := [i for i in given if i not in known]:
        raise InputError(f"{collection.name!r} has no item {foreign[0]}.")
    return given


# -- what becomes of them -------------------------------------------------------------------------------------------


def prioritise(ws, name: str | int, items: Iterable, reopen: bool = False) -> int:
    """Let annotators get these items first, in this order, and return how many.

    Args:
        reopen: items that are done or skipped come back for one more answer; otherwise they stay as they are.
    """
    from labeling.workforce import reopen as open_again

    collection = get_collection(ws, name, counts=False)
    ids = _ids(ws, collection, items)
    with ws.session() as session:
        mine = LabelTask.collection_id == collection.id
        top = session.scalar(select(func.coalesce(func.max(LabelTask.priority), 0.0)).where(mine))
        ended = set(session.scalars(select(LabelTask.image_id).where(mine, LabelTask.status.in_(("done", "skipped")))))
        session.execute(
            update(LabelTask),
            [
                {"id": task, "priority": top + len(ids) - place}
                for place, task in enumerate(_task_ids(session, collection.id, ids))
            ],
        )
    if reopen:
        for item in ids:
            if item in ended:
                open_again(ws, item)
    ws.audit.record("collection.prioritise", collection.name, {"items": len(ids), "reopen": reopen})
    return len(ids)


def _task_ids(session, collection_id: int, ids: list[int]) -> list[int]:
    tasks = dict(
        session.execute(
            select(LabelTask.image_id, LabelTask.id).where(LabelTask.collection_id == collection_id)
        ).all()
    )  # fmt: skip
    return [tasks[i] for i in ids]


def copy_to_collection(ws, name: str | int, items: Iterable, new_name: str) -> Collection:
    """Make a new collection of these items with everybody's current answers; pictures are shared, not copied.

    Classes, workflow and what annotators may see (redacted copies, sealed originals) are taken over.

    Raises:
        Conflict: the name is taken.
    """
    from labeling.annotations import current_documents
    from labeling.autolabel.project import KEY
    from labeling.collections import create_collection

    old = get_collection(ws, name, counts=False)
    ids = _ids(ws, old, items)
    answers = current_documents(ws, old.id)
    made = create_collection(ws, new_name, old.classes, old.image_classes, old.annotators_see)
    with ws.session() as session:
        session.execute(
            update(LabelCollection)
            .where(LabelCollection.id == made.id)
            .values(sealed=old.sealed, workflow=old.workflow, extra={k: v for k, v in old.extra.items() if k != KEY})
        )
        whole = {
            i.id: i for i in session.scalars(select(LabelImage).where(LabelImage.collection_id == old.id)).all()
        }  # fmt: skip
        status = dict(session.execute(select(LabelTask.image_id, LabelTask.status)).all())
        who = _annotator_ids(session)
        kept = [c.key for c in LabelImage.__table__.columns if c.key not in ("id", "collection_id", "position")]
        for place, item in enumerate(ids, 1):
            row = LabelImage(
                collection_id=made.id, position=place, **{column: getattr(whole[item], column) for column in kept}
            )
            session.add(row)
            session.flush()
            session.add(
                LabelTask(
                    collection_id=made.id, image_id=row.id, status=status[item], priority=0.0, updated_at=now()
                )
            )  # fmt: skip
            for answer in answers.get(item, []):
                session.add(
                    LabelAnnotation(
                        image_id=row.id, annotator_id=who[answer.annotator], revision=1, client=f"copy of {item}",
                        seq=1, action="import", repeats=None, document=answer.document, created_at=answer.at or now(),
                    )
                )  # fmt: skip
    ws.lineage.add("collection", old.name, "collection", made.name, "copy of found items")
    ws.audit.record("collection.copy_items", made.name, {"from": old.name, "items": len(ids)})
    return get_collection(ws, made.id)


def _annotator_ids(session) -> dict[str, int]:
    from workspace.schema.labels import LabelAnnotator

    return dict(session.execute(select(LabelAnnotator.name, LabelAnnotator.id)).all())


def keep_as_dataset(ws, name: str | int, items: Iterable, dataset: str):
    """Write the labels of these items as a version of a dataset, one row per region, class or answer; return it.

    Columns are those of a release (see `labeling.releases`), without its number and time.
    """
    from labeling.releases import label_rows, rows_table

    collection = get_collection(ws, name, counts=False)
    ids = set(_ids(ws, collection, items))
    found = {i: held for i, held in settled(ws, collection.id, proposals=True).items() if i in ids}
    rows = label_rows(ws, collection.id, {i: (h.document, h.people) for i, h in found.items()}, only=ids)
    version = ws.datasets.write(
        dataset, rows_table(rows), lineage={"kind": "labels", "collection": collection.name, "items": len(ids)}
    )
    ws.lineage.add("collection", collection.name, "dataset", version.ref, "query")
    return version


def make_gold(ws, name: str | int, items: Iterable, exam: bool = False) -> dict:
    """Make these items gold with what people's answers come to; return `{"made", "left_out"}` (nobody answered)."""
    from labeling.gold import set_gold

    collection = get_collection(ws, name, counts=False)
    ids = _ids(ws, collection, items)
    found = settled(ws, collection.id)
    made = 0
    for item in ids:
        held = found.get(item)
        if held is None or held.source == "model":
            continue
        regions = [{k: v for k, v in r.items() if k not in ("score", "extra")} for r in held.document["regions"]]
        document = {k: v for k, v in held.document.items() if k != "extra"} | {"regions": regions}
        try:
            set_gold(ws, item, document, exam=exam)
        except AppError as error:
            raise Conflict(f"Item {item} cannot be gold: {error.message}", hint=error.hint) from None
        made += 1
    return {"made": made, "left_out": len(ids) - made}

"""Predict raw records: through the fitted recipe that is stored with the model, then through the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featurestore import wire
from training import columns
from training.registry import Model, Registry
from training.train import CLASSIFICATION, plain
from transforms.errors import InputError, NotFound

if TYPE_CHECKING:
    from workspace import Workspace


class Predictor:
    """One model version, loaded once; threads may share it.

    Args:
        ref: `name@version`, or `name` for the newest approved version (the newest if none is approved).
    """

    def __init__(self, ws: Workspace, ref: str):
        self.ws = ws
        registry = Registry(ws)
        self.model = registry.get(ref)
        self.pipeline = registry.load(self.model)
        self.recipe, self.inputs = None, {}
        if self.model.recipe is not None:
            from transforms import FittedRecipe
            from workspace.sql import connection

            self.recipe = FittedRecipe.from_dict(self.model.recipe)
            others = self.model.lineage.get("recipe_inputs", {})
            if missing := [name for name in self.recipe.other_inputs() if name not in others]:
                raise InputError(
                    f"Model {ref} reads the table {missing[0]!r} in its recipe, and it was trained without saying which.",
                    hint="Train it again with --recipe-input NAME=DATASET.",
                )
            with connection() as con:
                self.inputs = {
                    name: ws.datasets.get(dataset).relation(con).to_arrow_table() for name, dataset in others.items()
                }
        stored = (self.model.lineage.get("training_set") or {}).get("columns", {})
        self._made_as = {column: text.partition(":")[2] for text, column in stored.items()}  # "apps:Size" is Size there

    def predict(self, records: Sequence[Mapping[str, Any]]) -> list[dict]:
        """Return one dict per record: `prediction`, and `probabilities` by class for classifiers.

        A record that a recipe step removes has the prediction None and a `note`.
        """
        prepared = [self.prepared(record) for record in records]
        kept = [row for row in prepared if row is not None]
        answers = iter(self._answers(self._table(kept)) if kept else [])
        removed = {"prediction": None, "note": "A step of the recipe removes this record."}
        return [dict(removed) if row is None else next(answers) for row in prepared]

    def predict_table(self, data):
        """Return an Arrow table: the rows after the recipe with `prediction` and, for classifiers, `probability` of it."""
        import pyarrow as pa

        from featurestore.intake import opened

        with opened(self.ws, data) as batch:
            table = batch.con.sql("SELECT * FROM batch").to_arrow_table()
        if self.recipe is not None:
            from transforms.engines import DuckDBEngine

            engine = DuckDBEngine()
            expression = self.recipe.expression({"main": table, **self.inputs}, engine=engine, serving=True)
            table = engine.relation(expression).to_arrow_table()
            table = self._renamed(table)
        self._check_columns(table.column_names)
        answers = self._answers(table)
        table = table.append_column("prediction", pa.array([a["prediction"] for a in answers]))
        if self.model.task == CLASSIFICATION:
            table = table.append_column("probability", pa.array([max(a["probabilities"].values()) for a in answers]))
        return table

    def prepared(self, record: Mapping[str, Any]) -> Mapping | None:
        if not isinstance(record, Mapping):
            raise InputError("A record is a JSON object.", hint='For example {"age": 41}.')
        if self.recipe is None:
            self._check_columns(record)
            return record
        known = self.recipe.inputs.get("main", {})
        if known and not set(record) & set(known):
            raise InputError(
                "The record has none of the columns of the recipe.", hint=f"Give some of {', '.join(known)}."
            )
        made = self.recipe.transform_record(dict(record), self.inputs)
        if made is None:
            return None
        row = {**record, **made, **{name: made.get(source) for name, source in self._sources(made).items()}}
        self._check_columns(row)
        return row

    def _sources(self, made) -> dict[str, str]:
        """Return feature → column that the recipe makes for it.

        Left out are columns of the labels that the recipe does not make: the record itself must hold them. A feature of the
        store that this recipe no longer makes is missing, as it is in the rows that were published from it.
        """
        names = [feature["name"] for feature in self.model.features]
        return {
            name: name if name in made else self._made_as[name]
            for name in names
            if name in made or name in self._made_as
        }

    def _renamed(self, table):
        import pyarrow as pa

        for name, source in self._sources(table.column_names).items():
            if name not in table.column_names:
                there = source in table.column_names
                table = table.append_column(name, table.column(source) if there else pa.nulls(table.num_rows))
        return table

    def _check_columns(self, given) -> None:
        wanted = [f["name"] for f in self.model.features]
        if missing := [name for name in wanted if name not in given]:
            raise InputError(
                f"Model {self.model.ref} misses {', '.join(map(repr, missing[:5]))}.",
                hint=f"Give {', '.join(wanted[:20])}.",
            )

    def _table(self, rows: Sequence[Mapping[str, Any]]):
        import pyarrow as pa

        made = {}
        for feature in self.model.features:
            values = [row.get(feature["name"]) for row in rows]
            for value in values:
                numeric = feature["kind"] == columns.NUMERIC
                fits = (
                    isinstance(value, bool | int | float) or hasattr(value, "as_tuple")
                    if numeric
                    else isinstance(value, str)
                )
                if value is not None and not fits:
                    raise InputError(
                        f"{feature['name']!r} must be {'a number' if numeric else 'text'}, and {value!r} is not.",
                        hint="Correct the value.",
                    )
            if feature["kind"] == columns.NUMERIC:
                made[feature["name"]] = pa.array([None if v is None else float(v) for v in values], pa.float64())
            else:
                made[feature["name"]] = pa.array(values, pa.string())
        return pa.table(made)

    def _answers(self, table) -> list[dict]:
        frame = columns.frame_of(table, self.model.features)
        if not len(frame):
            return []
        guesses = [plain(value) for value in self.pipeline.predict(frame)]
        if self.model.task != CLASSIFICATION:
            return [{"prediction": value} for value in guesses]
        classes = [str(plain(c)) for c in self.pipeline.classes_]
        shares = self.pipeline.predict_proba(frame).tolist()
        return [
            {"prediction": value, "probabilities": dict(zip(classes, row, strict=True))}
            for value, row in zip(guesses, shares, strict=True)
        ]


def example_record(ws: Workspace, model: Model) -> dict[str, Any]:
    """Return a record to try a model with: a row of the data behind it, or its columns without values."""
    recipe, lineage = model.recipe or {}, model.lineage
    fitted_on = recipe.get("fitted_on", {})
    labels = (lineage.get("training_set") or {}).get("labels", {})
    raw = list(recipe.get("inputs", {}).get("main", {}))
    wanted = raw or [feature["name"] for feature in model.features]
    source = f"{fitted_on.get('dataset')}@{fitted_on.get('version')}" if raw else lineage.get("dataset")
    found = {}
    for ref in (source, labels.get("dataset")):
        try:
            found = _first_row(ws, ref, wanted) | found if ref else found
        except NotFound:
            continue
    return {name: wire.as_json(found.get(name)) for name in wanted}


def _first_row(ws: Workspace, ref: str, wanted: Sequence[str]) -> dict[str, Any]:
    from workspace.sql import connection

    dataset = ws.datasets.get(ref)
    with connection() as con:
        rows = dataset.relation(con).limit(1).to_arrow_table().to_pylist()
    return {name: value for name, value in rows[0].items() if name in wanted} if rows else {}


def predict(ws: Workspace, ref: str, records: Sequence[Mapping[str, Any]]) -> list[dict]:
    """Return predictions for raw records; keep a `Predictor` to predict more than once."""
    return Predictor(ws, ref).predict(records)

"""The model registry: versions in the catalog, artefacts as skops files under `models/`, named by their SHA-256.

Artefacts are skops, never pickle: loading one runs no code. A file with a type outside scikit-learn's own is refused.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transforms.errors import InputError, NotFound
from workspace.names import check_name
from workspace.schema.base import now
from workspace.schema.models import ModelRow, ModelVersionRow

if TYPE_CHECKING:
    from workspace import Workspace

STATUSES = ("pending", "approved", "rejected")
# Types of scikit-learn and numpy that skops asks about and that the estimators of `training.train` need; data, not code.
TRUSTED = frozenset(
    {
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn.compose._column_transformer._RemainderColsList",
        "numpy.dtype",
        "sklearn.tree._tree.Tree",
    }
)


@dataclass(frozen=True)
class Model:
    """One version of a model."""

    name: str
    version: int
    task: str
    estimator: str
    target: str
    features: list[dict]
    settings: dict
    metrics: dict
    artifact: str
    artifact_bytes: int
    recipe: dict | None
    lineage: dict
    status: str
    status_note: str
    description: str
    created_at: datetime

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"

    def as_json(self) -> dict[str, Any]:
        content = {k: v for k, v in self.__dict__.items() if k not in ("recipe", "created_at")}
        return content | {"has_recipe": self.recipe is not None, "created_at": self.created_at.isoformat()}


class Registry:
    """Models of one workspace."""

    def __init__(self, ws: Workspace):
        self.ws = ws
        self.folder = Path(ws.root) / "models"

    def register(self, name: str, pipeline, facts: dict[str, Any], *, description: str = "") -> Model:
        """Write the artefact, then the version in one catalog transaction; return the version.

        Args:
            facts: the columns of a version beside artefact and status (task, estimator, target, features, settings,
                metrics, recipe, lineage).
        """
        name = check_name("model", name)
        artifact, size = self._store(pipeline)
        from sqlalchemy import func, select

        with self.ws.session() as session:
            model = session.scalar(select(ModelRow).where(ModelRow.name == name))
            if model is None:
                model = ModelRow(name=name, description=description, created_at=now())
                session.add(model)
                session.flush()
            model.description = description or model.description
            last = session.scalar(select(func.max(ModelVersionRow.version)).where(ModelVersionRow.model_id == model.id))
            row = ModelVersionRow(
                model_id=model.id,
                version=(last or 0) + 1,
                artifact=artifact,
                artifact_bytes=size,
                status="pending",
                status_note="",
                created_at=now(),
                **facts,
            )
            session.add(row)
            session.flush()
            made = _model(model, row)
            self.ws.audit.record("model.train", made.ref, {"estimator": made.estimator}, session=session)
            for kind, ref in _sources(facts["lineage"]):
                self.ws.lineage.add(kind, ref, "model", made.ref, "train", session=session)
        return made

    def get(self, ref: str) -> Model:
        """Return `name@version`; for a name alone the newest approved version, or the newest if none is approved."""
        name, _, version = ref.partition("@")
        versions = self.versions(name)
        if not version:
            approved = [m for m in versions if m.status == "approved"]
            return (approved or versions)[-1]
        for model in versions:
            if str(model.version) == version:
                return model
        raise NotFound.named(f"version of model {name!r}", version, [str(m.version) for m in versions])

    def versions(self, name: str) -> list[Model]:
        """Return all versions of a model, oldest first."""
        found = [m for m in self.list() if m.name == name]
        if not found:
            raise NotFound.named("model", name, dict.fromkeys(m.name for m in self.list()))
        return found

    def list(self) -> list[Model]:
        """Return every version of every model, by name and version."""
        from sqlalchemy import select

        query = select(ModelRow, ModelVersionRow).join(ModelVersionRow, ModelVersionRow.model_id == ModelRow.id)
        with self.ws.reading() as session:
            rows = session.execute(query.order_by(ModelRow.name, ModelVersionRow.version)).all()
            return [_model(model, version) for model, version in rows]

    def set_status(self, ref: str, status: str, note: str = "") -> Model:
        """Approve or reject a version; leaves an audit line."""
        if status not in STATUSES:
            raise InputError(f"{status!r} is no status of a model.", hint=f"Statuses are {', '.join(STATUSES)}.")
        model = self.get(ref)
        with self.ws.session() as session:
            row = self._row(session, model)
            row.status, row.status_note = status, note
            self.ws.audit.record(f"model.{status}", model.ref, {"note": note}, session=session)
        return self.get(model.ref)

    def delete(self, ref: str) -> None:
        """Delete one version (`name@version`) or a whole model (`name`); leaves an audit line."""
        name, _, version = ref.partition("@")
        doomed = [self.get(ref)] if version else self.versions(name)
        with self.ws.session() as session:
            for model in doomed:
                session.delete(self._row(session, model))
                self.ws.audit.record("model.delete", model.ref, {"artifact": model.artifact}, session=session)
            session.flush()
            parent = session.get(ModelRow, self._model_id(session, name))
            from sqlalchemy import select

            if session.scalar(select(ModelVersionRow.id).where(ModelVersionRow.model_id == parent.id).limit(1)) is None:
                session.delete(parent)
        used = {m.artifact for m in self.list()}
        for model in doomed:
            if model.artifact not in used:
                self._path(model.artifact).unlink(missing_ok=True)

    def load(self, model: Model):
        """Return the fitted scikit-learn pipeline; raises InputError for a changed file or a type that is not trusted."""
        import skops.io

        path = self._path(model.artifact)
        if not path.is_file():
            raise NotFound(f"The file of model {model.ref} is missing ({path.name}).", hint="Train it again.")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != model.artifact:
            raise InputError(f"The file of model {model.ref} was changed on disk.", hint="Train it again.")
        return skops.io.loads(content, trusted=self._trusted(content, model.ref))

    @staticmethod
    def _trusted(content: bytes, ref: str) -> list[str]:
        import skops.io

        asked = skops.io.get_untrusted_types(data=content)
        if strange := [name for name in asked if name not in TRUSTED]:
            raise InputError(
                f"Model {ref} holds types that are not trusted: {', '.join(strange)}.", hint="Train it here."
            )
        return asked

    def _store(self, pipeline) -> tuple[str, int]:
        import skops.io

        content = skops.io.dumps(pipeline)
        self._trusted(content, "to be stored")
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}.tmp")
            with unfinished.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(unfinished, path)
        return digest, len(content)

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}.skops"

    @staticmethod
    def _model_id(session, name: str) -> int:
        from sqlalchemy import select

        return session.scalar(select(ModelRow.id).where(ModelRow.name == name))

    def _row(self, session, model: Model) -> ModelVersionRow:
        from sqlalchemy import select

        query = select(ModelVersionRow).where(
            ModelVersionRow.model_id == self._model_id(session, model.name), ModelVersionRow.version == model.version
        )
        return session.scalars(query).one()


def _sources(lineage: dict) -> list[tuple[str, str]]:
    found = [("dataset", lineage["dataset"])] if lineage.get("dataset") else []
    found += [("file", lineage["file"])] if lineage.get("file") else []
    groups = (lineage.get("training_set") or {}).get("groups", {})
    return found + [("feature_group", f"{name}@{group['version']}") for name, group in groups.items()]


def _model(model: ModelRow, row: ModelVersionRow) -> Model:
    names = ("version", "task", "estimator", "target", "features", "settings", "metrics", "artifact", "artifact_bytes")
    names += ("recipe", "lineage", "status", "status_note", "created_at")
    return Model(name=model.name, description=model.description, **{name: getattr(row, name) for name in names})

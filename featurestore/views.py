"""Feature views: a named, versioned choice of features across groups, the same for training sets and for online reads.

A view may say more than which features: a TTL per feature (shorter than the group's), defaults for what is missing,
under which names the caller has each group's keys, and an on-demand recipe: fitted steps that are applied to the features
and to the data of the request at the moment of the read. A training set runs the same recipe on the labels' columns, so
what a model was trained on and what it is served are made by the same steps.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from featurestore.groups import (
    Column,
    Group,
    check_group_name,
    split_reference,
    ttl_microseconds,
    type_named,
)
from featurestore.point_in_time import names_of
from transforms.errors import InputError, NotFound, RecipeError
from transforms.recipe import MAIN, FittedRecipe
from workspace import Workspace
from workspace.schema.base import now as utc_now
from workspace.schema.features import FeatureViewVersionRow

# our type of a feature → type of a recipe's column
RECIPE_TYPES = {"bool": "boolean", "timestamp": "timestamp_utc", "list<float>": "array<float64>", "image": "string"}


@dataclass(frozen=True)
class View:
    """One version of a view. TTLs are in microseconds, by "group:feature"; defaults by the feature's name in the view."""

    name: str
    version: int
    features: tuple[str, ...]
    description: str = ""
    ttl: Mapping[str, int] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    join_keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    request: Mapping[str, str] = field(default_factory=dict)
    recipe: Mapping[str, Any] | None = None
    created_at: str = ""

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"

    def names(self) -> dict[str, str]:
        """Return "group:feature" → its name in the view: the feature's own where no other has it."""
        return names_of(self.features)

    def group_names(self) -> list[str]:
        return list(dict.fromkeys(split_reference(text)[0] for text in self.features))

    def fitted(self) -> FittedRecipe | None:
        return FittedRecipe.from_dict(dict(self.recipe)) if self.recipe else None

    def dump(self) -> dict:
        """Return the view as JSON values."""
        return {
            "name": self.name,
            "version": self.version,
            "ref": self.ref,
            "features": list(self.features),
            "description": self.description,
            "ttl_seconds": {name: us / 1_000_000 for name, us in self.ttl.items()},
            "defaults": dict(self.defaults),
            "join_keys": {group: dict(keys) for group, keys in self.join_keys.items()},
            "request": dict(self.request),
            "recipe": (self.recipe or {}).get("name") if self.recipe else None,
            "created_at": self.created_at,
        }


def made(
    name: str,
    features: Sequence[str],
    groups: Mapping[str, Group],
    *,
    description: str,
    ttl: Mapping[str, Any] | None,
    defaults: Mapping[str, Any] | None,
    join_keys: Mapping[str, Mapping[str, str]] | None,
    request: Mapping[str, str] | None,
    recipe: FittedRecipe | Mapping | None,
) -> View:
    """Return a checked view without a version; raises the first thing that is wrong with it."""
    check_group_name(name)
    if not features:
        raise InputError(f"View {name!r} has no feature.", hint='Name some, as "group:feature".')
    chosen: list[str] = []
    for text in features:
        group, feature = split_reference(text)
        known = groups[group]
        if feature == "*":
            found = [f.name for f in known.features if not f.deprecated]
        else:
            found = [known.feature(feature).name]
            warn_of_deprecated(group, known.feature(feature))
        chosen += [ref for f in found if (ref := f"{group}:{f}") not in chosen]
    ttls = {ref: ttl_microseconds(value) for ref, value in (ttl or {}).items()}
    for ref in ttls:
        if ref not in chosen:
            raise NotFound.named(f"feature in view {name!r}", ref, chosen)
    types = _types(chosen, groups)
    for column, value in (defaults or {}).items():
        if column not in types:
            raise NotFound.named(f"feature in view {name!r}", column, types)
        check_default(column, types[column], value)
    for group, keys in (join_keys or {}).items():
        if group not in {split_reference(ref)[0] for ref in chosen}:
            raise InputError(f"View {name!r} has no feature of group {group!r}.", hint="Take it out of join_keys.")
        if unknown := [key for key in keys if key not in groups[group].key_names]:
            raise InputError(
                f"{unknown} is no key of group {group!r}.", hint=f"Its keys are {groups[group].key_names}."
            )
    asked = {column: type_named(kind, f"Request column {column!r}") for column, kind in (request or {}).items()}
    if both := sorted(set(asked) & set(types)):
        raise InputError(f"{both} is both a feature and a column of the request.", hint="Rename the request's column.")
    if recipe is not None:
        recipe = recipe.dump() if hasattr(recipe, "dump") else dict(recipe)
        check_recipe(name, FittedRecipe.from_dict(recipe), {**types, **asked})
    elif asked:
        raise InputError(
            f"View {name!r} asks for {sorted(asked)} and does nothing with it.", hint="Give a recipe, too."
        )
    return View(
        name, 0, tuple(chosen), description, {k: v for k, v in ttls.items() if v}, dict(defaults or {}),
        {g: dict(k) for g, k in (join_keys or {}).items()}, asked, recipe,
    )  # fmt: skip


class DeprecatedFeature(UserWarning):
    """A feature that its owner wants to go."""


def warn_of_deprecated(group: str, feature: Column) -> None:
    if feature.deprecated:
        said = f"Feature {group}:{feature.name} is deprecated: {feature.deprecated}."
        warnings.warn(said, DeprecatedFeature, stacklevel=4)


def _types(features: Sequence[str], groups: Mapping[str, Group]) -> dict[str, str]:
    names = names_of(features)
    found = {}
    for ref in features:
        group, feature = split_reference(ref)
        found[names[ref]] = groups[group].feature(feature).type
    return found


def check_default(column: str, kind: str, value: Any) -> None:
    """Raise where a default is not of the feature's type."""
    allowed = {"int64": int, "float64": (int, float), "string": str, "image": str, "bool": bool, "list<float>": list}
    wanted = allowed.get(kind)
    wrong = wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and kind != "bool")
    if wrong:
        raise InputError(f"The default of {column!r} is {value!r}, which is no {kind}.", hint=f"Give a {kind}.")


def check_recipe(view: str, fitted: FittedRecipe, types: Mapping[str, str]) -> None:
    """Raise unless the recipe can run for one record, on the view's features and the request's columns alone."""
    if others := [name for name in fitted.inputs if name != MAIN]:
        raise RecipeError(
            f"The recipe {fitted.name!r} of view {view!r} reads the other tables {others}.",
            hint="Publish them as a feature group and choose their features.",
        )
    for number, step in fitted.enabled():
        if step.build().serving not in ("row", "fitted"):
            raise RecipeError(
                f"Step {number} ({step.label()}) of the recipe of view {view!r} needs the other rows.",
                hint="On-demand steps see one record: move this step into the recipe that publishes the features.",
            )
    for column, kind in fitted.inputs.get(MAIN, {}).items():
        if column not in types:
            raise RecipeError(
                f"The recipe {fitted.name!r} of view {view!r} needs the column {column!r}.",
                hint="Choose that feature, or name it in request=.",
            )
        if (given := RECIPE_TYPES.get(types[column], types[column])) != kind:
            raise RecipeError(
                f"The recipe {fitted.name!r} of view {view!r} was fitted on {column!r} as {kind}; the view gives {given}.",
                hint="Fit the recipe on data of the view's types, such as a training set of its features.",
            )


def save(ws: Workspace, view: View) -> View:
    """Write a view as its next version; the same definition again makes none."""
    with ws.session() as session:
        query = select(func.max(FeatureViewVersionRow.version)).where(FeatureViewVersionRow.name == view.name)
        newest = session.scalar(query) or 0
        definition = json.loads(json.dumps(_definition(view)))
        if newest:
            row = session.get(FeatureViewVersionRow, (view.name, newest))
            if row.definition == definition:
                row.description = view.description or row.description
                return _view(row)
        row = FeatureViewVersionRow(
            name=view.name,
            version=newest + 1,
            description=view.description,
            definition=definition,
            created_at=utc_now(),
        )
        session.add(row)
        ws.audit.record(
            "feature_view.save", f"{view.name}@{row.version}", {"features": list(view.features)}, session=session
        )
        for group in view.group_names():
            ws.lineage.add(
                "feature_group", group, "feature_view", f"{view.name}@{row.version}", "view", session=session
            )
        return _view(row)


def _definition(view: View) -> dict:
    return {
        "features": list(view.features), "ttl": dict(view.ttl), "defaults": dict(view.defaults),
        "join_keys": {g: dict(k) for g, k in view.join_keys.items()}, "request": dict(view.request), "recipe": view.recipe,
    }  # fmt: skip


def _view(row: FeatureViewVersionRow) -> View:
    parts = dict(row.definition)
    features = tuple(parts.pop("features"))
    return View(row.name, row.version, features, row.description, created_at=row.created_at.isoformat(), **parts)


def views(ws: Workspace) -> list[View]:
    """Return the newest version of every view, by name."""
    newest = select(FeatureViewVersionRow.name, func.max(FeatureViewVersionRow.version)).group_by(
        FeatureViewVersionRow.name
    )
    with ws.reading() as session:
        pairs = session.execute(newest.order_by(FeatureViewVersionRow.name)).all()
        return [_view(session.get(FeatureViewVersionRow, tuple(pair))) for pair in pairs]


def versions(ws: Workspace, name: str) -> list[View]:
    """Return every version of a view, oldest first."""
    query = select(FeatureViewVersionRow).where(FeatureViewVersionRow.name == name)
    with ws.reading() as session:
        found = [_view(row) for row in session.scalars(query.order_by(FeatureViewVersionRow.version))]
    if not found:
        raise NotFound.named("feature view", name, [v.name for v in views(ws)])
    return found


def get(ws: Workspace, ref: str) -> View:
    """Return a view by name (its newest version) or by `name@version`."""
    name, _, number = ref.partition("@")
    found = versions(ws, name)
    if not number:
        return found[-1]
    for view in found:
        if str(view.version) == number:
            return view
    raise NotFound.named(f"version of view {name!r}", number, [str(v.version) for v in found])


def drop(ws: Workspace, name: str) -> None:
    """Delete a view with all its versions."""
    versions(ws, name)
    with ws.session() as session:
        for row in session.scalars(select(FeatureViewVersionRow).where(FeatureViewVersionRow.name == name)):
            session.delete(row)
        ws.audit.record("feature_view.drop", name, {}, session=session)


def with_defaults(table, defaults: Mapping[str, Any], names: Mapping[str, str]):
    """Return an Arrow table in which missing values of features are the view's defaults; NaN is not missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for feature, value in defaults.items():
        place = table.column_names.index(names.get(feature, feature))
        column = table.column(place)
        if pa.types.is_list(column.type):
            filled = pc.if_else(pc.is_null(column), pa.scalar(value, column.type), column)
        else:
            filled = pc.fill_null(column, pa.scalar(value, column.type))
        table = table.set_column(place, table.column_names[place], filled)
    return table


def on_demand(view: View, table, columns: Mapping[str, str]):
    """Return the columns that the view's recipe makes of a table, row by row in its order, as an Arrow table.

    Args:
        columns: column of the recipe → column of `table`.
    """
    import numpy as np
    import pyarrow as pa

    from transforms.engines import DuckDBEngine

    fitted, engine = view.fitted(), DuckDBEngine()
    needed = list(fitted.inputs.get(MAIN, {}))
    marker = "tilth_row"
    while marker in needed:
        marker += "_"
    picked = {c: _as(table.column(columns[c]), view.request.get(c), columns[c]) for c in needed}
    given = pa.table({**picked, marker: pa.array(np.arange(table.num_rows))})
    expression = fitted.expression({MAIN: engine.table(given)}, engine=engine, serving=True)
    if marker not in expression.columns:
        raise RecipeError(
            f"The recipe of view {view.name!r} drops columns that it does not know.",
            hint="Use “Drop columns” with names in place of “Keep columns”.",
        )
    found = engine.arrow(expression).sort_by(marker)
    if found.num_rows != table.num_rows:
        raise RecipeError(
            f"The recipe of view {view.name!r} made {found.num_rows:,} rows of {table.num_rows:,}.",
            hint="On-demand steps keep every row: take filters out of it.",
        )
    return found.drop_columns([marker])


def _as(column, kind: str | None, name: str):
    """Return a label column as the request's type."""
    import pyarrow as pa

    from featurestore.intake import arrow_type

    if kind is None:
        return column
    try:
        return column.cast(arrow_type(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"Column {name!r} is {column.type}, and the view's request needs {kind}: {error}.", hint="Convert it first."
        ) from error


def outputs(view: View, made_columns: Sequence[str]) -> list[str]:
    """Return what a read of a view with a recipe gives: features that the recipe does not take, then the recipe's columns
    without those of the request.
    """
    taken = view.recipe["inputs"].get(MAIN, {})
    untouched = [name for name in view.names().values() if name not in taken and name not in made_columns]
    return [*untouched, *(c for c in made_columns if c not in view.request)]

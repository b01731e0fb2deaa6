"""Train a scikit-learn pipeline on a table, measure it on rows it has not seen, and register it."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from featurestore import FeatureStore, manifest_of
from featurestore.intake import FROM_RECIPE, opened
from training import columns, splits
from training.registry import Model, Registry
from transforms.errors import InputError, NotFound

if TYPE_CHECKING:
    from transforms import FittedRecipe
    from workspace import Workspace
    from workspace.datasets import DatasetVersion
    from workspace.runs import RunHandle

CLASSIFICATION, REGRESSION = "classification", "regression"
MOST_CLASSES = 100
SMALL = 5_000_000  # values; for fewer, threads that wait for each other cost more than they bring on a busy machine
MOST_CATEGORIES = 100  # per text column; rarer ones share one column


def _logistic(task: str, seed: int, settings: Mapping):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000, random_state=seed, **settings)


def _linear(task: str, seed: int, settings: Mapping):
    from sklearn.linear_model import LinearRegression

    return LinearRegression(**settings)


def _forest(task: str, seed: int, settings: Mapping):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if task == CLASSIFICATION else RandomForestRegressor
    return kind(random_state=seed, **settings)


def _boosting(task: str, seed: int, settings: Mapping):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task == CLASSIFICATION else HistGradientBoostingRegressor
    return kind(random_state=seed, **settings)


ESTIMATORS: dict[str, tuple[str, tuple[str, ...], Callable]] = {
    "logistic_regression": ("Logistic regression", (CLASSIFICATION,), _logistic),
    "linear_regression": ("Linear regression", (REGRESSION,), _linear),
    "random_forest": ("Random forest", (CLASSIFICATION, REGRESSION), _forest),
    "hist_gradient_boosting": ("Gradient boosting", (CLASSIFICATION, REGRESSION), _boosting),
}


def train(
    ws: Workspace,
    name: str,
    data,
    *,
    target: str,
    features: Sequence[str] | None = None,
    estimator: str | None = None,
    task: str | None = None,
    split: str = "random",
    time: str | None = None,
    test_share: float = 0.2,
    seed: int = 0,
    recipe: FittedRecipe | None = None,
    run_recipe: bool = False,
    recipe_inputs: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    description: str = "",
    handle: RunHandle | None = None,
) -> Model:
    """Train, measure and register; return the new model version.

    Numbers are filled with the training median and scaled; text is one-hot encoded, missing text is its own category and
    unseen text is ignored. All of that is learnt on the training rows only and is part of the artefact.

    Args:
        data: a training set of the feature store, or any table, path or dataset.
        target: column to predict; rows without it are left out.
        features: columns to learn from; default is every number and text column but target, keys, times, and text that is
            different in nearly every row (a name or an identifier).
        estimator: one of `ESTIMATORS`; default logistic or linear regression, by task.
        task: "classification" or "regression"; default by the target: text, bool or up to 20 whole numbers are classes.
        split: "random" (stratified by class) or "time" (the newest rows test; needs `time`).
        test_share: share of the rows to test on, between 0 and 1.
        recipe: the fitted recipe that turned raw records into these rows; kept with the model, so that `predict` takes raw
            records. For a training set of the feature store it is found by lineage.
        run_recipe: the data is raw: run `recipe` on it first.
        recipe_inputs: the recipe's other inputs by name, as datasets (`name@version`). They too are found by lineage.
        settings: settings of the estimator, such as `{"n_estimators": 300}`.
        handle: for progress and cancel; nothing is registered after a cancel, which waits for the estimator's own work.
    """
    from threadpoolctl import threadpool_limits

    say = handle.progress if handle else lambda share, message: None
    say(0.5, "reading the rows")
    table, lineage, keys = _table(ws, data)
    recipe, others, problem = _recipe_and_inputs(ws, lineage, recipe, recipe_inputs or {})
    if run_recipe:
        table = _after_recipe(ws, recipe, table, others)
    left_out = [*keys, *([time] if time else [])]
    chosen, noticed = columns.choose(table, target, features, left_out)
    rows_given = table.num_rows
    table = table.filter(columns.known(table.column(target)))
    if split not in ("random", "time"):
        raise InputError(f"{split!r} is no way to split.", hint='Use "random" or "time".')
    task = task or _task_of(table.column(target))
    estimator = estimator or ("logistic_regression" if task == CLASSIFICATION else "linear_regression")
    _check_estimator(estimator, task)
    frame = columns.frame_of(table, chosen)
    answers = _answers(table.column(target), task)
    if split == "time":
        train_rows, test_rows = splits.time_split(_times(table, time), test_share)
    else:
        stratify = answers if task == CLASSIFICATION else None
        train_rows, test_rows = splits.random_split(table.num_rows, test_share, seed, stratify)
    if task == CLASSIFICATION and len(set(answers[train_rows])) < 2:
        raise InputError(f"The training rows have only one value of {target!r}.", hint="Give rows of each class.")
    try:
        pipeline = _pipeline(chosen, ESTIMATORS[estimator][2](task, seed, settings or {}))
    except TypeError as error:
        raise InputError(
            f"{estimator} does not take these settings: {error}.", hint="See scikit-learn's names."
        ) from error
    noticed += [problem] if problem else []
    say(0.7, f"{ESTIMATORS[estimator][0]} learns from {len(train_rows):,} rows")
    with threadpool_limits(limits=1 if frame.size < SMALL else 2):
        noticed += _fit(pipeline, frame.iloc[train_rows], answers[train_rows])
        say(0.9, f"measuring on {len(test_rows):,} rows")
        metrics = _measure(task, pipeline, frame.iloc[test_rows], answers[test_rows], answers[train_rows])
    metrics |= {"train_rows": len(train_rows), "test_rows": len(test_rows), "warnings": noticed}
    lineage = {key: value for key, value in lineage.items() if key not in FROM_RECIPE}
    lineage |= {"recipe": recipe.name, "recipe_inputs": others} if recipe is not None else {}
    lineage["rows"] = {"given": rows_given, "without_target": rows_given - table.num_rows}
    facts = {
        "task": task,
        "estimator": estimator,
        "target": target,
        "features": chosen,
        "settings": {
            "split": split,
            "time": time,
            "test_share": test_share,
            "seed": seed,
            "estimator": dict(settings or {}),
            "libraries": _libraries(),
        },
        "metrics": metrics,
        "recipe": recipe.dump() if recipe is not None else None,
        "lineage": lineage,
    }
    return Registry(ws).register(name, pipeline, facts, description=description)


def _table(ws: Workspace, data) -> tuple[Any, dict, list[str]]:
    """Return the Arrow table, its lineage, and columns that are keys or times."""
    manifest = manifest_of(data) if hasattr(data, "schema") and hasattr(data, "column_names") else None
    with opened(ws, data) as batch:
        lineage: dict[str, Any] = dict(batch.source)
        table = data if manifest else batch.con.sql("SELECT * FROM batch").to_arrow_table()
    if not manifest:
        return table, lineage, []
    lineage |= {"training_set": manifest}
    store = FeatureStore(ws)
    keys = [k["name"] for group in manifest["groups"] for k in store.describe(group)["keys"]]
    return table, lineage, [*keys, manifest["time"]]


def _recipe_and_inputs(
    ws: Workspace, lineage: Mapping, recipe: FittedRecipe | None, given: Mapping[str, str]
) -> tuple[FittedRecipe | None, dict[str, str], str]:
    """Return the recipe that made the rows, its other inputs as exact dataset versions, and a sentence where one is missing.

    Args:
        recipe: the one that was handed over; None looks for it in the lineage.
        given: other inputs by name that were handed over; they win over those of the lineage.
    """
    handed_over = recipe is not None or bool(given)
    found = _source_of(recipe) if recipe is not None else _recipe_by_lineage(ws, lineage)
    if found is None:
        return None, {}, ""
    if recipe is None:
        from transforms import FittedRecipe

        recipe = FittedRecipe.from_dict(found["fitted_recipe"])
    known = {**found.get("recipe_inputs", {}), **given}
    others, problem = {}, ""
    for name in recipe.other_inputs():
        try:
            others[name] = ws.datasets.get(known[name]).ref if name in known else None
        except NotFound:
            others[name] = None
        if others[name] is None:
            was = f" (it was {known[name]!r})" if name in known else ""
            problem = f"Recipe {recipe.name!r} reads the input {name!r}{was}, which is no dataset of this workspace."
    others = {name: ref for name, ref in others.items() if ref}
    if problem and handed_over:
        raise InputError(problem, hint="Name a dataset for it: recipe_inputs, or --recipe-input NAME=DATASET.")
    return recipe, others, problem + " Raw records cannot be predicted without it." if problem else ""


def _recipe_by_lineage(ws: Workspace, lineage: Mapping) -> dict | None:
    """Return the source (recipe, recipe_inputs, fitted_recipe) that made the features; None where there is none or several.

    Of each feature group it is the newest one that the training set could see.
    """
    training_set = lineage.get("training_set")
    if training_set is None:
        return dict(lineage) if lineage.get("fitted_recipe") else None
    found = []
    store = FeatureStore(ws)
    as_of = datetime.fromisoformat(training_set["as_of"]) if training_set.get("as_of") else None
    for name, group in training_set["groups"].items():
        made_by_recipe = [
            version["source"]
            for version in store.describe(name)["versions"]
            if version["version"] <= group["version"]
            and (as_of is None or datetime.fromisoformat(version["written_at"]) <= as_of)
            and (version["source"] or {}).get("fitted_recipe")
        ]
        found += made_by_recipe[-1:]
    return found[0] if found and all(f["fitted_recipe"] == found[0]["fitted_recipe"] for f in found) else None


def _source_of(recipe: FittedRecipe) -> dict:
    inputs = recipe.fitted_on.get("inputs", {})
    return {"recipe_inputs": {name: ref for name, ref in inputs.items() if name != "main"}}


def _after_recipe(ws: Workspace, recipe: FittedRecipe | None, table, recipe_inputs: Mapping[str, str]):
    if recipe is None:
        raise InputError("There is no recipe to run.", hint="Give the fitted recipe.")
    from workspace.sql import connection

    with connection() as con:
        others = {name: ws.datasets.get(ref) for name, ref in recipe_inputs.items()}
        return recipe.run({"main": table, **others}, con).to_arrow_table()


def suggested_task(dataset: DatasetVersion, target: str) -> str:
    """Return what `train` would take the task of a dataset's column for: "classification" or "regression"."""
    from workspace.sql import connection, ident

    with connection() as con:
        query = f"SELECT {ident(target)} FROM {dataset.sql()}"
        return _task_of(con.sql(f"SELECT DISTINCT * FROM ({query}) LIMIT 1000").to_arrow_table().column(0))


def _task_of(target) -> str:
    import pyarrow.compute as pc
    import pyarrow.types as t

    if columns.kind_of(target.type) == columns.CATEGORICAL or t.is_boolean(target.type):
        return CLASSIFICATION
    if t.is_integer(target.type) and pc.count_distinct(target).as_py() <= 20:
        return CLASSIFICATION
    if columns.kind_of(target.type) == columns.NUMERIC:
        return REGRESSION
    raise InputError(f"The target is {target.type}, which cannot be predicted.", hint="Choose a number, text or bool.")


def _check_estimator(estimator: str, task: str) -> None:
    known = [name for name, (_, tasks, _) in ESTIMATORS.items() if task in tasks]
    if estimator not in known:
        raise InputError(f"{estimator!r} does not do {task}.", hint=f"For {task} there are {', '.join(known)}.")


def _answers(target, task: str):
    """Return the target as a numpy array: floats, or classes as int, str or bool."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as t

    if task == REGRESSION:
        if columns.kind_of(target.type) != columns.NUMERIC:
            raise InputError(f"A {target.type} target has no regression.", hint="Choose classification.")
        return pc.cast(target, pa.float64()).to_numpy()
    if t.is_floating(target.type) or t.is_decimal(target.type):
        target = pc.cast(target, pa.string())
    if t.is_dictionary(target.type):
        target = pc.cast(target, pa.string())
    values = target.to_pylist()
    if len(set(values)) > MOST_CLASSES:
        raise InputError(
            f"The target has {len(set(values)):,} different values.", hint="That is a regression, or an identifier."
        )
    # fixed-width text, not objects: skops stores it without asking
    return np.array(values, dtype=str if isinstance(values[0], str) else None) if values else np.array([])


def _times(table, time: str | None):
    if not time:
        raise InputError("A split by time needs the time column.", hint="Name it with time=.")
    if time not in table.column_names:
        from transforms.errors import ColumnNotFound

        raise ColumnNotFound.of(time, table.column_names)
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(table.column(time), pa.timestamp("us"), safe=False).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"Column {time!r} holds no times.", hint="Choose a timestamp column.") from error


def _pipeline(features: Sequence[dict], estimator):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = [f["name"] for f in features if f["kind"] == columns.NUMERIC]
    text = [f["name"] for f in features if f["kind"] == columns.CATEGORICAL]
    parts = []
    if numeric:
        steps = [("fill", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
        parts.append(("numbers", Pipeline(steps), numeric))
    if text:
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
        )
        parts.append(("text", encoder, text))
    return Pipeline([("columns", ColumnTransformer(parts)), ("estimator", estimator)])


def _fit(pipeline, frame, answers) -> list[str]:
    """Fit, and return what scikit-learn warned about, each sentence once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline.fit(frame, answers)
        except ValueError as error:
            raise InputError(
                f"The estimator could not learn from these rows: {error}.", hint="Check the columns."
            ) from error
    return list(dict.fromkeys(str(w.message).partition("\n")[0] for w in caught))


def _measure(task: str, pipeline, frame, answers, seen) -> dict:
    """Return metrics on the test rows, and those of always answering the commonest class or the training mean."""
    import numpy as np
    from sklearn import metrics as m

    guess = pipeline.predict(frame)
    if task == REGRESSION:
        mean = np.full(len(answers), float(np.mean(seen)))
        found = {
            "mae": m.mean_absolute_error(answers, guess),
            "rmse": m.root_mean_squared_error(answers, guess),
            "r2": m.r2_score(answers, guess) if len(answers) > 1 else None,
            "baseline_mae": m.mean_absolute_error(answers, mean),
        }
        return {name: None if value is None else float(value) for name, value in found.items()}
    values, counts = np.unique(seen, return_counts=True)
    classes = list(pipeline.classes_)
    found = {
        "accuracy": float(m.accuracy_score(answers, guess)),
        "balanced_accuracy": float(np.mean(m.recall_score(answers, guess, average=None, labels=np.unique(answers)))),
        "precision": float(m.precision_score(answers, guess, average="macro", zero_division=0)),
        "recall": float(m.recall_score(answers, guess, average="macro", zero_division=0)),
        "f1": float(m.f1_score(answers, guess, average="macro", zero_division=0)),
        "baseline_accuracy": float(np.mean(answers == values[counts.argmax()])),
    }
    known = np.isin(answers, classes)
    shares = pipeline.predict_proba(frame)
    if known.all() and len(classes) > 1:
        found["log_loss"] = float(m.log_loss(answers, shares, labels=classes))
    if len(classes) == 2 and len(set(answers)) == 2:
        found["roc_auc"] = float(m.roc_auc_score(answers == classes[1], shares[:, 1]))
    matrix = m.confusion_matrix(answers, guess, labels=classes).tolist()
    return found | {"confusion": {"labels": [plain(c) for c in classes], "matrix": matrix}}


def plain(value):
    """Return a numpy value as Python's own."""
    return value.item() if hasattr(value, "item") else value


def _libraries() -> dict[str, str]:
    import numpy
    import sklearn
    import skops

    return {
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": numpy.__version__,
        "skops": skops.__version__,
    }

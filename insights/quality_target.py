"""The table as a model's input: what the target looks like, what predicts it, and how far a quick model gets.

Everything about the target itself counts all rows. Prediction power and the quick model are worked out on a bounded
sample (`SAMPLE` rows, the same on every run), four fifths to learn and one fifth to score, split by class.

Prediction power of a column, 0 to 1, is that of a small decision tree on this column alone: max(0, 2 · AUC - 1) for
classes (AUC one against the rest, weighted by class), max(0, R²) for numbers. 1 says that the column alone tells the
target, which is nearly always a leak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from insights.quality_relations import sample
from workspace.sql import ident

if TYPE_CHECKING:
    from insights.profile import Column, Profile

SAMPLE = 20_000  # rows
FEW_ROWS = 40  # fewer tell nothing about a model
CLASSES_UP_TO = 20  # different whole numbers that are taken for classes
MOST_CLASSES = 100  # more are no classes that a quick model can learn
TEST_SHARE = 0.2
SHOWN_CLASSES = 30
TREE = {"max_depth": 6, "min_samples_leaf": 10, "random_state": 1}  # small: a value that occurs once tells nothing
SEED = 1


def look(con, source: str, found: Profile, target: str) -> dict[str, Any]:
    """Return what the report says about a target.

    Returns:
        `{column, task, rows, missing, classes: [{value, count}], imbalance, powers: [{column, power}], model}`. `task` is
        classification, regression or none (with `reason`); `imbalance` is the greatest class over the smallest; `model`
        is `{name, rows, train_rows, test_rows, metrics: {…}, baseline: {…}, labels, confusion, importances}` or None.
    """
    c = found.column(target)
    answer: dict[str, Any] = {"column": target, "task": "none", "rows": found.rows, "missing": c.missing, "classes": [],
                              "imbalance": None, "powers": [], "model": None, "sample": 0}  # fmt: skip
    answer["task"], answer["reason"] = task_of(c)
    if answer["task"] == "classification":
        name = ident(target)
        known = f"{name} IS NOT NULL" + (f" AND NOT isnan({name})" if c.type in ("float32", "float64") else "")
        rows = con.execute(
            f"SELECT {name}::VARCHAR, count(*) AS n FROM {source} WHERE {known} GROUP BY 1 ORDER BY n DESC, 1"
        ).fetchall()
        answer["classes"] = [{"value": value, "count": n} for value, n in rows]
        answer["imbalance"] = rows[0][1] / rows[-1][1]
    if answer["task"] != "none":
        _models(con, source, found, c, answer)
    return answer


def task_of(c: Column) -> tuple[str, str]:
    """Return (classification, regression or none; why)."""
    if not c.known or (c.distinct_is_exact and c.distinct < 2):
        return "none", "It has fewer than two different values."
    if c.kind == "number" and not (c.distinct_is_exact and c.distinct <= CLASSES_UP_TO and _whole(c)):
        return "regression", f"It is a number with more than {CLASSES_UP_TO} different values, or with fractions."
    if c.kind in ("bool", "text", "number"):
        if c.distinct > MOST_CLASSES or not c.distinct_is_exact:
            return "none", f"It has more than {MOST_CLASSES} different values: too many for classes."
        return "classification", f"It has {c.distinct} different values."
    return "none", "It is neither a number nor a category."


def _whole(c: Column) -> bool:
    return c.type not in ("float32", "float64") or all(str(t["value"]).endswith(".0") for t in c.top)


def _models(con, source: str, found: Profile, c: Column, answer: dict) -> None:
    import numpy as np
    from sklearn.model_selection import train_test_split

    rows = sample(con, source, found, SAMPLE)
    features = [f for f in found.columns if f.name != c.name and f.kind != "other" and f.known]
    known = f"{ident(c.name)} IS NOT NULL" + (
        f" AND isfinite({ident(c.name)})" if c.type in ("float32", "float64") else ""
    )
    sql = [_feature(f, i) for i, f in enumerate(features)]
    wanted = f"{ident(c.name)}::VARCHAR" if answer["task"] == "classification" else f"{ident(c.name)}::DOUBLE"
    ordered = f"(SELECT *, row_number() OVER () AS tilth_place FROM {rows})"  # the same rows give the same split
    taken = con.execute(
        f"SELECT {', '.join([*sql, f'{wanted} AS y'])} FROM {ordered} WHERE {known} ORDER BY tilth_place"
    ).fetchnumpy()
    con.execute(f"DROP TABLE {rows}")
    y = np.asarray(taken["y"])
    x = (
        np.column_stack([np.ma.filled(taken[f"x{i}"].astype("float64"), np.nan) for i in range(len(features))])
        if features
        else None
    )
    answer["sample"] = len(y)
    classes, counts = np.unique(y, return_counts=True)
    if answer["task"] == "classification":  # a class with one row can neither be learnt nor scored
        enough = np.isin(y, classes[counts >= 2])
        y, x = y[enough], x[enough] if x is not None else None
        classes = classes[counts >= 2]
    if (
        x is None
        or len(y) < FEW_ROWS
        or len(classes) < 2
        or len(classes) > len(y) * TEST_SHARE
        and answer["task"] == "classification"
    ):
        answer["reason"] += f" Fewer than {FEW_ROWS} rows, one class or no other column: no model was made."
        return
    strata = y if answer["task"] == "classification" else None
    split = train_test_split(x, y, test_size=TEST_SHARE, random_state=SEED, stratify=strata)
    answer["powers"] = sorted(
        ({"column": f.name, "power": _power(i, split, answer["task"])} for i, f in enumerate(features)),
        key=lambda row: -row["power"],
    )
    answer["model"] = _quick_model(features, split, answer["task"])


def _feature(f: Column, i: int) -> str:
    from insights.profile import number_sql

    if f.kind in ("number", "time"):
        return f"({number_sql(f)})::DOUBLE AS x{i}"
    # Codes in alphabetical order: a tree on them is enough to tell whether a column knows anything.
    name = ident(f.name)
    return f"CASE WHEN {name} IS NOT NULL THEN dense_rank() OVER (ORDER BY {name}::VARCHAR) END::DOUBLE AS x{i}"


def _power(i: int, split, task: str) -> float:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    x_train, x_test, y_train, y_test = split
    tree = (DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor)(**TREE)
    tree.fit(x_train[:, [i]], y_train)
    if task == "regression":
        return _bounded(tree.score(x_test[:, [i]], y_test))
    return _bounded(2 * (_auc(tree, x_test[:, [i]], y_test) or 0.5) - 1)


def _bounded(value: float) -> float:
    return float(min(1.0, max(0.0, value)))


def _auc(model, x, y) -> float | None:
    """Return the area under the curve, one class against the rest, weighted by the classes that the test rows hold."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    chance = model.predict_proba(x)
    areas, weights = [], []
    for place, value in enumerate(model.classes_):
        is_it = y == value
        if is_it.any() and not is_it.all():
            areas.append(roc_auc_score(is_it, chance[:, place]))
            weights.append(is_it.sum())
    return float(np.average(areas, weights=weights)) if areas else None


def _quick_model(features: list[Column], split, task: str) -> dict:
    import numpy as np
    from sklearn import metrics
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    x_train, x_test, y_train, y_test = split
    kind = RandomForestClassifier if task == "classification" else RandomForestRegressor
    model = kind(n_estimators=50, max_depth=16, min_samples_leaf=2, random_state=SEED).fit(x_train, y_train)
    said = model.predict(x_test)
    answer: dict[str, Any] = {"name": "random forest of 50 trees", "rows": len(y_train) + len(y_test), "train_rows": len(y_train),
                              "test_rows": len(y_test), "labels": [], "confusion": []}  # fmt: skip
    if task == "classification":
        labels = [str(v) for v in model.classes_]
        values, counts = np.unique(y_train, return_counts=True)
        usual = values[counts.argmax()]
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            y_test, said, average="weighted", zero_division=0
        )
        answer["metrics"] = {
            "accuracy": metrics.accuracy_score(y_test, said),
            "balanced accuracy": metrics.recall_score(y_test, said, average="macro", zero_division=0),
            "AUC": _auc(model, x_test, y_test),
            "precision": precision, "recall": recall, "F1": f1,
        }  # fmt: skip
        answer["baseline"] = {"accuracy": float((y_test == usual).mean())}
        answer["labels"] = labels[:SHOWN_CLASSES]
        answer["confusion"] = metrics.confusion_matrix(y_test, said, labels=model.classes_)[
            :SHOWN_CLASSES, :SHOWN_CLASSES
        ].tolist()
    else:
        answer["metrics"] = {
            "R²": metrics.r2_score(y_test, said),
            "mean absolute error": metrics.mean_absolute_error(y_test, said),
            "root mean squared error": metrics.mean_squared_error(y_test, said) ** 0.5,
            "median absolute error": metrics.median_absolute_error(y_test, said),
            "largest error": metrics.max_error(y_test, said),
        }
        answer["baseline"] = {"mean absolute error": float(np.abs(y_test - np.median(y_train)).mean())}
    answer["metrics"] = {k: None if v is None else float(v) for k, v in answer["metrics"].items()}
    order = np.argsort(-model.feature_importances_, kind="stable")
    answer["importances"] = [
        {"column": features[i].name, "importance": float(model.feature_importances_[i])} for i in order
    ]
    return answer

"""Small classifiers that learn from a few labels on one core, with chances that mean something.

Several kinds are tried; the one (or the mean of the best two) with the lowest cross-validated log loss is used. Each
gets a temperature, fitted on the same held-out answers, so that 0.9 is right about nine times in ten.
"""

from __future__ import annotations

from dataclasses import dataclass

from transforms.errors import InputError

TEMPERATURES = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)


@dataclass
class Classifier:
    """A trained classifier: `chances(features)` gives one row of chances per object, in the order of `classes`."""

    classes: list[str]
    name: str
    log_loss: float
    _models: list
    _centre: object
    _scale: float

    def chances(self, features):
        import numpy as np

        features = (np.asarray(features, dtype="float64") - self._centre) / self._scale
        if not len(features):
            return np.zeros((0, len(self.classes)))
        return np.mean([_softmax(_logits(m, features, len(self.classes)) / t) for m, t in self._models], axis=0)


def train(features, labels, seed: int = 0, like=None) -> Classifier:
    """Learn to tell the labels apart.

    Args:
        features: objects × features, float.
        labels: one name per object; at least two different ones.
        like: features of the objects that the chances are to be true for, where the labelled ones were chosen because
            they are hard: held-out answers are weighed so that sure and unsure ones are as frequent as there.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    features = np.asarray(features, dtype="float64")
    classes, y = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    if len(classes) < 2:
        raise InputError("All labels so far are the same, so there is nothing to learn.", hint="Label more objects.")
    centre = features.mean(axis=0)
    scale = float(np.sqrt(((features - centre) ** 2).mean())) or 1.0  # one scale: dead features stay dead
    scaled = (features - centre) / scale
    like = None if like is None else (np.asarray(like, dtype="float64")[:: 1 + len(like) // 1500] - centre) / scale
    with threadpool_limits(1):
        folds = _folds(y, seed)
        tried = []
        for name, make in _candidates(len(y)):
            held = np.zeros((len(y), len(classes)))
            for fold in np.unique(folds):
                model = _fit(make(), scaled[folds != fold], y[folds != fold])
                held[folds == fold] = _logits(model, scaled[folds == fold], len(classes))
            model = _fit(make(), scaled, y)
            weights = np.ones(len(y)) if like is None else _weights(held, _logits(model, like, len(classes)))
            losses = [_log_loss(_softmax(held / t), y, weights) for t in TEMPERATURES]
            best = int(np.argmin(losses))
            tried.append((losses[best], name, model, TEMPERATURES[best], _softmax(held / TEMPERATURES[best]), weights))
        tried.sort(key=lambda row: row[0])
        chosen = tried[:1]
        loss = tried[0][0]
        if (both := _log_loss((tried[0][4] + tried[1][4]) / 2, y, tried[0][5])) < loss:
            chosen, loss = tried[:2], both
        models = [(row[2], row[3]) for row in chosen]
    return Classifier([str(c) for c in classes], " + ".join(c[1] for c in chosen), float(loss), models, centre, scale)


def _candidates(n: int):
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC

    yield "logistic regression", lambda: LogisticRegression(C=0.05, max_iter=500, tol=1e-3)
    yield "linear SVM", lambda: LinearSVC(C=0.01, max_iter=2000, random_state=0)
    yield "nearest neighbours", lambda: KNeighborsClassifier(min(7, max(1, n // 4)), weights="distance")


def _fit(model, features, y):
    import warnings

    import numpy as np

    if len(np.unique(y)) < 2:  # a fold without the other class
        return int(y[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "did not converge": the log loss decides, not the optimiser
        return model.fit(features, y)


def _logits(model, features, n_classes: int):
    """Return objects × classes of numbers that grow with the chance; classes that the model never saw get the least."""
    import numpy as np

    if isinstance(model, int):
        out = np.full((len(features), n_classes), -1.0)
        out[:, model] = 1.0
        return out
    if hasattr(model, "decision_function"):
        raw = model.decision_function(features)
        raw = np.stack([-raw, raw], axis=1) if raw.ndim == 1 else raw
    else:
        raw = np.log(model.predict_proba(features) + 0.01)
    out = np.full((len(features), n_classes), raw.min() - 1.0 if raw.size else -1.0)
    out[:, model.classes_] = raw
    return out


def _folds(y, seed: int, most: int = 4):
    """Return a fold number per object; each class is spread evenly, the rare ones too."""
    import numpy as np

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    folds = np.empty(len(y), dtype="int64")
    folds[order] = np.arange(len(y)) % min(most, len(y))
    return folds


def _softmax(logits):
    import numpy as np

    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _weights(held, like, bins: int = 5):
    """Return a weight per held-out answer that makes margins as frequent as those of `like` (post-stratification)."""
    import numpy as np

    def margin(logits):
        ordered = np.sort(logits, axis=1)
        return ordered[:, -1] - ordered[:, -2]

    wanted = margin(like)
    edges = np.quantile(wanted, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, margin(held))
    counts = np.bincount(place, minlength=bins)
    weights = np.clip(len(place) / bins / np.maximum(counts, 1), 0.1, 10)[place]
    return weights / weights.mean()


def _log_loss(chances, y, weights) -> float:
    import numpy as np

    return float(np.average(-np.log(np.clip(chances[np.arange(len(y)), y], 1e-6, 1)), weights=weights))

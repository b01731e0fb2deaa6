"""The certified pass, the learning loop, and its classifiers."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.autolabel import loop
from labeling.autolabel.certify import accuracy_bound, certify, needed, sample_size, thresholds
from labeling.autolabel.classifier import train
from labeling.autolabel.features import picture_features, text_features
from transforms.errors import InputError


def test_the_bound_is_exact():
    # no error in n: the accuracy p with p^n = 0.1; one error in two: 1 - (1 - p)^2 ... P(at most 1 error) = 1 - (1-p)^2
    assert accuracy_bound(0, 45) == pytest.approx(0.1 ** (1 / 45))
    assert accuracy_bound(1, 2) == pytest.approx(1 - 0.9**0.5)
    assert accuracy_bound(3, 3) == 0.0
    # Clopper and Pearson's 95 % two-sided interval of 8 in 10 begins at 0.4439 (their table; = one-sided 97.5 %)
    assert accuracy_bound(2, 10, 0.975) == pytest.approx(0.4439, abs=5e-5)


def test_how_many_are_needed():
    assert needed(0.95, 0.9) == 45  # 0.95^45 = 0.0994, 0.95^44 = 0.1047
    assert (needed(0.95, 0.9, 1), needed(0.95, 0.9, 2)) == (77, 105)
    assert [accuracy_bound(e, n) >= 0.95 for e, n in ((0, 44), (0, 45), (1, 76), (1, 77), (2, 104), (2, 105))] == [
        False, True, False, True, False, True
    ]  # fmt: skip


def test_sample_sizes():
    assert sample_size(100) == 52  # 1.15 * 45: works from 100 objects
    assert 200 < sample_size(100_000) < 400  # what is needed does not grow with the objects
    with pytest.raises(InputError, match="60 objects are too few: 52 must be validated"):
        sample_size(60)


def test_a_threshold_is_found_and_stops_at_the_first_failure():
    scores = np.linspace(0, 0.999, 400)
    correct = scores >= 0.5  # right above one half, wrong below
    found = certify(scores, correct, scores, steps=100)
    inside = scores >= found.threshold
    assert found.validated == inside.sum() and found.errors == (inside & ~correct).sum()
    assert found.bound == accuracy_bound(found.errors, found.validated) >= 0.95
    assert found.share == pytest.approx(inside.mean())
    assert 0.45 < found.threshold < 0.52
    assert certify(scores, np.ones(400, bool), scores).share == 1


def test_the_order_of_thresholds_does_not_see_verdicts():
    scores = np.linspace(0.5, 1, 300)
    order = thresholds(scores, scores, 0.95, 0.9)
    assert (np.diff(order) < 0).all() and 150 <= (scores >= order[0]).sum() <= 156  # half of the sample comes first
    wrong = certify(scores, np.zeros(300, bool), scores)
    assert (wrong.threshold, wrong.share) == (None, 0.0) and "errors in" in wrong.reason


def test_too_small_a_sample_says_how_many_are_needed():
    with pytest.raises(InputError, match="at least 45 are needed"):
        certify([0.9] * 44, [True] * 44, [0.9])
    with pytest.raises(InputError, match="less than 100 %"):
        certify([0.9] * 44, [True] * 44, [0.9], target=1.0)


def test_the_promise_holds_where_every_threshold_is_just_below_the_target():
    """With accuracy 0.94 at every score, a certificate for 0.95 is a mistake: at most one run in ten may make it."""
    rng = np.random.default_rng(1)
    offered = rng.random(1000)
    made = sum(certify(rng.random(300), rng.random(300) < 0.94, offered).threshold is not None for _ in range(400))
    assert made <= 40 + 3 * 6  # 10 % of 400, and three standard deviations


def test_a_classifier_learns_and_its_chances_are_calibrated():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 900)
    x = rng.normal(0, 1, (900, 6)) + np.eye(3, 6)[y] * 1.5
    model = train(x[:300], [f"c{k}" for k in y[:300]])
    chances = model.chances(x[300:])
    right = chances.argmax(axis=1) == y[300:]
    assert model.classes == ["c0", "c1", "c2"] and chances.sum(axis=1) == pytest.approx(1)
    assert right.mean() > 0.7  # the best possible is about 0.77
    assert abs(chances.max(axis=1).mean() - right.mean()) < 0.06


def test_a_classifier_lives_with_a_class_of_one_object():
    x = np.vstack([np.zeros((10, 2)) + np.arange(10)[:, None] / 50, np.ones((10, 2)), [[5.0, 5.0]]])
    model = train(x, ["a"] * 10 + ["b"] * 10 + ["c"])
    assert model.classes == ["a", "b", "c"]
    assert [model.classes[k] for k in model.chances(x[[0, 15]]).argmax(axis=1)] == ["a", "b"]
    with pytest.raises(InputError, match="nothing to learn"):
        train(x[:5], ["a"] * 5)


def test_hardest_are_doubted_and_differ():
    features = np.array([[0.0, 0], [0, 0.01], [9, 9], [5, 0], [0, 5], [1, 1]])
    chances = np.array([[0.5, 0.5], [0.5, 0.5], [0.51, 0.49], [1, 0], [1, 0], [1, 0]])
    chosen = set(loop.hardest(chances, features, np.arange(6), 1).tolist())
    assert chosen <= {0, 1, 2}
    two = loop.spread(features, np.arange(3), 2).tolist()
    assert 2 in two and len(set(two)) == 2  # not both of the twins


def digits(seed: int, n: int | None = None, noise: float = 4.0):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(y), n or len(y), replace=False)
    return x[chosen] + rng.normal(0, noise, (len(chosen), x.shape[1])), y[chosen].astype(str)


def test_simulation_keeps_its_promise():
    """Two of the seeds of benchmarks/auto_label.py."""
    for seed in (0, 1):
        x, y = digits(seed)
        asked = []
        out = loop.simulate(x, lambda i, y=y, asked=asked: asked.append(i) or y[i], classes=10, seed=seed)
        auto = [i for i, label in enumerate(out.labels) if label is not None]
        assert sorted(asked) == out.people and len(set(asked)) == len(asked)
        assert not set(auto) & set(out.people)
        assert len(auto) >= 0.3 * len(y)
        assert np.mean([out.labels[i] == y[i] for i in auto]) >= 0.95
        assert len(out.people) <= round(0.6 * len(y))


def test_simulation_works_from_100_objects():
    x, y = digits(3, 100, noise=1.0)
    out = loop.simulate(x, lambda i: y[i], classes=10, seed=3, budget=80)
    assert len(out.people) <= 80 and out.certificate.sample == 52
    with pytest.raises(InputError, match="budget of 30 labels is too small"):
        loop.simulate(x, lambda i: y[i], classes=10, budget=30)


def test_pure_noise_is_not_labelled():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, 300).astype(str)
    out = loop.simulate(rng.normal(size=(300, 8)), lambda i: truth[i], classes=4)
    assert out.certificate.threshold is None and set(out.labels) == {None}


def test_features_of_pictures_see_shape_and_colour():
    red, blue = np.zeros((40, 60, 3), "uint8"), np.zeros((50, 30, 3), "uint8")
    red[..., 2], blue[..., 0] = 200, 200
    a, b, striped = picture_features(red), picture_features(blue), red.copy()
    striped[:, ::8] = 255
    assert a.shape == b.shape and a.dtype == np.float32 and np.isfinite(a).all()
    assert np.linalg.norm(a - b) > 1 and np.linalg.norm(a - picture_features(striped)) > 1
    assert np.array_equal(a, picture_features(red))


def test_features_of_texts_put_like_words_together():
    texts = [
        "the engine of the car is loud",
        "a loud car engine",
        "boil the pasta in water",
        "pasta boils in salted water",
    ]
    rows = text_features(texts)
    near = rows @ rows.T
    assert rows.shape == (4, 256) and near[0, 1] > near[0, 2] and near[2, 3] > near[1, 3]
    assert text_features([]).shape == (0, 256)

"""Training: splits, estimators, the model registry, and predictions through the same fitted recipe."""

from __future__ import annotations

from training.predict import Predictor, predict
from training.registry import Model, Registry
from training.train import ESTIMATORS, train

__all__ = ["ESTIMATORS", "Model", "Predictor", "Registry", "predict", "train"]

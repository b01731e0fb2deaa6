"""Training: splits, estimators, the model registry, and predictions through the same fitted recipe."""

from __future__ import annotations

from training.predict import Predictor, example_record, predict
from training.registry import Model, Registry
from training.train import ESTIMATORS, suggested_task, train

__all__ = ["ESTIMATORS", "Model", "Predictor", "Registry", "example_record", "predict", "suggested_task", "train"]

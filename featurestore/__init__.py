"""Feature store: versioned features with keys and event times, read online by key and offline point-in-time."""

from __future__ import annotations

from featurestore.intake import BatchRejected
from featurestore.point_in_time import NaiveTimeWarning
from featurestore.store import FeatureStore, Publication
from featurestore.training_sets import manifest_of

__all__ = ["BatchRejected", "FeatureStore", "NaiveTimeWarning", "Publication", "manifest_of"]

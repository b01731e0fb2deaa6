"""Auto-labeling: models that label what one certified pass admits. `start`, `step` and `status` are the way in."""

from labeling.autolabel.project import one_round, start, status, step

__all__ = ["one_round", "start", "status", "step"]

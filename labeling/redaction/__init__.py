"""Find faces and plates, and hide them so that nobody can bring them back."""

from labeling.redaction.detectors import default_detectors
from labeling.redaction.redactor import redact
from labeling.redaction.regions import Region
from labeling.redaction.run import redact_paths

__all__ = ["Region", "default_detectors", "redact", "redact_paths"]

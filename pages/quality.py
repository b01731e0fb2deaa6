"""Quality: what is in a dataset, what is wrong with it and what fixes it."""

from __future__ import annotations

from shell.dataset_picker import choose_version
from shell.quality_report import quality_view
from shell.widgets import guard, header


def main() -> None:
    header("Quality", "What is in the table, what looks wrong, and the step that fixes it; from all rows.")
    with guard():
        version = choose_version(
            "quality",
            "Here you read the quality report of a dataset, with a fix for each finding.",
            ":material/fact_check:",
        )
        if version is not None:
            quality_view(version)


main()

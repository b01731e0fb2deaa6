"""Privacy: which columns hold personal data, and who can be told apart by the rest."""

from __future__ import annotations

from shell.dataset_picker import choose_version
from shell.personal_data import personal_view
from shell.widgets import guard, header


def main() -> None:
    header("Privacy", "Which columns hold personal data, told from all rows.")
    with guard():
        version = choose_version(
            "privacy", "Here you see which columns of a dataset hold personal data.", ":material/shield_person:"
        )
        if version is not None:
            personal_view(version)


main()

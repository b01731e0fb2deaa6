"""The `tilth` command: every module in `commands/` adds its verbs."""

from __future__ import annotations

import importlib
import pkgutil

import typer

import commands
from insights import on_versions

app = typer.Typer(
    name="tilth",
    help="From a raw file to a model's input.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def tilth() -> None:
    """From a raw file to a model's input: import, prepare, look, label, publish features, train."""


on_versions.register()  # expectations and drift of every dataset version

for found in sorted(pkgutil.iter_modules(commands.__path__), key=lambda module: module.name):
    module = importlib.import_module(f"commands.{found.name}")
    if hasattr(module, "register"):
        module.register(app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()

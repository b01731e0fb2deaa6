"""`tilth app`: start the app on this computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, say, user_errors
from transforms.errors import InputError, NotFound


def register(app: typer.Typer) -> None:
    @app.command("app")
    @user_errors
    def start(
        ctx: typer.Context,
        port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Start the app in a browser at http://127.0.0.1:PORT; it ends with Ctrl+C."""
        if as_json:
            raise InputError("The app prints no result, so --json has no meaning here.")
        raise typer.Exit(_serve(port, workspace))


def _serve(port: int, workspace: Path | None) -> int:
    """Run Streamlit with our `app.py` until it ends, and return its exit code."""
    from workspace import Workspace, locate

    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.is_file():
        raise NotFound(f"The app's file {str(script)!r} is missing.", hint="Install Tilth from a full checkout.")
    root = locate(workspace)
    Workspace.open(root).close()
    say(f"Tilth on http://127.0.0.1:{port} with the workspace {root}")
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"]
    command += ["--browser.gatherUsageStats", "false"]
    try:
        return subprocess.call(command, cwd=script.parent, env={**os.environ, "TILTH_WORKSPACE": str(root)})
    except KeyboardInterrupt:
        return 0

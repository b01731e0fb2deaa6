"""`tilth serve`: the HTTP API. `tilth tokens …`: who may use it."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.common import JsonOption, WorkspaceOption, emit, open_workspace, say, table, user_errors
from transforms.errors import InputError

tokens_app = typer.Typer(no_args_is_help=True, help="Bearer tokens of the HTTP API.")
SHUTDOWN_S = 10  # requests that are being answered get this long to finish


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.add_typer(tokens_app, name="tokens")


@user_errors
def serve(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8600,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A Host header to answer beside localhost (repeatable).")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Requests per second and client [no limit].")] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve features and predictions over HTTP; it ends with Ctrl+C and lets running requests finish."""
    import gc
    import socket

    import uvicorn

    from featurestore import FeatureStore
    from featurestore.server import LOCAL_HOSTS, create_app
    from featurestore.tokens import Tokens
    from training.server import predict_router

    ws = open_workspace(ctx)
    if host not in ("127.0.0.1", "localhost", "::1") and not Tokens(ws).required():
        raise InputError(
            f"Listening on {host} would open the workspace to the network without any token.",
            hint="Make one first: tilth tokens create NAME",
        )
    hosts = (*LOCAL_HOSTS, host.lower(), *(name.lower() for name in allow_host or ()))
    app = create_app(FeatureStore(ws), [predict_router(ws)], hosts=hosts, requests_per_second=rate)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise InputError(
            f"Port {port} on {host} cannot be used: {error.strerror}.", hint="Choose another --port."
        ) from error
    say(f"Serving {ws.root} on http://{host}:{listener.getsockname()[1]} (Ctrl+C ends it)")
    gc.collect()
    gc.freeze()  # what is imported stays; collecting it over and over would cost each request
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_S)
    uvicorn.Server(config).run(sockets=[listener])


@tokens_app.command()
@user_errors
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Who or what uses it.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, write or predict (repeatable) [all].")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and show it once. From then on the HTTP API answers only with a token."""
    from featurestore.tokens import SCOPES, Tokens

    scopes = scope or list(SCOPES)
    token = Tokens(open_workspace(ctx)).create(name, scopes)
    emit(ctx, {"name": name, "scopes": scopes, "token": token}, f"{token}\nKeep it now: it cannot be shown again.")


@tokens_app.command("list")
@user_errors
def list_(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List tokens (never their text)."""
    from featurestore.tokens import Tokens

    found = Tokens(open_workspace(ctx)).list()
    rows = [{**t, "scopes": ", ".join(t["scopes"])} for t in found]
    emit(ctx, found, lambda: table(rows, list(rows[0])) if rows else "No token yet; the API on this computer is open.")


@tokens_app.command()
@user_errors
def revoke(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument()],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token useless at once."""
    from featurestore.tokens import Tokens

    Tokens(open_workspace(ctx)).revoke(name)
    emit(ctx, {"name": name, "revoked": True}, f"Token {name} is revoked.")

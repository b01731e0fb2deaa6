"""The one server: screens, HTTP routes and media. Start it with `make app`, `tilth app` or `uvicorn app:app`."""

from __future__ import annotations

import gc
import sys
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import altair  # noqa: F401  heavy imports happen once, here, not in the first visitor's rerun
import duckdb  # noqa: F401
import ibis  # noqa: F401
import pandas  # noqa: F401
import pyarrow  # noqa: F401
import streamlit as st

import transforms  # noqa: F401
from insights import on_versions
from shell.routes import middleware, routes

on_versions.register()  # expectations and drift of every dataset version


@asynccontextmanager
async def lifespan(app):
    # Streamlit collects all garbage after every rerun; freezing the imported modules makes that 4-5 times cheaper.
    gc.collect()
    gc.freeze()
    yield {}


app = st.App(
    str(Path(__file__).parent / "shell" / "main.py"), routes=routes(), middleware=middleware(), lifespan=lifespan
)

if __name__ == "__main__":
    app.run()

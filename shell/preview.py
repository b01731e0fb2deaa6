"""Which tables the grid may ask for: views registered by a page under a name that cannot be guessed."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict

import streamlit as st

from shell.widgets import workspace
from transforms.preview import Previewer, View

_SECRET = secrets.token_bytes(32)
_MOST = 200
_views: OrderedDict[str, View] = OrderedDict()
_lock = threading.Lock()


@st.cache_resource(max_entries=8, show_spinner=False)
def _previewer(root: str, refs: tuple[tuple[str, str], ...]) -> Previewer:
    sources = {name: workspace().datasets.get(ref) for name, ref in refs}
    return Previewer(sources, identity=repr((root, refs)))


def previewer(inputs: dict[str, str]) -> Previewer:
    """Return the previewer for inputs such as {"main": "apps@1", "reviews": "reviews@2"}; kept between reruns."""
    pinned = {name: workspace().datasets.get(ref).ref for name, ref in inputs.items()}
    return _previewer(str(workspace().root), tuple(sorted(pinned.items())))


def token(view: View) -> str:
    """Register a view and return the name under which the grid reads it."""
    name = hmac.new(_SECRET, view.key.encode(), "sha256").hexdigest()[:40]
    with _lock:
        _views[name] = view
        _views.move_to_end(name)
        while len(_views) > _MOST:
            _views.popitem(last=False)
    return name


def view(name: str) -> View | None:
    """Return a registered view."""
    with _lock:
        return _views.get(name)

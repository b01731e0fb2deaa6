"""Draws the form of a transform from its fields. It only draws: labels, help, bounds and choices come from the class."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from transforms import schema as type_names
from transforms.fields import ColumnOf, Columns_, InputName, Settings, marker_of


def form(
    model: type,
    *,
    key: str,
    columns: Mapping[str, str],
    others: Mapping[str, Mapping[str, str]],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Draw one widget per setting and return the settings as they stand.

    Args:
        model: the transform class (or a repeated group of settings).
        key: makes the widgets' keys unique; change it to start with new values.
        columns: {column: type name} of the table at this step.
        others: {name of another table: {column: type name}} to choose from.
        values: settings to start with.
    """
    found: dict[str, Any] = {}
    for name, declared in model.model_fields.items():
        found[name] = _field(name, declared, key, columns, others, values, found)
    return found


def _field(name: str, declared: FieldInfo, key: str, columns, others, values, so_far) -> Any:
    start = values.get(name, None if declared.default is PydanticUndefined else declared.default)
    label, help_, at = declared.title or name, declared.description, f"{key}_{name}"
    required = declared.is_required()
    if marker := marker_of(declared, Columns_):
        options = [c for c, t in columns.items() if _accepts(marker, t)]
        return _choose(label, options, start, marker.many, required, at, help_)
    if marker := marker_of(declared, ColumnOf):
        table = others.get(so_far.get(marker.input) or "", {})
        return _choose(label, list(table), start, marker.many, required, f"{at}_{so_far.get(marker.input)}", help_)
    if marker_of(declared, InputName):
        options = list(others)
        index = options.index(start) if start in options else (0 if options else None)
        if not options:
            st.caption("There is no other dataset yet: import one on the Data page.")
        return st.selectbox(label, options, index=index, key=at, help=help_)
    kind, optional = _plain_type(declared.annotation)
    if get_origin(kind) is Literal:
        return _literal(label, list(get_args(kind)), start, at, help_)
    if get_origin(kind) is tuple:
        least = int(required or any(getattr(m, "min_length", None) for m in declared.metadata))
        return _tuple(label, get_args(kind)[0], start, at, help_, columns, others, so_far, least)
    if get_origin(kind) is dict:
        return _mapping(label, start, at, help_)
    if kind is bool:
        return st.toggle(label, bool(start), key=at, help=help_)
    if kind in (int, float):
        return _number(label, kind, declared, start, optional, at, help_)
    if optional:
        return _optional_text(label, start, at, help_)
    return st.text_input(label, "" if start is None else str(start), key=at, help=help_)


def _optional_text(label, start, at, help_):
    """An empty box is None, the default; an empty text is written as two quotes."""
    shown = st.text_input(
        label,
        '""' if start == "" else "" if start is None else str(start),
        key=at,
        help=f'{help_ or ""} Write "" for an empty text.',
    )
    return "" if shown == '""' else shown or None


def _accepts(marker: Columns_, type_name: str) -> bool:
    try:
        return marker.accepts(type_names.from_name(type_name))
    except ValueError:
        return marker.kind == "any"


def _choose(label, options, start, many, required, at, help_):
    if many:
        kept = [c for c in (start or ()) if c in options]
        return st.multiselect(label, options, kept, key=at, help=help_, placeholder="Choose columns")
    if not options:
        st.caption(f"{label}: no column of this kind.")
    index = options.index(start) if start in options else None
    return st.selectbox(
        label, options, index=index, key=at, help=help_, placeholder="Choose a column" if required else "None"
    )


def _literal(label, options, start, at, help_):
    index = options.index(start) if start in options else 0
    if len(options) <= 4 and sum(len(str(o)) for o in options) <= 40:
        return st.segmented_control(label, options, default=options[index], key=at, help=help_, required=True)
    return st.selectbox(label, options, index=index, key=at, help=help_)


def _number(label, kind, declared, start, optional, at, help_):
    low = high = None
    for bound in declared.metadata:
        low = getattr(bound, "ge", None) if getattr(bound, "ge", None) is not None else low
        high = getattr(bound, "le", None) if getattr(bound, "le", None) is not None else high
    if kind is int:
        value = None if start is None else int(start)
        return st.number_input(
            label, low, high, value if value is not None or optional else (low or 1), 1, key=at, help=help_
        )
    value = None if start is None else float(start)
    low, high = (None if b is None else float(b) for b in (low, high))
    return st.number_input(
        label, low, high, value, key=at, help=help_, format="%g", placeholder="None" if optional else ""
    )


def _tuple(label, inner, start, at, help_, columns, others, so_far, least):
    if isinstance(inner, type) and issubclass(inner, Settings):
        return _repeated(label, inner, start, at, columns, others, so_far, least)
    start = list(start or ())
    if get_origin(inner) is Literal:
        return st.multiselect(label, get_args(inner), start, key=at, help=help_)
    if inner is str:  # values may hold commas, spaces and line breaks
        return st.multiselect(
            label,
            list(dict.fromkeys(start)),
            start,
            key=at,
            help=f"{help_ or ''} Type a value and press Enter.",
            placeholder="Type a value, press Enter",
            format_func=_visible,
            accept_new_options=True,
        )
    shown = st.text_input(
        label,
        ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in start),
        key=at,
        help=(help_ or "") + " Separate with commas.",
    )
    parts = [p.strip() for p in shown.split(",") if p.strip()]
    if inner is float:
        return [float(p) if _is_number(p) else p for p in parts]
    return parts


def _visible(value: str) -> str:
    """Show an empty text, outer spaces and line breaks in quotes."""
    return value if value and value == value.strip() and value.isprintable() else repr(value)


def _repeated(label, inner, start, at, columns, others, so_far, least):
    """Draw a group of settings several times, with buttons to add and remove; at least `least` times."""
    count_key = f"{at}_count"
    first = [v if isinstance(v, Mapping) else v.model_dump() for v in start or ()]
    if count_key not in st.session_state:
        st.session_state[count_key] = max(least, len(first))
    found = []
    for number in range(st.session_state[count_key]):
        with st.container(border=True, gap="small"):
            values = first[number] if number < len(first) else {}
            item = {}
            for name, declared in inner.model_fields.items():
                item[name] = _field(name, declared, f"{at}_{number}", columns, others, values, {**so_far, **item})
            found.append(item)
    add, remove = st.columns(2)
    add.button(
        f"Add to {label.lower()}",
        key=f"{at}_add",
        icon=":material/add:",
        on_click=_count,
        args=(count_key, 1, least),
        width="stretch",
    )
    remove.button(
        "Remove last",
        key=f"{at}_remove",
        icon=":material/remove:",
        on_click=_count,
        args=(count_key, -1, least),
        width="stretch",
        disabled=st.session_state[count_key] == least,
    )
    return found


def _count(key: str, by: int, least: int) -> None:
    st.session_state[key] = max(least, st.session_state[key] + by)


def _mapping(label, start, at, help_):
    rows = [{"old": k, "new": v} for k, v in (start or {}).items()] or [{"old": "", "new": ""}]
    st.caption(label, help=help_)
    edited = st.data_editor(
        rows,
        num_rows="dynamic",
        key=at,
        hide_index=True,
        width="stretch",
        column_config={"old": "Old value", "new": "New value"},
    )
    return {
        str(r.get("old")): "" if r.get("new") is None else str(r["new"])
        for r in edited
        if r.get("old") not in (None, "")
    }


def _plain_type(annotation) -> tuple[Any, bool]:
    """Take `| None` and annotations off a type."""
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        options = [a for a in get_args(annotation) if a is not type(None)]
        optional, annotation = True, options[0]
    if hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return annotation, optional


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True

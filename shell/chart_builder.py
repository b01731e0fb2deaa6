"""The chart builder's form: widgets ↔ `ChartSpec`. What a widget holds lives under its key, so that `put` can fill the form."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from insights.charts import NEEDS, ROLES, ChartSpec
from insights.charts.spec import Aggregate, TimeUnit
from shell.widgets import guard, md
from transforms.catalog.rows import NO_VALUE, TEXT_ONLY, Condition, Test

KINDS = {"histogram": "Histogram", "bar": "Bars", "line": "Line", "area": "Area", "scatter": "Scatter", "box": "Boxes", "violin": "Violins",
         "heatmap": "Heat map", "correlation": "Correlation matrix", "series": "Time series, every peak", "season": "Trend and season",
         "map": "Map"}  # fmt: skip
NUMBER, TIME, TEXT, BOOL = "number", "time", "text", "bool"
ANY = (TEXT, BOOL, NUMBER, TIME)
X_KINDS = {"histogram": (NUMBER, TIME), "line": (TIME, NUMBER), "area": (TIME, NUMBER), "scatter": (NUMBER, TIME), "series": (TIME, NUMBER),
           "season": (TIME,), "map": (NUMBER,)}  # fmt: skip
Y_KINDS = {"scatter": (NUMBER, TIME), "heatmap": ANY}
LABELS = {"box": {"x": "Groups"}, "violin": {"x": "Groups"}, "map": {"x": "Longitude", "y": "Latitude"}}
MEASURED = ("bar", "line", "area", "heatmap", "season", "map")  # they count, or aggregate a number
CELLS = ("heatmap", "map")  # their number is shown by colour
OPTIONAL_X = ("box", "violin")
SORTS = {"auto": "automatic", "value": "by value", "label": "by name", "count": "by number of rows"}
SHARES = {"no": "as they are", "share": "as a share of all", "within": "to 100 % at each x"}
SETTINGS = {"bins": "bins", "top": "top", "unit": "time_unit", "sort": "sort", "reverse": "reverse", "shares": "normalise",
            "moving": "moving", "period": "period", "logx": "log_x", "logy": "log_y", "aggregate": "aggregate"}  # fmt: skip


def put(name: str, spec: ChartSpec) -> None:
    """Fill the form of dataset `name` with a chart; call it before the form is drawn, as in a button's callback."""
    key, kept = f"explore_{name}", st.session_state
    kept["explore_kind"] = spec.kind
    for role in ("x", "y"):
        kept[f"{key}_{role}_{spec.kind}"] = getattr(spec, role)
    kept[f"{key}_value_{spec.kind}"] = spec.colour
    for role in ("colour", "size", "facet"):
        kept[f"{key}_{role}"] = None if spec.kind in CELLS and role == "colour" else getattr(spec, role)
    kept[f"{key}_columns"] = list(spec.columns)
    for widget, role in SETTINGS.items():
        kept[f"{key}_{widget}"] = getattr(spec, role)
    kept[f"{key}_filters"] = [f.model_dump() for f in spec.filters]


def ask_chart(name: str, kinds: dict[str, str]) -> ChartSpec | None:
    """Ask for a chart; return None while a needed column is not chosen."""
    key = f"explore_{name}"
    kind = st.selectbox("Chart", list(KINDS), format_func=KINDS.get, key="explore_kind", index=None, placeholder="Choose a chart",
                        persist_state="session")  # fmt: skip
    if kind is None:
        st.caption("Choose a kind of chart, or open one of the suggestions.")
        return None
    st.caption(NEEDS[kind])
    roles, labels = ROLES[kind], LABELS.get(kind, {})
    found: dict = {"kind": kind}
    if "x" in roles:
        found["x"] = column_box(
            labels.get("x", "X"), kinds, X_KINDS.get(kind, ANY), f"{key}_x_{kind}", optional=kind in OPTIONAL_X
        )
    if kind in MEASURED:
        found["aggregate"] = choice("Measure", get_args(Aggregate), f"{key}_aggregate", lambda a: "number of rows" if a == "count" else f"{a} of …")  # fmt: skip
    counts = found.get("aggregate", "count") == "count" and kind in MEASURED
    needs_y = "y" in roles and (kind in CELLS or not counts)
    if needs_y:
        found["y"] = column_box(
            labels.get("y", "Y"), kinds, Y_KINDS.get(kind, (NUMBER,)), f"{key}_y_{kind}", avoid=found.get("x")
        )
    if kind in CELLS and not counts:
        found["colour"] = column_box("Number to show", kinds, (NUMBER,), f"{key}_value_{kind}")
    for role, label, allowed in (("colour", "Colour", ANY), ("size", "Size", (NUMBER,)), ("facet", "Panels", ANY)):
        if role in roles and not (role == "colour" and kind in CELLS):
            found[role] = column_box(label, kinds, allowed, f"{key}_{role}", optional=True)
    if "columns" in roles:
        able = [c for c, k in kinds.items() if k in (NUMBER, TEXT, BOOL)]
        keep_options(f"{key}_columns", able, many=True)
        found["columns"] = tuple(
            st.multiselect("Columns", able, key=f"{key}_columns", max_selections=25, placeholder="those that fit")
        )
    found |= more_settings(kind, kinds.get(found.get("x") or ""), key)
    found["filters"] = filters_box(name, kinds)
    wanted = [role for role in ("x", "y") if role in found and not (role == "x" and kind in OPTIONAL_X)]
    if kind in CELLS and not counts:
        wanted.append("colour")
    if any(found[role] is None for role in wanted):
        return None
    return ChartSpec(**found)


def choice(label: str, options, key: str, said=str, **more):
    """Ask for one of a few settings; what `put` wrote stays."""
    return st.selectbox(label, list(options), key=key, format_func=said, persist_state="session", **more)


def keep_options(key: str, options: list[str], *, many: bool = False) -> None:
    """Forget a choice that this version of the dataset does not offer."""
    held = st.session_state.get(key)
    if many and held:
        st.session_state[key] = [one for one in held if one in options]
    elif held not in (None, *options):
        del st.session_state[key]


def column_box(label: str, kinds: dict[str, str], allowed: tuple[str, ...], key: str, *, optional: bool = False, avoid: str | None = None) -> str | None:  # fmt: skip
    """Ask for a column of the allowed kinds, the fitting ones first."""
    if optional:
        options = [name for name, k in kinds.items() if k in allowed]
    else:
        options = [name for kind in allowed for name, k in kinds.items() if k == kind]
    if not options and not optional:
        st.caption(f"{label}: the table has no column of the kind this chart needs.")
        return None
    keep_options(key, options)
    start = None if optional else next((i for i, name in enumerate(options) if name != avoid), 0)
    return st.selectbox(label, options, index=start, key=key, placeholder="none", persist_state="session")


def more_settings(kind: str, x_kind: str | None, key: str) -> dict:
    found: dict = {}
    if kind == "correlation":
        return found
    with st.expander("More", icon=":material/tune:"):
        if kind == "histogram":
            found["bins"] = held(st.slider, "Bins, about", f"{key}_bins", 30, min_value=5, max_value=100)
        if kind in ("bar", "box", "violin", "heatmap"):
            found["top"] = held(st.slider, "Categories", f"{key}_top", 20, min_value=2, max_value=50, help="The rest is shown as “(other)”.")  # fmt: skip
            found["sort"] = choice("Order", SORTS, f"{key}_sort", SORTS.get)
            found["reverse"] = held(st.checkbox, "The other way round", f"{key}_reverse", False)
        if x_kind == TIME and kind in ("line", "area", "histogram", "season"):
            found["time_unit"] = choice("One point per", get_args(TimeUnit), f"{key}_unit")
        if kind in ("histogram", "bar", "area", "line"):
            found["normalise"] = choice(
                "Show figures", SHARES, f"{key}_shares", SHARES.get, help="Shares need a count or a sum."
            )
        if kind == "line":
            found["moving"] = held(st.number_input, "Moving mean over points", f"{key}_moving", None, min_value=2, max_value=1000, step=1, placeholder="none")  # fmt: skip
        if kind == "season":
            found["period"] = held(st.number_input, "Points in one season", f"{key}_period", None, min_value=2, max_value=1000, step=1, placeholder="guessed")  # fmt: skip
        if x_kind == NUMBER and kind in ("histogram", "scatter", "line", "series", "heatmap"):
            found["log_x"] = held(st.checkbox, "Logarithmic x", f"{key}_logx", False)
        if kind in ("histogram", "bar", "line", "scatter", "box", "violin", "series"):
            found["log_y"] = held(st.checkbox, "Logarithmic y", f"{key}_logy", False)
    return found


def held(widget, label: str, key: str, default, **more):
    """Draw a widget that starts at `default`, or at what `put` wrote under its key."""
    st.session_state.setdefault(key, default)
    return widget(label, key=key, **more)


# ---- filters


def filters(name: str) -> list[dict]:
    return st.session_state.setdefault(f"explore_{name}_filters", [])


def set_filters(name: str, new: list[dict]) -> None:
    """Change the filters, so that it can be undone."""
    st.session_state.setdefault(f"explore_{name}_undo", []).append(filters(name))
    st.session_state[f"explore_{name}_filters"] = new


def undo_filters(name: str) -> None:
    if earlier := st.session_state.get(f"explore_{name}_undo"):
        st.session_state[f"explore_{name}_filters"] = earlier.pop()


def said(condition: dict) -> str:
    return " ".join(filter(None, (condition["column"], condition["test"], condition["value"].replace(", ", " … ") if condition["test"] == "is between" else condition["value"])))  # fmt: skip


def filters_box(name: str, kinds: dict[str, str]) -> tuple[Condition, ...]:
    """Show the filters and ask for another; return those that name a column of this version."""
    now, key = filters(name), f"explore_{name}"
    with st.expander(f"Filters ({len(now)})" if now else "Filters", icon=":material/filter_alt:"):
        for place, condition in enumerate(now):
            words, gone = st.columns([5, 1], vertical_alignment="center")
            missing = "" if condition["column"] in kinds else " (not in this version: ignored)"
            words.markdown(md(said(condition)) + missing)
            rest = now[:place] + now[place + 1 :]
            gone.button("", icon=":material/close:", key=f"{key}_drop_{place}", help="Remove this filter", type="tertiary",
                        on_click=set_filters, args=(name, rest))  # fmt: skip
        column = st.selectbox("Where", list(kinds), key=f"{key}_where", index=None, placeholder="a column")
        if column:
            new_filter(name, column, kinds[column])
        if st.session_state.get(f"{key}_undo"):
            st.button("Undo the last change", icon=":material/undo:", key=f"{key}_undo_filters", on_click=undo_filters, args=(name,), type="tertiary")  # fmt: skip
    return tuple(Condition(**one) for one in filters(name) if one["column"] in kinds)


def new_filter(name: str, column: str, kind: str) -> None:
    key = f"explore_{name}"
    tests = [
        t
        for t in get_args(Test)
        if (t not in TEXT_ONLY or kind == TEXT) and (not t.startswith("is true") and t != "is false" or kind == BOOL)
    ]
    test = st.selectbox("Condition", tests, key=f"{key}_test")
    value = ""
    if test not in NO_VALUE:
        hints = {"is between": "from, to", "is one of": "one, two, …", "is none of": "one, two, …"}
        value = st.text_input(
            "Value", key=f"{key}_val", placeholder=hints.get(test, "2020-01-31" if kind == TIME else "")
        )
    if st.button(
        "Add the filter", key=f"{key}_add", icon=":material/add:", disabled=test not in NO_VALUE and not value.strip()
    ):
        with guard():
            condition = Condition(column=column, test=test, value=value)
            set_filters(name, [*filters(name), condition.model_dump()])
            st.rerun()

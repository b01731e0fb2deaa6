"""The Transforms page: every step with its words, its form and its examples, to read and to try without data."""

from __future__ import annotations

import re

import streamlit as st

from shell import forms
from shell.picker import pick
from shell.state import state
from shell.widgets import guard, header, md
from transforms import catalog
from transforms.errors import AppError
from transforms.examples import example_tables, try_out
from transforms.transform import SERVING_WORDS


def main() -> None:
    header("Transforms", "Every step there is: what it does, before and after. Try its settings on the example's rows.")
    left, right = st.columns([1, 2.4], gap="large")
    open_now = st.query_params.get("t")
    with left:
        clicked = pick("r", placeholder="winsorize, dummy variables, VLOOKUP, melt …", height=640, open_now=open_now)
    if clicked:
        st.query_params["t"] = clicked.name
        st.rerun()
    with right, guard():
        if open_now:
            entry(catalog.get(open_now))
        else:
            count = len(catalog.all_transforms())
            st.markdown(f"### {count} transforms in {len(catalog.families())} families")
            st.markdown("Choose a family, or search for what your other tool calls it.")


def entry(cls: type) -> None:
    """Draw one transform: its words, its form filled with an example, the rows before and after."""
    title, use = st.columns([4, 1.2], vertical_alignment="bottom")
    title.subheader(cls.label, anchor=False)
    title.caption(f"`{cls.name}` · {catalog.FAMILIES.get(cls.family(), cls.family())}")
    if use.button("Use it", key="use_transform", icon=":material/water_drop:", type="primary", width="stretch"):
        state().extra["pending_step"] = {"transform": cls.name, "settings": {}}
        st.switch_page("../pages/prepare.py")
    st.markdown((cls.__doc__ or "").replace("\n    ", "\n"))
    facts = [SERVING_WORDS[cls.serving]]
    if cls.words:
        facts.append("Also called: " + ", ".join(cls.words) + ".")
    st.caption(md("  \n".join(facts)))
    numbers = list(range(len(cls.examples)))
    number = numbers[0]
    if len(numbers) > 1:
        number = st.segmented_control(
            "Example", numbers, default=0, format_func=lambda n: str(n + 1), key=f"example_{cls.name}", required=True
        )
    attempt(cls, cls.examples[number], number)


def attempt(cls: type, example, number: int) -> None:
    tables = example_tables(example)
    columns = columns_of(tables["main"])
    others = {name: columns_of(t) for name, t in tables.items() if name not in ("main", "train")}
    with st.container(border=True, key="try_form"):
        settings = forms.form(
            cls, key=f"try_{cls.name}_{number}", columns=columns, others=others, values=dict(example.settings)
        )
    settings = {k: v for k, v in settings.items() if v is not None}
    before, after = st.columns(2, gap="medium")
    with before:
        if "train" in tables:
            rows("Rows to learn from", tables["train"], key="train")
        rows("Before", tables["main"], key="before")
        for name in others:
            rows(f"Other table “{name}”", tables[name], key=f"other_{name}")
    with after:
        try:
            rows("After", try_out(cls, settings, example), key="after")
        except AppError as error:
            st.info(
                error.message.split('": ', 1)[-1] + (f" {error.hint}" if error.hint else ""), icon=":material/info:"
            )


TYPOGRAPHY = re.compile(r"[<>~]=|<?-+>|<-|--")  # Streamlit shows these as signs of their own (≥, →, –), but not in code


def columns_of(table) -> dict[str, str]:
    import ibis

    from transforms import schema as types

    return types.names(ibis.Schema.from_pyarrow(table.schema))


def rows(title: str, table, *, key: str) -> None:
    with st.container(key=f"example_{key}", gap="xsmall"):
        st.markdown(f"**{md(title)}**")
        if not table.num_rows:
            st.caption("No row is left.")
        cells = {
            md(name): [cell(v) for v in column.to_pylist()]
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
        st.table(cells, border="horizontal")


def cell(value) -> str:
    """Return one value as Markdown text; a missing one is said, so that it is not taken for an empty text."""
    if value is None:
        return ":gray[*missing*]"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if value == "":
        return '`""`'
    if isinstance(value, str) and (not value.strip() or TYPOGRAPHY.search(value)):
        fence = "`" * (max(map(len, re.findall("`+", value)), default=0) + 1)
        return f"{fence} {value} {fence}" if "`" in value else f"{fence}{value}{fence}"
    return md(str(value))


main()

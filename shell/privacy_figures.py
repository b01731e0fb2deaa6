"""Private figures: questions answered with noise, each paid for from the dataset's budget."""

from __future__ import annotations

import streamlit as st

from insights import dp
from shell.dataset_picker import column_kinds
from shell.state import state
from shell.widgets import count, guard, md, workspace
from transforms.errors import NotFound
from workspace.datasets import DatasetVersion
from workspace.sql import connection

QUESTIONS = {
    "count": "How many rows", "mean": "Mean", "sum": "Sum", "quantile": "Quantile", "histogram": "Histogram", "summary": "Summary of several columns",
}  # fmt: skip
BOUNDS = (
    "Give the range that values can have from what you know, not from the data: looking would give some of it away."
)
ANSWERS = "dp_answers"


def figures_view(version: DatasetVersion) -> None:
    """Show the budget, ask a question, show its answer and what was asked before."""
    ws = workspace()
    try:
        now = dp.budget(ws, version.name)
    except NotFound:
        now = None
    budget_part(version, now)
    if now is None:
        return
    with guard():
        ask_part(version, now)
    for place, (ref, found) in enumerate(state().extra.get(ANSWERS, [])):
        if ref.rpartition("@")[0] == version.name:
            answer_card(ref, found, place)
    history_part(version)


def budget_part(version: DatasetVersion, now: dp.Budget | None) -> None:
    ws = workspace()
    if now is None:
        st.markdown(
            f"**{md(version.name)} has no privacy budget yet.** It is the sum of ε that all answers about the dataset, all versions together, may cost."
        )
    else:
        spent = float(now.spent / now.epsilon)
        st.progress(
            min(spent, 1.0),
            text=f"Budget: ε {now.spent} of {now.epsilon} spent in {count(now.answers)} answer{'' if now.answers == 1 else 's'} · {now.left} left",
        )
        if now.left <= 0:
            st.warning("The budget is spent. Nothing more is computed until it is raised.", icon=":material/lock:")
    with st.container() if now is None else st.popover("Change the budget", icon=":material/tune:"):
        a, b = st.columns([1, 1], vertical_alignment="bottom", width=420)
        total = a.number_input("ε in all", 0.000001, 1000.0, float(now.epsilon) if now else 1.0, step=0.5, format="%g", key=f"dp_total_{version.name}",
                               help="1 or less is cautious, above 10 protects little. The audit log notes every change.")  # fmt: skip
        with guard():
            if b.button(
                "Set the budget", key="dp_set", type="primary" if now is None else "secondary", width="stretch"
            ):
                dp.set_budget(ws, version.name, f"{total:g}")
                st.rerun()


def ask_part(version: DatasetVersion, now: dp.Budget) -> None:
    kinds = column_kinds(version.content_hash, version)
    numbers = [c for c, kind in kinds.items() if kind == "number"]
    st.subheader("Ask", anchor=False)
    a, b, c = st.columns(3)
    kind = a.selectbox("Question", list(QUESTIONS), format_func=QUESTIONS.get, key="dp_kind")
    column = None
    if kind in ("sum", "mean", "quantile"):
        column = b.selectbox("Column", numbers, key=f"dp_column_{kind}_{version.name}")
    elif kind == "histogram":
        column = b.selectbox("Column", list(kinds), key=f"dp_column_{kind}_{version.name}")
    epsilon = c.number_input("ε of this answer", 0.000001, 1000.0, 0.1, step=0.05, format="%g", key="dp_epsilon", help="Smaller is noisier and cheaper.")  # fmt: skip
    d, e, f = st.columns(3)
    person = d.selectbox("Who is a person", [c for c in kinds if c != column], index=None, placeholder="Each row is one", key=f"dp_person_{version.name}",
                         help="The column that tells people apart.")  # fmt: skip
    rows = int(e.number_input("Rows of one person that count", 1, 10_000, 1, key="dp_rows"))
    asked = {"rows_per_person": rows}
    more: dict = {}
    if kind == "quantile":
        more["q"] = f.number_input("Which (0.5: the median)", 0.01, 0.99, 0.5, key="dp_q")
    if kind in ("sum", "mean", "quantile"):
        if column is None:
            st.info("The dataset has no number column.", icon=":material/info:")
            return
        more |= bounds_of(column, version)
    elif kind == "histogram":
        more |= bars_of(column, kinds[column])
    elif kind == "summary":
        chosen = st.multiselect("Columns", numbers, key=f"dp_columns_{version.name}", max_selections=8)
        more["bounds"] = {name: tuple(bounds_of(name, version).values()) for name in chosen}
    ready = all(v not in (None, [], {}) for v in more.values()) and None not in [x for p in more.get("bounds", {}).values() for x in p]  # fmt: skip
    if ready:
        st.caption(noise_words(kind, f"{epsilon:g}", asked, more))
    spent = float(now.left) < epsilon - 1e-12
    if spent:
        st.caption(f":material/lock: It costs ε {epsilon:g}, and {now.left} is left.")
    if st.button(
        f"Ask for ε {epsilon:g}", type="primary", key="dp_ask", icon=":material/casino:", disabled=spent or not ready
    ):
        with st.spinner("Counting …"), connection() as con:
            private = dp.Private(workspace(), con, version.ref, person=person, rows_per_person=rows)
            found = ask(private, kind, column, f"{epsilon:g}", more)
        kept = state().extra.setdefault(ANSWERS, [])
        kept.insert(0, (version.ref, found))
        del kept[20:]
        st.rerun()


def ask(private: dp.Private, kind: str, column: str | None, epsilon: str, more: dict) -> dp.Release:
    if kind == "count":
        return private.count(epsilon)
    if kind == "summary":
        return private.summary(more["bounds"], epsilon)
    if kind == "histogram":
        return private.histogram(column, epsilon, **more)
    if kind == "quantile":
        return private.quantile(column, f"{more['q']:g}", more["lower"], more["upper"], epsilon)
    return getattr(private, kind)(column, more["lower"], more["upper"], epsilon)


def bounds_of(column: str, version: DatasetVersion) -> dict:
    a, b, _ = st.columns(3)
    lower = a.number_input(f"Least value of {md(column)}", value=None, key=f"dp_low_{version.name}_{column}", placeholder="such as 0", help=BOUNDS)  # fmt: skip
    upper = b.number_input(f"Greatest value of {md(column)}", value=None, key=f"dp_high_{version.name}_{column}", placeholder="such as 110", help=BOUNDS)  # fmt: skip
    return {"lower": lower, "upper": upper}


def bars_of(column: str, kind: str) -> dict:
    if kind == "number":
        written = st.text_input(
            "Edges of the bars", key=f"dp_edges_{column}", placeholder="0, 18, 40, 65, 110", help=BOUNDS
        )
        try:
            return {"edges": [float(x) for x in written.replace(";", ",").split(",") if x.strip()]}
        except ValueError:
            st.caption("Write numbers with commas between them.")
            return {"edges": []}
    written = st.text_area("Categories, one per line", key=f"dp_categories_{column}", height=90,
                           help="Name them yourself: showing which values occur would give some away. All others become one bar.")  # fmt: skip
    return {"categories": [line.strip() for line in written.splitlines() if line.strip()]}


def noise_words(kind: str, epsilon: str, asked: dict, more: dict) -> str:
    """Say how noisy the answer will be, before anything is asked."""
    bounds = {k: more[k] for k in ("lower", "upper") if k in more}
    if kind == "summary":
        return f"ε is shared evenly by {len(more['bounds'])} columns; of each, half goes to the mean and a sixth to each quartile."
    size = dp.noise_before(kind, epsilon, **asked, **bounds, **({"q": f"{more['q']:g}"} if kind == "quantile" else {}))
    if kind == "quantile":
        return f"Noise: in 95 of 100 answers the value lies within {size:,.0f} rows of the true rank."
    if kind == "mean":
        return f"Noise: ±{size:,.4g} in 95 of 100 answers if there are about 1,000 rows, ten times less for 10,000."
    each = " in each bar" if kind == "histogram" else ""
    return f"Noise: ±{size:,.4g}{each} in 95 of 100 answers, however many rows there are."


def answer_card(ref: str, found: dp.Release, place: int) -> None:
    with st.container(border=True, key=f"card_dp_{place}"):
        about = f" of {md(found.column)}" if found.column else ""
        st.markdown(f"**{QUESTIONS[found.kind]}**{about} · {md(ref)} · ε {found.epsilon:g}")
        if found.kind == "histogram":
            st.bar_chart(
                [{"bar": name, "rows": n} for name, n in found.value.items()], x="bar", y="rows", height=220, sort=False
            )
        elif isinstance(found.value, dict):
            st.dataframe([{"Figure": name, "Value": value} for name, value in found.value.items()], hide_index=True)
        else:
            wide = (
                ""
                if found.error_95 is None
                else f"{found.value - found.error_95:,.6g} to {found.value + found.error_95:,.6g}"
            )
            st.markdown(f"### {found.value:,.6g}" + (f" \n95%: {wide}" if wide else ""))
        noise = (
            "" if found.error_95 is None else f"Noise alone stays within ±{found.error_95:,.4g} in 95 of 100 answers. "
        )
        st.caption(noise + " ".join(md(note) for note in found.notes))


def history_part(version: DatasetVersion) -> None:
    found = dp.history(workspace(), version.name)
    if not found:
        return
    with st.expander(f"Asked before: {count(len(found))}", icon=":material/history:"):
        st.dataframe(
            [{"When": h["at"], "Who": h["actor"], "Version": h["ref"].rpartition("@")[2], "Question": QUESTIONS.get(h["kind"], h["kind"]),
              "Column": h.get("column") or "", "ε": h["epsilon"], "Left": h["left"]} for h in found],
            hide_index=True)  # fmt: skip
        st.caption("The audit log keeps what was asked and what it cost, not the answers.")

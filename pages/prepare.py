"""Prepare: build a recipe step by step under a live preview of the whole table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from shell import forms, preview
from shell.components.grid import grid
from shell.picker import pick
from shell.state import state
from shell.widgets import confirm, count, empty, guard, header, md, problem, run_status, workspace
from transforms import FittedRecipe, Recipe, Step, catalog, suggest
from transforms.errors import AppError, NotOnThisEngine
from transforms.export import FORMATS, SUFFIX, export
from transforms.transform import SERVING_WORDS
from workspace.drafts import Draft
from workspace.running import fit_on, run_recipe

GRID_HEIGHT = 620
LANGUAGE = {"pandas": "python", "ibis": "python", "sklearn": "python", "sql": "sql", "notebook": "json"}
EXPORT_WORDS = {
    "pandas": "Python with pandas only",
    "sql": "SQL (one SELECT)",
    "notebook": "Jupyter notebook, a cell a step",
    "ibis": "Ibis expression, for any backend",
    "sklearn": "scikit-learn transformer",
}


@dataclass
class Editing:
    """What the panel shows: the list of steps, the picker, or one step's form."""

    mode: str = "list"
    transform: str = ""
    step: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    at: int | None = None  # where a new step goes; None: the end
    form: int = 0  # counts forms, so that each starts with fresh widgets
    upto: str | None = None  # step after which the table is shown; None: the last


def editing() -> Editing:
    return state().extra.setdefault("prepare", Editing())


def main() -> None:
    ws = workspace()
    datasets = [d.name for d in ws.datasets.list()]
    drafts = ws.drafts.list()
    if not datasets:
        header("Prepare", "Clean, reshape and enrich tables without code.")
        if empty(
            "Nothing to prepare yet",
            "A **recipe** is a list of steps that turns a raw table into a clean one. It never changes the data it reads, and "
            "you can edit, switch off or undo any step. First bring in a table, or use the sample data.",
            icon=":material/water_drop:",
            action="Go to Data",
        ):
            st.switch_page("../pages/data.py")
        return
    if not drafts:
        header("Prepare", "Clean, reshape and enrich tables without code.")
        first_recipe(datasets)
        return
    chosen = state().recipe if state().recipe in drafts else drafts[0]
    title, tools = st.columns([1, 4], vertical_alignment="center")
    with title:
        header("Prepare")
    with tools:
        chosen = toolbar(ws, drafts, chosen, datasets)
    state().recipe = chosen
    with guard():
        workbench(ws, ws.drafts.get(chosen), datasets)


def first_recipe(datasets: list[str]) -> None:
    with st.container(key="card_first"):
        st.subheader("Start a recipe", anchor=False)
        st.write("Choose the table to prepare. The recipe keeps its steps; the table itself never changes.")
        new_recipe(datasets, key="first")


def new_recipe(datasets: list[str], *, key: str) -> None:
    wanted = state().dataset if state().dataset in datasets else datasets[0]
    table = st.selectbox("Table", datasets, index=datasets.index(wanted), key=f"new_table_{key}")
    name = st.text_input("Name of the recipe", value=f"{table} prepared", key=f"new_name_{key}_{table}")
    if st.button("Start", type="primary", key=f"new_go_{key}", icon=":material/add:"):
        with guard():
            ws = workspace()
            dataset = ws.datasets.get(table)
            inputs = {"main": {c["name"]: c["type"] for c in dataset.columns}}
            ws.drafts.start(Recipe(name=name, inputs=inputs).dump() | {"sources": {"main": dataset.ref}})
            state().recipe = name
            state().extra["prepare"] = Editing()
            st.rerun()


def toolbar(ws, drafts: list[str], chosen: str, datasets: list[str]) -> str:
    draft, turn = ws.drafts.get(chosen), editing().form  # a popover with a new key is closed
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
        chosen = st.selectbox(
            "Recipe",
            drafts,
            index=drafts.index(chosen),
            width=240,
            label_visibility="collapsed",
            key=f"recipe_{chosen}",
        )
        if st.button(
            "",
            icon=":material/undo:",
            disabled=not draft.undo,
            help=f"Undo: {draft.undo}" if draft.undo else "Nothing to undo",
            key="undo",
        ):
            ws.drafts.undo(draft.name)
            reset_form()
        if st.button(
            "",
            icon=":material/redo:",
            disabled=not draft.redo,
            help=f"Redo: {draft.redo}" if draft.redo else "Nothing to redo",
            key="redo",
        ):
            ws.drafts.redo(draft.name)
            reset_form()
        with st.popover("", icon=":material/history:", help="Every edit of this recipe", key=f"history_{turn}"):
            history(ws, draft)
        with st.popover("New", icon=":material/add:", key=f"new_{turn}"):
            new_recipe(datasets, key="more")
        with st.popover("Export", icon=":material/code:"):
            export_panel(ws, draft)
        with st.popover("Run", icon=":material/play_arrow:", type="primary", key=f"run_popover_{turn}"):
            run_panel(ws, draft)
    return chosen


def reset_form() -> None:
    now = editing()
    state().extra["prepare"] = Editing(form=now.form + 1)
    st.rerun()


def history(ws, draft: Draft) -> None:
    st.caption("Every edit is kept. Choose one to go back to it; nothing is lost.")
    for edit in ws.drafts.history(draft.name)[:30]:
        label = f"{edit.created_at:%d %b %H:%M} · {edit.what}"
        if st.button(label, key=f"edit_{edit.id}", type="primary" if edit.is_current else "tertiary", width="stretch"):
            ws.drafts.go_to(draft.name, edit.id)
            reset_form()
    if confirm("Delete this recipe", "Its draft and edits go. Saved versions and results stay.", key="delete_draft"):
        ws.drafts.delete(draft.name)
        state().recipe = None
        st.rerun()


# ---------------------------------------------------------------- the workbench


def workbench(ws, draft: Draft, datasets: list[str]) -> None:
    recipe = Recipe.from_dict(draft.recipe)
    sources: dict[str, str] = draft.recipe.get("sources", {})
    if run_id := state().runs.get("recipe"):
        run_status(run_id, on_done=run_done, key="recipe")
    take_pending(ws, draft, recipe)
    try:
        shower = preview.previewer(sources)
    except AppError as error:
        problem(error)
        return
    problems = {p.step: p for p in recipe.check(shower.inputs) if p.severity == "error"}
    warnings = [p for p in recipe.check(shower.inputs) if p.severity == "warning"] if recipe.steps else []
    left, right = st.columns([2.7, 1], gap="medium")
    with right:
        now = editing()
        if now.mode == "form":
            view, before, error = form_panel(ws, draft, recipe, shower, datasets)
        else:
            view, before, error = shown_view(recipe, shower)
            if now.mode == "pick":
                picker()
            else:
                steps_panel(ws, draft, recipe, problems, error)
                for warning in warnings:
                    st.warning(f"{warning.message} {warning.hint}", icon=":material/warning:")
    with left:
        source_line(ws, recipe, sources, view)
        selected = grid(view, key="prepare_grid", before=before, height=GRID_HEIGHT) if view else None
    if editing().mode == "list":
        with right:
            suggestions(view, selected, recipe)


def shown_view(recipe: Recipe, shower):
    """Return the table after the chosen step; where a step is broken, the table before it."""
    upto = editing().upto
    steps = recipe.place(upto) + 1 if upto and any(s.id == upto for s in recipe.steps) else len(recipe.steps)
    error = None
    while True:
        try:
            return shower.view(recipe.upto(steps)), None, error
        except AppError as problem_:
            error = error or problem_
            steps -= 1
            if steps < 0:
                raise


def source_line(ws, recipe: Recipe, sources: dict[str, str], view) -> None:
    inputs = ", ".join(sources.values())
    upto = editing().upto
    place = (
        f"after step {recipe.place(upto) + 1}"
        if upto and any(s.id == upto for s in recipe.steps)
        else "after all steps"
    )
    if editing().mode == "form":
        place = "live preview of this step"
    newer = [r for r in sources.values() if ws.datasets.get(r.rpartition("@")[0]).ref != r]
    note = f" · a newer version of {', '.join(newer)} exists" if newer else ""
    st.caption(f"{inputs} · {place} · facts above the columns are of all rows{note}")


def steps_panel(ws, draft: Draft, recipe: Recipe, problems: dict, error: AppError | None) -> None:
    st.subheader("Steps", anchor=False)
    if not recipe.steps:
        st.caption("No step yet. Add one, or select a column in the table to see what fits it.")
    if error and not problems:
        problem(error)
    for number, step in enumerate(recipe.steps, start=1):
        step_row(ws, draft, recipe, number, step, problems.get(step.id))
    if st.button("Add a step", icon=":material/add:", type="primary", width="stretch", key="add_step"):
        now = editing()
        state().extra["prepare"] = Editing(
            mode="pick",
            form=now.form + 1,
            upto=now.upto,
            at=recipe.place(now.upto) + 1 if now.upto and any(s.id == now.upto for s in recipe.steps) else None,
        )
        st.rerun()


def step_row(ws, draft: Draft, recipe: Recipe, number: int, step: Step, broken) -> None:
    look = "bad" if broken else "on" if step.enabled else "off"
    with st.container(key=f"step_{look}_{step.id}", gap=None):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
            st.markdown(
                f"**{number}.** {md(step.describe())}" + ("" if step.enabled else "  \n*switched off*"), width="stretch"
            )
            if st.button(
                "", icon=":material/edit:", key=f"edit_step_{step.id}", type="tertiary", help=f"Edit step {number}"
            ):
                open_form(step.transform, step.settings, step=step.id)
            with st.popover(
                "", icon=":material/more_vert:", type="tertiary", key=f"more_{step.id}_{editing().form}", help="More"
            ):
                step_menu(ws, draft, recipe, number, step)
        if step.note:
            st.caption(md(step.note))
        if broken:
            st.caption(f":red[{md(broken.message.split(': ', 1)[-1])}]  \n{md(broken.hint)}")


def step_menu(ws, draft: Draft, recipe: Recipe, number: int, step: Step) -> None:
    def keep(changed: Recipe, what: str) -> None:
        save_edit(ws, draft, changed, what)
        reset_form()

    toggle = "Switch off" if step.enabled else "Switch on"
    if st.button(toggle, key=f"toggle_{step.id}", icon=":material/toggle_on:", width="stretch"):
        keep(recipe.edit(step.id, enabled=not step.enabled), f"{toggle} step {number}")
    if st.button(
        "Show the table after this step", key=f"upto_{step.id}", icon=":material/visibility:", width="stretch"
    ):
        state().extra["prepare"] = Editing(form=editing().form + 1, upto=step.id)
        st.rerun()
    if st.button("Move up", key=f"up_{step.id}", icon=":material/arrow_upward:", width="stretch", disabled=number == 1):
        keep(recipe.move(step.id, number - 2), f"Move step {number} up")
    if st.button(
        "Move down",
        key=f"down_{step.id}",
        icon=":material/arrow_downward:",
        width="stretch",
        disabled=number == len(recipe.steps),
    ):
        keep(recipe.move(step.id, number), f"Move step {number} down")
    if st.button("Duplicate", key=f"twin_{step.id}", icon=":material/content_copy:", width="stretch"):
        keep(recipe.duplicate(step.id), f"Duplicate step {number}")
    note = st.text_input("Note", step.note, key=f"note_{step.id}")
    if note != step.note:
        keep(recipe.edit(step.id, note=note), f"Note on step {number}")
    if st.button("Delete", key=f"delete_{step.id}", icon=":material/delete:", width="stretch"):
        keep(recipe.remove(step.id), f"Delete step {number}")


def save_edit(ws, draft: Draft, recipe: Recipe, what: str) -> None:
    ws.drafts.edit(recipe.dump(), what)


def take_pending(ws, draft: Draft, recipe: Recipe) -> None:
    """Open the form for a step that another page proposed."""
    if pending := state().extra.pop("pending_step", None):
        open_form(pending["transform"], pending.get("settings", {}))


# ---------------------------------------------------------------- choosing and filling in a step


def picker() -> None:
    if st.button("Back to the steps", key="close_picker", icon=":material/close:", type="tertiary"):
        reset_form()
    chosen = pick(f"p{editing().form}", placeholder="fill missing, vlookup …", height=GRID_HEIGHT - 90)
    if chosen:
        open_form(chosen.name, {}, at=editing().at)


def open_form(transform: str, values: dict[str, Any], *, step: str | None = None, at: int | None = None) -> None:
    now = editing()
    state().extra["prepare"] = Editing(
        mode="form", transform=transform, step=step, values=dict(values), at=at, form=now.form + 1
    )
    st.rerun()


def form_panel(ws, draft: Draft, recipe: Recipe, shower, datasets: list[str]):
    """Draw the form; return (view with the step, view before it, error)."""
    now = editing()
    try:
        cls = catalog.get(now.transform)
    except AppError as error:
        problem(error)
        return *shown_view(recipe, shower)[:2], None
    place = recipe.place(now.step) if now.step else len(recipe.steps) if now.at is None else now.at
    st.subheader(cls.label, anchor=False)
    st.caption(cls.summary())
    before_recipe = recipe.upto(place)
    try:
        before = shower.view(before_recipe)
    except AppError as error:
        problem(error)
        if st.button("Back", key="back"):
            reset_form()
        return *shown_view(recipe, shower)[:2], None
    columns = {c["name"]: c["type"] for c in before.columns}
    others = {d: {c["name"]: c["type"] for c in ws.datasets.get(d).columns} for d in datasets}
    values = forms.form(
        cls, key=f"f{now.form}", columns=columns, others=others, values=with_defaults(cls, now.values, columns)
    )
    values = {k: v for k, v in values.items() if v is not None}
    candidate, view, error = try_step(ws, draft, recipe, before_recipe, shower, cls, values, place)
    if error:
        st.info(error.message.split('": ', 1)[-1] + (f" {error.hint}" if error.hint else ""), icon=":material/info:")
    with st.container(horizontal=True):
        label = "Save step" if now.step else "Add step"
        if st.button(label, type="primary", key="apply", icon=":material/check:", disabled=error is not None):
            save_edit(ws, draft, candidate, f"{'Edit' if now.step else 'Add'}: {candidate.steps[place].describe()}")
            reset_form()
        if st.button("Cancel", key="cancel_form"):
            reset_form()
    details(cls, view, candidate, place)
    return view or before, before if view else None, None


def with_defaults(cls, values: dict[str, Any], columns) -> dict[str, Any]:
    """Start the form with the column that is selected in the table, where that fits."""
    from transforms.fields import Columns_, marker_of
    from transforms.schema import from_name

    chosen = (st.session_state.get("prepare_grid") or {}).get("selection") if not values else None
    column = (chosen or {}).get("column")
    if column not in columns:
        return values
    for name, declared in cls.model_fields.items():
        marker = marker_of(declared, Columns_)
        if marker and declared.is_required() and marker.accepts(from_name(columns[column])):
            return {name: [column] if marker.many else column}
    return values


def try_step(ws, draft: Draft, recipe: Recipe, before_recipe: Recipe, shower, cls, values, place: int):
    """Return (recipe with the step, its view, error): what adding it would give."""
    now = editing()
    sources = dict(draft.recipe.get("sources", {}))
    try:
        transform = cls.from_settings(values)
        needed = transform.needs_inputs() if hasattr(transform, "needs_inputs") else ()
        for name in needed:
            sources.setdefault(name, ws.datasets.get(name).ref)
        settings = {k: v for k, v in transform.settings().items() if k in values}
        changed = recipe.edit(now.step, settings=settings) if now.step else recipe.add(cls.name, settings, at=place)
        inputs = {name: {c["name"]: c["type"] for c in ws.datasets.get(ref).columns} for name, ref in sources.items()}
        changed = Recipe.from_dict(changed.dump() | {"sources": sources, "inputs": inputs})
        if needed:
            shower = preview.previewer(sources)
        return changed, shower.view(changed.upto(place + 1)), None
    except AppError as error:
        return recipe, None, error


def details(cls, view, candidate: Recipe, place: int) -> None:
    with st.expander("What it does, with an example"):
        st.markdown(md((cls.__doc__ or "").replace("\n    ", "\n")))
        st.caption(f"For new records: {SERVING_WORDS[cls.serving]}")
        example = cls.examples[0]
        a, b = st.columns(2)
        a.caption("before")
        a.dataframe(shown(example.before), hide_index=True, width="stretch")
        b.caption("after")
        b.dataframe(shown(example.after), hide_index=True, width="stretch")
    if view is not None:
        step = candidate.steps[place]
        if step.id in view.fitted.states:
            with st.expander("What it learnt, from all rows"):
                st.json(view.fitted.states[step.id], expanded=1)


def shown(columns) -> dict[str, list]:
    """Return an example's columns with pictures as words."""
    return {c: [f"{len(v):,} bytes" if isinstance(v, bytes) else v for v in values] for c, values in columns.items()}


def suggestions(view, selected: dict | None, recipe: Recipe) -> None:
    if view is None or not selected:
        return
    column = selected["column"]
    kind = next(c["kind"] for c in view.columns if c["name"] == column)
    with st.container(key="card_suggest"):
        st.markdown(f"**Steps for {md(column)}**")
        if selected.get("whole"):
            place = list(view.schema).index(column)
            samples = [row[place] for row in view.rows(0, 200)]
            found = suggest.for_column(column, kind, view.profile([column])[column], samples)
        else:
            found = suggest.for_cell(column, kind, selected.get("value"))
        for number, one in enumerate(found):
            why = f" ({one.why})" if one.why else ""
            if st.button(
                one.label + why,
                key=f"suggest_{number}_{column}",
                width="stretch",
                icon=":material/lightbulb:",
                type="tertiary",
            ):
                open_form(one.transform, one.settings, at=None)


# ---------------------------------------------------------------- run and export


def run_panel(ws, draft: Draft) -> None:
    recipe = Recipe.from_dict(draft.recipe)
    st.markdown("**Run on all rows**")
    st.caption("Each step learns from all rows; the result is kept as a dataset with the recipe behind it.")
    output = st.text_input("Name of the result", value=draft.name, key=f"output_{draft.name}")
    if st.button(
        "Run the recipe", type="primary", key="run_go", icon=":material/play_arrow:", disabled=not recipe.steps
    ):
        sources = draft.recipe["sources"]
        ws.recipes.save(draft.recipe, name=draft.name, note="run")

        def work(handle):
            done = run_recipe(ws, recipe, sources, output=output, handle=handle)
            return {"dataset": done.dataset.ref, "rows": done.dataset.rows, "columns": len(done.dataset.columns)}

        state().runs["recipe"] = ws.runs.start("recipe", f"Run {draft.name}", work).id
        reset_form()


def run_done(run) -> None:
    made = run.outcome
    with st.container(horizontal=True, vertical_alignment="center"):
        st.success(
            f"Kept as **{md(made['dataset'])}**: {count(made['rows'])} rows, {count(made['columns'])} columns.",
            icon=":material/check_circle:",
        )
        if st.button("Publish as features", icon=":material/inventory_2:", key="to_features"):
            state().dataset = made["dataset"].rpartition("@")[0]
            st.switch_page("../pages/features.py")
        if st.button("Look at it", icon=":material/bar_chart:", key="to_explore"):
            state().dataset = made["dataset"].rpartition("@")[0]
            st.switch_page("../pages/explore.py")
        if st.button("", icon=":material/close:", key="hide_run", help="Hide"):
            state().runs.pop("recipe", None)
            st.rerun()


@st.cache_data(show_spinner="Fitting on all rows …", max_entries=50)
def _fitted(root: str, recipe: dict, sources: dict[str, str]) -> dict:
    from workspace.sql import connection

    ws = workspace()
    with connection() as con:
        return fit_on(Recipe.from_dict(recipe), {n: ws.datasets.get(r) for n, r in sources.items()}, con).dump()


def export_panel(ws, draft: Draft):
    st.markdown("**Code that runs without Tilth**")
    kind = st.radio("As", FORMATS, format_func=EXPORT_WORDS.get, key="export_kind", label_visibility="collapsed")
    st.download_button("Download the recipe (JSON)", data=lambda: FittedRecipe.from_dict(_fitted(str(ws.root), draft.recipe, draft.recipe["sources"])).model_dump_json(indent=1),
                       file_name=f"{draft.name}.json", mime="application/json", key="export_json", on_click="ignore")  # fmt: skip
    with guard():
        fitted = FittedRecipe.from_dict(_fitted(str(ws.root), draft.recipe, draft.recipe["sources"]))
        try:
            code = export(fitted, kind)
        except NotOnThisEngine as error:
            return st.info(str(error), icon=":material/info:")
        st.download_button(
            f"Download {draft.name}{SUFFIX[kind]}",
            code,
            file_name=f"{draft.name}{SUFFIX[kind]}",
            key=f"export_{kind}",
            type="primary",
            on_click="ignore",
        )
        with st.container(height=320):
            st.code(code if len(code) < 20_000 else code[:20_000] + "\n…", language=LANGUAGE[kind])


main()

"""Views on the Features page: the list, the builder, one view with its versions, a read to try, and code."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import zlib

import streamlit as st

from featurestore import FeatureStore, lineage
from featurestore import views as library
from featurestore.groups import split_reference
from featurestore.point_in_time import names_of
from featurestore.view_editing import (
    default_from_text,
    duration,
    request_columns,
    side_by_side,
    text_of_default,
    typed_value,
)
from featurestore.views import View
from featurestore.wire import as_json
from shell.group_panels import ago, example_key, matching, moment
from shell.lineage_graph import lineage_panel
from shell.state import state
from shell.widgets import confirm, empty, guard, md, workspace
from transforms.serving import RecordRunner

NEW = "A new view"
NO_RECIPE = "None"
KEEP_RECIPE = "The recipe of the version before"
GROUPS_SHOWN = 8


def views_part(fs: FeatureStore, groups: list[dict]) -> None:
    """Show all views and what can be done with them."""
    found = fs.views()
    if not found:
        empty(
            "No view yet",
            "A **view** is a named choice of features across groups: what one model eats. The same view makes the "
            "training set and answers online, with the same defaults and the same steps, so both see the same values."
            + ("" if groups else " It needs a feature group first: publish one under **Groups**."),
            icon=":material/visibility:",
            key="views",
        )
    if said := state().extra.pop("view_said", None):
        st.success(said, icon=":material/check_circle:")
    if groups:
        with st.expander("Make a view, or a new version", icon=":material/add:", expanded=not found), guard():
            builder(fs, groups, [v["name"] for v in found])
    if found:
        view_list(found)
        names = [v["name"] for v in found]
        before = state().extra.get("view")
        chosen = st.selectbox("View", names, index=names.index(before) if before in names else 0)
        state().extra["view"] = chosen
        with guard():
            view_panel(fs, chosen, {g["name"]: g for g in groups})


def view_list(found: list[dict]) -> None:
    rows = [
        {
            "view": v["name"],
            "version": v["version"],
            "features": len(v["features"]),
            "groups": ", ".join(dict.fromkeys(split_reference(f)[0] for f in v["features"])),
            "TTLs": len(v["ttl_seconds"]),
            "defaults": len(v["defaults"]),
            "on-demand recipe": v["recipe"] or "",
            "description": v["description"],
        }
        for v in found
    ]
    st.dataframe(rows, hide_index=True, width="stretch")


# ---------------------------------------------------------------- building


def builder(fs: FeatureStore, groups: list[dict], names: list[str]) -> None:
    """Ask for features, TTLs, defaults, names of keys and a recipe, then save a version."""
    a, b = st.columns(2)
    base = a.selectbox("Make", [NEW, *names], format_func=lambda n: n if n == NEW else f"A new version of {n}")
    old = library.get(workspace(), base) if base != NEW else None
    form = old.ref if old else "new"  # widgets of another version are other widgets, so each begins as that one is
    if old:
        name = old.name
        b.text_input("Name of the view", value=name, disabled=True, key=f"view_name_{form}")
    else:
        help = "Letters, digits, - and _, beginning with a letter."
        name = b.text_input("Name of the view", placeholder="risk", key="view_name_new", help=help)
    about, example = old.description if old else "", "Credit risk at the checkout"
    description = st.text_input("What it is for", value=about, placeholder=example, key=f"view_about_{form}")
    refs = pick_features(groups, old, form)
    if not refs:
        st.caption("Choose features; they may come from several groups.")
        return
    types = {f"{g['name']}:{f['name']}": f["type"] for g in groups for f in g["features"]}
    names_in_view = names_of(refs)
    ttls, defaults = feature_table(refs, names_in_view, types, old, form)
    join_keys = key_names(groups, refs, old, form)
    recipe, request = on_demand_fields(names_in_view, old, form)
    if st.button("Save the view", type="primary", icon=":material/save:", disabled=not name, key="save_view"):
        typed = {
            names_in_view[ref]: default_from_text(names_in_view[ref], types[ref], words)
            for ref, words in defaults.items()
        }
        made = fs.create_view(
            name, refs, description, ttl=ttls, defaults=typed, join_keys=join_keys, request=request, recipe=recipe
        )
        ref = f"**{md(made['ref'])}**"
        kept = old is not None and made["version"] == old.version
        state().extra["view"] = name
        state().extra["view_said"] = f"Nothing changed: {ref} stays." if kept else f"Saved as {ref}."
        st.rerun()


def pick_features(groups: list[dict], old: View | None, form: str) -> list[str]:
    """Ask for features, a field per group; return them as "group:feature"."""
    before: dict[str, list[str]] = {}
    for ref in old.features if old else ():
        group, feature = split_reference(ref)
        before.setdefault(group, []).append(feature)
    words = st.text_input(
        "Find a feature", placeholder="in names, descriptions and tags of groups and features", key=f"view_find_{form}"
    )
    found = [g["name"] for g in matching(groups, words)]
    keys = {g["name"]: f"view_pick_{form}_{g['name']}" for g in groups}
    # a field that is not drawn forgets its choice, so groups with a choice are always drawn
    used = [g["name"] for g in groups if st.session_state.get(keys[g["name"]], before.get(g["name"]))]
    shown = [*used, *[n for n in found if n not in used][: max(0, GROUPS_SHOWN - len(used))]]
    if hidden := len([n for n in found if n not in shown]):
        st.caption(f"{hidden} more groups match: type above to find them.")
    if words and not found:
        st.caption("No feature matches.")
    refs = []
    for group in groups:
        if group["name"] not in shown:
            continue
        types = {f["name"]: f["type"] for f in group["features"]}
        chosen = st.multiselect(
            f"From {group['name']}",
            list(types),
            default=[f for f in before.get(group["name"], []) if f in types],
            format_func=lambda f, types=types: f"{f} · {types.get(f, '')}",
            key=keys[group["name"]],
            help=md(group["description"]) or None,
        )
        refs += [f"{group['name']}:{feature}" for feature in chosen]
    in_order = [
        ref for ref in (old.features if old else ()) if ref in refs
    ]  # features that were there keep their place
    return [*in_order, *(ref for ref in refs if ref not in in_order)]


def feature_table(
    refs: list[str], names: dict[str, str], types: dict[str, str], old: View | None, form: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Ask per feature how old it may be and what stands in where it is missing; return both by "group:feature"."""
    typed: dict = state().extra.setdefault(f"view_typed_{form}", {})
    rows = json.dumps([(ref, types[ref]) for ref in refs])
    key = f"view_table_{form}_{zlib.crc32(rows.encode())}"
    start = f"start_{key}"
    if start not in st.session_state:  # the table that the edits of this widget are edits of: it must not move
        st.session_state[start] = [
            {"feature": ref, "name in the view": names[ref], "type": types[ref]}
            | typed.get(ref, stored(ref, names[ref], old))
            for ref in refs
        ]
    edited = st.data_editor(
        st.session_state[start],
        key=key,
        disabled=["feature", "name in the view", "type"],
        hide_index=True,
        width="stretch",
        column_config={
            "valid for": st.column_config.TextColumn("valid for", help="7d, 12h, 90s; empty: the group's own TTL"),
            "default": st.column_config.TextColumn("default", help="where the value is missing, unknown or too old"),
        },
    )
    for row in edited:
        typed[row["feature"]] = {"valid for": row["valid for"] or "", "default": row["default"] or ""}
    ttls = {ref: typed[ref]["valid for"] for ref in refs if typed[ref]["valid for"]}
    return ttls, {ref: typed[ref]["default"] for ref in refs if typed[ref]["default"]}


def stored(ref: str, name: str, old: View | None) -> dict[str, str]:
    """Return TTL and default of a feature in a version, as the table shows them."""
    if old is None:
        return {"valid for": "", "default": ""}
    ttl = duration(old.ttl[ref] / 1_000_000) if ref in old.ttl else ""
    return {"valid for": ttl, "default": text_of_default(old.defaults[name]) if name in old.defaults else ""}


def key_names(groups: list[dict], refs: list[str], old: View | None, form: str) -> dict[str, dict[str, str]]:
    """Ask under which names callers have the keys; return only those that differ from the group's."""
    chosen = {split_reference(ref)[0] for ref in refs}
    found: dict[str, dict[str, str]] = {}
    with st.expander("Names of the keys", icon=":material/key:"):
        st.caption("Whoever reads the view has these columns. Two groups with a key of one name share that column.")
        fields = [(g["name"], k["name"]) for g in groups if g["name"] in chosen for k in g["keys"]]
        for start in range(0, len(fields), 3):
            for column, (group, key) in zip(st.columns(3), fields[start : start + 3], strict=False):
                value = (old.join_keys.get(group, {}) if old else {}).get(key, key)
                name = column.text_input(f"{group}.{key}", value=value, key=f"view_key_{form}_{group}_{key}").strip()
                if name and name != key:
                    found.setdefault(group, {})[key] = name
    return found


def on_demand_fields(names: dict[str, str], old: View | None, form: str):
    """Ask for a fitted recipe; return it with the columns that it needs of the request."""
    known = lineage.fitted_recipes(workspace())
    options = [NO_RECIPE, *([KEEP_RECIPE] if old and old.recipe else []), *known]
    with st.expander("On-demand recipe", icon=":material/bolt:", expanded=bool(old and old.recipe)):
        st.caption("Steps that are applied at each read, to the features and to what the request brings with it.")
        if len(options) == 1:
            st.info(
                "There is no fitted recipe yet. Make a recipe in **Prepare** whose columns are features of this view "
                "(and what a request brings), press **Run**, and it is offered here.",
                icon=":material/info:",
            )
            return None, None
        chosen = st.selectbox("Recipe", options, index=int(KEEP_RECIPE in options), key=f"view_recipe_{form}")
        if chosen == NO_RECIPE:
            return None, None
        recipe = old.fitted() if chosen == KEEP_RECIPE and old else known[chosen]
        request = request_columns(recipe, set(names.values()))
        said = ", ".join(f"{md(column)} ({md(kind)})" for column, kind in request.items())
        st.markdown(f"The request must bring: {said}." if said else "It needs nothing of the request.")
        st.caption("Steps: " + ", ".join(md(step.label()) for _, step in recipe.enabled()))
    return recipe, request


# ---------------------------------------------------------------- one view


def view_panel(fs: FeatureStore, name: str, groups: dict[str, dict]) -> None:
    versions = library.versions(workspace(), name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        numbers = [v.version for v in reversed(versions)]
        number = st.selectbox("Version of the view", numbers, width=180, key=f"version_of_{name}_{len(numbers)}")
        question = f"Delete view {md(name)} with all its versions? Models that read it online get an error."
        if confirm("Delete the view", question, key=f"drop_view_{name}"):
            fs.drop_view(name)
            state().extra["view_said"] = f"View {md(name)} is deleted; groups and training sets stay."
            st.rerun()
    view = next(v for v in versions if v.version == number)
    if view.description:
        st.markdown(md(view.description))
    gives, compared, attempt, origin, use = st.tabs(["What it gives", "Versions", "Try it", "Lineage", "Use in code"])
    with gives, guard():
        gives_tab(view, groups)
    with compared, guard():
        versions_tab(versions)
    with attempt, guard():
        try_tab(fs, view, groups)
    with origin, guard():
        lineage_panel("feature_view", view.ref, key=f"view_{view.ref}")
    with use, guard():
        use_tab(fs, view, groups)


def gives_tab(view: View, groups: dict[str, dict]) -> None:
    names = view.names()
    rows = []
    for ref in view.features:
        group, feature = split_reference(ref)
        columns = {f["name"]: f for f in groups.get(group, {}).get("features", [])}
        about = columns.get(feature, {"type": "(the group is gone)", "description": ""})
        rows.append(
            {
                "name": names[ref],
                "feature": ref,
                "type": about["type"],
                "valid for": duration(view.ttl[ref] / 1_000_000) if ref in view.ttl else "as the group says",
                "default": text_of_default(view.defaults[names[ref]]) if names[ref] in view.defaults else "",
                "description": about["description"],
            }
        )
    st.dataframe(rows, hide_index=True, width="stretch")
    keys = key_columns(view, groups).items()
    st.markdown("Read by " + ", ".join(f"{md(column)} ({kind or 'set by the first rows'})" for column, kind in keys))
    if fitted := view.fitted():
        asked = ", ".join(f"{md(column)} ({md(kind)})" for column, kind in view.request.items()) or "nothing"
        st.markdown(f"On demand: **{md(fitted.name)}**. The request brings {asked}.")
        st.markdown("\n".join(f"{number}. {md(step.label())}" for number, step in fitted.enabled()))
        given = ", ".join(md(column) for column in answer(view.ref, view.created_at))
        st.markdown(f"A read gives: {given}.")


@st.cache_data(show_spinner=False, max_entries=50)
def answer(ref: str, created_at: str) -> list[str]:
    """Return the columns that a read of a view with a recipe gives."""
    view = library.get(workspace(), ref)
    return library.outputs(view, RecordRunner(view.fitted()).columns)


def key_columns(view: View, groups: dict[str, dict]) -> dict[str, str | None]:
    """Return the columns that a reader gives, with the types of the groups' keys."""
    found: dict[str, str | None] = {}
    for group in view.group_names():
        for key in groups.get(group, {}).get("keys", []):
            found[view.join_keys.get(group, {}).get(key["name"], key["name"])] = key["type"]
    return found


def versions_tab(versions: list[View]) -> None:
    if len(versions) < 2:
        st.caption("This is the only version. Another definition under the same name becomes version 2.")
        return
    refs = [v.ref for v in versions]
    a, b = st.columns(2)
    place = f"{versions[0].name}_{len(refs)}"
    left = a.selectbox("Left version", refs, index=len(refs) - 2, key=f"view_left_{place}")
    right = b.selectbox("Right version", refs, index=len(refs) - 1, key=f"view_right_{place}")
    if left == right:
        st.caption("Choose two different versions.")
        return
    rows = side_by_side(workspace(), left, right)
    changed = sum(row["change"] != "same" for row in rows)
    st.caption(f"{changed} of {len(rows)} facts differ; they come first.")
    st.dataframe([{k: v or "–" for k, v in row.items()} for row in rows], hide_index=True, width="stretch")


def try_tab(fs: FeatureStore, view: View, groups: dict[str, dict]) -> None:
    """Ask for keys (and what the request brings), and show what the view answers online."""
    examples = example_row(fs, view, groups)
    asked = {**key_columns(view, groups), **view.request}
    typed = {}
    fields = list(asked.items())
    for start in range(0, len(fields), 4):
        for column, (name, kind) in zip(st.columns(4), fields[start : start + 4], strict=False):
            example = f"for example {examples[name]}" if name in examples else None
            typed[name] = column.text_input(
                f"{name} ({kind or 'any'})", placeholder=example, key=f"try_{view.name}_{name}"
            )
    if not st.button("Read", icon=":material/bolt:", key=f"read_{view.name}", disabled=not all(typed.values())):
        st.caption("What a caller gets now, from the newest record of each group.")
        return
    row = {name: typed_value(name, asked[name], words) for name, words in typed.items()}
    found = fs.get_features(view.ref, row, status=True)
    left, right = st.columns([3, 2])
    shown = [{"name": n, "value": "" if v is None else str(v)} for n, v in as_json(found["values"]).items()]
    left.dataframe(shown, hide_index=True, width="stretch")
    now, rows, too_old = dt.datetime.now(dt.UTC), [], []
    for group, status in found["status"].items():
        at = found["event_times"][group]
        age = (now - at).total_seconds() if at else None
        rows.append({"group": group, "status": status, "event time": moment(at), "age": ago(age)})
        own = [
            r for r in view.features if age and split_reference(r)[0] == group and age * 1e6 > view.ttl.get(r, 1e300)
        ]
        too_old += [f"{ref} ({duration(view.ttl[ref] / 1_000_000)})" for ref in own]
    right.dataframe(rows, hide_index=True, width="stretch")
    if too_old:
        right.caption(f"Older than the view allows: {md(', '.join(too_old))}.")
    if any(status != "found" for status in found["status"].values()):
        right.caption(
            "Missing: never written, deleted or expired. Under Groups, Record says which. A default stands in where "
            "there is one."
        )


def example_row(fs: FeatureStore, view: View, groups: dict[str, dict]) -> dict:
    """Return real keys to read a view with, as far as its groups have rows."""
    found: dict = {}
    for name in view.group_names():
        if name in groups:
            key = example_key(fs, groups[name])
            columns = [view.join_keys.get(name, {}).get(k["name"], k["name"]) for k in groups[name]["keys"]]
            for column, value in zip(columns, key, strict=False):
                found.setdefault(column, value)
    return found


def use_tab(fs: FeatureStore, view: View, groups: dict[str, dict]) -> None:
    samples = {"int64": 1, "float64": 1.0, "bool": True, "list<float>": [0.0], "timestamp": "2026-01-31T12:00:00Z"}
    asked = {**key_columns(view, groups), **view.request}
    row = as_json({name: samples.get(kind or "", "a") for name, kind in asked.items()} | example_row(fs, view, groups))
    labels = ", ".join(f"{name!r}: [{value!r}]" for name, value in row.items())
    st.markdown("The values **online**, and a **training set** with the very same columns:")
    st.code(
        f"from featurestore import FeatureStore\nimport pyarrow as pa\n\nfs = FeatureStore({str(workspace().root)!r})\n"
        f"fs.get_features({view.name!r}, {row!r})\n\n"
        f'labels = pa.table({{{labels}, "ts": ["2026-01-31T12:00:00Z"], "label": [1]}})\n'
        f'train = fs.training_set(labels, {view.name!r}, time="ts")\n'
        f'fs.save_training_set("train", "name of a dataset of labels", {view.name!r}, time="ts")',
        language="python",
        wrap_lines=True,
    )
    st.markdown("The same **over HTTP**:")
    body = json.dumps({"rows": [row]}, ensure_ascii=False)
    st.code(
        f"tilth serve --port 8600\ncurl http://127.0.0.1:8600/v1/views/{view.name}:get "
        f"-H 'Content-Type: application/json' -d {shlex.quote(body)}",
        language="bash",
        wrap_lines=True,
    )
    st.caption(f"{md(view.name)} means its newest version; {md(view.ref)} in its place stays the same for ever.")

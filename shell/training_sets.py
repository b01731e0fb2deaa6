"""Training sets on the Features page: a wizard with a preview and warnings, and the saved ones with their manifest."""

from __future__ import annotations

import re

import streamlit as st

from featurestore import FeatureStore, training_set_checks
from featurestore import views as library
from featurestore.groups import split_reference
from featurestore.view_editing import duration
from shell.group_panels import ago
from shell.lineage_graph import lineage_panel, open_page
from shell.state import state
from shell.widgets import count, empty, guard, md, run_status, workspace
from transforms.errors import Conflict
from workspace.names import check_name

CHECK, SAVE, AGAIN = "training_set_check", "training_set_save", "training_set_again"
FROM_VIEW, FROM_FEATURES = "A view", "Single features"
TARGETS = ("label", "target", "y", "class", "outcome")
TIMES = ("ts", "time", "timestamp", "date", "at", "label_time")
UNKNOWN = "(none)"


def training_sets_part(fs: FeatureStore, groups: list[dict]) -> None:
    """Show the wizard, the run it started, and all saved training sets."""
    with st.container():  # always there, so that what stands below keeps its place
        if run_id := state().runs.get(SAVE):
            run_status(run_id, on_done=was_saved, key=SAVE)
    kept = training_set_checks.saved(workspace())
    datasets = workspace().datasets.list()
    stored = [g for g in groups if g["offline"]]
    if not kept:
        wanted = empty(
            "No training set yet",
            "A **training set** is your labels with the features **as they were known at each label's time**: nothing "
            "of the future leaks in. It is saved as a dataset that knows how it was made, so it can be made again."
            + ("" if stored else " It needs a feature group with history: publish one under **Groups**."),
            icon=":material/join:",
            action=None if datasets else "Upload labels",
            key="training_sets",
        )
        if wanted:
            st.switch_page("../pages/data.py")
    if datasets and stored:
        with st.expander("Make a training set", icon=":material/add:", expanded=not kept), guard():
            wizard(fs, datasets, stored)
    if kept:
        saved_list(kept)
        refs = [one["ref"] for one in kept]
        before = state().extra.get("training_set")
        chosen = st.selectbox("Training set", refs, index=refs.index(before) if before in refs else 0)
        state().extra["training_set"] = chosen
        with guard():
            panel(fs, next(one for one in kept if one["ref"] == chosen))


# ---------------------------------------------------------------- the wizard


def wizard(fs: FeatureStore, datasets: list, groups: list[dict]) -> None:
    """Ask step by step; check as a run; then save as a run."""
    st.markdown("**1. Labels:** who, when, and what came of it")
    names = [d.name for d in datasets]
    a, b, c, d = st.columns([3, 1, 2, 2])
    place = names.index(state().dataset) if state().dataset in names else 0
    name = a.selectbox("Labels", names, index=place, key="ts_labels", help="A dataset; import one under Data.")
    numbers = sorted((v.version for v in workspace().datasets.versions(name)), reverse=True)
    number = b.selectbox("Version", numbers, key=f"ts_version_{name}_{len(numbers)}")
    dataset = workspace().datasets.get(f"{name}@{number}")
    columns = [column["name"] for column in dataset.columns]
    times = time_columns(dataset.columns)
    if not times:
        st.warning(
            "These labels have no time. Make one in Prepare (Read dates in a format).", icon=":material/warning:"
        )
        return
    time = c.selectbox("Time of each label", times, key=f"ts_time_{dataset.ref}", help="What was known then is joined.")
    others = [UNKNOWN, *(n for n in columns if n != time)]
    place = next((others.index(n) for n in others if n.lower() in TARGETS), 0)
    label = d.selectbox(
        "To predict", others, index=place, key=f"ts_label_{dataset.ref}", help="To find features that give it away."
    )  # fmt: skip
    st.markdown("**2. Features**")
    features, used, view_keys = choose_features(fs, groups)
    if not features:
        return
    st.markdown("**3. Keys**")
    join_keys, missing = choose_keys(used, columns, view_keys, dataset.ref)
    st.markdown("**4. Check**")
    help = "Only what had been written by then."
    as_of = st.text_input("As of (optional)", placeholder="2026-01-31T12:00:00Z", key="ts_as_of", help=help).strip()
    if missing:
        st.caption(f"Choose the columns of {', '.join(map(md, missing))} first.")
        return
    arguments = {"as_of": as_of or None, "join_keys": join_keys}
    target = None if label == UNKNOWN else label
    if st.button("Preview and check", icon=":material/rule:", key="ts_preview"):

        def check(handle) -> dict:
            return training_set_checks.preview(fs, dataset.ref, features, time, target, handle=handle, **arguments)

        run = workspace().runs.start("check", f"Check a training set of {dataset.ref}", check)
        state().runs[CHECK], state().extra[CHECK] = run.id, [dataset.ref, features, time, target, arguments]
        st.rerun()
    if run_id := state().runs.get(CHECK):
        if state().extra.get(CHECK) == [dataset.ref, features, time, target, arguments]:
            run_status(run_id, on_done=checked, key=CHECK)
        else:
            st.caption("The choice has changed since the last check.")
    st.markdown("**5. Save**")
    e, f = st.columns([3, 1], vertical_alignment="bottom")
    proposed = re.sub(r"[^A-Za-z0-9_. -]+", "-", f"{dataset.name} with features")[:64]
    given = e.text_input("Name of the training set", value=proposed, key=f"ts_name_{dataset.name}")
    if f.button("Save", type="primary", icon=":material/save:", key="ts_save", disabled=not given, width="stretch"):
        if check_name("dataset", given) == dataset.name:
            raise Conflict(f"{given!r} is the dataset of the labels.", hint="Give the training set another name.")

        def work(handle) -> dict:
            return training_set_checks.save(fs, given, dataset.ref, features, time, handle=handle, **arguments)

        state().runs[SAVE] = workspace().runs.start("training_set", f"Training set {given}", work).id
        st.rerun()


def time_columns(columns: list[dict]) -> list[str]:
    """Return the columns that may hold the label's time, likeliest first: times, then texts with the name of one."""
    times = [c["name"] for c in columns if c["type"].startswith(("timestamp", "date"))]
    times.sort(key=lambda n: n.lower() not in TIMES)
    texts = [c["name"] for c in columns if c["type"] == "string" and (c["name"].lower() in TIMES)]
    return [*times, *texts]


def choose_features(fs: FeatureStore, groups: list[dict]):
    """Ask for a view or for single features; return them, their groups, and how the view names the keys."""
    known = {g["name"]: g for g in groups}
    views = [v for v in fs.views() if all(split_reference(f)[0] in known for f in v["features"])]
    how = FROM_FEATURES
    if views:
        how = st.segmented_control("From", [FROM_VIEW, FROM_FEATURES], default=FROM_VIEW, required=True, key="ts_from")
    if how == FROM_VIEW:
        refs = [v["ref"] for v in views]
        chosen = st.selectbox("View of the features", refs, key=f"ts_view_{len(refs)}")
        view = library.get(workspace(), chosen)
        names = list(view.names().values())
        said = f"{count(len(names))} features: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}."
        if view.request:
            said += f" The labels also need the columns {', '.join(view.request)}."
        st.caption(md(said))
        return chosen, [known[g] for g in view.group_names()], view.join_keys
    options = [f"{g['name']}:{f['name']}" for g in groups for f in g["features"]]
    features = st.multiselect("Features", options, key="ts_features", help="Type to search, in all groups.")
    used = list(dict.fromkeys(split_reference(f)[0] for f in features))
    return features, [known[g] for g in used], {}


def choose_keys(groups: list[dict], columns: list[str], view_keys, ref: str) -> tuple[dict, list[str]]:
    """Match keys with label columns by name, ask for the others; return those asked for, and those not answered."""
    matched, asked = [], []
    for group in groups:
        for key in group["keys"]:
            name = view_keys.get(group["name"], {}).get(key["name"], key["name"])
            (matched if name in columns else asked).append((group["name"], key["name"], name))
    if matched:
        st.caption("By name: " + ", ".join(md(f"{group}.{key} = {name}") for group, key, name in matched))
    join_keys: dict[str, dict[str, str]] = {}
    missing = []
    for start in range(0, len(asked), 3):
        for place, (group, key, _) in zip(st.columns(3), asked[start : start + 3], strict=False):
            words, widget = f"Column with {group}.{key}", f"ts_key_{ref}_{group}_{key}"
            column = place.selectbox(words, columns, index=None, placeholder="Choose", key=widget)
            if column:
                join_keys.setdefault(group, {})[key] = column
            else:
                missing.append(f"{group}.{key}")
    for group in join_keys:  # a view's own names hold for the keys that were not asked for
        join_keys[group] = {**view_keys.get(group, {}), **join_keys[group]}
    return join_keys, missing


def checked(run) -> None:
    """Show what the check found."""
    found = run.outcome
    seen = "all" if found["checked"] >= found["total"] else f"a sample of {count(found['checked'])} of"
    st.caption(f"Looked at {seen} {count(found['total'])} labels. The first rows:")
    st.dataframe(found["rows"], hide_index=True, width="stretch", height=min(38 + 35 * len(found["rows"]), 300))
    match_table(found["matches"])
    for finding in found["findings"]:
        st.warning(md(finding["says"]), icon=":material/warning:")
    if not found["findings"]:
        st.success(
            "Nothing suspicious: no feature gives the label away, and times fit.", icon=":material/check_circle:"
        )


def match_table(matches: list[dict]) -> None:
    rows = [
        {
            "group": one["group"],
            "labels with a record": one["found"] / one["labels"] if one["labels"] else None,
            "too old (TTL)": one["expired"] / one["labels"] if one["labels"] else None,
            "before the first event": one["before"] / one["labels"] if one["labels"] else None,
            "median age of the record": "–" if one["age_s"] is None else ago(one["age_s"]).removesuffix(" ago"),
        }
        for one in matches
    ]
    shares = ("labels with a record", "too old (TTL)", "before the first event")
    formats = {name: st.column_config.NumberColumn(format="percent") for name in shares}
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)


def was_saved(run) -> None:
    done = run.outcome
    if state().extra.get(SAVE) != run.id:  # the first time that it is shown
        state().extra[SAVE], state().extra["training_set"] = run.id, done["ref"]
    with st.container(horizontal=True, vertical_alignment="center"):
        said = f"Saved **{md(done['ref'])}**: {count(done['rows'])} rows."
        st.success(
            said if done["new"] else f"**{md(done['ref'])}** has these rows already.", icon=":material/check_circle:"
        )
        if st.button("Train a model", icon=":material/model_training:", key="ts_train"):
            open_page("dataset_for_model", done["ref"])
        if st.button("", icon=":material/close:", key="hide_saved", help="Hide"):
            state().runs.pop(SAVE, None)
            st.rerun()
    match_table(done["matches"])


# ---------------------------------------------------------------- saved ones


def saved_list(kept: list[dict]) -> None:
    rows = [
        {
            "training set": one["ref"],
            "rows": one["rows"],
            "labels": one["manifest"]["labels"].get("dataset", "handed over in memory"),
            "view": one["manifest"]["view"] or "",
            "features": len(one["manifest"]["features"]),
            "groups": ", ".join(f"{g}@{at['version']}" for g, at in one["manifest"]["groups"].items()),
            "made": one["created_at"][:19].replace("T", " ") + " UTC",
        }
        for one in kept
    ]
    formats = {"rows": st.column_config.NumberColumn(format="localized")}
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)


def panel(fs: FeatureStore, one: dict) -> None:
    ref = one["ref"]
    with st.container(horizontal=True):
        if st.button("Make again", icon=":material/replay:", key=f"again_{ref}", help="From its lineage, and compare."):

            def work(handle) -> dict:
                return {"ref": ref, **training_set_checks.make_again(fs, ref, handle=handle)}

            state().runs[AGAIN] = workspace().runs.start("training_set", f"Make {ref} again", work).id
            state().extra[AGAIN] = ref
            st.rerun()
        if st.button("Train a model", icon=":material/model_training:", key=f"train_{ref}"):
            open_page("dataset_for_model", ref)
        if st.button("Look at the rows", icon=":material/database:", key=f"rows_{ref}"):
            open_page("dataset", ref)
    with st.container():
        if state().extra.get(AGAIN) == ref and (run_id := state().runs.get(AGAIN)):
            run_status(run_id, on_done=made_again, key=AGAIN)
    how, origin, use = st.tabs(["How it was made", "Lineage", "Use in code"])
    with how:
        manifest_tab(one["manifest"])
    with origin, guard():
        lineage_panel("dataset", ref, key=f"set_{ref}")
    with use:
        st.code(
            f"from featurestore import FeatureStore\n\nfs = FeatureStore({str(workspace().root)!r})\n"
            f"train = fs.rebuild_training_set({ref!r})  # the same rows, from labels and history",
            language="python",
        )


def made_again(run) -> None:
    done = run.outcome
    if done["identical"]:
        st.success(f"Made again: identical, {count(done['rows'][1])} rows, every cell.", icon=":material/check_circle:")
        return
    said = ["Made again, and it **differs** from what was saved. Was something erased from the history since?", ""]
    listed = "\n".join([*said, *(f"- {md(sentence)}" for sentence in done["differences"])])
    st.warning(listed, icon=":material/difference:")


def manifest_tab(manifest: dict) -> None:
    facts = {
        "labels": manifest["labels"].get("dataset", "handed over in memory"),
        "time of each label": manifest["time"],
        "view": manifest["view"] or "none",
        "as of": manifest["as_of"] or f"all that was written by {manifest['known_at']}",
        "look-back": "last known value of each feature" if manifest["per_feature"] else "newest record",
    }
    for group, keys in manifest["join_keys"].items():
        facts |= {f"key {group}.{key}": column for key, column in keys.items()}
    st.dataframe([{"what": k, "value": str(v)} for k, v in facts.items()], hide_index=True, width="stretch")
    rows = []
    for ref in manifest["features"]:
        group = split_reference(ref)[0]
        at, ttl = manifest["groups"].get(group, {}), manifest["ttl_seconds"].get(ref)
        rows.append(
            {
                "feature": ref,
                "column": manifest["columns"].get(ref, ""),
                "data version": at.get("version"),
                "definition": at.get("definition_version"),
                "valid for": duration(ttl) if ttl else "as the group says",
            }
        )
    st.dataframe(rows, hide_index=True, width="stretch")

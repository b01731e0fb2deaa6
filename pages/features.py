"""Features: publish prepared tables as versioned feature groups, look at them, and read them back."""

from __future__ import annotations

import shlex
import warnings
from urllib.parse import quote

import streamlit as st

from featurestore import FeatureStore, NaiveTimeWarning
from featurestore.compare import recipe_changes, side_by_side
from featurestore.groups import check_group_name, read_columns, ttl_microseconds
from featurestore.intake import source_of, types_for_features
from insights.expectations import check_publish
from insights.pii import gate
from shell.feature_views import views_part
from shell.group_panels import example_key, matching, record_tab, statistics_tab
from shell.lineage_graph import GROUPS, PART, TRAINING_SETS, VIEWS, lineage_panel
from shell.privacy_gate import personal_data_gate, publish_reason
from shell.state import state
from shell.training_sets import training_sets_part
from shell.widgets import count, empty, guard, header, md, run_status, workspace
from transforms.errors import Conflict
from workspace.sql import connection, ident, text

AT_IMPORT = "(when the dataset version was made)"
NEW_GROUP = "New group"
PURPOSE = "publish"


@st.cache_resource(show_spinner=False)
def store(root: str) -> FeatureStore:
    return FeatureStore(workspace())


def main() -> None:
    header("Features", "Versioned features of an entity: history for training, the newest record for predictions.")
    fs = store(str(workspace().root))
    part = chosen_part()
    with guard():
        groups = fs.groups()
        if part == VIEWS:
            views_part(fs, groups)
        elif part == TRAINING_SETS:
            training_sets_part(fs, groups)
        else:
            groups_part(fs, groups)


def chosen_part() -> str:
    """Ask which part of the page to show, and remember it when the reader comes back."""
    if PART not in st.session_state:
        arrived = state().extra.get("features_dataset") != state().dataset  # from Prepare, to publish its result
        st.session_state[PART] = GROUPS if arrived else state().extra.get(PART, GROUPS)
    parts = [GROUPS, VIEWS, TRAINING_SETS]
    chosen = st.segmented_control("Show", parts, required=True, key=PART, label_visibility="collapsed")
    state().extra |= {PART: chosen, "features_dataset": state().dataset}
    return chosen


def groups_part(fs: FeatureStore, groups: list[dict]) -> None:
    watch_publish()
    datasets = workspace().datasets.list()
    if not groups:
        nothing_yet(bool(datasets))
    if datasets:
        with st.expander("Publish a dataset", icon=":material/publish:", expanded=not groups):
            publish_form(fs, groups, datasets)
    if not groups:
        return
    words = st.text_input(
        "Find a group", placeholder="in names, descriptions, tags, owners and features", key="find_group"
    )
    found = matching(groups, words)
    if not found:
        st.caption(f"None of {count(len(groups))} groups has all these words.")
        return
    group_list(found)
    names = [g["name"] for g in found]
    chosen = st.selectbox("Feature group", names, index=names.index(state().group) if state().group in names else 0)
    state().group = chosen
    group_panel(fs, next(g for g in found if g["name"] == chosen))


def nothing_yet(has_data: bool) -> None:
    """Say what a feature group is while there is none."""
    wanted = empty(
        "No feature group yet",
        "A **feature group** keeps the columns of a prepared table by **key** (whom a row is about) and **event time** (from "
        "when on it is true). Each publish is a version. Training sets are then built as of each label's time, so nothing "
        "from the future leaks in, and the newest record of a key is one fast read away.",
        icon=":material/inventory_2:",
        action=None if has_data else "Import data first",
        key="features",
    )
    if wanted:
        st.switch_page("../pages/data.py")


def watch_publish() -> None:
    with st.container():  # always there, so that what stands below keeps its place and stays open
        if run_id := state().runs.get(PURPOSE):
            run_status(run_id, on_done=published, key=PURPOSE)


def published(run) -> None:
    done = run.outcome
    with st.container(horizontal=True, vertical_alignment="center"):
        if done["unchanged"]:
            st.info(
                f"{done['group']}: these rows are there already; version {done['version']} stays.",
                icon=":material/check:",
            )
        else:
            said = f"Published **{done['group']}** version {done['version']}: {count(done['rows'])} rows."
            st.success(" ".join([said, *done["warnings"]]), icon=":material/check_circle:")
        if st.button("", icon=":material/close:", key="hide_published", help="Hide"):
            state().runs.pop(PURPOSE, None)
            st.rerun()


def publish_form(fs: FeatureStore, groups: list[dict], datasets: list) -> None:
    """Ask for data, key, event time and features, then publish as a run."""
    left, middle, right = st.columns(3)
    names = [d.name for d in datasets]
    name = left.selectbox("Dataset", names, index=names.index(state().dataset) if state().dataset in names else 0)
    versions = workspace().datasets.versions(name)
    numbers = sorted((v.version for v in versions), reverse=True)
    number = middle.selectbox("Version", numbers)
    dataset = workspace().datasets.get(f"{name}@{number}")
    columns = {column["name"] for column in dataset.columns}
    group_names = [g["name"] for g in groups]
    fitting = [
        g["name"]
        for g in groups
        if columns.issuperset(k["name"] for k in g["keys"]) and columns.intersection(f["name"] for f in g["features"])
    ]
    likely = state().group if state().group in fitting else next(iter(fitting), NEW_GROUP)
    choices = [*group_names, NEW_GROUP]
    target = right.selectbox("Into", choices, index=choices.index(likely), key=f"into_{dataset.name}_{len(groups)}")
    group = next((g for g in groups if g["name"] == target), None)
    personal_data_gate(dataset)
    with connection() as con:
        described = con.execute(f"DESCRIBE SELECT * FROM {dataset.sql()}").fetchall()
    types = {column: kind for column, kind, *_ in described}
    if group is None:
        new_group_fields(fs, dataset, types)
    else:
        existing_group_fields(fs, dataset, types, group)


def new_group_fields(fs: FeatureStore, dataset, types: dict[str, str]) -> None:
    columns = list(types)
    a, b, c = st.columns(3)
    name = a.text_input(
        "Name of the group", placeholder="apps", help="Letters, digits, - and _, beginning with a letter."
    )
    keys = b.multiselect("Key columns", columns, help="Together they say whom a row is about.")
    if not keys and (unique := unique_columns(dataset.ref, dataset.sql())):
        b.caption(f"Different in every row: {', '.join(unique[:3])}.")
    times = [column for column, kind in types.items() if kind.startswith(("TIMESTAMP", "DATE"))]
    event_time = c.selectbox(
        "Event time", [*times, AT_IMPORT], help="From when on a row is true. Without a zone it is UTC."
    )
    description = st.text_input("Description", placeholder="One row per app, as of its last update")
    features = types_for_features({k: v for k, v in types.items() if k not in (*keys, event_time)})
    st.caption("Features: untick what does not belong, and say in a few words what each one means.")
    table = [{"use": True, "feature": k, "type": v, "description": ""} for k, v in features.items()]
    edited = st.data_editor(
        table,
        key=f"new_features_{dataset.ref}",
        disabled=["feature", "type"],
        hide_index=True,
        width="stretch",
        height=min(38 + 35 * len(table), 460),
        column_config={
            "use": st.column_config.CheckboxColumn("use", width=60),
            "feature": st.column_config.TextColumn("feature", width=220),
            "type": st.column_config.TextColumn("type", width=110),
            "description": st.column_config.TextColumn("description", width=620),
        },
    )
    d, e = st.columns(2)
    ttl = d.text_input("Valid for (TTL)", placeholder="for example 30d; empty: for ever")
    online = e.toggle("Keep the newest record of each key for fast reads", value=True)
    if st.button("Create and publish", type="primary", icon=":material/publish:", disabled=not (name and keys)):
        chosen = {r["feature"]: {"type": r["type"], "description": r["description"] or ""} for r in edited if r["use"]}
        if name in {g["name"] for g in fs.groups()}:
            raise Conflict(f"There is a group {name!r} already.", hint="Choose it under Into, or another name.")
        moment = "event_time" if event_time == AT_IMPORT else event_time
        check_group_name(name), read_columns(keys, moment, chosen), ttl_microseconds(ttl)  # said here, not in the run
        definition = {"keys": keys, "event_time": moment, "features": chosen, "ttl": ttl or None, "online": online}
        definition["description"] = description
        start_publish(fs, name, dataset, [*keys, *chosen], event_time, definition)


@st.cache_data(show_spinner=False, max_entries=100)
def unique_columns(ref: str, source: str) -> list[str]:
    """Return the text and whole-number columns of a dataset version that have another value in every row."""
    with connection() as con:
        columns = [
            n
            for n, kind, *_ in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            if kind in ("VARCHAR", "BIGINT")
        ]
        if not columns:
            return []
        parts = ", ".join(f"count(DISTINCT {ident(name)}) = count(*)" for name in columns)
        found = con.execute(f"SELECT {parts} FROM {source}").fetchall()[0]
    return [name for name, unique in zip(columns, found, strict=True) if unique]


def existing_group_fields(fs: FeatureStore, dataset, types: dict[str, str], group: dict) -> None:
    known = {f["name"] for f in group["features"]}
    keys = [k["name"] for k in group["keys"]]
    event_time = group["event_time"] if group["event_time"] in types else AT_IMPORT
    rest = {k: v for k, v in types.items() if k not in (*keys, group["event_time"], *known)}
    more = []
    if rest:
        more = st.multiselect("New features to add", list(rest), help="They make a new version of the definition.")
    if rest and not more:
        st.caption(
            f"In this dataset and not yet in the group: {', '.join(list(rest)[:12])}{' …' if len(rest) > 12 else ''}."
        )
    absent = sorted(known - set(types))
    if missing := [k for k in keys if k not in types]:
        st.warning(f"The dataset has no key column {', '.join(missing)}.", icon=":material/warning:")
    elif absent:
        listed = f"{', '.join(absent[:8])}{f' and {len(absent) - 8} more' if len(absent) > 8 else ''}"
        st.caption(f"Not in this dataset, so null in this version: {listed}.")
    if st.button("Publish", type="primary", icon=":material/publish:", disabled=bool(missing)):
        if more:
            fs.change_group(group["name"], add=types_for_features({k: rest[k] for k in more}))
        wanted = [*keys, *[f for f in types if f in known or f in more]]
        start_publish(fs, group["name"], dataset, wanted, event_time)


def start_publish(
    fs: FeatureStore, group: str, dataset, columns: list[str], event_time: str, definition: dict | None = None
) -> None:
    """Publish the chosen columns of a dataset version in a run.

    With a definition the group is made first, and goes again if its first publish fails.
    """
    listed = ", ".join(map(ident, columns))
    moment = (
        f"CAST({text(dataset.created_at.isoformat())} AS TIMESTAMPTZ) AS event_time"
        if event_time == AT_IMPORT
        else ident(event_time)
    )
    query = f"SELECT {listed}, {moment} FROM {dataset.sql()}"
    source = source_of(dataset)
    ws, reason = workspace(), publish_reason(dataset)

    def work(handle) -> dict:
        handle.progress(0.01, "looking for personal data")
        gate.check(ws, dataset.ref, reason, columns=[*columns, event_time])
        told = check_publish(ws, dataset.ref)
        handle.progress(0.02, "reading the dataset")
        if definition:
            fs.create_group(group, **definition)
        try:
            with connection() as con, warnings.catch_warnings():
                warnings.simplefilter("ignore", NaiveTimeWarning)  # it is in the outcome
                done = fs.publish(group, con.sql(query), source=source, handle=handle)
        except BaseException:
            if definition:
                fs.drop_group(group)
            raise
        facts = ("group", "version", "rows", "unchanged", "warnings")
        return {name: getattr(done, name) for name in facts} | {"warnings": [*told, *done.warnings]}

    run = workspace().runs.start("publish", f"Publish {dataset.ref} to {group}", work)
    state().runs[PURPOSE] = run.id
    state().group = group
    st.rerun()


def group_list(groups: list[dict]) -> None:
    rows = [
        {
            "group": g["name"],
            "key": ", ".join(k["name"] for k in g["keys"]),
            "features": len(g["features"]),
            "definition": g["definition_version"],
            "data version": g["version"],
            "rows": g["rows"],
            "records online": g["online_records"],
            "description": g["description"],
            "tags": ", ".join(g["tags"]),
            "owner": g["owner"],
        }
        for g in groups
    ]
    formats = {name: st.column_config.NumberColumn(format="localized") for name in ("rows", "records online")}
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)


def group_panel(fs: FeatureStore, group: dict) -> None:
    with st.container(horizontal=True):
        st.metric("Data version", group["version"], border=True)
        st.metric("Definition version", group["definition_version"], border=True)
        st.metric("Rows ever written", count(group["rows"]), border=True)
        st.metric("Records online", records_online(group), border=True, help="One per key: the newest record.")
        st.metric(
            "Valid for", f"{group['ttl_seconds'] / 86400:g} days" if group["ttl_seconds"] else "for ever", border=True
        )
    features, figures, versions, record, origin, use = st.tabs(
        ["Features", "Statistics", "Versions", "Record", "Lineage", "Use in code"]
    )
    with features, guard():
        features_tab(group)
    with figures, guard():
        statistics_tab(fs, group)
    with versions, guard():
        versions_tab(fs, group)
    with record, guard():
        record_tab(fs, group)
    with origin, guard():
        lineage_tab(group)
    with use:
        use_tab(fs, group)


def records_online(group: dict) -> str:
    if not group["online"]:
        return "off"
    return "no answer" if group["online_records"] is None else count(group["online_records"])


def lineage_tab(group: dict) -> None:
    """Draw where a version comes from and who uses it."""
    if not group["versions"]:
        st.info("Nothing is published yet, so there is nothing to trace.", icon=":material/info:")
        return
    numbers = [v["version"] for v in reversed(group["versions"])]
    number = st.selectbox("Version to trace", numbers, key=f"trace_{group['name']}_{len(numbers)}", width=200)
    lineage_panel("feature_group", f"{group['name']}@{number}", key=f"group_{group['name']}_{number}")


def features_tab(group: dict) -> None:
    """Show all definition versions side by side: in which of them each feature is."""
    latest = {f["name"]: f for f in group["features"]}
    rows = []
    for name, feature in latest.items():
        row = {"feature": name, "type": feature["type"], "description": feature["description"]}
        for definition in group["definitions"]:
            row[f"definition {definition['version']}"] = name in {f["name"] for f in definition["features"]}
        rows.append(row)
    keys = ", ".join(f"`{k['name']}` ({k['type'] or 'set by the first rows'})" for k in group["keys"])
    st.markdown(f"Key {keys} · event time `{group['event_time']}`")
    st.dataframe(rows, hide_index=True, width="stretch")


def versions_tab(fs: FeatureStore, group: dict) -> None:
    versions = group["versions"]
    if not versions:
        st.info("Nothing is published yet.", icon=":material/info:")
        return
    rows = [
        {
            "version": v["version"],
            "what": v["kind"],
            "rows": v["rows"],
            "definition": v["definition_version"],
            "written": v["written_at"][:19].replace("T", " ") + " UTC",
            "dataset": (v["source"] or {}).get("dataset", ""),
            "recipe": recipe_name(v["source"]),
        }
        for v in reversed(versions)
    ]
    formats = {"rows": st.column_config.NumberColumn(format="localized")}
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)
    filled = [v["version"] for v in versions if v["kind"] in ("publish", "put")]
    if len(filled) < 2:
        return
    st.subheader("Two versions side by side", anchor=False)
    a, b = st.columns(2)
    left = a.selectbox("Left", filled, index=len(filled) - 2, key=f"left_{group['name']}")
    right = b.selectbox("Right", filled, index=len(filled) - 1, key=f"right_{group['name']}")
    shares = {f"missing (v{v})": st.column_config.NumberColumn(format="percent") for v in (left, right)}
    st.dataframe(side_by_side(fs, group["name"], left, right), hide_index=True, width="stretch", column_config=shares)
    st.caption("Each side describes the rows that this version added. Distinct counts are approximate.")
    changes = recipe_changes(fs, group["name"], left, right)
    if changes is None:
        st.caption("One of the two was published without a recipe, so there are no steps to compare.")
    else:
        st.markdown("**What changed in the recipe**")
        said = [f"- {md(sentence)}" for sentence in changes]
        st.markdown("\n".join(said) or "Nothing: the same steps with the same settings, on other data.")


def recipe_name(source: dict | None) -> str:
    recipe = (source or {}).get("recipe", "")
    return recipe.get("name", "recipe") if isinstance(recipe, dict) else str(recipe)


def use_tab(fs: FeatureStore, group: dict) -> None:
    example = example_key(fs, group) or ("KEY",) * len(group["keys"])
    keys = ", ".join(f"{k['name']!r}: [{value!r}]" for k, value in zip(group["keys"], example, strict=True))
    listed = ", ".join(repr(f"{group['name']}:{f['name']}") for f in group["features"][:4])
    key = example[0] if len(example) == 1 else example
    typed = ",".join(map(str, example))
    st.markdown("A **training set**: labels, with what was known at the time of each.")
    st.code(
        f"from featurestore import FeatureStore\nimport pyarrow as pa\n\n"
        f"fs = FeatureStore({str(workspace().root)!r})\n"
        f'labels = pa.table({{{keys}, "ts": ["2026-01-31T12:00:00Z"], "label": [1]}})\n'
        f'train = fs.training_set(labels, [{listed}], time="ts")',
        language="python",
    )
    st.markdown("The **newest record** of one key:")
    st.code(f"fs.get({group['name']!r}, {key!r})", language="python")
    st.markdown("The same **over HTTP** and on the **command line**:")
    st.code(
        f"tilth serve --port 8600\ncurl http://127.0.0.1:8600/v1/groups/{group['name']}/records/{quote(typed, safe=',')}\n"
        f"tilth features get {group['name']} {shlex.quote(typed)}",
        language="bash",
    )


main()

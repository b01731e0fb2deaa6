"""Data: bring tables in, see how they were read and what was rejected, keep every version."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from examples.make_samples import make_samples
from shell.components.dropzone import dropzone
from shell.routes import uploads
from shell.state import state
from shell.widgets import confirm, count, empty, guard, header, run_status, workspace
from sources import import_source
from workspace.datasets import DatasetVersion
from workspace.names import name_from
from workspace.sql import connection

PREVIEW_ROWS = 200
REJECTS_SHOWN = 1_000
PURPOSE = "import"


def main() -> None:
    header("Data", "Bring tables in. Every import is kept as a version that never changes.")
    with guard():
        watch_import()
        found = workspace().datasets.list()
        if not found:
            first_steps()
        else:
            with st.expander("Import a table", icon=":material/upload:"):
                import_panel()
            dataset_panel(found)


def first_steps() -> None:
    """Show what this page is for while there is nothing to show."""
    if empty(
        "No data yet",
        "A **dataset** is a table that Tilth keeps: each import is a version, with a note of how the file was read and "
        "which rows were rejected. Start with the sample: an app store of 10,000 apps and 60,000 reviews, as untidy as "
        "such tables are.",
        icon=":material/database:",
        action="Use the sample data",
        key="data",
    ):
        start_samples()
    st.subheader("Or import your own", anchor=False)
    import_panel()


def import_panel() -> None:
    by_file, by_path, sample = st.tabs(["Upload", "File on this computer", "Sample data"])
    with by_file:
        if sent := dropzone(key="data_drop"):
            state().extra["uploads"] = sent
        if waiting := state().extra.get("uploads"):
            upload_form(waiting)
    with by_path:
        path_form()
    with sample:
        st.write(
            "An app store (10,000 apps) and its reviews (60,000), made by a seeded script; all names are invented."
        )
        if st.button("Import the sample data", icon=":material/potted_plant:"):
            start_samples()


def upload_form(waiting: list[dict]) -> None:
    """Ask what to call uploaded files, and import them."""
    with st.form("upload_form"):
        names = [
            st.text_input(f"Name for {file['name']}", name_from(Path(file["name"]).stem), key=f"name_{file['token']}")
            for file in waiting
        ]
        options = more_options("upload")
        go = st.form_submit_button("Import", type="primary", icon=":material/upload:")
    if not go:
        return
    jobs = []
    for file, name in zip(waiting, names, strict=True):
        path = uploads.uploaded(file["token"])
        if path is None:
            st.error(f"The upload of {file['name']} is gone. Send it again.")
            return
        jobs.append({"path": path, "name": name, "shown": file["name"], **options})
    state().extra.pop("uploads")
    start(jobs, tokens=[file["token"] for file in waiting])


def path_form() -> None:
    with st.form("path_form"):
        path = st.text_input("Path", placeholder="/home/me/sales.csv", key="data_path")
        name = st.text_input("Name", placeholder="taken from the file", key="data_name")
        options = more_options("path")
        go = st.form_submit_button("Import", type="primary", icon=":material/upload:")
    if go and not path.strip():
        st.warning("Type the path of a file first.")
    elif go:
        start([{"path": path.strip(), "name": name.strip() or None, **options}])


def more_options(key: str) -> dict:
    """Ask for what is needed only now and then; return arguments of `import_source`."""
    with st.expander("Options", icon=":material/tune:"):
        left, right = st.columns(2)
        table = left.text_input("Table or sheet", key=f"{key}_table", help="Where the file has several.")
        delimiter = right.text_input("Delimiter", key=f"{key}_delimiter", help="One character, or the word tab.")
        encoding = left.text_input("Encoding", key=f"{key}_encoding", placeholder="found by itself")
        first = right.selectbox("First line", ["found by itself", "is a header", "is data"], key=f"{key}_header")
        query = st.text_area("SQL over the source", key=f"{key}_query", placeholder="SELECT * FROM source WHERE …")
    header_is = {"is a header": "yes", "is data": "no"}.get(first)
    options = {"delimiter": delimiter, "encoding": encoding.strip(), "header": header_is}
    return {
        "table": table.strip() or None,
        "query": query.strip() or None,
        "options": {name: value for name, value in options.items() if value},
    }


def start_samples() -> None:
    ws = workspace()

    def work(handle):
        with tempfile.TemporaryDirectory(dir=ws.root) as folder:
            handle.progress(None, "Writing the sample tables")
            for path in make_samples(folder):
                import_source(ws, path, handle=handle, shown=f"sample {path.name}", name=path.stem)
        return {"datasets": ["apps", "reviews"]}

    remember(ws.runs.start("import", "Import the sample data", work).id)


def start(jobs: list[dict], tokens: list[str] = ()) -> None:
    """Import in the background, and show the page again with the progress."""
    ws = workspace()
    title = f"Import {Path(jobs[0].get('shown') or jobs[0]['path']).name}" + (
        f" and {len(jobs) - 1} more" if jobs[1:] else ""
    )

    def work(handle):
        try:
            return {"datasets": [import_source(ws, handle=handle, **job).name for job in jobs]}
        finally:
            for token in tokens:
                uploads.discard(token)

    remember(ws.runs.start("import", title, work).id)


def remember(run_id: str) -> None:
    state().runs[PURPOSE] = run_id
    st.rerun()


def watch_import() -> None:
    """Show the import that this session started, until it was seen to end."""
    run_id = state().runs.get(PURPOSE)
    if not run_id:
        return

    def on_done(run) -> None:
        names = (run.outcome or {}).get("datasets") or []
        if names and state().extra.get("import_shown") != run_id:
            state().dataset = names[0]
            state().extra["import_shown"] = run_id
            for key in ("data_choice", *(f"data_version_{name}" for name in names)):  # show what just came in
                st.session_state.pop(key, None)
        st.success(f"{run.title}: done in {run.seconds:.1f} s.", icon=":material/check_circle:")

    run_status(run_id, on_done=on_done, key="data")


def dataset_panel(found: list[DatasetVersion]) -> None:
    names = [version.name for version in found]
    if st.session_state.get("data_choice") not in names:
        st.session_state["data_choice"] = state().dataset if state().dataset in names else names[0]
    pick, which = st.columns([3, 1])
    name = pick.selectbox("Dataset", names, key="data_choice")
    state().dataset = name
    versions = workspace().datasets.versions(name)
    number = which.selectbox("Version", [version.version for version in versions], key=f"data_version_{name}")
    version = next(v for v in versions if v.version == number)
    facts = st.columns(4)
    facts[0].metric("Rows", count(version.rows))
    facts[1].metric("Columns", count(len(version.columns)))
    facts[2].metric("Rejected rows", count(version.rejected))
    facts[3].metric("On disk", _size(version.bytes))
    for warning in version.warnings:
        st.warning(warning, icon=":material/warning:")
    labels = ["Rows", "How it was read", f"Rejected ({count(version.rejected)})", f"Versions ({len(versions)})"]
    rows, parse, rejected, history = st.tabs(labels)
    with rows:
        rows_tab(version)
    with parse:
        parse_tab(version)
    with rejected:
        rejected_tab(version)
    with history:
        history_tab(name, versions)


def rows_tab(version: DatasetVersion) -> None:
    with connection() as con:
        table = version.relation(con).limit(PREVIEW_ROWS).to_arrow_table()
    st.dataframe(table, hide_index=True, height=min(420, 38 + 35 * table.num_rows))
    st.caption(f"The first {min(PREVIEW_ROWS, version.rows):,} of {version.rows:,} rows.")


def parse_tab(version: DatasetVersion) -> None:
    words = {key: value for key, value in version.parse.items() if key != "types"}
    origins = [origin["ref"] for origin in version.lineage.get("from") or []]
    if origins:
        words = {"source": ", ".join(origins), **words}
    if words:
        shown = [{"fact": key.replace("_", " "), "value": _said(value)} for key, value in words.items()]
        st.dataframe(shown, hide_index=True, column_config={"fact": "Fact", "value": "Value"})
    else:
        st.write("This version was made by Tilth, not read from a file.")
    st.dataframe(version.columns, hide_index=True, column_config={"name": "Column", "type": "Type"})


def rejected_tab(version: DatasetVersion) -> None:
    with connection() as con:
        rejects = version.rejects(con)
        if rejects is None:
            st.write("No row was rejected.")
            return
        table = rejects.limit(REJECTS_SHOWN).to_arrow_table()
    st.write("These lines of the file did not fit the table. They are not in the dataset, and they are kept here.")
    st.dataframe(
        table,
        hide_index=True,
        column_config={"line": "Line", "column": "Column", "reason": "Reason", "text": "The line as it stands"},
    )
    if version.rejected > REJECTS_SHOWN:
        st.caption(f"The first {REJECTS_SHOWN:,} of {version.rejected:,}.")


def history_tab(name: str, versions: list[DatasetVersion]) -> None:
    shown = [
        {
            "version": v.version,
            "rows": v.rows,
            "columns": len(v.columns),
            "rejected": v.rejected,
            "made": v.created_at,
            "by": v.created_by,
            "content": v.content_hash[:12],
        }
        for v in versions
    ]
    st.dataframe(
        shown,
        hide_index=True,
        column_config={"made": st.column_config.DatetimeColumn("made (UTC)", format="YYYY-MM-DD HH:mm:ss")},
    )
    question = (
        f"Delete {name!r} with its {len(versions)} version{'s' if len(versions) > 1 else ''}? This cannot be undone."
    )
    if confirm("Delete this dataset", question, key=f"delete_{name}"):
        workspace().datasets.delete(name)
        state().dataset = None
        st.session_state.pop("data_choice", None)
        st.rerun()


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 2**20:,.1f} MB" if count_bytes >= 100_000 else f"{count_bytes / 2**10:,.1f} KB"


def _said(value: object) -> str:
    """Return a fact about the parse in words."""
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return {"\t": "tab", " ": "space"}.get(value, str(value))


main()

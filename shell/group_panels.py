"""Two tabs of a feature group: what its values look like over time, and the story of one key."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from featurestore import FeatureStore, statistics
from featurestore.view_editing import duration
from featurestore.wire import as_json, key_from_text
from shell.state import state
from shell.widgets import count, md, run_status, workspace
from workspace.sql import connection, ident

HISTORY_SHOWN = 200
DRAWN = 1_000
AT_ONCE = 4_000_000  # cells that are looked at while the page waits; more are looked at in a run
NOT_ONLINE = {
    "deleted": "Not online: it was deleted at {since}.",
    "expired": "Not online: it expired at {since}, since its event is longer ago than the group's TTL.",
    "never written": "Not online: no record of this key was ever written.",
    "lost": "Not online, though the history has its record of {since}. Run `tilth features reconcile` to repair that.",
    "offline only": "This group keeps no online records.",
}


def matching(groups: list[dict], words: str) -> list[dict]:
    """Return the groups that have every word in name, description, tags, owner, keys or features."""
    wanted = words.lower().split()
    found = []
    for group in groups:
        columns = [
            text for c in (*group["keys"], *group["features"]) for text in (c["name"], c.get("description") or "")
        ]
        said = " ".join([group["name"], group["description"], *group["tags"], group["owner"], *columns]).lower()
        if all(word in said for word in wanted):
            found.append(group)
    return found


# ---------------------------------------------------------------- statistics


def statistics_tab(fs: FeatureStore, group: dict) -> None:
    if not group["offline"]:
        st.info("This group keeps no history, so there is nothing to count.", icon=":material/info:")
        return
    if not group["rows"]:
        st.info("Nothing is published yet. Figures come with the first rows.", icon=":material/info:")
        return
    found = figures(fs, group)
    if found is None:
        return
    freshness(group, found)
    value_table(found["values"])
    versions_chart(group, found)
    events_chart(found["events"])


def figures(fs: FeatureStore, group: dict) -> dict | None:
    """Return the figures at once for a small group; for a large one start a run first and return None meanwhile."""
    if group["rows"] * len(group["features"]) <= AT_ONCE:
        return described(fs, str(workspace().root), group["name"], group["created_at"], group["version"])
    purpose = f"statistics_{group['name']}"
    run_id = state().runs.get(purpose)
    run = workspace().runs.get(run_id) if run_id else None
    if run and run.state == "done":
        if run.outcome["version"] == group["version"]:
            return run.outcome
    elif run:
        run_status(run_id, key=purpose)
        if run.is_running:
            return None
    st.caption(f"{count(group['rows'])} rows: counting takes some seconds.")
    if st.button("Look at every row", icon=":material/query_stats:", key=f"count_{group['name']}"):
        name, version = group["name"], group["version"]

        def work(handle) -> dict:
            return {**statistics.describe(fs, name, handle=handle), "version": version}

        state().runs[purpose] = workspace().runs.start("statistics", f"Statistics of {name}", work).id
        st.rerun()
    return None


@st.cache_data(show_spinner=False, max_entries=20, ttl=60)  # how old records are changes by itself
def described(_fs: FeatureStore, root: str, group: str, created_at: str, version: int) -> dict:
    return statistics.describe(_fs, group)


def freshness(group: dict, found: dict) -> None:
    expiry = found["expiry"]
    with st.container(horizontal=True):
        st.metric("Keys with a record", count(expiry["keys"]), border=True)
        st.metric("Newest event", ago(expiry["age_s"]), border=True, help=str(expiry["newest_event"]))
        if expiry["share"] is None:
            st.metric("Too old", "–", border=True, help="The group has no TTL: its records stay valid.")
        else:
            help = f"Keys whose newest record is older than the TTL of {duration(group['ttl_seconds'])}."
            st.metric("Too old", f"{expiry['share']:.1%}", border=True, help=help)


def value_table(values: list[dict]) -> None:
    rows = [
        {
            "feature": v["feature"],
            "type": v["type"],
            "missing": v["missing"],
            "not a number": v["not_finite"],
            "distinct ≈": v["distinct"],
            "min": short(v["min"]),
            "mean": short(v["mean"]),
            "max": short(v["max"]),
            "most frequent": ", ".join(f"{top['value'][:30]} {top['share']:.0%}" for top in v["top"]),
        }
        for v in values
    ]
    formats: dict = {n: st.column_config.NumberColumn(format="percent") for n in ("missing", "not a number")}
    formats["distinct ≈"] = st.column_config.NumberColumn(format="localized")
    formats["most frequent"] = st.column_config.TextColumn(width="medium")
    st.dataframe(rows, hide_index=True, width="stretch", column_config=formats)
    st.caption("Over all rows ever written; deletes are left out.")


def versions_chart(group: dict, found: dict) -> None:
    versions = found["versions"]
    if not versions:
        return
    st.markdown("##### Over the data versions")
    names = [f["name"] for f in group["features"]]
    feature = st.selectbox("Feature", names, key=f"over_{group['name']}") if names else None
    unit, seconds = ("days", 86_400) if max(abs(v["age_s"]) for v in versions) > 3 * 86_400 else ("hours", 3_600)
    shown = [
        {"version": v["version"], "rows": v["rows"], "age": v["age_s"] / seconds, **v["features"].get(feature, {})}
        for v in versions
    ]
    left, middle, right = st.columns(3)
    line(left, [r for r in shown if "missing" in r], "missing", "Missing share")
    line(middle, [r for r in shown if r.get("mean") is not None], "mean", "Mean")
    line(right, shown, "age", f"Age of the newest event ({unit})")


def line(column, rows: list[dict], field: str, title: str) -> None:
    """Draw one figure over the data versions."""
    import altair as alt

    column.caption(title)
    if not rows:
        column.caption("It holds no numbers.")
        return
    share = field == "missing"
    format = ".1%" if share else ",.6~g"
    tips = [
        alt.Tooltip("version:O"),
        alt.Tooltip(f"{field}:Q", title=title, format=format),
        alt.Tooltip("rows:Q", format=","),
    ]
    most = max(0.02, 1.1 * max(r[field] for r in rows)) if share else None  # a line at zero has no height of its own
    scale = alt.Scale(domain=[0, most]) if share else alt.Scale(zero=field == "age")
    x = alt.X("version:O", title="data version", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    y = alt.Y(f"{field}:Q", title=None, axis=alt.Axis(format=format, tickCount=4), scale=scale)
    chart = alt.Chart(alt.Data(values=rows)).mark_line(point={"size": 45}, strokeWidth=2)
    drawn = chart.encode(x=x, y=y, tooltip=tips).properties(height=170)
    column.altair_chart(drawn, width="stretch", alt=f"{title} over data versions")


def events_chart(events: dict) -> None:
    import altair as alt

    points = events["points"]
    if len(points) < 2:
        return
    each = "day" if events["days_per_point"] == 1 else f"{events['days_per_point']} days"
    st.markdown(f"##### Rows by event, per {each}")
    bars = alt.Chart(alt.Data(values=points)).mark_bar(width={"band": 0.9}).encode(
        x=alt.X("yearmonthdate(from):T", title=None), y=alt.Y("rows:Q", axis=alt.Axis(tickCount=4)),
        tooltip=[alt.Tooltip("from:T", title="from", format="%Y-%m-%d"), alt.Tooltip("rows:Q", format=",")],
    )  # fmt: skip
    st.altair_chart(bars.properties(height=170), width="stretch", alt=f"Rows by event, per {each}")


# ---------------------------------------------------------------- one key


def record_tab(fs: FeatureStore, group: dict) -> None:
    names_of_keys = [k["name"] for k in group["keys"]]
    example = example_key(fs, group)
    typed = st.text_input(
        f"Key ({', '.join(names_of_keys)})",
        key=f"key_{group['name']}",
        placeholder=f"for example {','.join(map(str, example))}" if example else None,
        help="Several key columns: separated by commas.",
    )
    if not typed:
        return
    key = key_from_text(fs, group["name"], typed)
    found = statistics.record_state(fs, group["name"], key)
    record = fs.get(group["name"], key) if found["state"] == "online" else None
    if record is None:
        reason = NOT_ONLINE.get(found["state"], NOT_ONLINE["expired"])  # it may have expired between the two reads
        st.info(reason.format(since=moment(found["since"])), icon=":material/search_off:")
    else:
        age = dt.datetime.now(dt.UTC) - record[group["event_time"]]
        st.success(
            f"Online now, true since {moment(found['since'])} ({ago(age.total_seconds())}).", icon=":material/bolt:"
        )
        shown = [{"column": k, "value": "" if v is None else str(v)} for k, v in as_json(record).items()]
        st.dataframe(shown, hide_index=True, width="stretch")
    if group["offline"]:
        history(fs, group, key, names_of_keys)


def history(fs: FeatureStore, group: dict, key, names_of_keys: list[str]) -> None:
    rows = fs.history(group["name"], key)
    st.caption(f"History: {count(rows.num_rows)} rows, oldest event first.")
    if not rows.num_rows:
        return
    timeline(group, rows)
    first = [group["event_time"], "version", "written_at", "is_deleted"]
    columns = [*first, *(c for c in rows.column_names if c not in first and c not in names_of_keys)]
    shown = rows.select(columns).slice(max(0, rows.num_rows - HISTORY_SHOWN))
    st.dataframe(shown.to_pandas(), hide_index=True, width="stretch")


def timeline(group: dict, rows) -> None:
    """Draw numeric features of one key over event time; a delete is a dashed line."""
    import altair as alt

    numeric = [f["name"] for f in group["features"] if f["type"] in statistics.NUMBERS]
    if rows.num_rows < 2 or not numeric:
        return
    chosen = st.multiselect(
        "Over time", numeric, default=numeric[:3], key=f"timeline_{group['name']}", max_selections=6
    )
    part = rows.slice(max(0, rows.num_rows - DRAWN))
    times = part.column(group["event_time"]).to_pylist()
    deleted = part.column("is_deleted").to_pylist()
    versions = part.column("version").to_pylist()
    gone = [{"t": t.isoformat()} for t, is_gone in zip(times, deleted, strict=True) if is_gone]
    for start in range(0, len(chosen), 3):
        for column, feature in zip(st.columns(3), chosen[start : start + 3], strict=False):
            values = part.column(feature).to_pylist()
            points = [
                {"t": t.isoformat(), "v": v, "version": n}
                for t, v, n in zip(times, values, versions, strict=True)
                if v is not None and v == v and abs(v) != float("inf")
            ]
            tips = [
                alt.Tooltip("t:T", title="event", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("v:Q", title="value"),
                "version:O",
            ]
            # a value holds until the next event, so the line is drawn in steps
            steps = alt.Chart(alt.Data(values=points)).mark_line(
                interpolate="step-after", point={"size": 40}, strokeWidth=2
            )
            drawn = steps.encode(
                x=alt.X("t:T", title=None), y=alt.Y("v:Q", title=None, scale=alt.Scale(zero=False)), tooltip=tips
            )
            if gone:
                rule = alt.Chart(alt.Data(values=gone)).mark_rule(color="#C0392B", strokeDash=[5, 4])
                drawn = alt.layer(drawn, rule.encode(x="t:T", tooltip=[alt.Tooltip("t:T", title="deleted")]))
            column.caption(f"{md(feature)}: {count(len(points))} values")
            column.altair_chart(drawn.properties(height=170), width="stretch", alt=f"{feature} over time")


def example_key(fs: FeatureStore, group: dict) -> tuple:
    """Return the key of some row, or nothing where there is none."""
    if not group["offline"] or not group["rows"]:
        return ()
    keys = ", ".join(ident(k["name"]) for k in group["keys"])
    with connection() as con:
        rows = con.execute(f"SELECT {keys} FROM ({fs.sql(group['name'])}) LIMIT 1").fetchall()
    return rows[0] if rows else ()


def short(value) -> str:
    return "" if value is None else value[:19] if isinstance(value, str) else f"{value:.6g}"


def moment(at: dt.datetime | None) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "–"


def ago(seconds: float | None) -> str:
    """Return how long ago something was, roughly."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return "in the future"
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit} ago"
    return f"{seconds:.0f} s ago"

"""Two tabs of a labelling project: finding items by their labels (with figures and suspected errors), and releases."""

from __future__ import annotations

import base64
import html
import re
import tempfile
from collections import Counter
from pathlib import Path

import streamlit as st

from labeling import annotations, queries, releases, video
from labeling.collections import Collection, get_image, is_visible, list_collections
from labeling.consolidation import consolidate_answers
from labeling.desk import address
from labeling.formats import FORMATS
from labeling.label_tables import COLUMNS
from labeling.shapes import outline, polygons
from labeling.statistics import GRID, compare, statistics, suspects
from shell.label_parts import STATUS, excerpt, go, short
from shell.state import state
from shell.widgets import empty, guard, md, run_status
from transforms.errors import AppError, NotFound

PER_PAGE = 24
MOST_DRAWN = 300  # regions of one small picture
ONE_FILE = ("label-studio", "coco", "csv")
STYLE = """<style>
.tilth-found { position:relative; aspect-ratio:4/3; border-radius:6px; overflow:hidden;
  background:color-mix(in srgb, currentColor 10%, transparent); }
.tilth-found img { position:absolute; inset:0; width:100%; height:100%; object-fit:cover; }
.tilth-heat { --none:color-mix(in srgb, currentColor 6%, transparent); display:grid;
  grid-template-columns:repeat(8,1fr); gap:2px; max-width:22rem; }
.tilth-heat span { aspect-ratio:4/3; border-radius:3px; font-size:.72rem; display:grid; place-items:center; }
</style>"""
HELP = (
    "Words such as `car >= 5 @0.8`, `any person`, `no car`, `any text`, `text contains stop`, `disagree`, "
    "`agreement < 0.6`, `status = done`, `annotator = anna`, `flagged`, `commented`, `gold failed`, `unlabelled`, "
    "`empty`, `attribute occluded = yes`, `area of car > 400`, `share < 0.01`, `width > 800`; joined by `and`, "
    '`or`, `not` and brackets. Quote labels of several words: `any "traffic light"`. `@0.8` is the least confidence.'
)


def show_queries(ws, collection: Collection) -> None:
    """The Find tab: items by form, words or SQL; figures of one or two projects; suspected errors."""
    st.html(STYLE)
    if not collection.images:
        empty("Nothing to find yet", "Add items first; then find them here by what is labelled on them.", key="find")
        return
    views = {"Find items": _find, "Figures": _figures, "Suspected errors": _suspects}
    chosen = st.segmented_control(
        "Show", list(views), default="Find items", required=True, key="find_view", label_visibility="collapsed"
    )
    views[chosen](ws, collection)


# -- finding --------------------------------------------------------------------------------------------------------


def _find(ws, collection: Collection) -> None:
    way = st.segmented_control(
        "Ask", ["By form", "In words", "In SQL"], default="By form", required=True, key="find_way"
    )
    query: object = None
    if way == "By form":
        query = _form(ws, collection)
    elif way == "In words":
        query = st.text_input("Items with", key="find_words", placeholder="car >= 5 @0.8 and any person", help=HELP)
        query = query.strip()
    else:
        query = st.text_area(
            "SELECT with a column item", key="find_sql", height=120,
            placeholder="SELECT item, count(*) || ' cars' AS why FROM consensus WHERE label = 'car' GROUP BY item",
        ).strip()  # fmt: skip
        with st.expander("Tables", icon=":material/table:"):
            for name, columns in COLUMNS.items():
                st.markdown(f"**{name}**: {', '.join(columns)}")
    if st.button("Find", type="primary", icon=":material/search:", key="find_go", disabled=not query):
        kept = st.session_state["find_result"] = {"collection": collection.id, "rows": None, "error": None}
        try:
            asked = queries.parse_where(query) if way == "In words" else query
            kept["rows"] = queries.find_items(ws, collection.id, asked)
        except AppError as error:
            kept["error"] = f"{md(error.message)} {md(error.hint or '')}"
    kept = st.session_state.get("find_result")
    if not kept or kept["collection"] != collection.id:
        return
    if kept["error"]:
        st.warning(kept["error"], icon=":material/warning:")
        return
    _results(ws, collection, kept["rows"])


def _form(ws, collection: Collection):
    """Let conditions be added one by one; return them as one, or None while there is none."""
    kept: list[dict] = st.session_state.setdefault(f"find_parts_{collection.id}", [])
    kinds = {
        "Count of a label": _count_form, "Any label": _any_form, "Text": _text_form, "People disagree": _agreement_form,
        "State": _status_form, "Answered by": _annotator_form, "Is": _fact_form, "Attribute": _attribute_form,
        "Size": _size_form,
    }  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox("Condition", list(kinds), key="find_kind", width=190)
        made = kinds[kind](ws, collection)
        negated = st.checkbox("not", key="find_not", help="Items for which this is not so.")
        if st.button("Add", key="find_add", icon=":material/add:", disabled=made is None):
            with guard():
                queries.read_condition(made)  # refuses what is out of bounds, in plain words
                kept.append({"kind": "not", "of": made} if negated else made)
    for place, part in enumerate(kept):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(md(_said(part)))
            if st.button("", icon=":material/close:", key=f"find_drop_{place}", type="tertiary", help="Take it away"):
                kept.pop(place)
                st.rerun()
    if not kept:
        st.caption(
            "Add one or more conditions. They look at the label that holds: gold, else people's answers together."
        )
        return None
    together = "all"
    if len(kept) > 1:
        words = st.segmented_control("Items for which", ["all", "any"], default="all", required=True, key="find_join",
                                     format_func=lambda w: f"{w} of them hold")  # fmt: skip
        together = words
    return queries.read_condition({"kind": together, "of": kept})


def _labels(collection: Collection) -> list[str]:
    return list(dict.fromkeys(c["name"] for c in (*collection.classes, *collection.image_classes)))


def _count_form(ws, collection: Collection) -> dict | None:
    label = st.selectbox("Label", _labels(collection), key="find_label", width=160)
    sign = st.selectbox("", [">=", "<=", "=", "!=", ">", "<"], key="find_sign", width=80)
    number = st.number_input("Number", 0, 100_000, 1, key="find_number", width=120)
    sure = st.number_input("Confidence from", 0.0, 1.0, 0.0, 0.05, key="find_sure", width=150)
    return label and {"kind": "count", "label": label, "compare": sign, "number": int(number), "confidence": sure}


def _any_form(ws, collection: Collection) -> dict | None:
    label = st.selectbox("Label", _labels(collection), key="find_any", width=160)
    return label and {"kind": "count", "label": label}


def _text_form(ws, collection: Collection) -> dict:
    return {"kind": "text", "contains": st.text_input("Contains (any text, if empty)", key="find_text", width=260)}


def _agreement_form(ws, collection: Collection) -> dict:
    return {"kind": "agreement", "below": st.number_input("Agreement below", 0.01, 1.0, 0.6, 0.05, key="find_agree")}


def _status_form(ws, collection: Collection) -> dict:
    chosen = st.selectbox("State", list(STATUS), format_func=STATUS.get, key="find_status", width=160)
    return {"kind": "status", "status": chosen}


def _annotator_form(ws, collection: Collection) -> dict | None:
    who = st.text_input("Name", key="find_who", width=200).strip()
    return {"kind": "annotator", "name": who} if who else None


def _fact_form(ws, collection: Collection) -> dict:
    return {"kind": "is", "what": st.selectbox("What", list(queries.FACTS), key="find_fact", width=180)}


def _attribute_form(ws, collection: Collection) -> dict | None:
    name = st.text_input("Attribute", key="find_attribute", width=180).strip()
    value = st.text_input("Value", key="find_value", width=180).strip()
    return {"kind": "attribute", "name": name, "value": value} if name and value else None


def _size_form(ws, collection: Collection) -> dict:
    of = st.selectbox("Of", ["area", "share", "width", "height"], key="find_of", width=120,
                      help="area and share of a region; width and height of the picture")  # fmt: skip
    least = st.number_input("From", 0.0, None, None, key="find_least", width=120)
    most = st.number_input("To", 0.0, None, None, key="find_most", width=120)
    return {"kind": "size", "of": of, "least": least, "most": most}


def _said(part: dict) -> str:
    """Say a condition in words."""
    kind = part["kind"]
    if kind == "not":
        return f"not: {_said(part['of'])}"
    if kind == "count":
        if "number" not in part:
            return f"any {part['label']}"
        sure = f", confidence {part['confidence']:g} or more" if part["confidence"] else ""
        return f"{part['label']} {part['compare']} {part['number']}{sure}"
    if kind == "size":
        bounds = [f"{word} {part[k]:g}" for k, word in (("least", "from"), ("most", "to")) if part[k] is not None]
        return f"{part['of']} {' '.join(bounds) or 'known'}"
    return {
        "text": lambda p: f"text contains {p['contains']}" if p["contains"] else "any text",
        "agreement": lambda p: f"agreement below {p['below']:g}",
        "status": lambda p: f"state is {STATUS[p['status']].lower()}",
        "annotator": lambda p: f"answered by {p['name']}",
        "is": lambda p: p["what"],
        "attribute": lambda p: f"{p['name']} is {p['value']}",
    }[kind](part)


# -- what was found -------------------------------------------------------------------------------------------------


def _results(ws, collection: Collection, rows: list[dict]) -> None:
    if not rows:
        st.info("No item is like this.", icon=":material/search_off:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(rows):,} found**")
        _actions(ws, collection, rows)
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key=f"find_page_{pages}") if pages > 1 else 1
    columns = st.columns(4)
    for place, row in enumerate(rows[(page - 1) * PER_PAGE : page * PER_PAGE]):
        try:
            item = get_image(ws, row["item"])
        except NotFound:  # deleted since it was found
            continue
        with columns[place % 4]:
            if item.kind == "image":
                st.html(_picture(ws, collection, item))
            else:
                st.caption(md(excerpt(item.data)))
            st.button(
                md(short(item.file_name, 28)), key=f"found_{item.id}", type="tertiary", help=md(item.file_name),
                on_click=go, args=("annotate", collection.name, item.id),
            )  # fmt: skip
            if row["why"]:
                st.caption(md(short(row["why"], 60)))


def _picture(ws, collection: Collection, item) -> str:
    """A small picture with its regions; of a sealed collection only the redacted copy."""
    seen = is_visible(collection, item)
    shown = f'<img src="{address(item, "thumb")}" alt="" loading="lazy">' if seen else ""
    group = annotations.answers(ws, item.id)
    people = [a for a in group if a.kind == "person"]
    regions = (consolidate_answers(people) if people else group[-1].document if group else {"regions": []})["regions"]
    if not (regions and item.width and item.height):
        return f'<div class="tilth-found">{shown}</div>'
    colours = {c["name"]: c.get("color") for c in collection.classes}
    thick = max(item.width, item.height) / 130
    marks = "".join(_mark(r, _colour(colours.get(r["label"])), thick) for r in regions[:MOST_DRAWN])
    size = f'width="{item.width}" height="{item.height}" viewBox="0 0 {item.width} {item.height}"'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{marks}</svg>'.encode()
    # as a picture of its own: drawings inside a page's HTML are taken out by the browser side of Streamlit
    source = "data:image/svg+xml;base64," + base64.b64encode(drawing).decode()
    said = html.escape(", ".join(f"{n} {label}" for label, n in Counter(r["label"] for r in regions).most_common(5)))
    return f'<div class="tilth-found">{shown}<img src="{source}" alt="{said}"></div>'


def _colour(colour) -> str:
    return colour if isinstance(colour, str) and re.fullmatch(r"#[0-9a-fA-F]{3,8}", colour) else "#2f7ed8"


def _mark(region: dict, colour: str, thick: float) -> str:
    if region["shape"] == "span":
        return ""
    if region["shape"] == "point":
        return f'<circle cx="{region["x"]:g}" cy="{region["y"]:g}" r="{2 * thick:g}" fill="{colour}"/>'
    kind = "polyline" if region["shape"] == "polyline" else "polygon"
    parts = polygons(region, thick) if region["shape"] == "mask" else [outline(region)]
    return "".join(
        f'<{kind} points="{" ".join(f"{x:g},{y:g}" for x, y in points)}" fill="none" stroke="{colour}" '
        f'stroke-width="{thick:g}"/>'
        for points in parts
    )


def _actions(ws, collection: Collection, rows: list[dict]) -> None:
    with st.popover("Label these first", icon=":material/priority_high:"):
        st.write(f"Annotators get these {len(rows):,} items before all others.")
        again = st.checkbox("Also those that are done: one more answer each", key="found_again")
        if st.button("Label them first", key="found_first", type="primary"):
            with guard():
                st.success(f"{queries.prioritise(ws, collection.id, rows, again)} items come first now.")
    with st.popover("New project", icon=":material/content_copy:"):
        name = st.text_input("Name", f"{collection.name} selection", key="found_name")
        if st.button("Make it, with its labels", key="found_copy", type="primary", disabled=not name.strip()):
            with guard():
                made = queries.copy_to_collection(ws, collection.id, rows, name)
                st.success(f"{md(made.name)} has {made.images} items.")
                st.button("Open it", key="found_open", on_click=go, args=("collection", made.name))
    with st.popover("Dataset", icon=":material/table:"):
        name = st.text_input("Name", f"{collection.name} found", key="found_dataset_name")
        if st.button("Keep their labels", key="found_dataset", type="primary", disabled=not name.strip()):
            with guard():
                st.success(f"{md(queries.keep_as_dataset(ws, collection.id, rows, name).ref)} is written.")
    with st.popover("Gold", icon=":material/verified:"):
        st.write("Their labels by people become known right answers, mixed unseen into everybody's work.")
        exam = st.checkbox("For the exam", key="found_exam")
        if st.button("Make them gold", key="found_gold", type="primary"):
            with guard():
                done = queries.make_gold(ws, collection.id, rows, exam)
                st.success(
                    f"{done['made']} items are gold; {done['left_out']} were left out: nobody has answered them."
                )


# -- figures --------------------------------------------------------------------------------------------------------


def _figures(ws, collection: Collection) -> None:
    others = [c.name for c in list_collections(ws) if c.id != collection.id]
    beside = (
        st.selectbox("Beside", others, index=None, key="figures_beside", placeholder="Another project")
        if others
        else None
    )
    if beside:
        both = compare(ws, collection.id, beside)
        left, right = st.columns(2)
        for side, found in ((left, both["a"]), (right, both["b"])):
            with side:
                st.markdown(f"**{md(found['collection'])}**")
                _numbers(found)
        st.markdown("**How often each label is used**")
        names = {"a": both["a"]["collection"], "b": both["b"]["collection"] + " "}  # two columns may not have one name
        st.dataframe([{names.get(k, k): v for k, v in row.items()} for row in both["labels"]], hide_index=True)
        return
    found = statistics(ws, collection.id)
    _numbers(found)
    if found["together"]:
        st.markdown("**Labels on the same item**")
        st.dataframe(found["together"], hide_index=True)
    if found["people"]:
        st.markdown("**Who**")
        st.dataframe(found["people"], hide_index=True)
    if found["agreement"]["items"]:
        st.markdown(
            f"**Agreement** on {found['agreement']['items']} items: {found['agreement']['mean']:.2f} (1: equal)"
        )
        st.dataframe(found["agreement"]["least"], hide_index=True)


def _numbers(found: dict) -> None:
    each = found["per_item"]
    figures = (
        ("Items", found["images"]), ("Answered", found["answered"]), ("Left empty", found["empty"]),
        ("Regions per item", "–" if each["mean"] is None else f"{each['mean']:.1f}"),
    )  # fmt: skip
    for cell, (label, value) in zip(st.columns(4), figures, strict=True):
        cell.metric(label, value)
    if not found["labels"]:
        st.caption("No label yet.")
        return
    rows = [
        {
            "label": r["label"], "shape": r["shape"], "count": r["count"], "items": r["items"], "share": r["share"],
            "confidence": r["confidence"],
            "median size": r["area_share"][2] if r["area_share"] else None,
            "median width ÷ height": r["aspect"][2] if r["aspect"] else None,
        }
        for r in found["labels"]
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True)
    balance = found["balance"]["regions"] if found["shapes"] else found["balance"]["classes"]
    if balance["evenness"] is not None:
        st.caption(f"The most frequent label is used {balance['ratio']:g} times as often as the rarest; evenness "
                   f"{balance['evenness']:.2f} (1: all equally often).")  # fmt: skip
    most = max(max(row) for row in found["heat"])
    if most:
        cells = "".join(
            f'<span style="background:color-mix(in srgb, #2b8a3e {100 * n // most}%, var(--none))">{n or ""}</span>'
            for row in found["heat"]
            for n in row
        )
        st.caption(f"Where the middles of regions lie ({GRID} × {GRID} parts of the picture)")
        st.html(f'<div class="tilth-heat">{cells}</div>')


# -- suspected errors -----------------------------------------------------------------------------------------------


def _suspects(ws, collection: Collection) -> None:
    st.markdown(
        "Labels that a model contradicts: classes against a classifier that has not seen the item, boxes against a "
        "model's answer for the same item. **They are suspects, not errors: look at each.**"
    )
    key = f"suspects:{collection.name}"
    run = ws.runs.get(state().runs[key]) if key in state().runs else None
    if st.button(
        "Look for them", key="suspects_go", icon=":material/troubleshoot:", disabled=bool(run and run.is_running)
    ):
        name, number = collection.name, collection.id
        state().runs[key] = ws.runs.start(
            "suspects", f"Looking for wrong labels in {name}",
            lambda h: {"rows": suspects(ws, number, progress=h.progress)},
        ).id  # fmt: skip
        st.rerun()
    if run is None:
        return

    def ended(run) -> None:
        rows = run.outcome["rows"]
        if not rows:
            st.success("Nothing looks wrong, or there is too little to compare with (20 labelled items).")
            return
        st.dataframe([{k: v for k, v in r.items() if k != "item"} for r in rows], hide_index=True)
        if st.button("Label these first", key="suspects_first", icon=":material/priority_high:"):
            with guard():
                done = queries.prioritise(ws, collection.id, rows, reopen=True)
                st.success(f"{done} items come first now, for one more answer each.")

    run_status(run.id, on_done=ended, key="suspects")


# -- releases -------------------------------------------------------------------------------------------------------


def show_releases(ws, collection: Collection) -> None:
    """The Releases tab: make one, see what differs, write an old one, publish it, and put labels back into a film."""
    found = releases.releases(ws, collection.id)
    if not found:
        st.markdown(
            "A release keeps the labels as they are now, with how they came about, under a number that never changes: "
            "to train on, to hand over, and to see later what was changed."
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        note = st.text_input("Note", key="release_note", placeholder="for the first model")
        if st.button("Make a release", type="primary", icon=":material/new_releases:", key="release_make"):
            with guard():
                made = releases.release(ws, collection.id, note=note)
                if made.is_new:
                    st.rerun()
                st.info(f"Nothing has changed since release {made.number}.", icon=":material/info:")
    if found:
        _list(found)
        _diff(ws, collection, found)
        _export(ws, collection, found)
        _publish(found[0])
    _film(ws, collection)


def _list(found: list[releases.Release]) -> None:
    rows = [
        {
            "release": r.number, "made": r.at, "by": r.by, "items": r.manifest["counts"]["items"],
            "regions": sum(r.manifest["counts"]["regions"].values()), "gold": len(r.manifest["gold"]),
            "dataset": r.dataset, "one row per item": r.items_dataset, "note": r.note,
        }
        for r in found
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True)


def _diff(ws, collection: Collection, found: list[releases.Release]) -> None:
    numbers = [r.number for r in found]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        a = st.selectbox(
            "What changed from release", numbers, index=min(1, len(numbers) - 1), key="release_a", width=220
        )
        b = st.selectbox("to", [releases.NOW, *numbers], key="release_b", width=160,
                         format_func=lambda n: "labels of now" if n == releases.NOW else f"release {n}")  # fmt: skip
        show = st.button("Compare", key="release_diff", icon=":material/difference:")
    if not show:
        return
    with guard():
        said = releases.diff(ws, collection.id, a, b)
        items = {k: len(v) for k, v in said["items"].items()}
        if not said["changes"] and not items["added"] and not items["removed"]:
            st.success("No label differs.", icon=":material/check_circle:")
            return
        st.markdown(f"{items['added']} items added, {items['removed']} removed, {items['changed']} changed.")
        st.dataframe([{k.replace("_", " "): v for k, v in said["totals"].items()}], hide_index=True)
        rows = [
            {"item": c["name"]} | {k.replace("_", " "): len(v) for k, v in c.items() if isinstance(v, list)}
            for c in said["changes"][:1000]
        ]
        st.dataframe(rows, hide_index=True)


def _export(ws, collection: Collection, found: list[releases.Release]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox("Take away release", [r.number for r in found], key="release_take", width=180)
        format = st.selectbox("as", list(FORMATS), key="release_format", width=180)
        if st.button("Prepare the file", key="release_export", icon=":material/download:"):
            with guard(), tempfile.TemporaryDirectory(dir=ws.root) as folder:
                suffix = FORMATS[format][1] if format in ONE_FILE else ".zip"
                warnings: list[str] = []
                path = Path(folder) / f"labels{suffix}"
                releases.export_release(ws, collection.id, number, path, format, on_warning=warnings.append)
                for sentence in warnings:
                    st.warning(md(sentence), icon=":material/warning:")
                name = f"{collection.name} release {number}{suffix}"
                st.download_button("Download", path.read_bytes(), file_name=name, key="release_download")


def _publish(newest: releases.Release) -> None:
    with st.expander("Publish to features", icon=":material/publish:"):
        st.markdown("One record per item: its class, counts and answers. The time of the release is its event time.")
        group = re.sub(r"[^a-z0-9]+", "_", newest.collection.lower()).strip("_") or "labels"
        st.code(
            f"tilth features create {group}_labels --key item --event-time released_at "
            f'--from "{newest.items_dataset}"\n'
            f'tilth features publish {group}_labels "{newest.items_dataset}"',
            language="bash",
        )


def _film(ws, collection: Collection) -> None:
    known = video.clips(ws, collection.id)
    if not known:
        return
    st.subheader("Back into the film", anchor=False)
    key = f"film:{collection.name}"
    run = ws.runs.get(state().runs[key]) if key in state().runs else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        clip = st.selectbox("Clip", [c["clip"] for c in known], key="film_clip", width=260)
        entry = next(c for c in known if c["clip"] == clip)
        source = st.text_input("Where the film lies", entry["file"] or "", key=f"film_source_{clip}",
                               help="Without it the stored frames are used, each held until the next.")  # fmt: skip
        if st.button("Draw the labels", key="film_go", icon=":material/movie:",
                     disabled=not entry["labelled"] or bool(run and run.is_running)):  # fmt: skip
            out = ws.root / "exports" / f"{Path(clip).stem} labelled.mp4"
            number, film = collection.id, source.strip() or None
            state().runs[key] = ws.runs.start(
                "film", f"Drawing labels into {clip}",
                lambda h: video.render_video(ws, number, clip, out, source=film, progress=h.progress),
            ).id  # fmt: skip
            st.rerun()
    if not entry["labelled"]:
        st.caption("No frame of it is labelled yet.")
    if run is not None:
        run_status(
            run.id, key="film",
            on_done=lambda r: st.success(
                f"{md(r.outcome['path'])}: {r.outcome['frames']} frames, drawn on the {r.outcome['drawn_on']}."
            ),
        )  # fmt: skip

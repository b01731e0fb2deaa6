"""Consensus and agreement of answers in a file: CSV, Parquet, or the folder of a Ground Truth job."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from labeling.consensus.agreement import bootstrap_interval, cohen_kappa, fleiss_kappa, krippendorff_alpha, label_counts
from labeling.consensus.boxes import consolidate_regions
from labeling.consensus.multilabel import consolidate_labels
from labeling.consensus.votes import consolidate_votes
from labeling.documents import number
from transforms.errors import InputError, SourceError

MAX_FILE = 10_000_000  # bytes of one worker-response file
MAX_FILES = 200_000
MAX_ROWS = 20_000_000
_TABLES = {".csv", ".tsv", ".txt", ".parquet"}
_NAMES = {
    "task": ("task", "item", "item_id", "question", "image", "file"),
    "worker": ("worker", "annotator", "worker_id", "user"),
    "label": ("label", "answer", "truth", "class"),
}


@dataclass
class Answers:
    """What a file holds: votes of one label, of several labels, or boxes."""

    kind: str  # single | several | boxes
    votes: list[tuple] = field(default_factory=list)  # (task, worker, label)
    several: dict = field(default_factory=dict)  # {task: {worker: [label]}}
    boxes: dict = field(default_factory=dict)  # {task: {worker: [region]}}
    sources: dict = field(default_factory=dict)  # {task: name of its image}


def is_answers(target: str) -> bool:
    """Return whether a target names a file or folder of answers (and not a collection)."""
    path = Path(target)
    if path.is_dir():  # a collection may be called like a folder that happens to be here
        return len(path.parts) > 1 or (path / "worker-response").is_dir() or (path / "annotations").is_dir()
    return path.suffix.lower() in _TABLES and path.exists()


def consolidate_answers_file(
    path: str | Path,
    *,
    method: str = "auto",
    gold: str | Path | None = None,
    output: str | Path | None = None,
    least_iou: float = 0.4,
    quorum: float | None = None,
) -> dict:
    """Consolidate the answers in a file.

    Args:
        path: a CSV or Parquet table with the columns task (or item), worker, label, and for boxes x, y, w, h (a row without
            them says that this worker saw nothing); or a folder of Ground Truth worker-response files.
        gold: a table with task (or item) and label (or truth), or JSON of `{task: label}`: tasks whose label is known.
        output: a CSV to write the result to.

    Returns:
        `{tasks, workers, method, seconds}`, see `consolidate_votes`. With several labels per task a task has `labels`; with
        boxes `boxes` of `{label, x, y, w, h, confidence}`.

    Raises:
        InputError, SourceError: no such file, columns missing, or a file that is not what it should be.
    """
    answers = read_answers(path)
    known = read_gold(gold, answers) if gold else None
    start = time.perf_counter()
    if answers.kind == "boxes":
        if known:
            raise InputError("Gold labels calibrate labels, not boxes in a file.", hint="Use a collection for that.")
        result = _boxes(answers, least_iou, quorum)
    elif answers.kind == "several":
        truth = {task: label.split("|") for task, label in known.items()} if known else None
        found = consolidate_labels(answers.several, method=method, gold=truth)
        result = {
            "tasks": [{"task": task, "labels": kept} for task, kept in found.items()],
            "workers": _answered(answers.several),
            "method": method,
        }
    else:
        found = consolidate_votes(*zip(*answers.votes, strict=True), method=method, gold=known)
        result = {"tasks": found.tasks, "workers": found.workers, "method": found.method, "learnt": found.learnt}
    for task in result["tasks"]:
        if answers.sources:
            task["source"] = answers.sources.get(task["task"])
    result["seconds"] = round(time.perf_counter() - start, 3)
    if output is not None:
        _write(Path(output), result["tasks"])
    return result


def _boxes(answers: Answers, least_iou: float, quorum: float | None) -> dict:
    found, learnt = consolidate_regions(answers.boxes, least=least_iou, quorum=quorum)
    tasks = []
    for task, regions in found.items():
        alone = len(answers.boxes[task]) == 1
        boxes = [
            {"label": r["label"]}
            | {side: r[side] for side in "xywh"}
            | {"confidence": None if alone else r["score"], "agreed": r["extra"]["consensus"]["agreed"]}
            for r in regions
        ]
        tasks.append({"task": task, "boxes": boxes, "workers": len(answers.boxes[task])})
    workers = _answered(answers.boxes)
    for row in workers:
        row["recall"] = learnt.get("recall", {}).get(row["worker"])
    return {"tasks": tasks, "workers": workers, "method": "learnt quorum" if quorum is None else "fixed quorum", "learnt": learnt}  # fmt: skip


def _answered(tasks: dict) -> list[dict]:
    counts: dict = {}
    for people in tasks.values():
        for worker in people:
            counts[worker] = counts.get(worker, 0) + 1
    return [{"worker": worker, "answers": n} for worker, n in counts.items()]


def agreement_of_answers_file(path: str | Path, *, least_iou: float = 0.5) -> dict:
    """Say how far the people agree whose answers are in a file.

    Returns:
        For labels `tasks` (with two answers or more), `krippendorff_alpha` with `low` and `high` (95 %, bootstrap over tasks),
        `fleiss_kappa`, and `pairs` of `{left, right, tasks, agreement, cohen_kappa}` with the largest first. For boxes
        `box_f1` and `mean_iou` over all pairs of people, and `pairs`.
    """
    answers = read_answers(path)
    if answers.kind == "boxes":
        from labeling.consolidation import box_agreement

        return box_agreement(answers.boxes, least_iou)
    if answers.kind == "several":
        answers.votes = [
            (task, worker, "|".join(sorted(said)))
            for task, people in answers.several.items()
            for worker, said in people.items()
        ]
    tasks: dict = {}
    for task, worker, label in answers.votes:
        tasks.setdefault(task, {})[worker] = label
    return label_agreement(tasks)


def label_agreement(tasks: dict) -> dict:
    """Return the figures of `agreement_of_answers_file` for `{task: {worker: label}}`."""
    shared = {t: people for t, people in tasks.items() if len(people) > 1}
    counts, _ = label_counts([list(people.values()) for people in shared.values()])
    pairs: dict = {}
    for people in shared.values():
        for left, right in combinations(sorted(people, key=str), 2):
            pairs.setdefault((left, right), []).append((people[left], people[right]))
    rows = [
        {
            "left": left,
            "right": right,
            "tasks": len(said),
            "agreement": round(sum(a == b for a, b in said) / len(said), 6),
            "cohen_kappa": _rounded(cohen_kappa(*zip(*said, strict=True))),
        }
        for (left, right), said in pairs.items()
    ]
    rows.sort(key=lambda r: (-r["tasks"], str(r["left"]), str(r["right"])))
    interval = bootstrap_interval(counts, krippendorff_alpha) if len(counts) else None
    return {
        "tasks": len(shared),
        "workers": len({w for people in tasks.values() for w in people}),
        "krippendorff_alpha": _rounded(krippendorff_alpha(counts)) if len(counts) else None,
        "low": _rounded(interval[0]) if interval else None,
        "high": _rounded(interval[1]) if interval else None,
        "fleiss_kappa": _rounded(fleiss_kappa(counts)) if len(counts) else None,
        "pairs": rows[:1000],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def read_answers(path: str | Path) -> Answers:
    """Read a table of answers or a folder of Ground Truth worker-response files."""
    path = Path(path)
    if path.is_dir():
        return _ground_truth(path)
    if path.suffix.lower() not in _TABLES:
        raise InputError(
            f"{path.name} is not a table of answers.", hint="Use CSV or Parquet, or a Ground Truth job folder."
        )
    columns, rows = _table(path)
    task, worker, label = (_column(columns, name, path) for name in ("task", "worker", "label"))
    sides = [columns.get(side) for side in "xywh"]
    if None in sides:
        votes = [(r[task], r[worker], r[label]) for r in rows if r[label] not in (None, "")]
        return Answers("single", votes=votes)
    out = Answers("boxes")
    for place, r in enumerate(rows, 2):
        mine = out.boxes.setdefault(r[task], {}).setdefault(r[worker], [])
        given = [r[s] for s in sides]
        if all(v in (None, "") for v in given):
            continue
        mine.append(_box(r[label], given, f"Row {place} of {path.name}", len(mine)))
    return out


def _box(label, sides, where: str, place: int) -> dict:
    try:
        x, y, w, h = (float(v) for v in sides)
    except (TypeError, ValueError):
        raise SourceError(f"{where} needs x, y, w and h as numbers.") from None
    if not (abs(x) < 1e9 and abs(y) < 1e9 and 0 < w < 1e9 and 0 < h < 1e9):
        raise SourceError(f"{where} is not a box: x {x:g}, y {y:g}, w {w:g}, h {h:g}.")
    names = ("x", "y", "w", "h")
    return {"id": f"r{place + 1}", "shape": "box", "label": str(label or "object")} | {
        n: number(v) for n, v in zip(names, (x, y, w, h), strict=True)
    }


def _table(path: Path) -> tuple[dict[str, int], list[tuple]]:
    """Return column places by lower-case name, and rows of texts."""
    import duckdb

    if not path.exists():
        raise InputError(f"There is no file {path}.")
    reader = "read_parquet(?)" if path.suffix.lower() == ".parquet" else "read_csv(?, all_varchar=true, header=true)"
    with duckdb.connect() as con:
        try:
            found = con.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {reader} LIMIT {MAX_ROWS + 1}", [str(path)])
            columns = {d[0].strip().lower(): i for i, d in enumerate(found.description)}
            rows = found.fetchall()
        except duckdb.Error as error:
            raise SourceError(f"{path.name} cannot be read as a table ({str(error).splitlines()[0]}).") from None
    if len(rows) > MAX_ROWS:
        raise SourceError(f"{path.name} has more than {MAX_ROWS:,} rows.")
    return columns, rows


def _column(columns: dict[str, int], name: str, path: Path) -> int:
    for option in _NAMES[name]:
        if option in columns:
            return columns[option]
    raise SourceError(
        f"{path.name} has no column {name!r}; it has {', '.join(columns)}.",
        hint=f"Name it one of {', '.join(_NAMES[name])}.",
    )


def read_gold(path: str | Path, answers: Answers) -> dict:
    """Return `{task: label}` of a table or JSON file; tasks may be named by their number or their image."""
    path = Path(path)
    if path.suffix.lower() == ".json":
        pairs = _json_gold(path)
    else:
        columns, rows = _table(path)
        task, label = _column(columns, "task", path), _column(columns, "label", path)
        pairs = [(r[task], r[label]) for r in rows if r[label] not in (None, "")]
    tasks = {t for t, *_ in answers.votes} | set(answers.several) | set(answers.boxes)
    by_name = {}
    for task, source in answers.sources.items():
        name = source.rsplit("/", 1)[-1]
        by_name |= {source: task, name: task, name.rsplit(".", 1)[0]: task}
    gold = {by_name.get(t, t): label for t, label in pairs}
    gold = {t: label for t, label in gold.items() if t in tasks}
    if not gold:
        raise InputError(f"No task of {path.name} is among the answers.", hint="Name tasks as in the answers.")
    return gold


def _json_gold(path: Path) -> list[tuple[str, str]]:
    found = _json(path)
    if isinstance(found, dict):
        return [(str(k), str(v)) for k, v in found.items()]
    if isinstance(found, list) and all(isinstance(r, dict) and len(r) >= 2 for r in found):
        out = []
        for row in found:
            low = {str(k).lower(): v for k, v in row.items()}
            task = next((low[n] for n in (*_NAMES["task"], "imageid", "id") if n in low), None)
            label = next((low[n] for n in _NAMES["label"] if n in low), None)
            if task is None or label is None:
                raise SourceError(f"{path.name}: each entry needs a task and a label.")
            out.append((str(task), str(label)))
        return out
    raise SourceError(f"{path.name} is neither {{task: label}} nor a list of tasks with labels.")


def _json(path: Path):
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if path.stat().st_size > MAX_FILE:
        raise SourceError(f"{path.name} is larger than {MAX_FILE:,} bytes.")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise SourceError(f"{path} is not valid JSON.") from None


def _ground_truth(folder: Path) -> Answers:
    """Read `…/worker-response/iteration-N/<line of the manifest>/<time>.json`; a later answer of a worker replaces the earlier."""
    roots = [p for p in (folder / "annotations" / "worker-response", folder / "worker-response") if p.is_dir()]
    root = roots[0] if roots else folder
    files = []
    for path in root.rglob("*.json"):
        if path.is_symlink() or not path.is_file():
            continue
        files.append(path)
        if len(files) > MAX_FILES:
            raise SourceError(f"{folder.name} has more than {MAX_FILES:,} answer files.")
    if not files:
        raise InputError(f"{folder.name} holds no worker-response files.", hint="Give the job's folder.")
    kinds: set[str] = set()
    out = Answers("")
    latest: dict[tuple, tuple] = {}
    for path in sorted(files, key=lambda p: (_place(p.parent.name), p.name)):
        task, content = path.parent.name, _json(path)
        answers = content.get("answers") if isinstance(content, dict) else None
        if not isinstance(answers, list):
            raise SourceError(f"{path.name} of task {task} has no answers.")
        for answer in answers:
            kind, said, worker = _gt_answer(answer, f"{path.name} of task {task}")
            kinds.add(kind)
            latest[task, worker] = (kind, said)
    if len(kinds) != 1:
        raise SourceError(f"{folder.name} mixes answers of different kinds ({', '.join(sorted(kinds))}).")
    (out.kind,) = kinds
    for (task, worker), (_, said) in latest.items():
        if out.kind == "single":
            out.votes.append((task, worker, said))
        else:
            (out.several if out.kind == "several" else out.boxes).setdefault(task, {})[worker] = said
    for manifest in (folder / "output.manifest", folder / "manifests" / "output" / "output.manifest"):
        if manifest.is_file():
            out.sources = _sources(manifest)
            break
    return out


def _place(name: str) -> tuple:
    return (0, int(name), "") if name.isdigit() and len(name) < 12 else (1, 0, name)


def _gt_answer(answer, where: str) -> tuple[str, object, str]:
    content = answer.get("answerContent") if isinstance(answer, dict) else None
    worker = str(answer.get("workerId") or "") if isinstance(answer, dict) else ""
    if not isinstance(content, dict) or not worker:
        raise SourceError(f"{where}: an answer needs answerContent and workerId.")
    for value in content.values():
        if not isinstance(value, dict):
            continue
        if isinstance(value.get("label"), str):
            return "single", value["label"], worker
        if isinstance(value.get("labels"), list):
            return "several", [str(v) for v in value["labels"]], worker
        if isinstance(value.get("boundingBoxes"), list):
            boxes = []
            for b in value["boundingBoxes"]:
                sides = [b.get(s) for s in ("left", "top", "width", "height")] if isinstance(b, dict) else [None] * 4
                boxes.append(_box(b.get("label") if isinstance(b, dict) else None, sides, where, len(boxes)))
            return "boxes", boxes, worker
    raise SourceError(f"{where}: this kind of answer is not known.", hint="Classes and boxes can be consolidated.")


def _sources(manifest: Path) -> dict[str, str]:
    out = {}
    with manifest.open(encoding="utf-8-sig") as lines:
        for place, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                raise SourceError(f"Line {place + 1} of {manifest.name} is not valid JSON.") from None
            source = entry.get("source-ref") if isinstance(entry, dict) else None
            if isinstance(source, str):
                out[str(place)] = source
    return out


def _write(path: Path, tasks: list[dict]) -> None:
    rows = []
    for task in tasks:
        if "boxes" in task:
            rows += [{"task": task["task"], **{k: v for k, v in b.items() if k != "agreed"}} for b in task["boxes"]]
        elif "labels" in task:
            rows += [{"task": task["task"], **{k: r[k] for k in ("label", "confidence", "confidence_kind")}} for r in task["labels"]]  # fmt: skip
        else:
            votes = "; ".join(f"{label}: {n}" for label, n in task["votes"].items())
            rows.append({**{k: task[k] for k in ("task", "label", "confidence", "confidence_kind")}, "votes": votes, "disagreed": "; ".join(map(str, task["disagreed"]))})  # fmt: skip
    columns = list(rows[0]) if rows else ["task", "label"]
    made = path.with_name(f".{path.name}.part")
    with made.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    made.replace(path)

"""Consensus measured: accuracy and calibration error of each way, per set of real answers; and boxes of simulated people.

    .venv/bin/python benchmarks/consolidation.py [FOLDER WITH item,worker,label SETS …]

Sets: every folder of ../shared/data/crowd (or of TILTH_SHARED) and the Ground Truth job in ../shared/data/labels. crowd-kit's
Dawid-Skene is printed where it can be imported; it is no dependency. "k" rows keep k random answers per task (mean of 10
draws). ECE: mean distance of confidence and accuracy in 10 equal bins. Tasks with one answer have no confidence and are
left out of it.
"""

from __future__ import annotations

import csv
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from labeling.boxes import match  # noqa: E402
from labeling.consensus.boxes import consolidate_regions  # noqa: E402
from labeling.consensus.files import read_answers, read_gold  # noqa: E402
from labeling.consensus.votes import Votes, consolidate  # noqa: E402

SHARED = Path(os.environ.get("TILTH_SHARED") or ROOT.parent / "shared")
WAYS = ("majority", "weighted", "dawid-skene", "hierarchical")
DRAWS = 10


def crowd_set(folder: Path) -> tuple[Votes, dict]:
    with (folder / "label.csv").open() as file:
        rows = [(r["item"], r["worker"], r["label"]) for r in csv.DictReader(file)]
    with (folder / "truth.csv").open() as file:
        truth = {r["item"]: r["truth"] for r in csv.DictReader(file)}
    return Votes.of(*zip(*rows, strict=True)), truth


def ground_truth_set(folder: Path) -> tuple[Votes, dict]:
    answers = read_answers(folder)
    return Votes.of(*zip(*answers.votes, strict=True)), read_gold(folder / "true_labels.json", answers)


def score(tasks: list[dict], truth: dict) -> tuple[float, float, float]:
    """Return right answers, tasks, and ECE."""
    known = [t for t in tasks if t["task"] in truth and t["label"] is not None]
    right = np.array([str(t["label"]) == truth[t["task"]] for t in known], float)
    sure = np.array([np.nan if t["confidence"] is None else t["confidence"] for t in known], float)
    has = ~np.isnan(sure)
    return right.sum(), len(right), ece(sure[has], right[has])


def ece(sure: np.ndarray, right: np.ndarray) -> float:
    if not len(sure):
        return float("nan")
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(sum(abs((right - sure)[bins == b].sum()) for b in range(10)) / len(sure))


def crowd_kit(votes: Votes) -> list[dict] | None:
    """crowd-kit's Dawid-Skene, where it is installed."""
    try:
        import pandas as pd
        from crowdkit.aggregation import DawidSkene
    except ImportError:
        return None
    table = pd.DataFrame({"task": votes.task, "worker": votes.worker, "label": votes.label})
    found = DawidSkene(n_iter=100).fit_predict_proba(table)
    return [
        {"task": votes.tasks[i], "label": votes.labels[row.idxmax()], "confidence": float(row.max())}
        for i, row in found.iterrows()
    ]


def print_votes(name: str, votes: Votes, truth: dict) -> None:
    print(f"\n{name}: {len(votes.task):,} answers, {len(votes.tasks):,} tasks, {len(votes.workers)} people, {len(votes.labels)} labels")  # fmt: skip
    rng = np.random.default_rng(0)
    mean = len(votes.task) / len(votes.tasks)
    for k in (None, *(k for k in (1, 2, 3, 5) if k < mean)):
        samples = [votes] if k is None else [votes.sample(k, rng) for _ in range(DRAWS)]
        cells = []
        for way in WAYS:
            found = np.mean([score(consolidate(s, way).tasks, truth) for s in samples], axis=0)
            cells.append(f"{way} {found[0] / found[1]:.4f} ({found[0]:.1f}) ece {found[2]:.3f}")
        if k is None and (kit := crowd_kit(votes)):
            found = score(kit, truth)
            cells.append(f"crowd-kit DS {found[0] / found[1]:.4f} ({found[0]:.0f}) ece {found[2]:.3f}")
        print(f"  {'all' if k is None else f'k={k}':4} " + " | ".join(cells))
    gold_names = sorted(truth)
    rng.shuffle(gold_names)
    for share in (0.1, 0.3):
        gold = {t: truth[t] for t in gold_names[: round(share * len(gold_names))] if truth[t] in votes.labels}
        rest = {t: v for t, v in truth.items() if t not in gold}
        right, n, error = score(consolidate(votes, "hierarchical", gold).tasks, rest)
        print(f"  {len(gold)} gold: hierarchical {right / n:.4f} ece {error:.3f} on the other {n}")


def blood_cells(folder: Path) -> dict[str, list[dict]]:
    """True boxes per image of the blood cell set."""
    out = {}
    for path in sorted(folder.glob("*.xml")):
        boxes = []
        for thing in ET.parse(path).getroot().iter("object"):
            x1, y1, x2, y2 = (float(thing.find(f"bndbox/{s}").text) for s in ("xmin", "ymin", "xmax", "ymax"))
            boxes.append(
                {"shape": "box", "label": thing.find("name").text, "x": x1, "y": y1, "w": x2 - x1, "h": y2 - y1}
            )
        out[path.stem] = [b for b in boxes if b["w"] > 0 and b["h"] > 0]
    return out


def simulate(truth: dict, people: int, rng, miss: float, false: float, lure: float) -> dict:
    """Answers of people who miss (hard things more often), move edges, draw what is not there, alone or lured to one place."""
    out: dict = {}
    skill = rng.beta(4 * (1 - miss) * 3, 4 * miss * 3, people)
    for image, boxes in truth.items():
        hard = rng.beta(2, 2, len(boxes)) + 0.5
        lures = [_anywhere(rng) for _ in range(rng.poisson(lure * len(boxes)))]
        out[image] = {}
        for p in range(people):
            mine = [_moved(b, rng) for b, h in zip(boxes, hard, strict=True) if rng.random() < skill[p] ** (2 * h - 1)]
            mine += [_anywhere(rng) for _ in range(rng.poisson(false * len(boxes)))]
            mine += [_moved(b, rng) for b in lures if rng.random() < 0.2]
            out[image][f"p{p}"] = mine
    return out


def _moved(box: dict, rng) -> dict:
    x, y, w, h = (box[s] for s in "xywh")
    left, top, right, bottom = rng.normal(0, 0.08, 4) * [w, h, w, h]
    return {**box, "x": x + left, "y": y + top, "w": max(w + right - left, 2), "h": max(h + bottom - top, 2)}


def _anywhere(rng) -> dict:
    w, h = rng.uniform(20, 120, 2)
    return {"shape": "box", "label": "RBC", "x": rng.uniform(0, 500), "y": rng.uniform(0, 350), "w": w, "h": h}


def box_f1(found: dict, truth: dict) -> float:
    matched = sum(len(match(found[i], truth[i], 0.5)) for i in truth)
    return 2 * matched / max(sum(len(found[i]) + len(truth[i]) for i in truth), 1)


def print_boxes() -> None:
    truth = blood_cells(SHARED / "data" / "images" / "bccd" / "Annotations")
    print(
        f"\nBoxes: simulated people on {sum(map(len, truth.values()))} blood cells of {len(truth)} images, F1 at IoU .5"
    )
    for people in (2, 3, 5, 9):
        for miss, false, lure in ((0.1, 0.05, 0.0), (0.3, 0.1, 0.3), (0.5, 0.05, 0.1), (0.1, 0.6, 0.5)):
            answers = simulate(truth, people, np.random.default_rng(people), miss, false, lure)
            cells = []
            for quorum in (None, 0.25, 0.34, 0.5, 0.67):
                found, learnt = consolidate_regions(answers, quorum=quorum)
                cells.append(f"{quorum or 'learnt'} {box_f1(found, truth):.3f}")
            print(f"  {people} people, miss {miss}, false {false}, lured {lure}: " + " | ".join(cells))


def main() -> None:
    extra = [Path(p) for p in sys.argv[1:]]
    for folder in sorted((SHARED / "data" / "crowd").iterdir()) + extra:
        print_votes(folder.name, *crowd_set(folder))
    print_votes("Ground Truth birds", *ground_truth_set(SHARED / "data" / "labels" / "ground_truth_classification"))
    print_boxes()


if __name__ == "__main__":
    main()

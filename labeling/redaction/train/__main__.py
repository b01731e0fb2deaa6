"""Train the plate detector: python -m labeling.redaction.train FRAMES --grounds FOLDER … --out plates.onnx

FRAMES is a folder of pictures with `gt.jsonl` (file, boxes). Runs until --minutes are over and can go on from --state.
Every 500 steps it looks for false alarms on frames without their plates and keeps them as hard negatives.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from labeling.redaction.train.data import HELD_OUT, SIDE, Crops, load_frames, split_by_time
from labeling.redaction.train.net import PlateNet, loss, targets
from labeling.redaction.train.plates import STYLES

BATCH = 16
MOST_HARD = 1500


class CropSet(torch.utils.data.Dataset):
    def __init__(self, crops: Crops, start: int, count: int):
        self.crops, self.start, self.count = crops, start, count

    def __len__(self):
        return self.count

    def __getitem__(self, place):
        cv2.setNumThreads(0)
        picture, boxes = self.crops.make(self.start + place)
        return (torch.from_numpy(picture.transpose(2, 0, 1).copy()), *targets(boxes, SIDE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--grounds", type=Path, nargs="*", default=[], help="folders of pictures without plates")
    parser.add_argument("--minutes", type=float, default=180)
    parser.add_argument("--steps", type=int, default=20_000, help="length of the schedule")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--state", type=Path, help="file to go on from, and to write every 250 steps")
    parser.add_argument("--out", type=Path, default=Path("plates.onnx"))
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    train_frames, held_frames = split_by_time(load_frames(chosen.frames))
    grounds = [p for folder in chosen.grounds for f in sorted(folder.rglob("*")) if f.suffix.lower() in (".jpg", ".png")
               for p in [cv2.imread(str(f))] if p is not None and min(p.shape[:2]) >= 64]  # fmt: skip
    print(f"{len(train_frames)} frames to learn from, {len(held_frames)} held out, {len(grounds)} grounds", flush=True)
    hard: list = []
    seen = {s.name for s in STYLES} - set(HELD_OUT)
    crops = Crops(train_frames, grounds or [f for f, _ in train_frames], chosen.seed, seen, hard)
    net = PlateNet()
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters", flush=True)
    slow = copy.deepcopy(net)  # the mean of the last steps: what is exported
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    step = 0
    if chosen.state and chosen.state.is_file():
        kept = torch.load(chosen.state, weights_only=True)
        net.load_state_dict(kept["net"])
        slow.load_state_dict(kept["slow"])
        optimiser.load_state_dict(kept["optimiser"])
        step = kept["step"]
    until, sums = time.monotonic() + 60 * chosen.minutes, np.zeros(2)
    while time.monotonic() < until and step < chosen.steps:
        loader = torch.utils.data.DataLoader(
            CropSet(crops, step * BATCH, 500 * BATCH), BATCH, num_workers=chosen.workers
        )
        for picture, score, distance, counts in loader:
            rate = (
                2e-3 * min(1.0, (step + 1) / 300) * (0.5 + 0.5 * np.cos(np.pi * min(1.0, step / chosen.steps))) + 1e-5
            )
            for group in optimiser.param_groups:
                group["lr"] = float(rate)
            net.train()
            parts = loss(net(picture.float()), score, distance, counts)
            optimiser.zero_grad()
            (parts[0] + 1.5 * parts[1]).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            step += 1
            _blend(slow, net, min(0.998, step / (step + 20)))
            sums += [float(parts[0]), float(parts[1])]
            if step % 50 == 0:
                print(f"step {step}: score {sums[0] / 50:.4f}, box {sums[1] / 50:.4f}", flush=True)
                sums[:] = 0
            if step % 250 == 0 and chosen.state:
                _store(chosen.state, net, slow, optimiser, step)
            if time.monotonic() > until or step >= chosen.steps:
                break
        hard += false_alarms(slow, train_frames, grounds, step)
        del hard[: max(0, len(hard) - MOST_HARD)]
        print(
            f"step {step}: {len(hard)} hard negatives; {validate(slow, held_frames, grounds, chosen.seed)}", flush=True
        )
    if chosen.state:
        _store(chosen.state, net, slow, optimiser, step)
    export(slow, chosen.out)
    print(f"written to {chosen.out} after {step} steps", flush=True)


def _blend(slow, net, keep: float) -> None:
    with torch.no_grad():
        for a, b in zip(slow.state_dict().values(), net.state_dict().values(), strict=True):
            a.copy_(keep * a + (1 - keep) * b if a.is_floating_point() else b)


def _store(path: Path, net, slow, optimiser, step: int) -> None:
    kept = {"net": net.state_dict(), "slow": slow.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    torch.save(kept, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def scores(net, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return score and cell middles of a picture whose sides are multiples of 32."""
    net.eval()
    with torch.no_grad():
        out = net(torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).float())[0]
    middles = []
    for stride in (8, 16):
        y, x = np.mgrid[: picture.shape[0] // stride, : picture.shape[1] // stride]
        middles.append(np.stack([(x.ravel() + 0.5) * stride, (y.ravel() + 0.5) * stride], 1))
    return torch.sigmoid(out[0]).numpy(), np.concatenate(middles)


def false_alarms(net, frames: list, grounds: list, seed: int, looks: int = 60) -> list[np.ndarray]:
    """Return crops around what the network takes for a plate and is none."""
    rng = np.random.default_rng([seed, 7])
    found = []
    for _ in range(looks):
        use_ground = grounds and rng.random() < 0.4
        picture, boxes = (grounds[rng.integers(len(grounds))], []) if use_ground else frames[rng.integers(len(frames))]
        factor = rng.uniform(0.5, 1.5)
        picture = cv2.resize(picture, None, fx=factor, fy=factor)
        picture = picture[: picture.shape[0] // 32 * 32, : picture.shape[1] // 32 * 32]
        if min(picture.shape[:2]) < SIDE:
            continue
        score, middles = scores(net, picture)
        for place in np.argsort(-score)[:40]:
            x, y = middles[place]
            near = any(
                bx * factor - 20 < x < (bx + bw) * factor + 20 and by * factor - 20 < y < (by + bh) * factor + 20
                for bx, by, bw, bh in boxes
            )
            if score[place] < 0.3 or near:
                continue
            left = int(np.clip(x - rng.uniform(0.3, 0.7) * SIDE, 0, picture.shape[1] - SIDE))
            top = int(np.clip(y - rng.uniform(0.3, 0.7) * SIDE, 0, picture.shape[0] - SIDE))
            inside = [
                b
                for b in boxes
                if b[0] * factor < left + SIDE
                and (b[0] + b[2]) * factor > left
                and b[1] * factor < top + SIDE
                and (b[1] + b[3]) * factor > top
            ]
            if not inside:
                found.append(picture[top : top + SIDE, left : left + SIDE].copy())
            break
    return found


def validate(net, frames: list, grounds: list, seed: int) -> str:
    """Say how many plates of held-out frames and of held-out synthetic styles have a score, and how often others do."""
    lines = []
    for name, crops in (
        ("frames", Crops(frames, grounds or [f for f, _ in frames], seed + 100, None)),
        ("new styles", Crops(frames, grounds or [f for f, _ in frames], seed + 200, set(HELD_OUT))),
    ):
        hit = {0.3: 0, 0.5: 0}
        plates = false = 0
        for number in range(160):
            rng = np.random.default_rng([crops.seed, number, 5])
            picture, boxes = crops._real(rng) if name == "frames" else crops.make(number)
            score, middles = scores(net, picture)
            on = np.zeros(len(score), bool)
            for x, y, w, h in boxes:
                inside = (abs(middles[:, 0] - x - w / 2) < max(w / 2, 8)) & (
                    abs(middles[:, 1] - y - h / 2) < max(h / 2, 8)
                )
                on |= (abs(middles[:, 0] - x - w / 2) < w / 2 + 16) & (abs(middles[:, 1] - y - h / 2) < h / 2 + 16)
                best = score[inside].max() if inside.any() else 0
                plates += 1
                for least in hit:
                    hit[least] += best >= least
            false += bool((score[~on] >= 0.5).any())
        lines.append(
            f"{name}: {hit[0.3] / max(1, plates):.3f} at .3, {hit[0.5] / max(1, plates):.3f} at .5 of {plates}, alarms in {false / 160:.3f}"
        )
    return "; ".join(lines)


def export(net, path: Path) -> None:
    """Write ONNX with free picture size; batch normalisation is folded in by the runtime."""
    net.eval()
    example = torch.zeros(1, 3, 320, 320)
    torch.onnx.export(
        net, (example,), str(path), input_names=["picture"], output_names=["cells"], opset_version=17, dynamo=False,
        dynamic_axes={"picture": {2: "height", 3: "width"}, "cells": {2: "count"}},
    )  # fmt: skip


if __name__ == "__main__":
    main()

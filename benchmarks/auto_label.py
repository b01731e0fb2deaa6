"""Simulate auto-labeling: is what it labels as right as promised, and how much work does it save?

    python benchmarks/auto_label.py [--seeds 25] [--noise 4] [--target 0.95] [--confidence 0.9] [--objects N]

The 1,797 digits of scikit-learn with Gaussian noise (standard deviation `--noise`, of pixels from 0 to 16) stand for
the objects, their true labels for people. Each seed draws its own noise and validation sample.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def one(seed: int, noise: float, target: float, confidence: float, objects: int | None):
    import numpy as np
    from sklearn.datasets import load_digits

    from labeling.autolabel.loop import simulate

    features, truth = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    if objects:
        chosen = rng.choice(len(truth), objects, replace=False)
        features, truth = features[chosen], truth[chosen]
    features = features + rng.normal(0, noise, features.shape)
    begin = time.perf_counter()
    out = simulate(
        features, lambda i: str(truth[i]), target=target, confidence=confidence, classes=10, seed=seed
    )  # fmt: skip
    auto = [(label, str(t)) for label, t in zip(out.labels, truth, strict=True) if label is not None]
    right = sum(a == b for a, b in auto) / len(auto) if auto else None
    return right, len(auto) / len(truth), len(out.people) / len(truth), out, time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--noise", type=float, default=4.0)
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--confidence", type=float, default=0.9)
    parser.add_argument("--objects", type=int)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    rows = []
    for seed in range(args.seeds):
        right, auto, people, out, seconds = one(seed, args.noise, args.target, args.confidence, args.objects)
        rows.append((right, auto, people, seconds))
        if args.verbose:
            c = out.certificate
            said = "none" if right is None else f"{right:.4f}"
            print(f"{seed:3d} right {said} auto {auto:.3f} people {people:.3f} in {len(out.rounds)} bound {c.bound:.4f} "
                  f"{c.errors}/{c.validated} {out.model} {seconds:.1f} s", flush=True)  # fmt: skip
    known = [r for r, *_ in rows if r is not None]
    n = len(rows)
    print(f"noise {args.noise:g}, target {args.target:.0%}, confidence {args.confidence:.0%}, {n} seeds")
    if known:
        print(f"  accuracy of automatic labels  mean {sum(known) / len(known):.4f}, worst {min(known):.4f}")
    print(f"  runs below target             {sum(r < args.target for r in known)} of {n}")
    print(f"  runs that admitted nothing    {n - len(known)} of {n}")
    print(f"  labelled automatically        {sum(r[1] for r in rows) / n:.3f}")
    print(f"  labelled by people            {sum(r[2] for r in rows) / n:.3f}")
    print(f"  seconds per run               {sum(r[3] for r in rows) / n:.1f}")


if __name__ == "__main__":
    main()

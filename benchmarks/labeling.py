"""Measure the annotator's server side: fifty people at once on one workspace, and what one saved box costs.

    python benchmarks/labeling.py --people 50 --seconds 60

A server process holds one desk per person; a second process plays the people: it fetches the picture, sends three
growing answers and goes on, with the pauses that hands need. Prints P50, P95 and P99 of each call in milliseconds, and
whether every answer is on disk.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between two answers of a person")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(Path(chosen.serve), chosen.people)
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), chosen.items)
        command = [sys.executable, __file__, "--serve", folder, "--people", str(chosen.people)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            told = json.loads(server.stdout.readline())
            play(told["port"], told["tokens"], chosen)
        finally:
            server.terminate()
            server.wait(20)
        check(Path(folder))


def make(folder: Path, items: int) -> None:
    import numpy as np

    from labeling import collections
    from labeling.pictures import encode_picture
    from workspace import Workspace

    ws = Workspace.open(folder)
    collections.create_collection(ws, "load", ["car", "person"])
    rng = np.random.default_rng(1)
    pictures = []
    for number in range(items):
        tile = rng.integers(0, 255, (9, 16, 3), dtype="uint8")
        pictures.append((f"{number:04d}.jpg", encode_picture(np.kron(tile, np.ones((80, 80, 1), "uint8")), ".jpg")))
    collections.add_pictures(ws, "load", pictures)
    ws.close()


def serve(folder: Path, people: int) -> None:
    import socket

    import uvicorn
    from starlette.applications import Starlette

    from labeling import collections
    from labeling.desk import LabelDesk
    from shell.routes import desk
    from workspace import Workspace

    ws = Workspace.open(folder)
    number = collections.get_collection(ws, "load").id
    tokens = {f"person {n:02d}": desk.token(LabelDesk(ws, number, f"person {n:02d}")) for n in range(people)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(json.dumps({"port": port, "tokens": tokens}), flush=True)
    uvicorn.run(Starlette(routes=desk.routes), host="127.0.0.1", port=port, log_level="error", timeout_keep_alive=120)


def play(port: int, tokens: dict[str, str], chosen) -> None:
    import http.client

    took: dict[str, list[float]] = {"next item": [], "save": [], "done, next": []}
    failed: list[str] = []
    wanted: dict[tuple, int] = {}
    until = time.monotonic() + chosen.seconds + 3

    def person(name: str, token: str) -> None:
        rng = random.Random(name)
        time.sleep(rng.uniform(0, chosen.pause))
        con = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def call(kind: str, method: str, what: str, body: dict | None = None) -> dict:
            started = time.perf_counter()
            con.request(method, f"/api/desk/{token}/{what}", json.dumps(body) if body else None, {"x-tilth": "1"})
            answer = con.getresponse()
            said = json.loads(answer.read())
            took[kind].append((time.perf_counter() - started) * 1000)
            if answer.status != 200:
                failed.append(f"{kind}: {said}")
            return said

        item = call("next item", "GET", "item")
        sequence = 0
        while time.monotonic() < until and "key" in item:
            boxes = []
            for number in range(3):
                time.sleep(rng.expovariate(1 / chosen.pause))
                boxes.append(
                    {"id": f"r{number}", "shape": "box", "label": "car", "x": 10 * number, "y": 5, "w": 40, "h": 30}
                )
                sequence += 1
                document = {"regions": boxes, "classes": []}
                call(
                    "save",
                    "PUT",
                    "answer",
                    {"key": item["key"], "client": name, "seq": sequence, "active": 1.0, "document": document},
                )
            wanted[item["id"], name] = len(boxes)
            moved = call("done, next", "POST", "go", {"key": item["key"], "to": "done", "active": 0.5})
            item = moved.get("item") or {}

    for _ in range(100):
        try:
            probe = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            probe.connect()
            break
        except OSError:
            time.sleep(0.1)
    threads = [threading.Thread(target=person, args=pair) for pair in tokens.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(
        f"{chosen.people} people, {len(wanted)} items in {chosen.seconds:.0f} s, {len(failed)} calls refused {failed[:2]}"
    )
    for kind, values in took.items():
        if len(values) > 2:
            cuts = statistics.quantiles(values, n=100)
            print(f"  {kind:12s} {len(values):6,} calls: P50 {cuts[49]:.1f}, P95 {cuts[94]:.1f}, P99 {cuts[98]:.1f} ms")


def check(folder: Path) -> None:
    """Every done item has one answer with three boxes, and no item went to two people."""
    from labeling import annotations, collections
    from workspace import Workspace

    ws = Workspace.open(folder)
    documents = annotations.current_documents(ws, "load")
    done = [i for i in collections.list_images(ws, "load") if i.status == "done"]
    whole = sum(len(documents[i.id]) == 1 and len(documents[i.id][0].document["regions"]) == 3 for i in done)
    print(f"  on disk: {whole} of {len(done)} done items have exactly one answer of three boxes")
    ws.close()


if __name__ == "__main__":
    main()

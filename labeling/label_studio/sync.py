"""Sync a collection with a project of a Label Studio server, both ways, as often as wanted.

What belongs together is known by ids: our item and its task, our answer and its annotation or prediction, with a
fingerprint of both as they last were equal. It lies in `extra` of the collection and of its items. A task and an
annotation that we made carry our number too, so a run that was broken off anywhere is taken up without doubles.
"""

from __future__ import annotations

import copy
import hashlib
import json
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal

from labeling.annotations import Answer, current_documents, save, set_status
from labeling.collections import (
    ImageInfo,
    add_classes,
    add_pictures,
    add_reference,
    get_collection,
    get_image,
    image_file,
    list_images,
    shows_original,
)
from labeling.documents import is_empty
from labeling.formats.label_studio import parse_config, read_tasks, write_tasks
from labeling.formats.model import FileAnswer, FileImage, LabelFile
from labeling.items import add_items, content_digest
from labeling.label_studio.client import Client, TokenRefused
from labeling.label_studio.interface import Interface, interface_of
from labeling.pictures import MAX_BYTES
from labeling.transfer import check_item, collect
from labeling.workflow import workflow_of
from transforms.errors import AppError, Conflict, InputError, NotFound, SourceError, Unavailable
from workspace.schema.labels import LabelAnnotator, LabelCollection, LabelImage

Direction = Literal["both", "push", "pull"]
EXTRA = "label_studio_sync"
BATCH = 50  # tasks of one request
BATCH_BYTES = 32 * 1024 * 1024  # of pictures
# what we keep of an annotation beside its regions, for an export; the rest changes with every look
_KEPT = {
    "id", "result", "completed_by", "was_cancelled", "ground_truth", "lead_time", "created_at", "updated_at",
    "unique_id", "import_id", "score", "model_version",
}  # fmt: skip


@dataclass
class Synced:
    """What a sync did.

    Attributes:
        project: its number on the server.
        tasks, items: tasks made there, items made here.
        pushed, pulled: answers (and skips) that were new there, and here; `updated`: changed ones, on either side.
        conflicts: answers that both sides had changed; both are kept, theirs as "NAME (Label Studio)".
        skipped: items that stayed here or there; the reasons are in `problems`, one sentence each.
    """

    project: int = 0
    tasks: int = 0
    items: int = 0
    pushed: int = 0
    pulled: int = 0
    updated: int = 0
    conflicts: list[str] = field(default_factory=list)
    skipped: int = 0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict:
        return asdict(self)


def sync(
    ws,
    collection: str,
    url: str,
    project: int | str | None = None,
    *,
    direction: Direction = "both",
    token: str | None = None,
    client: Client | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Synced:
    """Bring a collection and a project of a Label Studio server to the same state.

    Pictures are uploaded; redacted copies only where the collection's annotators see only those. Nothing is deleted on
    either side, apart from our own skip mark when the item is no longer skipped.

    Args:
        project: number or title; by default the one that was made for this collection, made now if there is none.
        direction: both, push (to the server only) or pull (from it only).
        token: by default TILTH_LABEL_STUDIO_TOKEN; it is not stored.
        client: how to speak with the server, for other timeouts.

    Raises:
        Unavailable: the server does not answer; what was done until then stays, and the next run goes on.
        InputError: the token or the address is wrong.
        NotFound: there is no such project.
        Conflict: another process is syncing this collection.
    """
    if direction not in ("both", "push", "pull"):
        raise InputError(f"There is no direction {direction!r}.", hint="Use both, push or pull.")
    known = get_collection(ws, collection)
    client = client or Client(url, token)
    client.check()
    with _alone(ws, known):
        run = _Run(ws, known, client, direction, progress or (lambda share, text: None))
        try:
            run.find_project(project)
            run.go()
        finally:
            done = run.done
            detail = {"url": client.url, "project": done.project, "pushed": done.pushed, "pulled": done.pulled}
            ws.audit.record("collection.sync_labels", known.name, detail)
    return run.done


@contextmanager
def _alone(ws, collection):
    import fcntl

    path = ws.root / f"label-studio-{collection.id}.lock"
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"{collection.name!r} is being synced by another process.") from None
        yield


def _print(value) -> str:
    """Return a fingerprint of JSON, the same for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:20]


def _meaning(document: dict) -> str:
    """Return a fingerprint of an answer without what a file or server said beside it."""
    regions = [{k: v for k, v in r.items() if k != "extra"} for r in document["regions"]]
    others = ((document.get("extra") or {}).get("label_studio") or {}).get("others", [])
    return _print([{k: v for k, v in document.items() if k != "extra"} | {"regions": regions}, others])


class _Run:
    """One sync of one collection."""

    def __init__(self, ws, collection, client: Client, direction: str, progress):
        self.ws, self.collection, self.client, self.progress = ws, collection, client, progress
        self.push, self.pull = direction != "pull", direction != "push"
        self.done = Synced()
        self.flow = workflow_of(collection)
        self.client_id, self.seq = f"label-studio-{uuid.uuid4().hex}", 0
        self.uid = (collection.extra.get(EXTRA) or {}).get("id") or ""
        if not self.uid:
            self.uid = uuid.uuid4().hex
            self._keep(LabelCollection, collection.id, {"id": self.uid})

    # -- the project --------------------------------------------------------------------------------------------------

    def find_project(self, wanted: int | str | None) -> None:
        """Find the project, or make it, and read its labelling interface."""
        known = get_collection(self.ws, self.collection.id, counts=False).extra.get(EXTRA, {})
        labels = collect(self.ws, self.collection.name, one=False)
        title = self.collection.name if wanted is None else str(wanted).strip()
        mark = f"tilth:{self.uid}"
        if wanted is None and known.get(self.client.url):
            found = self.client.project(known[self.client.url])
        elif title.isdecimal() and wanted is not None:
            found = self.client.project(int(title))
        else:
            all_ = self.client.projects(title[:50].ljust(3, "-"))
            ours = [p for p in all_ if mark in str(p.get("description"))]
            if not ours and (len(all_) > 1 or (all_ and wanted is None)):
                raise Conflict(
                    f"There is a project called {title!r} on the server already"
                    + (", more than one." if len(all_) > 1 else ", and it was not made from this collection."),
                    hint=f"Name it by its number: {', '.join(str(p['id']) for p in all_[:5])}.",
                )
            found = next(iter(ours or all_), None)
        if found is None and not self.push:
            raise NotFound(f"The server has no project called {title!r}.")
        config = interface_of(labels, self.flow) if self.push else ""
        if found is None:
            found = self.client.create_project(title, config, f"Synced with Tilth ({mark})")
        self.project = self.done.project = found["id"]
        self.key = f"{self.client.url}|{self.project}"
        mine = mark in str(found.get("description"))
        there, sent = found.get("label_config") or "", (known.get(self.key) or {}).get("config")
        if self.push and mine and _print(config.split()) != sent:
            there = self._bring_config(config, there, fresh=sent is None or _print(there.split()) == sent)
            sent = _print(config.split()) if there.split() == config.split() else sent
        self.tools = Interface(there, self.flow)
        default = {} if wanted is not None else {self.client.url: self.project}
        self._keep(LabelCollection, self.collection.id, {self.key: {"config": sent}, **default})
        if self.pull and not (mine and _print(there.split()) == _print(config.split())):
            self._bring_classes(there)

    def _bring_config(self, config: str, there: str, fresh: bool) -> str:
        """Give the project the tools that the collection has now, unless somebody changed them on the server."""
        if config.split() == there.split():  # the server cuts spaces
            return there
        if not fresh:
            self.done.problems.append("The labelling interface was changed on the server, so it stays as it is there.")
            return there
        try:
            self.client.set_config(self.project, config)
        except SourceError as error:
            self.done.problems.append(f"The labelling interface cannot be changed. {error.message}")
            return there
        return config

    def _bring_classes(self, config: str) -> None:
        try:
            asked = parse_config(config)
        except SourceError as error:
            self.done.problems.append(error.message)
            return
        names = {a.name for a in self.flow.answers}
        whole = [] if any(f["name"] in names for f in asked["fields"]) else asked["image_classes"]
        add_classes(self.ws, self.collection.id, asked["classes"], whole)

    # -- the whole run ------------------------------------------------------------------------------------------------

    def go(self) -> None:
        ws = self.ws
        images = list_images(ws, self.collection.id)
        self.images: dict[int, ImageInfo] = {i.id: i for i in images}
        self.states: dict[int, dict] = {i.id: (i.extra.get(EXTRA) or {}).get(self.key) or {} for i in images}
        self.docs: dict[int, dict[str, Answer]] = {
            i: {a.annotator: a for a in group} for i, group in current_documents(ws, self.collection.id).items()
        }
        with ws.reading() as session:
            self.kinds = dict(session.query(LabelAnnotator.name, LabelAnnotator.kind).all())
        self._know_people()
        self._match_tasks()
        if self.pull and self.foreign:  # before we send ours: the same picture may be among them
            self._pull_tasks()
        if self.push:
            self._push_tasks()
        for place, task in enumerate(self.client.tasks(self.project), 1):
            self.progress(min(1.0, place / max(len(self.item_of), place)), f"task {task['id']}")
            if task["id"] in self.item_of:
                self._task(task)
        for kind in sorted(self.tools.missing):
            self.done.problems.append(f"The project has no tool that makes {kind}; such answers cannot be shown there.")

    def _guarded(self, where: str, work: Callable, *args):
        """Do what may fail for one task alone; a server that is down or refuses us ends the run."""
        try:
            return work(*args)
        except (Unavailable, TokenRefused):
            raise
        except AppError as error:
            self.done.problems.append(f"{where}: {error.message}")
            self.done.skipped += 1
            return None

    def _know_people(self) -> None:
        self.emails: dict[int, str] = {}
        self.users: dict[str, int] = {}
        local = {name.lower(): name for name, kind in self.kinds.items() if kind == "person"}
        for user in self.client.users():
            full = f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip()
            names = [str(n).strip() for n in (user.get("email"), user.get("username"), full) if n]
            for name in names:
                self.users.setdefault(name.lower(), user["id"])
            if names:
                self.emails[user["id"]] = next((local[n.lower()] for n in names if n.lower() in local), names[0])

    def _match_tasks(self) -> None:
        """Find the item of every task that is there: by what we know, by our mark on it, or by equal content."""
        waiting_file: dict[tuple, int] = {}
        waiting_text: dict[str, int] = {}
        for i, image in self.images.items():
            if not self.states[i].get("task"):
                kept = image.extra.get("label_studio") or {}
                if isinstance(kept.get("task"), dict):
                    waiting_file.setdefault((kept["task"].get("id"), _print(kept.get("data"))), i)
                if image.kind == "text":
                    waiting_text.setdefault(image.data.get("text", ""), i)
        marked: dict[int, int] = {}
        equal: dict[int, int] = {}
        live: set[int] = set()
        text_key = self.tools.keys.get("text", "text")
        for task in self.client.tasks(self.project, answers=False):
            live.add(task["id"])
            data = task.get("data") if isinstance(task.get("data"), dict) else {}
            item = waiting_file.get((task["id"], _print(data)))
            if item is None and isinstance(data.get(text_key), str):
                item = waiting_text.get(data[text_key])
            if (own := self._marked_item(task)) is not None:
                marked[task["id"]] = own
            elif item is not None:
                equal[task["id"]] = item
        self.item_of: dict[int, int] = {s["task"]: i for i, s in self.states.items() if s.get("task") in live}
        self.taken = taken = set(self.item_of.values())
        for task, item in [*marked.items(), *equal.items()]:
            if task not in self.item_of and item not in taken:
                self.item_of[task] = item
                taken.add(item)
                if self.states[item].get("task") != task:
                    self.states[item] = {"task": task}
                    self._keep_state(item)
        self.foreign = live - self.item_of.keys()
        for i, state in self.states.items():
            if state.get("task") and i not in taken and not state.get("gone"):
                state["gone"] = True
                self._keep_state(i)
                self.done.problems.append(
                    f"{self.images[i].file_name}: its task was deleted on the server; "
                    "it stays here and is not sent again."
                )

    def _marked_item(self, task: dict) -> int | None:
        mark = self._mark(task)
        item = mark.get("item")
        return item if mark.get("collection") == self.uid and isinstance(item, int) and item in self.images else None

    @staticmethod
    def _mark(task: dict) -> dict:
        meta = task.get("meta")
        mark = meta.get("tilth") if isinstance(meta, dict) else None
        return mark if isinstance(mark, dict) else {}

    # -- tasks to the server ------------------------------------------------------------------------------------------

    def _push_tasks(self) -> None:
        new = [i for i in self.images.values() if not self.states[i.id].get("task")]
        have = {}
        if any(i.kind == "image" for i in new):
            for file in self.client.uploads(self.project):
                name = file["file"].rsplit("/", 1)[-1]  # the server puts eight characters and a dash before it
                have[name[9:]] = "/data/" + file["file"]
        missing = 0
        for start in range(0, len(new), BATCH):
            part = new[start : start + BATCH]
            self.progress(start / len(new), part[0].file_name)
            urls = self._upload(part, have)
            ready = [(i, data) for i in part if (data := self._data(i, urls.get(i.id))) is not None]
            missing += len(part) - len(ready)
            bodies = [self._guarded(i.file_name, self._task_body, i, data) for i, data in ready]
            sent = [(i, body) for (i, _), body in zip(ready, bodies, strict=True) if body is not None]
            if not sent:
                continue
            ids = self.client.import_tasks(self.project, [body for _, body in sent])
            for (image, body), task in zip(sent, ids, strict=True):
                self.states[image.id] = {"task": task}
                self.item_of[task] = image.id
                self.taken.add(image.id)
                self._keep_state(image.id)
                self.done.tasks += 1
                self.done.pushed += len(body["annotations"])
        if missing:
            self.done.skipped += missing
            only = self._only_redacted()
            why = "have no redacted copy, and this collection gives out only those" if only else "have no picture"
            self.done.problems.append(f"{missing} items stay here: they {why}.")

    def _only_redacted(self) -> bool:
        return self.collection.sealed or self.collection.annotators_see == "redacted"

    def _upload(self, part: list[ImageInfo], have: dict[str, str]) -> dict[int, str]:
        """Upload the pictures that annotators may see and that are not there yet; return their addresses."""
        urls: dict[int, str] = {}
        waiting: list[tuple[ImageInfo, str, bytes]] = []

        def send() -> None:
            made = self.client.upload(self.project, [(name, data) for _, name, data in waiting])
            for (image, name, _), url in zip(waiting, made, strict=True):
                urls[image.id] = have[name] = url
            waiting.clear()

        for image in part:
            if image.kind != "image":
                continue
            if image.redacted_sha256:
                path = image_file(self.ws, image, "redacted")
            elif shows_original(self.collection, image) and not self._only_redacted():
                path = image_file(self.ws, image, "original")
            else:
                continue
            name = f"tilth-{path.stem[:24]}{path.suffix}"
            if name in have:
                urls[image.id] = have[name]
                continue
            waiting.append((image, name, path.read_bytes()))
            if sum(len(data) for _, _, data in waiting) > BATCH_BYTES:
                send()
        if waiting:
            send()
        return urls

    def _data(self, image: ImageInfo, url: str | None) -> dict | None:
        """Return what the task is about, or None where nothing may be shown."""
        keys = self.tools.keys
        if image.kind == "text":
            return {keys.get("text") or keys.get("hypertext") or "text": image.data["text"]}
        if image.kind == "row":
            return {keys.get("table") or keys.get("list") or "row": image.data["row"]}
        if image.kind == "pair":
            return {"left": image.data["left"], "right": image.data["right"]}
        if url is None and not self._only_redacted() and not image.has_pixels:
            given = (image.extra.get("label_studio") or {}).get("data")
            if isinstance(given, dict):
                return given
            url = image.source if "://" in image.source else None
        size = {"width": image.width, "height": image.height, "file_name": image.file_name}
        return {keys.get("image", "image"): url, **size} if url else None

    def _task_body(self, image: ImageInfo, data: dict) -> dict:
        """Return a task with people's answers. Predictions follow singly: a bad one would refuse the whole batch."""
        annotators, annotations = {}, []
        for answer in self.docs.get(image.id, {}).values():
            if answer.kind == "person" and self._is_answer(image, answer):
                body = self._annotation(image, answer)
                annotators[str(body["import_id"])] = answer.annotator
                annotations.append(body | {"id": body.pop("import_id")})  # an import calls it so
        mark = {"collection": self.uid, "item": image.id, "annotators": annotators}
        return {"data": data, "meta": {"tilth": mark}, "annotations": annotations}

    def _is_answer(self, image: ImageInfo, answer: Answer) -> bool:
        """Say whether this is something said: an empty answer of a task that nobody finished is not."""
        return not is_empty(answer.document) or image.status in ("done", "review")

    def _number(self, image_id: int, name: str) -> int:
        """Return our number of an answer, which survives on the server; small enough for every JSON reader."""
        return int(_print([self.uid, image_id, name])[:12], 16)

    def _annotation(self, image: ImageInfo, answer: Answer) -> dict:
        user = self.users.get(answer.annotator.lower())
        body = {"result": self._results(image, answer), "import_id": self._number(image.id, answer.annotator)}
        return body | {"ground_truth": False} | ({"completed_by": user} if user else {})

    def _results(self, image: ImageInfo, answer: Answer) -> list[dict]:
        given = [FileAnswer(answer.document, answer.annotator, answer.kind)]
        entry = FileImage(image.file_name, image.width, image.height, "", {}, given, kind=image.kind, data=image.data)
        (task,) = write_tasks(LabelFile(images=[entry]))
        return self.tools.outgoing(task["predictions" if answer.kind == "model" else "annotations"][0]["result"])

    # -- one task -----------------------------------------------------------------------------------------------------

    def _task(self, task: dict) -> None:
        item = self.item_of[task["id"]]
        image, state = self.images[item], self.states[item]
        before = copy.deepcopy(state)
        state["task"] = task["id"]
        state.pop("gone", None)
        seen: set[tuple[str, int]] = set()
        skips: set[str] = set()
        self.sent: list[str] = []
        try:
            for kind, part in (("person", "annotations"), ("model", "predictions")):
                for raw in task.get(part) or []:
                    if not (isinstance(raw, dict) and isinstance(raw.get("id"), int)):
                        continue
                    if raw.get("was_cancelled"):
                        skips.add(str(raw["id"]))
                        self._their_skip(image, state, raw)
                        continue
                    seen.add((kind, raw["id"]))
                    self._guarded(image.file_name, self._their_answer, image, state, task, kind, raw)
            self._deleted(image, state, seen)
            known = state.get("skips", {})
            state["skips"] = {n: by for n, by in known.items() if n in skips}
            if self.push:
                for answer in list(self.docs.get(item, {}).values()):
                    self._guarded(image.file_name, self._our_answer, image, state, answer)
                self._our_skip(image, state)
                self._note_annotators(image, task)
        finally:
            if not state.get("skips"):
                state.pop("skips", None)
            if state != before:
                self._keep_state(item)

    def _their_answer(self, image: ImageInfo, state: dict, task: dict, kind: str, raw: dict) -> None:
        results = raw.get("result")
        if not isinstance(results, list):
            raise SourceError(f"its answer {raw['id']} has no list of results.")
        answers, docs = state.setdefault("answers", {}), self.docs.setdefault(image.id, {})
        theirs = _print(results)
        name = next((n for n, e in answers.items() if (e["kind"], e["id"]) == (kind, raw["id"])), None)
        if name is None and (name := self._ours_by_number(image, answers, docs, kind, raw)) is not None:
            answers[name] = {"id": raw["id"], "kind": kind, "ours": "", "theirs": ""}
        if name is None:
            if self.pull:
                self._their_new_answer(image, answers, docs, task, kind, raw, theirs)
            return
        entry, mine = answers[name], docs.get(name)
        entry.pop("gone", None)
        now_ours = _meaning(mine.document) if mine else ""
        changed_here, changed_there = now_ours != entry["ours"], theirs != entry["theirs"]
        if changed_here and mine is not None:
            mine = self._with_their_rest(image, mine, kind, raw)
            out = self._results(image, mine)
            if _print(out) == theirs or self._says_the_same(image, mine, kind, raw):
                entry.update(ours=now_ours, theirs=theirs)
            elif not changed_there and self.push:
                said = self._update(task, entry, mine, out)
                entry.update(ours=now_ours, theirs=_print(said.get("result", out)))
                self.done.updated += 1
            elif changed_there and self.pull:
                del answers[name]  # so ours goes there as a new one
                other = self._free_name(f"{name} (Label Studio)", answers, docs)
                answers[other] = {"id": raw["id"], "kind": kind}
                self._write(image, answers[other], other, kind, raw, theirs)
                self.done.conflicts.append(f"{image.file_name}: {name}")
        elif changed_there and self.pull:
            self._write(image, entry, name, kind, raw, theirs)
            self.done.updated += 1

    def _ours_by_number(self, image: ImageInfo, answers, docs, kind: str, raw: dict) -> str | None:
        """Return whose answer an annotation is that we made, and did not note because we were broken off."""
        for name, answer in docs.items():
            free = name not in answers or answers[name].get("gone")
            if (
                free
                and kind == "person"
                and answer.kind == kind
                and raw.get("import_id") == self._number(image.id, name)
            ):
                return name
        return None

    def _their_new_answer(self, image, answers, docs, task, kind: str, raw: dict, theirs: str) -> None:
        name = self._name_of(task, kind, raw)
        mine = docs.get(name)
        if name in answers:
            name = self._free_name(name, answers, docs, first=2)
        elif mine is not None and self._says_the_same(image, mine, kind, raw):
            answers[name] = {"id": raw["id"], "kind": kind, "ours": _meaning(mine.document), "theirs": theirs}
            return
        elif mine is not None:
            self.done.conflicts.append(f"{image.file_name}: {name}")
            name = self._free_name(f"{name} (Label Studio)", answers, docs)
        entry = {"id": raw["id"], "kind": kind}
        self._write(image, entry, name, kind, raw, theirs)
        answers[name] = entry
        self.done.pulled += 1

    @staticmethod
    def _free_name(name: str, answers, docs, first: int = 1) -> str:
        number = first
        while True:
            candidate = name if number == 1 else f"{name} ({number})"
            if candidate not in answers and candidate not in docs:
                return candidate
            number += 1

    def _name_of(self, task: dict, kind: str, raw: dict) -> str:
        by = raw.get("completed_by")
        if kind == "model":
            name = str(raw.get("model_version") or "model")
        else:
            if isinstance(by, dict):
                by = by.get("id")
            noted = self._mark(task).get("annotators")
            noted = noted.get(str(raw.get("import_id"))) if isinstance(noted, dict) else None
            name = noted if isinstance(noted, str) else self.emails.get(by) or f"user {by}"
        name = name.strip()[:180] or "Label Studio"
        return name if self.kinds.get(name, kind) == kind else f"{name} ({kind})"

    def _read(self, image: ImageInfo, kind: str, raw: dict) -> FileAnswer:
        """Return an answer of the server in our form; the item is ours already, whatever its data are called there."""
        data = {"row": "tilth://row"} if image.kind == "row" else dict(image.data)
        if image.kind == "image":
            data = {"image": image.file_name, "width": image.width, "height": image.height}
        kept = {k: v for k, v in raw.items() if k in _KEPT} | {"result": self.tools.incoming(raw["result"])}
        part = "predictions" if kind == "model" else "annotations"
        (entry,) = read_tasks([{"data": data, part: [kept]}], lambda name: None).images
        check_item(entry)
        if image.width and (entry.width, entry.height) != (image.width, image.height):
            raise SourceError(
                f"the labels there are for {entry.width} × {entry.height} pixels, the picture here has "
                f"{image.width} × {image.height}; left out."
            )
        if image.kind == "image" and entry.width and not image.width:
            self._set_size(image, entry.width, entry.height)
        return entry.answers[0]

    def _says_the_same(self, image: ImageInfo, mine: Answer, kind: str, raw: dict) -> bool:
        return _meaning(self._read(image, kind, raw).document) == _meaning(mine.document)

    def _with_their_rest(self, image: ImageInfo, mine: Answer, kind: str, raw: dict) -> Answer:
        """Return our answer with what theirs holds that we cannot show, such as regions of kinds we do not have."""
        try:
            theirs = self._read(image, kind, raw).document
        except SourceError:
            return mine
        rests = {r["id"]: {"extra": r["extra"]} for r in theirs["regions"] if r.get("extra")}
        document = mine.document | {"regions": [{**rests.get(r["id"], {}), **r} for r in mine.document["regions"]]}
        if "extra" in theirs:
            document["extra"] = theirs["extra"] | (document.get("extra") or {})
        return replace(mine, document=document)

    def _write(self, image: ImageInfo, entry: dict, name: str, kind: str, raw: dict, theirs: str) -> None:
        """Save an answer of the server as the next revision of its annotator."""
        read = self._read(image, kind, raw)
        self.seq += 1
        saved = save(
            self.ws, image.id, read.document, annotator=name, client=self.client_id, seq=self.seq, kind=kind,
            action="import", new_classes=True, clip=False,
        )  # fmt: skip
        self.docs.setdefault(image.id, {})[name] = saved
        self.kinds.setdefault(name, kind)
        entry.update(ours=_meaning(saved.document), theirs=theirs)
        if kind == "person" and self._status(image) in ("todo", "started", "skipped"):
            self._set_status(image, "done")

    def _update(self, task: dict, entry: dict, answer: Answer, results: list) -> dict:
        if entry["kind"] == "model":
            body = {"result": results, **_score(answer.document)}
            return self.client.update_prediction(entry["id"], task["id"], body)
        return self.client.update_annotation(entry["id"], {"result": results})

    def _our_answer(self, image: ImageInfo, state: dict, answer: Answer) -> None:
        answers = state.setdefault("answers", {})
        entry = answers.get(answer.annotator)
        ours = _meaning(answer.document)
        if entry and not (entry.get("gone") and entry["ours"] != ours):
            return
        if not self._is_answer(self.images[image.id], answer):
            return
        if answer.kind == "model":
            body = {"result": self._results(image, answer), "model_version": answer.annotator}
            said = self.client.create_prediction(state["task"], body | _score(answer.document))
        else:
            said = self.client.create_annotation(state["task"], self._annotation(image, answer))
            self.sent.append(answer.annotator)
        theirs = _print(said.get("result"))
        answers[answer.annotator] = {"id": said["id"], "kind": answer.kind, "ours": ours, "theirs": theirs}
        self.done.pushed += 1

    def _deleted(self, image: ImageInfo, state: dict, seen: set) -> None:
        for name, entry in state.get("answers", {}).items():
            if (entry["kind"], entry["id"]) not in seen and not entry.get("gone"):
                entry["gone"] = True
                mine = self.docs.get(image.id, {}).get(name)
                entry["ours"] = _meaning(mine.document) if mine else ""
                self.done.problems.append(
                    f"{image.file_name}: the answer of {name} was deleted on the server; it stays here."
                )

    def _note_annotators(self, image: ImageInfo, task: dict) -> None:
        """Note on the task whose answers we sent, for those that the server does not know as its users."""
        sent = {str(self._number(image.id, name)): name for name in self.sent if name.lower() not in self.users}
        if not sent:
            return
        noted = self._mark(task).get("annotators")
        mark = self._mark(task) | {"annotators": (noted if isinstance(noted, dict) else {}) | sent}
        meta = task.get("meta") if isinstance(task.get("meta"), dict) else {}
        self.client.set_meta(task["id"], meta | {"tilth": mark})

    # -- skips --------------------------------------------------------------------------------------------------------

    def _their_skip(self, image: ImageInfo, state: dict, raw: dict) -> None:
        skips = state.setdefault("skips", {})
        number = str(raw["id"])
        for entry in state.get("answers", {}).values():
            if (entry["kind"], entry["id"]) == ("person", raw["id"]):
                entry["gone"] = True  # an answer that was taken back: ours stays
        if number in skips:
            return
        if raw.get("import_id") == self._number(image.id, ""):
            skips[number] = "ours"
        elif self.pull:
            skips[number] = "theirs"
            people = any(a.kind == "person" for a in self.docs.get(image.id, {}).values())
            if not people and self._status(image) in ("todo", "started"):
                self._set_status(image, "skipped")
            self.done.pulled += 1

    def _our_skip(self, image: ImageInfo, state: dict) -> None:
        skips = state.setdefault("skips", {})
        if self._status(image) == "skipped" and not skips:
            body = {"result": [], "was_cancelled": True, "import_id": self._number(image.id, "")}
            said = self.client.create_annotation(state["task"], body)
            skips[str(said["id"])] = "ours"
            self.done.pushed += 1
        elif self._status(image) != "skipped":
            for number in [n for n, by in skips.items() if by == "ours"]:
                self.client.delete_annotation(int(number))
                del skips[number]
                self.done.updated += 1

    # -- items from the server ----------------------------------------------------------------------------------------

    def _pull_tasks(self) -> None:
        """Make items for tasks that are not here, with their pictures where this server hands them out."""
        new: list[dict] = []
        for task in self.client.tasks(self.project):
            if task["id"] in self.foreign:
                new.append(task)
            if len(new) >= BATCH:
                self._new_tasks(new)
                new = []
        self._new_tasks(new)

    def _new_tasks(self, tasks: list[dict]) -> None:
        ready: list[tuple[dict, FileImage]] = []
        for task in tasks:
            if (entry := self._guarded(f"Task {task['id']}", self._entry, task)) is not None:
                ready.append((task, entry))
        known = set(self.images)
        digests = self._add_pictures([e for _, e in ready if e.kind == "image"])
        digests |= self._add_texts([(t, e) for t, e in ready if e.kind != "image"])
        here = list_images(self.ws, self.collection.id)
        by_digest = {i.sha256: i.id for i in here if i.sha256}
        names = {i.file_name for i in here}
        for task, entry in ready:
            item = by_digest.get(digests.get(id(entry), ""))
            if entry.kind == "image" and (item is None or item in self.taken):
                item = self._add_name(entry, names)  # a second item of one picture can only be a name
            elif item in self.taken:
                same = self.images[item].file_name
                self.done.problems.append(
                    f"Task {task['id']} is about the same as {same}, which has its own task; left out."
                )
                self.done.skipped += 1
                continue
            if item is None:
                continue
            self.images[item] = get_image(self.ws, item)
            self.states[item] = {"task": task["id"]}
            self.item_of[task["id"]] = item
            self.taken.add(item)
            self._keep_state(item, entry.extra)
            self.done.items += item not in known

    def _entry(self, task: dict) -> FileImage:
        """Return what a task is about."""
        plain = {k: task[k] for k in ("id", "data", "meta") if k in task}
        (entry,) = read_tasks([plain], lambda name: None).images
        given = task["data"].get("file_name")
        if entry.kind == "image" and isinstance(given, str) and 0 < len(given) <= 1000:
            entry.file_name = PurePosixPath(given).name or entry.file_name
        answers = [a for a in task.get("annotations") or [] if isinstance(a, dict)]
        for result in [r for a in answers for r in a.get("result") or [] if isinstance(r, dict)]:
            width, height = result.get("original_width"), result.get("original_height")
            if not entry.width and isinstance(width, int) and isinstance(height, int):
                entry.width, entry.height = width, height
        check_item(entry)
        return entry

    def _add_pictures(self, entries: list[FileImage]) -> dict[int, str]:
        """Fetch and add the pictures of new items; return `{id of the entry: SHA-256}`."""
        digests: dict[int, str] = {}
        waiting: list[tuple[str, bytes]] = []

        def add() -> None:
            self.done.problems += add_pictures(self.ws, self.collection.name, waiting).problems
            waiting.clear()

        for entry in entries:
            data = self._guarded(entry.file_name, self.client.download, entry.source, MAX_BYTES)
            if data:
                digests[id(entry)] = hashlib.sha256(data).hexdigest()
                waiting.append((entry.file_name, data))
                if sum(len(d) for _, d in waiting) > BATCH_BYTES:
                    add()
        if waiting:
            add()
        return digests

    def _add_name(self, entry: FileImage, names: set[str]) -> int:
        """Add an item of which only the name is known; its picture can be added later."""
        path, n, free = PurePosixPath(entry.file_name), 2, entry.file_name
        while free in names:
            free, n = str(path.with_name(f"{path.stem}-{n}{path.suffix}")), n + 1
        names.add(free)
        return add_reference(self.ws, self.collection.id, free, entry.width, entry.height, entry.source, {})

    def _add_texts(self, new: list[tuple[dict, FileImage]]) -> dict[int, str]:
        """Add the items that are no pictures; return `{id of the entry: what it is known by}`."""
        for kind in dict.fromkeys(e.kind for _, e in new):
            part = [(f"task {t['id']}", e.data) for t, e in new if e.kind == kind]
            try:
                add_items(self.ws, self.collection.name, kind, part)
            except InputError:  # one of them is none: each alone
                for title, data in part:
                    self._guarded(title, add_items, self.ws, self.collection.name, kind, [(title, data)])
        return {id(e): content_digest(e.kind, e.data) for _, e in new}

    # -- what is kept -------------------------------------------------------------------------------------------------

    def _status(self, image: ImageInfo) -> str:
        return self.images[image.id].status

    def _set_status(self, image: ImageInfo, status: str) -> None:
        set_status(self.ws, image.id, status)
        self.images[image.id] = get_image(self.ws, image.id)

    def _set_size(self, image: ImageInfo, width: int, height: int) -> None:
        with self.ws.session() as session:
            row = session.get(LabelImage, image.id)
            row.width, row.height = width, height
        self.images[image.id] = get_image(self.ws, image.id)

    def _keep_state(self, item: int, beside: dict | None = None) -> None:
        self._keep(LabelImage, item, {self.key: self.states[item]}, beside)

    def _keep(self, table, number: int, values: dict, beside: dict | None = None) -> None:
        with self.ws.session() as session:
            row = session.get(table, number)
            extra = {**(row.extra or {}), **(beside or {})}
            row.extra = extra | {EXTRA: {**(extra.get(EXTRA) or {}), **values}}


def _score(document: dict) -> dict:
    """Return a prediction's score: that of its least sure region."""
    scores = [r["score"] for r in document["regions"] if "score" in r]
    return {"score": min(scores)} if scores else {}

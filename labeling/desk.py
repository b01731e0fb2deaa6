"""A desk: what the annotator on screen asks for and hands back, item by item, for one person in one collection.

Three kinds: labelling, reviewing other people's answers, and reviewing a redaction. A desk answers with plain JSON; the
screen's routes only carry it. What the person may not see (originals, other people's answers, which items are gold) never
gets into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from labeling import annotations, assist, collections, documents, tracking, workforce
from labeling.collections import Collection, ImageInfo, get_collection, get_image
from labeling.gold import gold_documents
from labeling.pictures import read_picture
from labeling.workflow import Workflow, workflow_of
from transforms.errors import Conflict, InputError, NotFound

REGION_CLASSES = [
    {"name": "face", "color": "#d9480f", "hotkey": "1"},
    {"name": "plate", "color": "#2f7ed8", "hotkey": "2"},
    {"name": "other", "color": "#9c36b5", "hotkey": "3"},
]


def address(image: ImageInfo, variant: str) -> str:
    """Return the address of a picture; the hash in it changes with the picture."""
    digest = (image.redacted_sha256 if variant != "original" else None) or image.sha256 or "none"
    return f"/api/images/{image.collection_id}/{image.id}?variant={variant}&v={digest[:12]}"


def parse_key(key: str) -> tuple[str, int, str]:
    """Split a document key `kind/image id/annotator` that comes back from the browser."""
    kind, image_id, person = [*str(key).split("/", 2), "", ""][:3]
    if not image_id.isdigit():
        raise InputError("This answer names no item.")
    return kind, int(image_id), person


@dataclass
class Desk:
    """What the three desks share. `originals` says whether this person may see unredacted pictures."""

    ws: object
    collection_id: int
    person: str
    originals: bool = True
    kind = "a"

    @property
    def collection(self) -> Collection:
        return get_collection(self.ws, self.collection_id, counts=False)

    def _mine(self, key: str) -> ImageInfo:
        """Return the item of a key, if it is one of this desk."""
        kind, image_id, _ = parse_key(key)
        image = get_image(self.ws, image_id)
        if kind != self.kind or image.collection_id != self.collection_id:
            raise InputError("This item belongs to another collection.")
        return image

    def _picture(self, image: ImageInfo, collection: Collection) -> str | None:
        if image.redacted_sha256:
            return address(image, "redacted")
        return address(image, "original") if self._sees_original(image, collection) else None

    def _sees_original(self, image: ImageInfo, collection: Collection) -> bool:
        return self.originals and collections.shows_original(collection, image)

    def _pixels(self, image: ImageInfo):
        """Read what this person may see of a picture, BGR."""
        only = get_collection(self.ws, image.collection_id, counts=False).sealed or not self.originals
        variant = "redacted" if image.redacted_sha256 or only else "original"
        return read_picture(collections.image_file(self.ws, image, variant, redacted_only=only), image.file_name).bgr

    def _strip(self, place, collection: Collection) -> list[dict]:
        return [
            {
                "id": i.id,
                "name": i.file_name,
                "thumb": address(i, "thumb") if i.redacted_sha256 or self._sees_original(i, collection) else None,
                "status": i.status,
                "place": i.position,
            }
            for i in place.strip
        ]

    def _common(self, image: ImageInfo, collection: Collection, flow: Workflow, place) -> dict:
        ahead = [i for i in place.strip if i.id == place.next and i.kind == "image"]
        return {
            "key": f"{self.kind}/{image.id}/{self.person}",
            "id": image.id,
            "kind": image.kind,
            "data": image.data,
            "title": image.file_name,
            "image": self._picture(image, collection) if image.kind == "image" else None,
            "width": image.width,
            "height": image.height,
            "classes": collection.classes,
            "image_classes": collection.image_classes,
            "question": flow.question,
            "workflow": flow.for_browser(),
            "status": image.status,
            "position": place.position,
            "count": place.count,
            "strip": self._strip(place, collection),
            "prefetch": [p for p in (self._picture(i, collection) for i in ahead) if p],
            "assists": image.kind == "image" and self._picture(image, collection) is not None,
            "proposal": None,
            "read_only": False,
            "can_skip": True,
            "done_label": "Done, next",
            "notice": None,
            "comments": [],
            "flagged": False,
            "clip": None,
            "first": False,
        }

    def assist(self, body: dict) -> dict:
        """Help with drawing: `kind` is grab (x, y, w, h), flood (x, y, tolerance) or scissors (from, to)."""
        image = self._mine(body["key"])
        bgr = self._pixels(image)
        kind = body.get("kind")
        if kind == "scissors":
            start, end = _point(body.get("from")), _point(body.get("to"))
            return {"points": assist.follow_edge(bgr, start, end)}
        if kind == "grab":
            region = assist.cut_out(bgr, *(_number(body, side) for side in "xywh"))
        elif kind == "flood":
            region = assist.fill(bgr, _number(body, "x"), _number(body, "y"), int(_number(body, "tolerance", 16)))
        else:
            raise InputError(f"There is no help called {kind!r}.", hint="Use grab, flood or scissors.")
        if region is not None and not body.get("mask"):
            region = assist.as_polygon(region)
        return {"region": region}


def _number(body: dict, name: str, default: float | None = None) -> float:
    try:
        value = float(body.get(name, default))
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number.") from None
    if not math.isfinite(value):
        raise InputError(f"{name} must be a finite number.")
    return value


def _point(value) -> list[float]:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError("A point is a pair of numbers.")
    return [_number({"x": v}, "x") for v in value]


class LabelDesk(Desk):
    """Labelling: the workforce hands out items, answers are this person's."""

    kind = "a"

    def item(self, image_id: int | None = None) -> dict | None:
        """Return one item, the next one for this person if none is named; None when there is nothing to do.

        An item named by hand is only looked at until something is answered: then it is leased.
        """
        ws = self.ws
        if image_id is None:
            given = workforce.next_item(ws, self.collection_id, self.person)
            if given is None:
                return None
            image_id = given.image_id
        image = get_image(ws, image_id)
        if image.collection_id != self.collection_id:
            raise InputError("This item is in another collection.", hint="Open it from its collection.")
        collection = self.collection
        flow = workflow_of(collection)
        answer = annotations.current(ws, image.id, self.person)
        work = workforce.find_assignment(ws, image.id, self.person)
        own = answer.revision > 0
        remarks = workforce.comments(ws, image.id)
        made = self._common(image, collection, flow, collections.around(ws, image)) | {
            "mode": "label",
            "document": answer.document if own else documents.empty(),
            "own": own,
            "comments": _comments(
                remarks, workforce.checkers(ws, image.id, self.person) if flow.blind else None, self.person
            ),
            "flagged": any(_is_flag_of(c, self.person) for c in remarks),
            "clip": tracking.clip_place(ws, image),
            "first": not own,
        }
        # a gold or exam item must look like any other: what a model or others say of it stays away too
        if work is None or work.purpose == "label":
            made["proposal"] = self._proposal(image, flow)
        if collections.waits(collection, image):
            text = "This image is not shown before its faces and plates are hidden. Redaction stopped or failed: start it again."
            made["notice"] = {"kind": "problem", "text": text}
        elif work and work.state == "returned":
            said = next((r for r in reversed(workforce.reviews(ws, image.id, self.person))), None)
            text = f"Sent back: {work.reason}" + (f" – {said['comment']}" if said and said["comment"] else "")
            made["notice"] = {"kind": "problem", "text": text}
        elif work and work.purpose == "exam":
            made["notice"] = {"kind": "info", "text": "This item belongs to the exam before the real work."}
        return made

    def _proposal(self, image: ImageInfo, flow: Workflow) -> dict | None:
        found = [a for a in annotations.answers(self.ws, image.id) if a.kind == "model"]
        if not found:
            return None
        newest = max(found, key=lambda a: (a.at, a.annotator))
        regions = [{**r, "score": r.get("score", 1)} for r in newest.document["regions"]]
        return {"by": newest.annotator, "regions": regions, "classes": newest.document["classes"]}

    def answer(self, body: dict) -> dict:
        """Write a document; the same `client` and `seq` again, or a smaller one, writes nothing."""
        image = self._mine(body["key"])
        _, _, person = parse_key(body["key"])
        if person != self.person:
            raise InputError("This answer belongs to another person.", hint="Reload the page.")
        workforce.take_item(self.ws, image.id, self.person)
        flow, active = workflow_of(self.collection), _number(body, "active", 0.0)
        saved = annotations.save(
            self.ws,
            image.id,
            body.get("document"),
            annotator=self.person,
            client=str(body.get("client"))[:64],
            seq=int(_number(body, "seq")),
            also=lambda session, who: workforce.still_at_work(session, image.id, who, flow, active),
        )
        return {"revision": saved.revision}

    def go(self, body: dict) -> dict:
        """Leave an item: done, skip (with `reason`), next, previous, or the number of another; return what comes then."""
        ws, image, to = self.ws, self._mine(body["key"]), body.get("to")
        active = _number(body, "active", 0.0)
        notice = None
        if to in ("done", "skip"):
            outcome = "done" if to == "done" else "skipped"
            ended = workforce.finish(ws, image.id, self.person, outcome, str(body.get("reason") or ""), active)
            notice = self._feedback(ended)
            given = workforce.next_item(ws, self.collection_id, self.person, after=image.id)
            if given is None:
                return {"finished": self._finished()}
            return (
                {"item": self.item(given.image_id), "notice": notice} if notice else {"item": self.item(given.image_id)}
            )
        if annotations.current(ws, image.id, self.person).revision == 0:
            workforce.release(ws, image.id, self.person)
        else:
            workforce.keep_lease(ws, image.id, self.person, active)
        target = _neighbour(ws, to, image, self.collection_id)
        return {"item": self.item(target)} if target else {}

    def _feedback(self, ended: workforce.Assignment) -> dict | None:
        flow = workflow_of(self.collection)
        if not flow.gold_feedback or ended.purpose != "gold" or ended.score is None:
            return None
        if ended.score >= workforce.GOLD_RIGHT:
            return {"kind": "good", "text": "The item before was a check with a known answer: yours was right."}
        gold = gold_documents(self.ws, self.collection_id, exam=False).get(ended.image_id)
        said = ", ".join([*gold["classes"], *(r["label"] for r in gold["regions"])][:8]) if gold else ""
        return {
            "kind": "problem",
            "text": f"The item before was a check with a known answer ({said or 'nothing to mark'}); yours differs.",
        }

    def _finished(self) -> dict:
        left = collections.count_by_status(self.ws, self.collection_id)
        open_items = left["todo"] + left["started"]
        text = "Every item of this project is labelled." if not open_items else (
            f"There is nothing for you at present: the {open_items} open items are with others, or you have answered them."
        )  # fmt: skip
        return {
            "title": "All done" if not open_items else "Nothing to do now",
            "text": text,
            "action": "To the project",
        }

    def comment(self, body: dict) -> dict:
        image = self._mine(body["key"])
        workforce.comment(self.ws, image.id, self.person, str(body.get("text") or ""), str(body.get("region") or ""))
        flow = workflow_of(self.collection)
        checkers = workforce.checkers(self.ws, image.id, self.person) if flow.blind else None
        return {"comments": _comments(workforce.comments(self.ws, image.id), checkers, self.person)}

    def flag(self, body: dict) -> dict:
        """Mark an item for whoever runs the project, or take the mark away."""
        image = self._mine(body["key"])
        mine = [c for c in workforce.comments(self.ws, image.id) if _is_flag_of(c, self.person)]
        if body.get("on") and not mine:
            workforce.comment(self.ws, image.id, self.person, workforce.FLAG)
        elif not body.get("on"):
            for said in mine:
                workforce.resolve_comment(self.ws, said["id"])
        return {"flagged": bool(body.get("on"))}

    def previous(self, body: dict) -> dict:
        """Return this person's answer to the item before, to be copied."""
        image = self._mine(body["key"])
        before = collections.around(self.ws, image, 1).previous
        return {"document": annotations.current(self.ws, before, self.person).document if before else None}

    def follow(self, body: dict) -> dict:
        image = self._mine(body["key"])
        target = tracking.follow_to_next(self.ws, image.id, str(body.get("region")), self.person, self._pixels)
        return {"item": self.item(target)}

    def interpolate(self, body: dict) -> dict:
        image = self._mine(body["key"])
        return {"filled": tracking.interpolate(self.ws, image.id, str(body.get("track")), self.person)}


def _is_flag_of(comment: dict, person: str) -> bool:
    return comment["text"] == workforce.FLAG and comment["by"] == person and not comment["resolved"]


def _comments(said: list[dict], checkers: set[str] | None = None, person: str = "") -> list[dict]:
    """Return open remarks for the screen; of blind work only the person's own and those of reviewers of their answer."""
    return [
        {"id": c["id"], "by": c["by"], "text": c["text"], "region": c["region"]}
        for c in said
        if not c["resolved"]
        and c["text"] != workforce.FLAG
        and (checkers is None or c["by"] == person or c["by"] in checkers)
    ]


def _neighbour(ws, to, image: ImageInfo, collection_id: int) -> int | None:
    """Return the item that "next", "previous" or a click in the strip means."""
    if to in ("next", "previous"):
        place = collections.around(ws, image, 1)
        return place.next if to == "next" else place.previous
    try:
        target = get_image(ws, int(to))
    except (TypeError, ValueError):
        raise InputError(
            f"There is no way {to!r}.", hint="Use done, skip, next, previous or an item's number."
        ) from None
    return target.id if target.collection_id == collection_id else None


class ReviewDesk(Desk):
    """Reviewing: one answer of one person at a time; approve it, correct it, or send it back with a reason."""

    kind = "v"

    def _queue(self) -> list[tuple[int, str]]:
        waiting = []
        for entry in workforce.review_queue(self.ws, self.collection_id):
            judged = {(r["author"], r["revision"]) for r in workforce.reviews(self.ws, entry["image_id"])}
            for author in entry["annotators"]:
                revision = annotations.current(self.ws, entry["image_id"], author).revision
                if author != self.person and (author, revision) not in judged:
                    waiting.append((entry["image_id"], author))
        return waiting

    def item(self, image_id: int | None = None, author: str | None = None) -> dict | None:
        """Return one answer to review, the longest waiting if none is named; None when nothing waits."""
        waiting = self._queue()
        if author is None:
            wanted = [w for w in waiting if image_id is None or w[0] == image_id]
            if not wanted:
                return None
            image_id, author = wanted[0]
        image = get_image(self.ws, image_id)
        collection = self.collection
        flow = workflow_of(collection)
        answer = annotations.current(self.ws, image.id, author)
        made = self._common(image, collection, flow, collections.around(self.ws, image))
        return made | {
            "key": f"{self.kind}/{image.id}/{author}",
            "title": f"{image.file_name} by {author}",
            "mode": "review",
            "document": answer.document,
            "own": True,
            "can_skip": False,
            "done_label": "Approve, next",
            "position": max(1, [*waiting, (image_id, author)].index((image_id, author)) + 1),
            "count": max(1, len(waiting)),
            "strip": [],
            "comments": _comments(workforce.comments(self.ws, image.id)),
        }

    def answer(self, body: dict) -> dict:
        """Write a correction: a revision of the author's answer that is marked as the reviewer's."""
        image = self._mine(body["key"])
        _, _, author = parse_key(body["key"])
        if author == self.person:
            raise Conflict("Nobody reviews their own answers.")
        client = f"review: {self.person} {body.get('client')}"[:64]
        saved = annotations.save(
            self.ws, image.id, body.get("document"), annotator=author, client=client, seq=int(_number(body, "seq")),
            action="review",
        )  # fmt: skip
        return {"revision": saved.revision}

    def go(self, body: dict) -> dict:
        image, to = self._mine(body["key"]), body.get("to")
        _, _, author = parse_key(body["key"])
        if to in ("done", "return"):
            last = annotations.history(self.ws, image.id, author)[-1:]
            fixed = bool(last) and last[0].action == "review" and last[0].client.startswith(f"review: {self.person}")
            workforce.review(
                self.ws, image.id, author, "returned" if to == "return" else "approved", reviewer=self.person,
                reason=str(body.get("reason") or ("Corrected by the reviewer" if fixed else "")),
                comment=str(body.get("comment") or ""),
            )  # fmt: skip
            following = self.item()
        else:
            waiting = self._queue()
            here = (image.id, author)
            place = waiting.index(here) if here in waiting else -1
            place += 1 if to == "next" else -1
            following = self.item(*waiting[place]) if 0 <= place < len(waiting) else None
            if following is None:
                return {}
        if following is None:
            return {"finished": {"title": "All reviewed", "text": "Nothing waits for you.", "action": "To the project"}}
        return {"item": following}

    def comment(self, body: dict) -> dict:
        image = self._mine(body["key"])
        workforce.comment(self.ws, image.id, self.person, str(body.get("text") or ""), str(body.get("region") or ""))
        return {"comments": _comments(workforce.comments(self.ws, image.id))}


class RedactionDesk(Desk):
    """Reviewing a redaction: the regions that are hidden, on the original; the most doubtful images first."""

    kind = "r"

    def _candidates(self) -> list[ImageInfo]:
        images = collections.list_images(self.ws, self.collection_id)
        return [i for i in images if i.redacted_sha256 and not i.purged]

    def waiting(self, candidates: list[ImageInfo] | None = None) -> list[ImageInfo]:
        """Return the images that this person should look at, the least certain first; a second look is another's."""
        looks = workflow_of(self.collection).redaction_looks
        waiting = [
            image
            for image in (self._candidates() if candidates is None else candidates)
            if len(by := collections.reviewers(image)) < looks and self.person not in by
        ]
        return sorted(waiting, key=lambda image: (collections.doubt(image), image.position, image.id))

    def item(self, image_id: int | None = None) -> dict | None:
        collection = self.collection
        candidates = self._candidates()
        if collection.sealed or not self.originals or not candidates:
            return None
        if image_id is None:
            image = (self.waiting(candidates) or candidates)[0]
        else:
            image = next((i for i in candidates if i.id == image_id), candidates[0])
        by = collections.reviewers(image)
        regions = [
            {"id": f"r{n}", "shape": "box", "label": r["kind"], **{s: r[s] for s in "xywh"}, "score": r["score"],
             "extra": {"detector": r["detector"]}}
            for n, r in enumerate(image.redaction["regions"], 1)
        ]  # fmt: skip
        place = collections.around(self.ws, image)
        made = self._common(image, collection, Workflow(shapes=("box",), skip_reasons=()), place)
        strip = [
            s | {"status": "done" if i.redaction and i.redaction["reviewed"] else "todo"}
            for s, i in zip(made["strip"], place.strip, strict=True)
        ]
        return made | {
            "mode": "redaction",
            "image": address(image, "original"),
            "document": {"regions": regions, "classes": []},
            "own": self.person in by,
            "classes": REGION_CLASSES,
            "image_classes": [],
            "status": "done" if by else "todo",
            "strip": strip,
            "can_skip": False,
            "done_label": "Looks right, next",
            "assists": False,
            "method": image.redaction["method"],
            "copy": address(image, "redacted"),
        }

    def answer(self, body: dict) -> dict:
        image = self._mine(body["key"])
        regions = documents.checked(body.get("document"), image.width, image.height)["regions"]
        method = image.redaction["method"] if image.redaction else "blur"
        found = [  # a region that a person changed has lost its score
            {**r, "kind": r["label"], "detector": r.get("extra", {}).get("detector") if "score" in r else "person"}
            for r in regions
        ]
        collections.set_regions(self.ws, image.id, found, method, self.person)
        return {"revision": int(_number(body, "seq"))}

    def go(self, body: dict) -> dict:
        image, to = self._mine(body["key"]), body.get("to")
        if to != "done":
            target = _neighbour(self.ws, to, image, self.collection_id)
            return {"item": self.item(target)} if target else {}
        target = next((i.id for i in self.waiting() if i.id != image.id), None)
        if target is None:
            done = {
                "title": "Nothing left to review",
                "text": "You have looked at every copy that needed you.",
                "action": "To the project",
            }
            return {"finished": done}
        return {"item": self.item(target)}


CALLS = ("assist", "comment", "flag", "previous", "follow", "interpolate", "go")


def call(desk: Desk, what: str, body: dict) -> dict:
    """Let a desk do what the screen asked for.

    Raises:
        NotFound: this desk does not do that.
        InputError: the request has not the right shape.
    """
    action = getattr(desk, what, None) if what in (*CALLS, "answer") else None
    if action is None:
        raise NotFound(f"This desk cannot {what!r}.")
    if not isinstance(body, dict) or not isinstance(body.get("key"), str):
        raise InputError("The request names no item.")
    return action(body)


__all__ = ["CALLS", "Desk", "LabelDesk", "RedactionDesk", "ReviewDesk", "address", "call"]

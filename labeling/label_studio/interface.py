"""Between our answers and the labelling interface of one project: the tools it has, and their names there."""

from __future__ import annotations

from labeling.formats.label_studio_config import MAX_CONFIG, label_config, parse_xml
from labeling.formats.model import LabelFile
from labeling.workflow import Workflow
from transforms.errors import SourceError

_OBJECTS = ("image", "text", "hypertext", "table", "list", "pairwise")
_YES_NO = ("yes", "no")


def interface_of(labels: LabelFile, flow: Workflow) -> str:
    """Return the XML of a collection's project: what its workflow asks for, and what its answers hold beside that."""
    regions = [r for i in labels.images for a in i.answers for r in a.document["regions"]]
    answers = [f for i in labels.images for a in i.answers for f in (a.document.get("fields") or {}).items()]
    shapes = list(dict.fromkeys([*flow.shapes, *sorted({r["shape"] for r in regions})]))
    kind = labels.images[0].kind if labels.images else flow.item
    shapes = [s for s in shapes if s != "span"]
    if kind != "image":
        shapes = ["span"] if kind == "text" else []
    said = [a for r in regions for a in (r.get("attributes") or {}).items()]
    attributes = _asked(flow.attributes, said)
    if flow.region_text or any(r.get("text") for r in regions if r["shape"] != "span"):
        attributes.append({"name": "text", "type": "text"})
    return label_config(
        labels, shapes=shapes, fields=_asked(flow.answers, answers), attributes=attributes, kind=kind,
        multiple=not flow.single_choice,
    )  # fmt: skip


def _asked(questions, said) -> list[dict]:
    """Return the questions of a workflow, then one for every other name that answers use."""
    found = {
        q.name: {"name": q.name, "type": q.kind, "choices": list(_YES_NO if q.kind == "yes_no" else q.values)}
        for q in questions
    }
    for name, value in sorted(said, key=lambda item: item[0]):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        found.setdefault(name, {"name": name, "type": "number" if is_number else "text"})
    return list(found.values())


class Interface:
    """The tools of a project, read from its XML.

    Args:
        flow: the collection's workflow: its questions are answers by name, whatever tool asks them there.

    Raises:
        SourceError: the XML cannot be read.
    """

    def __init__(self, xml: str, flow: Workflow):
        if len(xml) > MAX_CONFIG:
            raise SourceError(f"The project's labelling interface has more than {MAX_CONFIG:,} characters.")
        nodes = list(parse_xml(xml or "<View/>", "The project's labelling interface").iter())
        self._tools: dict[str, tuple[str, str]] = {}  # name → (kind, what it labels)
        self.keys: dict[str, str] = {}  # tag of an object → the name of its value in a task's data
        for node in nodes:
            tag, name = str(node.tag).lower(), node.get("name") or ""
            if tag in _OBJECTS and (node.get("value") or "").startswith("$"):
                self.keys.setdefault(tag, node.get("value")[1:])
            if name and node.get("toName"):
                self._tools[name] = (tag, node.get("toName").split(",")[0])
        self._questions = {q.name for q in flow.answers if q.kind in ("choice", "yes_no")}
        self._yes_no = {q.name for q in flow.answers if q.kind == "yes_no"}
        self.missing: set[str] = set()

    def outgoing(self, results: list[dict]) -> list[dict]:
        """Return results as this project's tools make them; kinds that no tool makes are noted in `missing`."""
        return [self._fitted(r) if "from_name" in r else r for r in results]

    def _fitted(self, result: dict) -> dict:
        kind, name = str(result.get("type")), str(result["from_name"])
        tool, target = self._tools.get(name, ("", ""))
        if tool == kind:
            return result | {"to_name": target} if self._is_ours(result) else result
        if tool and (made := _converted(result, tool)) is not None:
            return made | {"to_name": target}
        for other, (tool, target) in self._tools.items():
            if tool == kind and kind not in ("textarea", "number", "rating", "datetime"):
                return result | {"from_name": other, "to_name": target}
        self.missing.add(kind)
        return result

    def _is_ours(self, result: dict) -> bool:
        """Say whether nobody there knows the object that this result names."""
        return result.get("to_name") in ("image", "text", "left", "row")

    def incoming(self, results: list) -> list:
        """Return results with the choices that answer one of our questions as its answer, not as classes."""
        out = []
        for result in results:
            if (
                isinstance(result, dict)
                and result.get("type") == "choices"
                and result.get("from_name") in self._questions
                and isinstance(result.get("value"), dict)
                and "x" not in result["value"]
                and "start" not in result["value"]
            ):
                chosen = [str(c) for c in result["value"].get("choices") or []]
                result = {k: v for k, v in result.items() if k != "meta"} | {"type": "textarea"}
                if result["from_name"] in self._yes_no and chosen and chosen[0] in _YES_NO:
                    yes = chosen[0] == "yes"
                    result |= {"value": {"text": [str(yes)]}, "meta": {"tilth": yes}}
                else:
                    result |= {"value": {"text": chosen}}
            out.append(result)
        return out


def _converted(result: dict, tool: str) -> dict | None:
    """Return what another tool of the same name would say, or None."""
    kind, value = result.get("type"), dict(result.get("value") or {})
    if tool == "choices" and kind == "textarea":
        said = (result.get("meta") or {}).get("tilth")
        texts = value.pop("text", [])
        value["choices"] = ["yes" if said else "no"] if isinstance(said, bool) else texts
        return {k: v for k, v in result.items() if k != "meta"} | {"type": "choices", "value": value}
    if tool == "textarea" and kind == "choices":
        value["text"] = value.pop("choices", [])
        return result | {"type": "textarea", "value": value}
    if {tool, kind} == {"number", "rating"}:
        value[tool] = value.pop(kind, None)
        return result | {"type": tool, "value": value}
    return None

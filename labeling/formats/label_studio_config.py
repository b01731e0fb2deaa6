"""Label Studio's labelling interface (XML): write one for a collection, read one for the wizard.

parse_config(xml) → {"kind": "image", "classes": [{name, color, hotkey}], "image_classes": […], "multiple": True,
                     "shapes": ["box", …], "fields": [{name, type, choices?}], "attributes": [{name, type, choices?}],
                     "relations": […], "unknown": [tags we have no place for]}
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from transforms.errors import SourceError

MAX_CONFIG = 1_000_000  # characters
MAX_NODES = 20_000
_DEFAULT_COLOUR = "#2f7ed8"
# tag → shape; what draws without labels of its own takes those of a <Labels> beside it
_SHAPES = {
    "rectangle": "box", "polygon": "polygon", "polyline": "polyline", "vector": "polyline", "keypoint": "point",
    "ellipse": "ellipse", "brush": "mask", "bitmask": "mask", "hypertext": "span", "videorectangle": "box",
}  # fmt: skip
_TAGS = {
    "box": "RectangleLabels", "polygon": "PolygonLabels", "polyline": "VectorLabels", "point": "KeyPointLabels",
    "ellipse": "EllipseLabels", "mask": "BrushLabels", "span": "Labels",
}  # fmt: skip
_OBJECTS = {"image": "image", "text": "text", "hypertext": "text", "table": "row", "list": "row", "video": "video"}
_FIELDS = {"textarea": "text", "number": "number", "rating": "rating", "datetime": "date"}
_LAYOUT = {
    "view",
    "header",
    "style",
    "label",
    "choice",
    "shortcut",
    "relations",
    "relation",
    "collapse",
    "panel",
    "filter",
}


def label_config(
    labels,
    *,
    shapes: list[str] | None = None,
    fields: list[dict] | None = None,
    attributes: list[dict] | None = None,
    kind: str = "",
    multiple: bool = True,
) -> str:
    """Return the labelling interface that a Label Studio project needs for a collection or a label file.

    Args:
        labels: has `classes` and `image_classes`; of a LabelFile also shapes, answers by name and kind are looked up.
        shapes: what people draw; by default what the label file holds, else boxes.
        fields: answers by name of a whole item: {name, type: text | number | rating | choice, choices}.
        attributes: the same for a region.
        kind: image, text, pair or row.
        multiple: several classes of the whole item may be chosen.
    """
    items = getattr(labels, "images", None)
    items = items if isinstance(items, list) else []
    documents = [a.document for i in items for a in i.answers]
    kind = kind or next((i.kind for i in items), "image")
    if shapes is None:
        found = {r["shape"] for d in documents for r in d["regions"]}
        shapes = [s for s in _TAGS if s in found] or (["span"] if kind == "text" else ["box"])
    if fields is None:
        fields = _named(f for d in documents for f in (d.get("fields") or {}).items())
    if attributes is None:
        attributes = _named(a for d in documents for r in d["regions"] for a in (r.get("attributes") or {}).items())
    target = {"text": "text", "pair": "left", "row": "row"}.get(kind, "image")
    lines = [_object(kind)]
    if kind == "pair":
        lines.append('  <Pairwise name="pair" toName="left,right"/>')
    if labels.classes:
        lines += [line for shape in shapes for line in _labels_tag(shape, labels.classes, target)]
    if labels.image_classes and kind != "pair":
        choice = "multiple" if multiple else "single"
        lines.append(f'  <Choices name="class" toName="{target}" choice="{choice}">')
        lines += [f"    <Choice value={quoteattr(c['name'])}{_key(c)}/>" for c in labels.image_classes]
        lines.append("  </Choices>")
    lines += [line for f in fields for line in _field_tag(f, target, "")]
    lines += [line for a in attributes for line in _field_tag(a, target, ' perRegion="true"')]
    if any(d.get("relations") for d in documents):
        lines.append("  <Relations/>")
    return "\n".join(["<View>", *lines, "</View>", ""])


def _object(kind: str) -> str:
    if kind == "text":
        return '  <Text name="text" value="$text"/>'
    if kind == "pair":
        return '  <Text name="left" value="$left"/>\n  <Text name="right" value="$right"/>'
    if kind == "row":
        return '  <Table name="row" value="$row"/>'
    return (
        '  <Image name="image" value="$image" zoom="true" zoomControl="true" brightnessControl="true"'
        ' contrastControl="true"/>'
    )


def _labels_tag(shape: str, classes: list[dict], target: str) -> list[str]:
    open_line = ' closable="false"' if shape == "polyline" else ""
    lines = [f'  <{_TAGS[shape]} name="{shape}" toName="{target}"{open_line}>']
    for place, c in enumerate(classes):
        # Label Studio's exports of key points need this number; it harms nowhere
        index = f' model_index="{place}"' if shape == "point" else ""
        background = quoteattr(c.get("color") or _DEFAULT_COLOUR)
        lines.append(f"    <Label value={quoteattr(c['name'])} background={background}{_key(c)}{index}/>")
    return [*lines, f"  </{_TAGS[shape]}>"]


def _key(c: dict) -> str:
    return f" hotkey={quoteattr(str(c['hotkey']))}" if c.get("hotkey") else ""


def _named(pairs) -> list[dict]:
    """Return the fields that answers by name show: numbers are numbers, everything else is a text."""
    found: dict[str, str] = {}
    for name, value in pairs:
        kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else "text"
        found[name] = kind if found.get(name, kind) == kind else "text"
    return [{"name": name, "type": kind} for name, kind in found.items()]


def _field_tag(given: dict, target: str, per_region: str) -> list[str]:
    name, kind = quoteattr(str(given["name"])), given.get("type", "text")
    head = f"name={name} toName={quoteattr(target)}{per_region}"
    if given.get("choices"):
        choice = "multiple" if given.get("multiple") else "single"
        choices = [f"    <Choice value={quoteattr(str(c))}/>" for c in given["choices"]]
        return [f'  <Choices {head} choice="{choice}">', *choices, "  </Choices>"]
    if kind in ("number", "rating"):
        return [f"  <{kind.capitalize()} {head}/>"]
    return [f"  <TextArea {head}/>"]


# -- reading --------------------------------------------------------------------------------------------------------


def parse_xml(data: bytes | str, what: str):
    """Return the root of an XML text that declares no document type: so no entity can be blown up or fetched.

    Raises:
        SourceError: not XML, or it declares a document type.
    """
    text = data.encode() if isinstance(data, str) else data
    # in UTF-16 the words would not be found, and an XML parser would still read them
    if text[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in text[:200]:
        raise SourceError(f"{what} is not UTF-8.", hint="Save it as UTF-8.")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise SourceError(f"{what} declares a document type, which label files do not need; it was not read.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SourceError(f"{what} is not valid XML: {error}.") from None


def parse_config(xml: str) -> dict:
    """Return what a labelling interface asks for; the shape is in the head of this module.

    Raises:
        SourceError: not such XML, too long, or it declares a document type.
    """
    if len(xml) > MAX_CONFIG:
        raise SourceError(f"This labelling interface has more than {MAX_CONFIG:,} characters.")
    root = parse_xml(xml, "This labelling interface")
    nodes = list(root.iter())
    if len(nodes) > MAX_NODES:
        raise SourceError(f"This labelling interface has more than {MAX_NODES:,} tags.")
    if root.tag.lower() != "view":
        raise SourceError(f"A labelling interface starts with <View>; this starts with <{root.tag}>.")
    out: dict = {"kind": "image", "classes": [], "image_classes": [], "multiple": False, "shapes": [], "fields": []}
    out |= {"attributes": [], "relations": [], "unknown": []}
    kinds = []
    for node in nodes:
        tag = node.tag.lower() if isinstance(node.tag, str) else ""
        if tag in _OBJECTS:
            kinds.append(_OBJECTS[tag])
        elif tag == "pairwise":
            kinds.insert(0, "pair")
        elif tag == "choices":
            _choices(node, out)
        elif tag in _FIELDS:
            _put(out, node, {"name": node.get("name") or tag, "type": _FIELDS[tag]})
        elif tag == "labels" or tag.removesuffix("labels") in _SHAPES:
            _shape(node, tag, out, nodes)
        elif tag == "relation" and node.get("value"):
            out["relations"].append(node.get("value"))
        elif tag and tag not in _LAYOUT and tag not in out["unknown"]:
            out["unknown"].append(tag)
    out["kind"] = kinds[0] if kinds else "image"
    out["shapes"] = list(dict.fromkeys(out["shapes"]))
    return out


def _shape(node, tag: str, out: dict, nodes: list) -> None:
    if tag == "labels":
        targets = {n.get("name"): n.tag.lower() for n in nodes if isinstance(n.tag, str) and n.tag.lower() in _OBJECTS}
        if targets.get(node.get("toName")) in ("text", "hypertext"):
            out["shapes"].append("span")
    else:
        out["shapes"].append(_SHAPES[tag.removesuffix("labels")])
    have = {c["name"] for c in out["classes"]}
    for label in node.iter():
        name = label.get("value") if str(label.tag).lower() == "label" else None
        if name and name not in have:
            have.add(name)
            out["classes"].append(_class(label, name))


def _class(node, name: str) -> dict:
    made = {"name": name}
    for key, attribute in (("color", "background"), ("hotkey", "hotkey")):
        if node.get(attribute):
            made[key] = node.get(attribute)
    return made


def _choices(node, out: dict) -> None:
    found = [n for n in node.iter() if str(n.tag).lower() == "choice" and n.get("value")]
    names = [n.get("value") for n in found]
    multiple = (node.get("choice") or "single").startswith("multiple")
    # the first list of choices about the whole item are its classes, others are questions with a name
    if node.get("perRegion", "").lower() == "true" or out["image_classes"]:
        _put(
            out, node, {"name": node.get("name") or "choice", "type": "choice", "choices": names, "multiple": multiple}
        )
    else:
        out["image_classes"] = [_class(n, n.get("value")) for n in found]
        out["multiple"] = multiple


def _put(out: dict, node, made: dict) -> None:
    out["attributes" if node.get("perRegion", "").lower() == "true" else "fields"].append(made)

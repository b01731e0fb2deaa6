"""Change JSON text without touching what did not change: number spelling, key order, escapes and spacing stay.

`patch(text, value)` returns text that parses to `value` and takes every part that is equal already from `text`, byte
for byte. Used for manifests, whose lines other programs compare.
"""

from __future__ import annotations

import json

_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def members(text: str, at: int = 0) -> list[tuple[str | None, int, int, int]]:
    """Return `(key, start, value start, end)` of the members of the object or list that starts at `at`.

    `start` is where the member's own text starts (the key's quote, or the value); keys of a list are None.
    The text must be valid JSON.
    """
    at = _skip(text, at)
    opened = text[at]
    at = _skip(text, at + 1)
    out = []
    while text[at] not in "}]":
        start, key = at, None
        if opened == "{":
            key, at = json.decoder.scanstring(text, at + 1)
            at = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        out.append((key, start, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return out


def equal(left, right) -> bool:
    """Equality of JSON values: 859.0 is 859, but true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(v, right[k]) for k, v in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return left == right or (left != left and right != right)  # NaN, which Python's JSON knows


def patch(text: str, value) -> str:
    """Return JSON text for `value`, made of `text` wherever it says the same already.

    Keys keep their order and new ones come last; members of lists are found again by what they say, then by place.
    """
    lead = len(text) - len(text.lstrip(_BLANK))
    old, end = _DECODER.raw_decode(text, lead)
    body = text[lead:end]
    if equal(old, value):
        return text
    if isinstance(old, dict) and isinstance(value, dict):
        return text[:lead] + _patched_dict(body, old, value) + text[end:]
    if isinstance(old, list) and isinstance(value, list):
        return text[:lead] + _patched_list(body, old, value) + text[end:]
    return text[:lead] + _fresh(value, body) + text[end:]


def _spacing(body: str) -> tuple[str, str, str, str]:
    """Return what stands after the opening bracket, between members, around the colon, before the closing bracket."""
    found = members(body)
    if not found:
        return "", ",", ":", ""
    first, last = found[0], found[-1]
    between = body[found[0][3] : found[1][1]] if len(found) > 1 else ","
    colon = body[first[1] : first[2]]
    colon = colon[len(colon.rstrip(_BLANK + ":")) :] if first[0] is not None else ":"
    return body[1 : first[1]], between, colon, body[last[3] : -1]


def _fresh(value, like: str) -> str:
    """Write a value in the spacing that the text around it has."""
    spaced = ": " in like
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ") if spaced else (",", ":"), allow_nan=False)


def _gaps(body: str, found: list, between: str) -> list[str]:
    """Return what stands before each member, from the end of the one before it; `between` for the first."""
    return [between, *(body[before[3] : here[1]] for before, here in zip(found, found[1:], strict=False))]


def _joined(opening: str, parts: list[tuple[str, str]], closing: str) -> str:
    return opening + "".join((gap if place else "") + text for place, (gap, text) in enumerate(parts)) + closing


def _patched_dict(body: str, old: dict, value: dict) -> str:
    opening, between, colon, closing = _spacing(body)
    parts, seen = [], set()
    found = members(body)
    gaps = _gaps(body, found, between)
    for n, (key, start, value_start, end) in enumerate(found):
        if key not in value or any(later[0] == key for later in found[n + 1 :]):
            continue  # gone, or said again later: the last one counts
        parts.append((gaps[n], body[start:value_start] + patch(body[value_start:end], value[key])))
        seen.add(key)
    for key in value:
        if key not in seen:
            parts.append((between, json.dumps(key, ensure_ascii=False) + colon + _fresh(value[key], body)))
    return _joined("{" + opening, parts, closing + "}")


def _patched_list(body: str, old: list, value: list) -> str:
    opening, between, _, closing = _spacing(body)
    found = members(body)
    gaps = _gaps(body, found, between)
    texts = [body[start:end] for _, _, start, end in found]
    free = dict(enumerate(old))
    places: list[int | None] = []
    for item in value:
        place = next((i for i, other in free.items() if equal(other, item)), None)
        places.append(place)
        free.pop(place, None)
    parts = []
    for n, (item, place) in enumerate(zip(value, places, strict=True)):
        if place is not None:
            parts.append((gaps[place], texts[place]))
        elif n in free:
            del free[n]
            parts.append((gaps[n], patch(texts[n], item)))
        else:
            parts.append((between, _fresh(item, body)))
    return _joined("[" + opening, parts, closing + "]")

"""Plain Python functions of one JSON text or one list, for the row functions of family `nested` (see `functions`)."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

import lxml.etree as etree
import lxml.html as lxml_html


def refuse_constant(name):
    raise ValueError(name)


def loaded(text):
    """Return (True, value) of a JSON text, or (False, None)."""
    try:
        return True, json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return False, None


def json_text(value):
    """Write a value as compact JSON; half characters, which no table can hold, become a question mark."""
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def clean(text):
    return text.encode("utf-8", "replace").decode("utf-8")


def followed(value, path):
    """Return what stands at a path of keys and positions, or None."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def fitting(value, kind):
    """Return a JSON value as text, number, whole number, true/false or JSON text; None where it does not fit."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None:
        return None
    if kind == "JSON":
        return json_text(value)
    if kind == "text":
        return clean(value) if isinstance(value, str) else json_text(value)
    if kind == "true/false":
        return value if isinstance(value, bool) else None
    if kind == "number":
        return float(value) if is_number and abs(value) < 1e308 else None
    whole = is_number and abs(value) < 2**63 and value == int(value)
    return int(value) if whole else None


def json_tidy(text, *, on_error):
    """Return a JSON text in compact form; what is no JSON becomes missing or stays."""
    good, value = loaded(text)
    return json_text(value) if good else (text if on_error == "keep" else None)


def json_list(text, *, want):
    """Return the elements of a JSON list."""
    good, value = loaded(text)
    return [fitting(v, want) for v in value] if good and isinstance(value, list) else None


def json_value(text, *, path, want):
    """Return one value of a JSON text."""
    return fitting(followed(loaded(text)[1], path), want)


def flat(value, prefix, depth, sep, arrays):
    """Yield (name, value) of the leaves of a JSON value."""
    if isinstance(value, dict) and value and depth != 0:
        for key, part in value.items():
            yield from flat(part, prefix + [str(key)], depth - 1, sep, arrays)
    elif isinstance(value, list) and value and depth != 0 and arrays == "columns":
        for place, part in enumerate(value, 1):
            yield from flat(part, prefix + [str(place)], depth - 1, sep, arrays)
    elif prefix:
        yield clean(sep.join(prefix)), value


def json_names(text, *, depth, sep, arrays):
    """Return each leaf of a JSON text as its name, a tab and its kind."""
    found = []
    for name, value in flat(loaded(text)[1], [], depth, sep, arrays):
        kind = "true/false" if isinstance(value, bool) else "whole number" if isinstance(value, int) else "number"
        kind = "none" if value is None else kind if isinstance(value, int | float) else "text"
        found.append(name + "\t" + kind)
    return found


def json_cells(text, *, keys, depth, sep, arrays):
    """Return the values of chosen leaves as texts, and all other leaves as JSON at the end."""
    found = dict(flat(loaded(text)[1], [], depth, sep, arrays))
    cells = [fitting(found.pop(name, None), kind) for name, kind in keys.items()]
    cells = [c if c is None or isinstance(c, str) else json_text(c) for c in cells]
    return [*cells, json_text(found) if found else None]


def json_edited(text, *, remove, put):
    """Return a JSON object without some keys and with others set; what is no object stays."""
    good, value = loaded(text)
    if not good or not isinstance(value, dict):
        return text
    return json_text({k: v for k, v in value.items() if k not in remove} | put)


def json_parts(text, *, part):
    """Return the keys, the values or both ("entries": JSON pairs) of a JSON object as texts."""
    good, value = loaded(text)
    if not good or not isinstance(value, dict):
        return None
    if part == "keys":
        return [clean(k) for k in value]
    if part == "values":
        return [fitting(v, "text") for v in value.values()]
    return [json_text([k, fitting(v, "text")]) for k, v in value.items()]


def json_object(*cells, names, leave_out):
    """Return cells as one JSON object."""
    pairs = zip(names, cells, strict=True)
    return json_text({n: c for n, c in pairs if not (leave_out and c is None)})


def order_key(value):
    return (value is None, value)


def list_changed(items, *, change):
    """Return a list with its elements in another order, or fewer of them."""
    if change == "drop missing":
        return [x for x in items if x is not None]
    if change == "distinct":
        return list(dict.fromkeys(items))
    if change == "reverse":
        return items[::-1]
    known = sorted((x for x in items if x is not None), reverse=change == "sort descending")
    return known + [x for x in items if x is None]


def lists_combined(*columns, how):
    """Return several lists as one."""
    first = list(dict.fromkeys(columns[0]))
    if how == "one after the other":
        return [x for items in columns for x in items]
    if how == "in all of them":
        return [x for x in first if all(x in items for items in columns[1:])]
    if how == "in the first only":
        return [x for x in first if not any(x in items for items in columns[1:])]
    return list(dict.fromkeys(x for items in columns for x in items))


def list_pairs(*columns):
    """Return lists side by side: the first elements as one JSON list, then the second ones, up to the longest."""
    longest = max(map(len, columns))
    return [json_text([items[i] if i < len(items) else None for items in columns]) for i in range(longest)]


def list_slice(items, *, start, end):
    """Return the elements from one position to another, both included, counted from 1 or (negative) from the end."""
    first = start - 1 if start > 0 else max(len(items) + start, 0)
    return items[first : end if end >= 0 else len(items) + end + 1] if end else items[first:]


def list_place(items, *, value):
    """Return the position of a value from 1, or missing."""
    return items.index(value) + 1 if value in items else None


def list_text(items, *, sep, missing):
    """Return the elements as one text; missing ones are left out, or written as `missing` where that is given."""
    texts = [plain_text(x) for x in items]
    return sep.join(missing if t is None else t for t in texts if t is not None or missing)


def plain_text(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
    return str(value)


def list_number(items, *, statistic):
    """Return a statistic of the known elements, or missing where there is none."""
    known = sorted(float(x) for x in items if x is not None)
    n = len(known)
    if statistic == "count" or not n:
        return float(n) if statistic == "count" else None
    if statistic in ("min", "max"):
        return known[0 if statistic == "min" else -1]
    total = math.fsum(known)
    if statistic in ("sum", "mean"):
        return total if statistic == "sum" else total / n
    if statistic == "median":
        return (known[(n - 1) // 2] + known[n // 2]) / 2
    if n < 2:
        return None
    variance = math.fsum((x - total / n) ** 2 for x in known) / (n - 1)
    return variance if statistic == "variance" else math.sqrt(variance)


def list_kept(items, *, test, value):
    """Return the elements that pass a test; a missing one passes none but "is not"."""
    if test == "is not":
        return [x for x in items if x != value]
    known = [x for x in items if x is not None]
    if test == "equals":
        return [x for x in known if x == value]
    if test in ("is greater than", "is less than"):
        return [x for x in known if (x > value if test == "is greater than" else x < value)]
    if test == "contains":
        return [x for x in known if value in x]
    return [x for x in known if (x.startswith(value) if test == "starts with" else re.search(value, x))]


def list_mapped(items, *, change, value):
    """Return each known element changed."""
    done = {
        "lower case": lambda x: x.lower(), "upper case": lambda x: x.upper(), "trim": lambda x: x.strip(), "length": len,
        "add": lambda x: float(x) + value, "multiply": lambda x: float(x) * value, "absolute": lambda x: abs(float(x)),
    }[change]  # fmt: skip
    return [None if x is None else done(x) for x in items]


def list_counts(items, *, terms):
    """Return how often each term is in the list."""
    count = Counter(items)
    return [count[t] for t in terms]


def whole_range(start, end, *, step):
    """Return whole numbers from start to end, end included; at most 100,000."""
    return list(range(start, end + (1 if step > 0 else -1), step)[:100_000])


def markup_values(text, *, path, want):
    """Return the texts that an XPath finds in XML or HTML; None where the text is neither."""
    raw = text.encode("utf-8")
    try:
        if want == "HTML":
            root = lxml_html.document_fromstring(raw, parser=lxml_html.HTMLParser(encoding="utf-8"))
        else:
            root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))
        found = root.xpath(path)
    except (etree.LxmlError, ValueError):
        return None
    found = found if isinstance(found, list) else [found]
    texts = ["".join(x.itertext()).strip() if hasattr(x, "itertext") else plain_text(x) for x in found]
    return [clean(str(t)) for t in texts]

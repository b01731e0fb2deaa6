"""Row functions that hide what the finder finds inside a text, or count it."""

from __future__ import annotations

import hmac
import inspect
import re
from collections import Counter

from transforms.functions import row_function
from transforms.personal.finder import found_in
from transforms.secrecy import key_bytes

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letters_for(value, key):
    """Return ten letters that depend on the secret and the value: letters only, so that no number is read into them."""
    digest = hmac.new(key_bytes(key, "tilth redaction"), value.encode("utf-8", "replace"), "sha512").digest()
    number, found = int.from_bytes(digest, "big"), ""
    for _ in range(10):
        number, place = divmod(number, len(LETTERS))
        found += LETTERS[place]
    return found


def redacted_text(text, *, types, least, how, symbol, key, own, keep):
    """Hide the personal data in a text: by its type, by a sign for each character, or by a keyed pseudonym."""
    pieces, end = [], 0
    for kind, start, stop, _, _ in found_in(text, types or None, least, own, keep):
        value = text[start:stop]
        if how == "cover":
            shown = "".join(c if c.isspace() else symbol for c in value)
        else:
            shown = f"[{kind}]" if how == "name the type" else f"[{kind} {letters_for(value.strip().lower(), key)}]"
        pieces += [text[end:start], shown]
        end = stop
    return "".join(pieces) + text[end:]


def personal_counts(text, *, types, least, own, keep):
    """Return what was found and how often: "EMAIL 2, PHONE 1", the most frequent first; "" for nothing."""
    counts = Counter(found[0] for found in found_in(text, types or None, least, own, keep))
    return ", ".join(f"{kind} {n}" for kind, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


hide_in_text = row_function("string", "string")(redacted_text)
count_in_text = row_function("string", "string")(personal_counts)


def bundle() -> tuple[str, ...]:
    """Return the sources that exported code needs: the modules of this package as one function, so that no name meets another."""
    from transforms.personal import checksums, finder, forms

    lines = [
        "def personal_data():",
        '    """Return (hide inside text, count inside text): forms, check digits and the finder of Tilth."""',
    ]
    for module in (checksums, forms, finder):
        lines += ["", f"    # {module.__name__}", *_indented(inspect.getsource(module))]
    lines += ["", f"    # {__name__}", f"    LETTERS = {LETTERS!r}"]
    for function in (key_bytes, letters_for, redacted_text, personal_counts):
        lines += ["", *_indented(inspect.getsource(function))]
    lines += [
        "",
        "    return redacted_text, personal_counts",
        "",
        "",
        "redacted_text, personal_counts = personal_data()",
    ]
    needed = ("bisect", "datetime", "hmac", "os", "phonenumbers", "re")
    return (*(f"import {name}" for name in needed), "from collections import Counter", "\n".join(lines))


def _indented(source: str) -> list[str]:
    """Return a module's lines inside a function: without its docstring and without imports of ours or of the future."""
    source = re.sub(r'\A"""[\s\S]*?"""\n', "", source)
    source = re.sub(r"^from (?:__future__|transforms)[^\n(]*(?:\([^)]*\)|[^\n]*)\n", "", source, flags=re.M)
    return ["    " + line if line else "" for line in source.strip("\n").split("\n")]

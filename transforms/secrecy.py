"""Row functions of family `privacy`: keyed pseudonyms, encryption, masks, and finding personal data in text.

A key is named, never stored: the secret is read from the environment variable TILTH_KEY_<NAME> when a step runs. The name
EXAMPLE stands for a published text, so that examples run; it protects nothing.
"""

from __future__ import annotations

import base64
import hmac
import os
import re

from transforms.functions import row_function


def key_bytes(key, purpose):
    """Return 64 bytes that depend on the named secret and on what they are for."""
    given = "published: protects nothing" if key == "EXAMPLE" else os.environ.get("TILTH_KEY_" + key, "")
    if len(given) < 16:
        raise ValueError(f"Set the environment variable TILTH_KEY_{key} to a secret of at least 16 characters.")
    return hmac.new(given.encode(), purpose.encode(), "sha512").digest()


@row_function("string", "string")
def encrypted_alike(text, *, key):
    """Encrypt a text with AES-SIV (RFC 5297): equal texts give equal results."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    made = AESSIV(key_bytes(key, "tilth siv")).encrypt(text.encode() or b"\0", [b"empty" if not text else b"text"])
    return "s1." + base64.urlsafe_b64encode(made).decode()


@row_function("string", "array<string>")
def encrypted_anew(texts, *, key):
    """Encrypt a text with AES-GCM and a new random nonce. A list of one text: lists are never answered from memory."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if texts[0] is None:
        return None
    nonce = os.urandom(12)
    made = AESGCM(key_bytes(key, "tilth gcm")[:32]).encrypt(nonce, texts[0].encode(), None)
    return "p1." + base64.urlsafe_b64encode(nonce + made).decode()


@row_function("string", "string")
def decrypted(text, *, key):
    """Return the text behind what the two functions above made, or None."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

    try:
        made = base64.b64decode(text[3:].encode("ascii"), altchars=b"-_", validate=True)
        if text.startswith("p1."):
            return AESGCM(key_bytes(key, "tilth gcm")[:32]).decrypt(made[:12], made[12:], None).decode()
        if not text.startswith("s1."):
            return None
        try:
            return AESSIV(key_bytes(key, "tilth siv")).decrypt(made, [b"text"]).decode()
        except InvalidTag:
            AESSIV(key_bytes(key, "tilth siv")).decrypt(made, [b"empty"])
            return ""
    except InvalidTag:
        return None
    except ValueError as error:
        if "TILTH_KEY" in str(error):
            raise
        return None


@row_function("string", "string")
def pseudonym(text, *, key, prefix, length, alphabet):
    """Return a text of letters or digits that depends on the secret and the text (HMAC-SHA-512)."""
    number = int.from_bytes(hmac.new(key_bytes(key, "tilth pseudonym"), text.encode(), "sha512").digest(), "big")
    found = ""
    for _ in range(length):
        number, place = divmod(number, len(alphabet))
        found += alphabet[place]
    return prefix + found


KINDS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@row_function("string", "string")
def moved_characters(text, *, key, undo):
    """Move each digit and Latin letter within its kind, by an amount that depends on the secret and the text before it."""
    secret, before, found = key_bytes(key, "tilth characters"), "", ""
    for c in text:
        new = c
        for kind in KINDS:
            if c in kind:
                digest = hmac.new(secret, f"{len(before)}|{before}".encode("utf-8", "replace"), "sha256").digest()
                amount = int.from_bytes(digest[:8], "big") % len(kind)
                new = kind[(kind.index(c) + (-amount if undo else amount)) % len(kind)]
        before += new if undo else c
        found += new
    return found


@row_function("int64", "string")
def secret_days(text, *, key, most):
    """Return a number of days from -most to most, without 0, that depends on the secret and the text."""
    number = int.from_bytes(hmac.new(key_bytes(key, "tilth days"), text.encode(), "sha512").digest()[:8], "big")
    days = number % (2 * most) - most
    return days if days < 0 else days + 1


@row_function("string", "string")
def masked_between(text, *, left, right, symbol):
    """Cover what stands between two marks; the marks stay. No right mark: up to the end of the text."""
    found, place = "", 0
    while True:
        start = text.find(left, place) if left else (0 if place == 0 else -1)
        if start < 0:
            return found + text[place:]
        start += len(left)
        end = text.find(right, start) if right else len(text)
        if end < 0:
            return found + text[place:]
        found += text[place:start] + symbol * (end - start)
        place = end + len(right)
        found += right
        if not right or place >= len(text) or not left:
            return found + text[place:]


@row_function("string", "string")
def masked_pattern(text, *, pattern, symbol):
    """Cover what fits a regular expression, character by character."""
    return re.sub(pattern, lambda m: symbol * len(m.group()), text)


PERSONAL = {
    "e-mail address": r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?[.])+[A-Za-z]{2,24}\b",
    "web address": r"(?i:https?://|www[.])[^\s<>\"]+",
    "IBAN": r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b",
    "card number": r"\b[0-9](?:[ -]?[0-9]){12,18}\b",
    "IP address": r"\b(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\b",
    "US social security number": r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
    "telephone number": r"(?<![\w.,/-])(?:[+]|00)?[(]?[0-9]{2,5}[)]?(?:[ /().-]{1,3}[0-9]{2,6}){1,5}(?![\w.,/-]*[0-9])",
    "date": r"\b(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}[./][0-9]{1,2}[./](?:[0-9]{4}|[0-9]{2}))\b",
}


def digits_pass(digits):
    """Say whether digits pass the Luhn check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_personal(kind, found):
    """Say whether a text that fits a pattern passes the checks of its kind."""
    if kind == "card number":
        return digits_pass(re.sub("[^0-9]", "", found))
    if kind == "IBAN":
        text = found.replace(" ", "")
        return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1
    if kind == "telephone number":
        return 7 <= len(re.sub("[^0-9]", "", found)) <= 15
    return True


@row_function("string", "string")
def redacted(text, *, kinds, style, symbol):
    """Hide personal data in a text: each kind in its turn."""
    for kind in kinds:

        def hide(match, kind=kind):
            if not is_personal(kind, match.group()):
                return match.group()
            label = "[" + kind.upper() + "]"
            return label if style == "name the kind" else symbol * len(match.group()) if style == "cover" else ""

        text = re.sub(PERSONAL[kind], hide, text)
    return text


def personal_kind(text):
    """Return the kind of personal data that a whole text is, or None."""
    for kind, pattern in PERSONAL.items():
        if re.fullmatch(pattern, text.strip()) and is_personal(kind, text.strip()):
            return kind
    return None

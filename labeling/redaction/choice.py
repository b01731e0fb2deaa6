"""From what a person ticks or types to the detectors that look."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from labeling.redaction.compose import OwnModel, TextDetector
from labeling.redaction.detectors import default_detectors
from labeling.redaction.reading import Except, PersonalText, read_alphabet
from transforms.errors import InputError


def choose_detectors(
    *,
    faces: bool = True,
    plates: bool = True,
    face_model: str | None = None,
    text: bool = False,
    own: Iterable[str] = (),
    reader: str | None = None,
    alphabet: str | None = None,
    find: Callable | None = None,
    keep_text: Iterable[str] = (),
    keep: Iterable[str] = (),
) -> tuple:
    """Return the detectors for a choice.

    Args:
        faces, plates, face_model: see `default_detectors`.
        text: all lines of text.
        own: ONNX detectors of the user's.
        reader, alphabet: files of a recogniser that reads lines, and of its characters (`reading.PersonalText`).
        find: what says which part of a text is personal; needed with `reader`.
        keep_text: lines of text that stay.
        keep: places that stay visible, each `x,y,w,h` as shares of the picture.

    Raises:
        InputError: nothing is to be hidden, a file does not fit, or a place is none.
    """
    detectors = [*default_detectors(faces, plates, face_model)]
    detectors += [TextDetector()] * text + [OwnModel(str(path)) for path in own]
    if reader or alphabet:
        if not (reader and alphabet and find):
            raise InputError("Reading text needs the recogniser and its characters.", hint="Give both files.")
        detectors.append(PersonalText(str(reader), read_alphabet(alphabet), find, keep=tuple(keep_text)))
    if not detectors:
        raise InputError("Nothing is to be hidden.", hint="Switch on faces, plates or text.")
    places = tuple(_place(words) for words in keep)
    return tuple(Except(detector, places) for detector in detectors) if places else tuple(detectors)


def _place(words: str) -> tuple[float, float, float, float]:
    try:
        x, y, w, h = map(float, words.split(","))
    except ValueError:
        x = -1.0
    if x < 0 or not (x <= 1 and 0 <= y <= 1 and 0 < w <= 1 and 0 < h <= 1):
        raise InputError(
            f"{words!r} is no place in a picture.", hint="Four shares such as 0,0.8,1,0.2: left, top, width, height."
        )
    return x, y, w, h

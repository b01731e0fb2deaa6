"""Text that must not be seen: lines are found, read with a recogniser that the user brings, and hidden where they hold it.

A recogniser is an ONNX file that reads one line of text: `[1, 1 or 3, height, width]` in, `[1, steps, classes]` or
`[steps, 1, classes]` out, one class per character and one for "nothing" (CTC, Graves et al. 2006), as CRNN and the
recognisers of PaddleOCR are. What counts as personal is the caller's: a function from a text to its findings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labeling.redaction.compose import TextDetector
from labeling.redaction.regions import Region, clip
from transforms.errors import InputError, SourceError

MAX_WIDTH = 2048  # pixels of a line as the recogniser sees it
MAX_ALPHABET = 100_000
SURE = 0.6  # mean chance of a line's characters from which its reading is believed
_local = threading.local()


@dataclass(frozen=True)
class Reading:
    """What a line says: its text, where each character lies (share of the line's width), and the mean chance."""

    text: str
    places: tuple[tuple[float, float], ...]
    chance: float


class Recogniser:
    """Reads one line of text.

    Args:
        path: the ONNX file.
        alphabet: the characters in the order of the model's classes, without "nothing". A model with one class more has
            a space at the end, as PaddleOCR's have.
        blank: whether "nothing" is the first class or the last.

    Raises:
        SourceError: not an ONNX model that can be run.
        InputError: its inputs or outputs are not those of a recogniser, or the alphabet does not fit.
    """

    def __init__(self, path: str | Path, alphabet: str, *, blank: str = "first"):
        from labeling.autolabel.onnx_models import open_session

        if blank not in ("first", "last"):
            raise InputError(f"Nothing is the first or the last class, not {blank!r}.")
        self.path = Path(path)
        self._session = open_session(self.path, 1)
        inputs = self._session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 4 or shape[1] not in (1, 3) or inputs[0].type != "tensor(float)":
            raise InputError(f"{self.path.name} does not read lines of text: its input is {[i.shape for i in inputs]}.")
        self._name, self._channels = inputs[0].name, shape[1]
        self._height = shape[2] if isinstance(shape[2], int) else 48
        self._width = shape[3] if isinstance(shape[3], int) else None
        out = self._run(self._blank_line())
        if out.ndim != 2 or not len(alphabet) + 1 <= out.shape[1] <= len(alphabet) + 2:
            raise InputError(
                f"{self.path.name} tells {out.shape[-1]} classes apart, and the alphabet has {len(alphabet)} characters.",
                hint="Give the alphabet the model was trained with: one character a line, in its order.",
            )
        letters = alphabet + " " * (out.shape[1] - len(alphabet) - 1)
        self._letters = ["", *letters] if blank == "first" else [*letters, ""]

    def read(self, bgr) -> Reading:
        """Read a picture of one line (height × width × 3, BGR)."""
        import cv2
        import numpy as np

        height, width = bgr.shape[:2]
        wide = min(self._width or MAX_WIDTH, max(8, round(width * self._height / height)))
        line = cv2.resize(bgr, (wide, self._height), interpolation=cv2.INTER_AREA)
        line = cv2.cvtColor(line, cv2.COLOR_BGR2GRAY)[:, :, None] if self._channels == 1 else line
        pixels = (line.astype("float32") / 255 - 0.5) / 0.5
        pixels = pixels.transpose(2, 0, 1)[None]
        if self._width and wide < self._width:
            pixels = np.pad(pixels, ((0, 0), (0, 0), (0, 0), (0, self._width - wide)))
        chances = self._run(pixels)
        if not np.allclose(chances.sum(1), 1, atol=1e-2) or chances.min() < 0:  # logits
            chances = np.exp(chances - chances.max(1, keepdims=True))
            chances /= chances.sum(1, keepdims=True)
        best, sure = chances.argmax(1), chances.max(1)
        step = pixels.shape[3] / len(best) / wide  # share of the line that one step spans
        text, places, each, before = "", [], [], -1
        for at, kind in enumerate(best.tolist()):
            letter = self._letters[kind]
            if letter and kind != before:
                text += letter
                places.append((at * step, (at + 1) * step))
                each.append(float(sure[at]))
            elif letter:
                places[-1] = (places[-1][0], (at + 1) * step)
            before = kind
        return Reading(text, tuple(places), float(np.mean(each)) if each else 0.0)

    def _blank_line(self):
        import numpy as np

        return np.zeros((1, self._channels, self._height, self._width or 2 * self._height), "float32")

    def _run(self, pixels):
        import numpy as np

        try:
            out = np.asarray(self._session.run(None, {self._name: pixels})[0], dtype="float32")
        except Exception as error:
            raise SourceError(f"{self.path.name} cannot be run: {str(error)[:200]}") from error
        if out.ndim == 3 and 1 in out.shape[:2]:
            out = out[0] if out.shape[0] == 1 else out[:, 0]
        return out


def read_alphabet(path: Path | str) -> str:
    """Return the characters of a file with one a line (a line that holds only a space is a space).

    Raises:
        InputError: no such file, or a line of more than one character.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"{Path(path).name} cannot be read as an alphabet.", hint="One character a line, UTF-8."
        ) from None
    if not lines or len(lines) > MAX_ALPHABET:
        raise InputError(f"{Path(path).name} holds {len(lines)} characters.", hint="One character a line, UTF-8.")
    wrong = next((n for n, line in enumerate(lines, 1) if len(line) > 1), None)
    if wrong:
        raise InputError(f"Line {wrong} of {Path(path).name} holds more than one character.")
    return "".join(line or " " for line in lines)


@dataclass(frozen=True)
class PersonalText:
    """Hides the part of each line of text that is personal, and whole lines that cannot be read with certainty.

    Args:
        model, alphabet, blank: see `Recogniser`.
        find: `text -> findings with start, end, type and confidence`, such as `insights.pii.find_in_text`.
        lines: what finds lines of text.
        keep: texts that stay, whatever they are (the name of the firm on a sign); compared without case and space.
        unread: hide lines whose reading is not certain (mean chance below 0.6): better too much than a name.
    """

    model: str
    alphabet: str = field(repr=False)
    find: Callable = field(repr=False, compare=False)
    lines: object = field(default_factory=TextDetector, compare=False)
    blank: str = "first"
    keep: tuple[str, ...] = ()
    unread: bool = True
    name: str = "personal text"
    kind: str = "text"

    def detect(self, bgr) -> list[Region]:
        kept = {_bare(text) for text in self.keep}
        out = []
        for line in self.lines.detect(bgr):
            x1, y1, x2, y2 = int(line.x), int(line.y), int(line.x + line.w + 1), int(line.y + line.h + 1)
            said = self._reader().read(bgr[y1:y2, x1:x2])
            if _bare(said.text) in kept:
                continue
            if said.chance < SURE:
                if self.unread:
                    out.append(Region(self.kind, line.x, line.y, line.w, line.h, round(1 - said.chance, 4), self.name))
                continue
            for found in self.find(said.text):
                left, right = _span(said.places, found.start, found.end)
                x, w = x1 + left * (x2 - x1), (right - left) * (x2 - x1)
                kind = str(found.type).lower()
                out.append(Region(kind, x, line.y, w, line.h, round(float(found.confidence), 4), self.name))
        return clip(out, bgr.shape[1], bgr.shape[0])

    def _reader(self) -> Recogniser:
        key = (self.model, self.alphabet, self.blank)
        readers = _local.__dict__.setdefault("readers", {})
        if key not in readers:
            readers[key] = Recogniser(self.model, self.alphabet, blank=self.blank)
        return readers[key]


@dataclass(frozen=True)
class Except:
    """Another detector, whose finds inside given places stay visible: a dashboard, a logo, a statue.

    Args:
        places: x, y, w, h as shares of the picture (0 to 1). A region stays visible when four fifths of it lie in one.
    """

    detector: object
    places: tuple[tuple[float, float, float, float], ...]

    @property
    def name(self) -> str:
        return self.detector.name

    @property
    def kind(self) -> str:
        return self.detector.kind

    @property
    def model(self) -> str:
        return getattr(self.detector, "model", "")

    def for_video(self) -> Except:
        return Except(getattr(self.detector, "for_video", lambda: self.detector)(), self.places)

    def detect(self, bgr) -> list[Region]:
        height, width = bgr.shape[:2]
        places = [(x * width, y * height, w * width, h * height) for x, y, w, h in self.places]
        return [r for r in self.detector.detect(bgr) if not any(_inside(r, place) for place in places)]


def _inside(region: Region, place) -> bool:
    x, y, w, h = place
    wide = min(region.x + region.w, x + w) - max(region.x, x)
    high = min(region.y + region.h, y + h) - max(region.y, y)
    return wide > 0 and high > 0 and wide * high >= 0.8 * region.w * region.h


def _span(places, start: int, end: int) -> tuple[float, float]:
    """Return from where to where characters reach: halfway into the gaps beside them."""
    left = 0.0 if start == 0 else (places[start - 1][1] + places[start][0]) / 2
    right = 1.0 if end >= len(places) else (places[end - 1][1] + places[end][0]) / 2
    return left, min(1.0, right)


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()

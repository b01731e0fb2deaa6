"""What a picture or a text looks like, as numbers, on the CPU and without a download.

Pictures: gradients (HOG), colours, local binary patterns and a tiny copy. Texts: hashed words and letter groups.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from labeling.pictures import read_picture
from transforms.errors import AppError

VERSION = 1  # raise it when the numbers change: kept ones are then made anew
SIDE = 64  # pixels of the square copy that is looked at
MAX_TEXT = 100_000  # characters of one text that are read
TEXT_WIDTH = 2**12


def picture_features(bgr):
    """Return 596 numbers (float32) that describe a picture of any size.

    Four parts, each of length 1 so that none drowns the others: 324 gradients, 72 colours, 56 textures, 144 greys.
    """
    import cv2
    import numpy as np

    small = cv2.resize(bgr, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    hog = cv2.HOGDescriptor((64, 64), (32, 32), (16, 16), (16, 16), 9).compute(grey).ravel()
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    colours = np.sqrt(cv2.calcHist([hsv], [0, 1, 2], None, [8, 3, 3], [0, 180, 0, 256, 0, 256]).ravel())
    tiny = cv2.resize(grey, (12, 12), interpolation=cv2.INTER_AREA).astype("float32").ravel()
    parts = (hog, colours, _patterns(grey), tiny - tiny.mean())
    return np.concatenate([p / (np.linalg.norm(p) + 1e-6) for p in parts]).astype("float32")


def _patterns(grey):
    """Return local binary patterns by how many neighbours are brighter and how often that changes, per quarter."""
    import numpy as np

    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    inner = grey[1:-1, 1:-1]
    bits = np.stack([grey[y : y + inner.shape[0], x : x + inner.shape[1]] > inner for y, x in around])
    changes = (bits != np.roll(bits, 1, axis=0)).sum(axis=0)
    code = np.where(changes <= 2, bits.sum(axis=0), 9)  # 0 to 8 for uniform patterns, 9 for all others
    half = inner.shape[0] // 2
    quarters = [code[:half, :half], code[:half, half:], code[half:, :half], code[half:, half:]]
    counts = [np.bincount(q.ravel(), minlength=14)[:14] for q in quarters]
    return np.sqrt(np.concatenate(counts).astype("float32"))


def text_features(texts):
    """Return texts × 256 numbers: hashed words and groups of 3 to 5 letters, weighed by rarity, then reduced.

    The reduction learns from all the texts given, so features of one call belong together.
    """
    import numpy as np
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    texts = [str(t)[:MAX_TEXT] for t in texts]
    if not texts:
        return np.zeros((0, 256), dtype="float32")
    words = HashingVectorizer(n_features=TEXT_WIDTH, ngram_range=(1, 2), alternate_sign=False, norm=None)
    letters = HashingVectorizer(n_features=TEXT_WIDTH, analyzer="char_wb", ngram_range=(3, 5), alternate_sign=False)
    table = hstack([words.transform(texts), letters.transform(texts)]).tocsr()
    table = TfidfTransformer(sublinear_tf=True).fit_transform(table)
    width = min(256, len(texts) - 1, table.shape[1] - 1)
    out = np.zeros((len(texts), 256), dtype="float32")
    if width > 0:
        out[:, :width] = TruncatedSVD(width, random_state=0).fit_transform(table)
    return out


def collection_features(
    ws, images, path_of: Callable, progress: Callable[[float, str], None] | None = None
) -> tuple[list, object, list[str]]:
    """Return `(image ids, matrix, problems)` for the pictures that can be read.

    Numbers are kept by the content's hash in one file under the workspace's scratch, so a picture is read once.

    Args:
        path_of: `path_of(image) -> (sha256, path)`, the copy to look at.
    """
    import numpy as np

    kept_at = ws.root / "tmp" / f"picture-features-{VERSION}.npz"
    kept = _read_kept(kept_at)
    ids, rows, problems, new = [], [], [], 0
    try:
        for count, image in enumerate(images):
            if progress:
                progress(count / max(1, len(images)), image.file_name)
            sha256, path = path_of(image)
            if sha256 not in kept:
                try:
                    kept[sha256] = picture_features(read_picture(path, image.file_name).bgr)
                except AppError as error:
                    problems.append(str(error))
                    continue
                new += 1
            ids.append(image.id)
            rows.append(kept[sha256])
    finally:
        if new:  # also when it was stopped: the next run goes on from here
            _write_kept(kept_at, kept)
    return ids, (np.stack(rows) if rows else np.zeros((0, 1), dtype="float32")), problems


def _read_kept(path: Path) -> dict:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as data:
            return dict(zip(data["names"].tolist(), data["rows"], strict=True))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return {}  # a cache that is gone or damaged is made again


def _write_kept(path: Path, kept: dict) -> None:
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}-{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        np.savez(file, names=np.array(list(kept)), rows=np.stack(list(kept.values())))
    os.replace(unfinished, path)

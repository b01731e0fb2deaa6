"""Label files: one module per format, each with `read(files, sizes, options)` and `write(labels, options)` on the
same neutral form.

A format module reads `{relative name: bytes}` (one entry for a single file) and returns a `LabelFile`; it writes a
`LabelFile` to `{relative name: bytes}`. What a file says that we have no place for is kept in `extra` and written back.
"""

from __future__ import annotations

from importlib import import_module

from transforms.errors import AppError, NotFound, SourceError

# name on the command line → (module, suffix of the exported file, what people call it)
FORMATS = {
    "coco": ("coco", ".json", "COCO JSON"),
    "label-studio": ("label_studio", ".json", "Label Studio JSON"),
    "yolo": ("yolo", ".zip", "YOLO text files"),
    "voc": ("voc", ".zip", "Pascal VOC XML"),
    "csv": ("csv_rows", ".csv", "CSV"),
    "ground-truth": ("ground_truth", ".manifest", "Ground Truth manifest"),
}


def format_module(name: str):
    """Return the module that reads and writes a format."""
    if name not in FORMATS:
        raise NotFound.named("label format", name, FORMATS)
    return import_module(f"labeling.formats.{FORMATS[name][0]}")


def read_labels(name: str, files: dict[str, bytes], sizes, options):
    """Read label files of a format into a `LabelFile`.

    Raises:
        SourceError: it is not such a file; a value of an unexpected kind deep inside is said in one sentence too.
    """
    module = format_module(name)
    try:
        return module.read(files, sizes, options)
    except AppError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise SourceError(
            f"This is not {FORMATS[name][2]} as other programs write it: {type(error).__name__} {error}.",
            hint="Is it another format?",
        ) from error

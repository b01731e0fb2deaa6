"""Pictures in a column of a dataset."""

from __future__ import annotations

import pyarrow as pa
import pytest

from labeling.pictures import read_picture
from labeling.redaction.columns import redact_column
from labeling.redaction.regions import Region
from transforms.errors import ColumnNotFound, InputError
from workspace.sql import connection


class Corner:
    name, kind = "corner", "face"

    def __init__(self, crash_on: int | None = None):
        self.left = crash_on

    def detect(self, bgr):
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise ValueError("out of luck")
        return [Region("face", 0, 0, 16, 12, 1.0, self.name)]


@pytest.fixture
def photos(tmp_workspace, make_picture):
    cells = [make_picture(1), None, b"no picture", make_picture(2)]
    table = pa.table({"id": [1, 2, 3, 4], "photo": pa.array(cells, pa.binary()), "who": ["a", "b", "c", None]})
    tmp_workspace.datasets.write("photos", table, lineage={"how": "test"})
    return tmp_workspace


def rows(ws, ref):
    with connection() as con:
        return con.sql(f"SELECT * FROM {ws.datasets.get(ref).sql()} ORDER BY id").fetchall()


def test_copies_take_the_place_of_pictures_and_the_rest_stays(photos, make_picture):
    done = redact_column(photos, "photos", "photo", detectors=[Corner()], method="fill")
    assert (done.dataset, done.rows, done.redacted, done.regions, done.emptied) == ("photos@2", 4, 2, 2, 1)
    assert "row 3 is not a picture" in done.problems[0]
    before, after = rows(photos, "photos@1"), rows(photos, "photos@2")
    assert [(r[0], r[2]) for r in after] == [(r[0], r[2]) for r in before]
    assert after[1][1] is None and after[2][1] is None
    old, new = read_picture(make_picture(1)).bgr, read_picture(after[0][1]).bgr
    assert not new[:12, :16].any() and (new[12:] == old[12:]).all()
    (line,) = [a for a in photos.audit.list() if a.action == "dataset.redact"]
    assert line.detail["emptied"] == 1


def test_a_picture_that_a_detector_crashed_on_is_not_written(photos):
    done = redact_column(photos, "photos", "photo", name="safe", detectors=[Corner(crash_on=2)])
    assert done.emptied == 2 and "corner failed (ValueError): out of luck" in done.problems[1]
    assert [r[1] is None for r in rows(photos, "safe")] == [False, True, True, True]
    assert rows(photos, "photos@1")[3][1] is not None


def test_stopping_writes_nothing(photos):
    class Stop(Exception):
        pass

    def progress(share, words):
        if words.startswith("row 3"):
            raise Stop

    with pytest.raises(Stop):
        redact_column(photos, "photos", "photo", detectors=[Corner()], progress=progress)
    assert photos.datasets.get("photos").version == 1


def test_what_holds_no_pictures_is_said(photos):
    with pytest.raises(InputError, match="Column 'who' of photos@1 holds string, not pictures"):
        redact_column(photos, "photos", "who")
    with pytest.raises(ColumnNotFound, match="foto"):
        redact_column(photos, "photos", "foto")
    with pytest.raises(InputError, match="no way to redact"):
        redact_column(photos, "photos", "photo", method="wish")

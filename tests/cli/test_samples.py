"""The sample tables: the same bytes each time, and as dirty as promised."""

from __future__ import annotations

import hashlib

import pytest

from examples.make_samples import make_samples
from sources import import_source
from workspace import sql


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return make_samples(tmp_path_factory.mktemp("samples"))


def test_same_bytes_every_time(samples, tmp_path):
    again = make_samples(tmp_path)
    assert [hashlib.sha256(p.read_bytes()).digest() for p in again] == [
        hashlib.sha256(p.read_bytes()).digest() for p in samples
    ]


def test_sizes_and_the_shifted_line(samples, tmp_workspace):
    apps, reviews = (import_source(tmp_workspace, path) for path in samples)
    assert (apps.rows, apps.rejected, len(apps.columns)) == (9_999, 1, 13)
    assert (reviews.rows, reviews.rejected, len(reviews.columns)) == (60_000, 0, 5)
    types = {c["name"]: c["type"] for c in apps.columns}
    assert (types["Rating"], types["Reviews"], types["Installs"]) == ("float64", "int64", "string")
    with sql.connection() as con:
        line, _, reason, text = apps.rejects(con).fetchall()[0]
        assert (line, reason) == (7_344, "too few columns: 12 instead of 13")  # 7,342nd from 0, behind the header
        assert text.count(",") >= 11


def test_the_dirt(samples, tmp_workspace):
    apps, reviews = (import_source(tmp_workspace, path) for path in samples)
    with sql.connection() as con:
        con.execute(f"CREATE VIEW apps AS SELECT * FROM {apps.sql()}").fetchall()
        con.execute(f"CREATE VIEW reviews AS SELECT * FROM {reviews.sql()}").fetchall()

        def one(query):
            return con.execute(query).fetchall()[0][0]

        assert 300 <= one("SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM apps)) FROM apps") <= 320
        assert one("SELECT count(*) - count(DISTINCT App) FROM apps") > 400
        assert one("SELECT count(*) FROM apps WHERE isnan(Rating)") > 500
        assert one("SELECT count(*) FROM apps WHERE Size = 'Varies with device'") > 1_000
        assert one("SELECT count(*) FROM apps WHERE Size LIKE '%k'") > 300
        assert one("SELECT count(*) FROM apps WHERE Price LIKE '$%'") > 500
        assert one("SELECT count(*) FROM apps WHERE Genres LIKE '%;%'") > 500
        assert one("SELECT count(*) FROM apps WHERE App SIMILAR TO '.*[🚀日\",].*'") > 500
        assert one("SELECT count(*) FROM reviews WHERE Sentiment IS NULL OR Sentiment = 'nan'") > 20_000
        assert one("SELECT count(*) FROM reviews WHERE App NOT IN (SELECT App FROM apps)") > 1_000
        assert one("SELECT count(DISTINCT a.App) FROM apps a JOIN reviews r USING (App)") > 1_000

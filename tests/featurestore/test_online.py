"""Where online records lie: moving them between SQLite, Redis and PostgreSQL, and servers that do not answer."""

from __future__ import annotations

import pytest

from featurestore import FeatureStore
from featurestore.encoding import encode_key
from tests.featurestore.conftest import at, batch
from tests.featurestore.servers import free_port, redis_server
from transforms.errors import InputError, Unavailable


def grouped(fs, **more):
    fs.create_group("g", keys={"id": "int64"}, event_time="ts", features={"x": "float64"}, **more)
    fs.publish("g", batch([1, 2, 3], [0, 0, 0], x=[1.0, 2.0, 3.0]))
    fs.delete("g", 2, event_time=at(1))
    fs.delete("g", 3, event_time=at(5), hard=True)


def xs(fs) -> list:
    return [r and r["x"] for r in fs.get_many("g", [1, 2, 3, 4])]


@pytest.mark.parametrize("offline", [True, False])
def test_records_move_and_every_process_follows(fs, online_url, offline):
    """Tombstones and hard deletes move along: a late record older than them stays hidden in the new place."""
    grouped(fs, offline=offline)
    with FeatureStore(fs.ws.root, clock=fs._clock) as other:
        assert xs(other) == [1.0, None, None, None]
        assert fs.move_online("sqlite") == 1 and fs.online_place() == "sqlite"
        assert fs.move_online(online_url) == 1 and fs.online_place() == online_url
        assert xs(other) == xs(fs) == [1.0, None, None, None]
        other.publish("g", batch([2, 3, 4], [0.5, 4, 0], x=[9.0, 9.0, 9.0]))
        assert xs(other) == xs(fs) == [1.0, None, None, 9.0]
        fs.put("g", {"id": 3, "ts": at(6), "x": 7.0})
        assert xs(other) == [1.0, None, 7.0, 9.0]
        assert fs.describe("g")["online_records"] == 3
        assert fs.reconcile("g")[0]["repaired"] == 0


@pytest.mark.servers
def test_nothing_stays_behind_in_the_old_place(fs, redis_url):
    import redis

    fs.move_online(redis_url)
    grouped(fs)
    mine = f"tilth:{{{fs.ws.settings.get('id')}}}:*"
    assert redis.Redis.from_url(redis_url).keys(mine)
    fs.move_online("sqlite")
    left = redis.Redis.from_url(redis_url).keys(mine)
    assert left == [] and xs(fs) == [1.0, None, None, None]


@pytest.mark.servers
def test_two_workspaces_share_a_redis(fs, redis_url, tmp_path):
    fs.move_online(redis_url)
    grouped(fs)
    with FeatureStore(tmp_path / "second") as second:
        second.move_online(redis_url)
        second.create_group("g", keys={"id": "int64"}, event_time="ts", features={"x": "float64"})
        second.put("g", {"id": 1, "ts": at(0), "x": -1.0})
        second.drop_group("g")
    assert xs(fs) == [1.0, None, None, None]


def test_records_of_a_large_batch_are_written_in_pieces(fs, monkeypatch):
    monkeypatch.setattr("featurestore.online_redis.PIECE_BYTES", 1000)
    fs.create_group("g", keys={"id": "int64"}, event_time="ts", features={"x": "float64"})
    fs.publish("g", batch(list(range(300)), [0] * 300, x=[float(i) for i in range(300)]))
    assert fs.describe("g")["online_records"] == 300 and fs.get("g", 299, ["x"]) == {"x": 299.0}


@pytest.mark.parametrize(("event_time", "seq"), [(-(2**62), 5), (2**62, 2**53 + 1), (0, 2**62)])
def test_moments_are_compared_to_the_last_bit(fs, event_time, seq):
    """64-bit numbers that a double cannot tell apart; Redis compares in Lua, which has doubles only."""
    key = b"k"
    for number, stamp in enumerate([(event_time, seq), (event_time, seq - 1), (event_time - 1, seq + 1)]):
        fs.online.write(77, 1, [[(key, *stamp, 0, b"%d" % number)]])
    assert fs.online.find(77, key) == (event_time, 0, b"0")
    fs.online.write(77, 2, [[(key, event_time, seq + 1, 1, b"")]])
    assert fs.online.find(77, key) == (event_time, 1, b"") and fs.online.count(77) == 0


def test_a_server_that_does_not_answer_is_named_and_nothing_moves(fs, online_url):
    grouped(fs)
    for scheme in ("redis", "postgresql"):
        url = f"{scheme}://127.0.0.1:{free_port()}/0"
        with pytest.raises(Unavailable, match=f"online store at {url} does not answer"):
            fs.move_online(url)
    assert fs.online_place() == online_url and xs(fs) == [1.0, None, None, None]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@localhost:6379/0", "cannot hold a password"),
        ("mysql://localhost/x", "is no place for online records"),
        ("postgresql://localhost:port/x", "online store at postgresql"),
    ],
)
def test_addresses_that_cannot_be_used(fs, url, said):
    with pytest.raises((InputError, Unavailable), match=said):
        fs.move_online(url)


@pytest.mark.servers
def test_a_redis_that_throws_records_away_is_refused(fs, redis_url):
    import redis

    server = redis.Redis.from_url(redis_url)
    server.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(InputError, match="throws records away"):
            fs.move_online(redis_url.replace("/0", "/1"))
    finally:
        server.config_set("maxmemory-policy", "noeviction")


@pytest.mark.servers
def test_records_are_written_again_when_the_server_lost_them(fs, redis_url):
    import redis

    fs.move_online(redis_url)
    grouped(fs)
    redis.Redis.from_url(redis_url).flushall()
    assert fs.get("g", 1) is None
    assert "were written" in " ".join(fs.reconcile("g")[0]["messages"])
    assert fs.get("g", 1)["x"] == 1.0


def test_keys_are_bytes_of_any_kind(fs):
    fs.create_group("g", keys={"id": "string"}, event_time="ts", features={"x": "float64"})
    ids = ["", "a\x00b", "a", "é", "e\u0301", "{x}", "名", "'\"\\"]
    fs.publish("g", batch(ids, [0] * len(ids), x=[float(i) for i in range(len(ids))]))
    assert [r["x"] for r in fs.get_many("g", ids)] == [float(i) for i in range(len(ids))]
    assert {key for key, *_ in fs.online.scan(1)} == {encode_key(fs._group("g").keys, [i]) for i in ids}


@pytest.mark.servers
def test_offline_features_are_read_while_the_server_is_down(fs, tmp_path):
    with redis_server(tmp_path) as url:
        fs.move_online(url)
        grouped(fs)
    with FeatureStore(fs.ws.root) as opened:
        assert opened.read("g").num_rows == 5 and opened.describe("g")["online_records"] is None
        assert opened.training_set(batch([1], [2]), ["g:x"]).column("x").to_pylist() == [1.0]
        with pytest.raises(Unavailable, match="does not answer"):
            opened.get("g", 1)


@pytest.mark.servers
def test_a_server_that_was_restarted_is_asked_again(fs, tmp_path):
    port = free_port()
    with redis_server(tmp_path, port) as url:
        fs.move_online(url)
        grouped(fs)
    with redis_server(tmp_path, port):
        assert fs.get("g", 1) is None
        assert fs.reconcile("g")[0]["messages"] and fs.get("g", 1)["x"] == 1.0

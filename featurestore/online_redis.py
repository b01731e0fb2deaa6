"""The online store in Redis: one hash per group, key → event time, seq, deleted and packed value.

A small script in the server compares and writes, so that a newer record wins whatever the order of arrival. All keys of a
workspace carry its id in braces: several workspaces share one Redis, and a cluster keeps one workspace in one place.

A batch that the offline store backs is written in pieces: each record is whole at any moment, and `applied` moves after the
last piece. A batch of a group without offline store goes in one transaction, because there it is the commit itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from featurestore.online import key_hash
from transforms.errors import InputError, Unavailable

STAMP = struct.Struct(">qqB")  # event time in µs, seq, deleted
PIECE_BYTES = 4_000_000
TIMEOUT_S = 30

# A stamp is two signed 64-bit integers, which Lua's numbers cannot hold: they are compared as four halves. Text
# comparison in Lua follows the server's locale, so it is of no use here.
# KEYS: records, removed, counts. ARGV: field of the group in counts, then key, hash of the key, stamp and value in turn.
UPSERT = """
local function newer(a, b)
  local a1, a2, a3, a4 = struct.unpack('>i4I4i4I4', a)
  local b1, b2, b3, b4 = struct.unpack('>i4I4i4I4', b)
  if a1 ~= b1 then return a1 > b1 end
  if a2 ~= b2 then return a2 > b2 end
  if a3 ~= b3 then return a3 > b3 end
  return a4 > b4
end
local live = 0
for i = 2, #ARGV, 3 do
  local key, hash, new = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local guard = redis.call('HGET', KEYS[2], hash)
  if not guard or newer(new, guard) then
    local old = redis.call('HGET', KEYS[1], key)
    if not old or newer(new, old) then
      redis.call('HSET', KEYS[1], key, new)
      if old and old:byte(17) == 0 then live = live - 1 end
      if new:byte(17) == 0 then live = live + 1 end
    end
  end
end
if live ~= 0 then redis.call('HINCRBY', KEYS[3], ARGV[1], live) end
return live
"""
# KEYS: records, counts. ARGV: field of the group in counts, key.
REMOVE = """
local old = redis.call('HGET', KEYS[1], ARGV[2])
if old and old:byte(17) == 0 then redis.call('HINCRBY', KEYS[2], ARGV[1], -1) end
return redis.call('HDEL', KEYS[1], ARGV[2])
"""


class RedisOnline:
    """The online records of one workspace in Redis.

    Args:
        url: `redis://host:6379/0`, `rediss://…` or `unix://…`; the password may come separately.
        workspace: id of the workspace, in front of every key.
    """

    def __init__(self, url: str, workspace: str, password: str | None = None):
        import redis

        options: dict = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": 5}
        if password:
            options["password"] = password
        self.url, self._prefix = url, f"tilth:{{{workspace}}}:"
        try:
            self._redis = redis.Redis.from_url(url, **options)
        except ValueError as error:
            raise InputError(
                f"{url!r} is not the address of a Redis: {error}.", hint="Write redis://host:6379/0."
            ) from error
        self._upsert = self._redis.register_script(UPSERT)

    def close(self) -> None:
        self._redis.close()

    def check(self) -> None:
        """Raise when the server does not answer or forgets what it was told."""
        import redis

        with self._asking() as server:
            server.ping()
            try:
                policy = server.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
            except redis.ResponseError:  # hosted servers often refuse CONFIG
                return
        if policy != "noeviction":
            raise InputError(
                f"The Redis at {self.url} throws records away when its memory is full (maxmemory-policy {policy}).",
                hint="Set maxmemory-policy to noeviction: an online store must keep its records.",
            )

    @contextmanager
    def _asking(self) -> Iterator:
        import redis

        try:
            yield self._redis
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise Unavailable(
                f"The online store at {self.url} does not answer: {error}.",
                hint="Start it, or check address and password.",
            ) from error
        except redis.ResponseError as error:
            raise Unavailable(
                f"The online store at {self.url} refused: {error}.", hint="Look at its memory and rights."
            ) from error

    def _key(self, what: str, group_id: int | str = "") -> str:
        return f"{self._prefix}{what}{group_id}"

    def find(self, group_id: int, key: bytes) -> tuple[int, int, bytes] | None:
        with self._asking() as server:
            return _read(server.hget(self._key("records:", group_id), key))

    def find_many(self, group_id: int, keys: Iterable[bytes]) -> list[tuple[int, int, bytes] | None]:
        keys = list(keys)
        if not keys:
            return []
        with self._asking() as server:
            return [_read(found) for found in server.hmget(self._key("records:", group_id), keys)]

    def applied(self, group_id: int) -> int:
        with self._asking() as server:
            return int(server.hget(self._key("applied"), str(group_id)) or 0)

    def pending_publication(self, group_id: int) -> dict | None:
        with self._asking() as server:
            found = server.hget(self._key("publications"), str(group_id))
        return json.loads(found) if found else None

    def write(
        self,
        group_id: int,
        version: int,
        batches: Iterable[Iterable[tuple[bytes, int, int, int, bytes]]],
        publication: dict | None = None,
        *,
        replace: bool = False,
    ) -> None:
        target = self._key("fresh:" if replace else "records:", group_id)
        counted = f"fresh:{group_id}" if replace else str(group_id)
        whole = publication is not None and not replace
        with self._asking() as server:
            if replace:  # readers keep the old records until the new ones are all there
                server.delete(target)
                server.hdel(self._key("live"), counted)
            keys = [target, self._key("removed:", group_id), self._key("live")]
            self._upsert(keys, [counted])  # loads the script
            pipe = server.pipeline(transaction=whole)
            for piece in _pieces(batches):
                pipe.evalsha(self._upsert.sha, 3, *keys, counted, *piece)
                if not whole:
                    pipe.execute()
            if not whole:
                pipe = server.pipeline(transaction=True)
            if replace:
                pipe.delete(self._key("records:", group_id))
                if server.exists(target):
                    pipe.rename(target, self._key("records:", group_id))
                live = server.hget(self._key("live"), counted) or 0
                pipe.hset(self._key("live"), str(group_id), live)
                pipe.hdel(self._key("live"), counted)
            self._mark(pipe, group_id, version, publication)
            pipe.execute()

    def _mark(self, pipe, group_id: int, version: int, publication: dict | None) -> None:
        """The lock of the group is held by whoever writes, so the version can be read first."""
        pipe.hset(self._key("applied"), str(group_id), max(version, self.applied(group_id)))
        if publication:
            pipe.hset(self._key("publications"), str(group_id), json.dumps(publication))
        else:
            pipe.hdel(self._key("publications"), str(group_id))

    def remove(self, group_id: int, key: bytes, version: int, guard: tuple[int, int] | None, publication=None) -> None:
        with self._asking() as server:
            pipe = server.pipeline(transaction=True)
            pipe.eval(REMOVE, 2, self._key("records:", group_id), self._key("live"), str(group_id), key)
            if guard:
                pipe.hset(self._key("removed:", group_id), key_hash(key), STAMP.pack(*guard, 0))
            else:
                pipe.hdel(self._key("removed:", group_id), key_hash(key))
            self._mark(pipe, group_id, version, publication)
            pipe.execute()

    def drop(self, group_id: int) -> None:
        with self._asking() as server:
            pipe = server.pipeline(transaction=True)
            pipe.unlink(*(self._key(what, group_id) for what in ("records:", "fresh:", "removed:")))
            for what in ("applied", "publications", "live"):
                pipe.hdel(self._key(what), str(group_id))
            pipe.execute()

    def count(self, group_id: int) -> int:
        with self._asking() as server:
            return int(server.hget(self._key("live"), str(group_id)) or 0)

    def scan(self, group_id: int) -> Iterator[tuple[bytes, int, int, int, bytes]]:
        with self._asking() as server:
            for key, found in server.hscan_iter(self._key("records:", group_id), count=1000):
                event_time, seq, deleted = STAMP.unpack_from(found)
                yield key, event_time, seq, deleted, found[STAMP.size :]

    def guards(self, group_id: int) -> Iterator[tuple[bytes, int, int]]:
        with self._asking() as server:
            for hashed, found in server.hscan_iter(self._key("removed:", group_id)):
                yield hashed, *STAMP.unpack_from(found)[:2]

    def set_guards(self, group_id: int, guards: Iterable[tuple[bytes, int, int]]) -> None:
        with self._asking() as server:
            server.delete(self._key("removed:", group_id))
            for hashed, event_time, seq in guards:
                server.hset(self._key("removed:", group_id), hashed, STAMP.pack(event_time, seq, 0))


def _read(found: bytes | None) -> tuple[int, int, bytes] | None:
    if found is None:
        return None
    event_time, _, deleted = STAMP.unpack_from(found)
    return event_time, deleted, found[STAMP.size :]


def _pieces(batches: Iterable[Iterable[tuple]]) -> Iterator[list]:
    """Yield the arguments of one call of the script after the other: key, its hash, stamp with value."""
    piece, size = [], 0
    for batch in batches:
        for key, event_time, seq, deleted, value in batch:
            piece += [key, key_hash(key), STAMP.pack(event_time, seq, deleted) + value]
            size += len(key) + len(value) + 64
            if size > PIECE_BYTES:
                yield piece
                piece, size = [], 0
    if piece:
        yield piece

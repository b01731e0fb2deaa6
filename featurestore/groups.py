"""What a feature group is: names, types, definitions, and which changes of a definition are allowed.

A definition is what the user declares. It has its own version, which grows when features are added. Removing or
retyping a feature would change what older rows mean, so it is refused: make a new group.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from featurestore.expectations import check_expectations
from transforms.errors import Conflict, InputError, NotFound

SQL_TYPES = {
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "list<float>": "DOUBLE[]",
    "image": "VARCHAR",  # a reference: path, URL or content hash
}
KEY_TYPES = ("int64", "string", "bool", "timestamp")
ALIASES = {
    "int": "int64",
    "integer": "int64",
    "bigint": "int64",
    "float": "float64",
    "double": "float64",
    "str": "string",
    "text": "string",
    "varchar": "string",
    "boolean": "bool",
    "datetime": "timestamp",
    "list<float64>": "list<float>",
    "list<double>": "list<float>",
    "vector": "list<float>",
    "image reference": "image",
    "image_reference": "image",
    "image_ref": "image",
}
STORE_COLUMNS = ("written_at", "version", "is_deleted", "_seq")  # the store's own, beside every accepted row
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Column:
    """A key or a feature. The type of a key may be None until the first rows come.

    `expect` is what every published value must hold (see `featurestore.expectations`); `deprecated` says what to use instead.
    """

    name: str
    type: str | None
    description: str = ""
    unit: str = ""
    expect: Mapping = field(default_factory=dict, hash=False)
    deprecated: str = ""


@dataclass(frozen=True)
class Group:
    """A feature group as readers see it now. Times are microseconds since 1970 in UTC."""

    id: int
    name: str
    keys: tuple[Column, ...]
    event_time: str
    features: tuple[Column, ...]
    ttl_us: int | None
    online: bool
    offline: bool
    description: str
    tags: tuple[str, ...]
    owner: str
    definition_version: int
    version: int
    table_version: int
    next_seq: int
    may_tie: bool
    max_event_time: int | None
    last_written_at: int
    revision: int
    created_at: dt.datetime
    definitions: Mapping[int, tuple[Column, ...]] = field(repr=False)  # every definition version

    @property
    def feature_names(self) -> list[str]:
        return [f.name for f in self.features]

    @property
    def key_names(self) -> list[str]:
        return [k.name for k in self.keys]

    def feature(self, name: str) -> Column:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise NotFound.named(f"feature in group {self.name!r}", name, self.feature_names)


def check_group_name(name: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a feature group.",
            hint="Use 1 to 64 letters, digits, - and _, beginning with a letter.",
        )
    return name


def type_named(text: str, where: str) -> str:
    """Return our name of a type, or raise with the list of types."""
    plain = str(text).strip().lower()
    plain = ALIASES.get(plain, plain)
    if plain not in SQL_TYPES:
        raise InputError(f"{where} has the unknown type {text!r}.", hint=f"Types are: {', '.join(SQL_TYPES)}.")
    return plain


def read_columns(keys, event_time: str, features) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Return keys and features of a declaration, or raise the first thing that is wrong with it.

    Args:
        keys: names, or a mapping of name to type.
        event_time: name of the event-time column.
        features: mapping of name to type, or to `{"type", "description"}`.
    """
    if isinstance(keys, str):
        keys = [keys]
    if not keys:
        raise InputError(
            "A feature group needs at least one key column.", hint="Name the column that identifies a record."
        )
    types = dict(keys) if isinstance(keys, Mapping) else dict.fromkeys(keys)
    if len(types) != len(list(keys)):
        raise InputError(f"A key column is named twice in {list(keys)}.", hint="Name each key column once.")
    key_columns = []
    for name, kind in types.items():
        kind = type_named(kind, f"Key {name!r}") if kind else None
        if kind and kind not in KEY_TYPES:
            raise InputError(f"Key {name!r} cannot be {kind}.", hint=f"Keys are {', '.join(KEY_TYPES)}.")
        key_columns.append(Column(name, kind))
    if not isinstance(features, Mapping):
        raise InputError("Features are given as a mapping of name to type.", hint='For example {"amount": "float64"}.')
    feature_columns = []
    for name, declared in features.items():
        feature_columns.append(read_feature(name, declared if isinstance(declared, Mapping) else {"type": declared}))
    seen: dict[str, str] = {}
    for name in [c.name for c in key_columns] + [event_time] + [c.name for c in feature_columns]:
        if not isinstance(name, str) or not name or len(name) > 255 or "\x00" in name:
            raise InputError(f"{name!r} cannot be a column name.", hint="Use 1 to 255 characters.")
        if name.lower() in STORE_COLUMNS:
            raise InputError(
                f"The column name {name!r} is the store's own.",
                hint=f"Rename it; reserved are {', '.join(STORE_COLUMNS)}.",
            )
        if name.lower() in seen:
            raise InputError(
                f"The column names {seen[name.lower()]!r} and {name!r} are the same.",
                hint="Names must differ in more than upper and lower case.",
            )
        seen[name.lower()] = name
    return tuple(key_columns), tuple(feature_columns)


def read_feature(name: str, declared: Mapping) -> Column:
    """Return a feature as declared: `{"type", "description", "unit", "expect", "deprecated"}`; "vector<3>" is a list of 3."""
    if unknown := set(declared) - {"type", "description", "unit", "expect", "deprecated"}:
        hint = "A feature has type, description, unit, expect and deprecated."
        raise InputError(f"Feature {name!r} has the unknown setting {sorted(unknown)[0]!r}.", hint=hint)
    expect, kind = dict(declared.get("expect") or {}), str(declared.get("type", ""))
    if sized := re.fullmatch(r"\s*vector<(\d+)>\s*", kind):
        kind, expect = "vector", {"size": int(sized[1]), **expect}
    kind = type_named(kind, f"Feature {name!r}")
    check_expectations(name, kind, expect)
    words = {part: str(declared.get(part) or "") for part in ("description", "unit", "deprecated")}
    return Column(name, kind, expect=expect, **words)


def ttl_microseconds(ttl) -> int | None:
    """Return a time to live in microseconds; accepts timedelta, seconds, or text such as "7d", "12h", "90s"."""
    if ttl is None or ttl == "":
        return None
    if isinstance(ttl, dt.timedelta):
        value = round(ttl / dt.timedelta(microseconds=1))
    elif isinstance(ttl, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", ttl)
        if not found:
            raise InputError(f"{ttl!r} is not a time to live.", hint='Write for example "7d", "12h" or seconds.')
        value = round(float(found[1]) * UNITS_S.get(found[2], 1) * 1_000_000)
    elif isinstance(ttl, int | float) and not isinstance(ttl, bool):
        value = round(ttl * 1_000_000)
    else:
        raise InputError(f"{ttl!r} is not a time to live.", hint="Give a timedelta, seconds, or text such as 7d.")
    if value <= 0:
        raise InputError(
            "A time to live must be longer than zero.", hint="Leave it empty for records that never expire."
        )
    return value


def merged_features(
    group: Group, keys: Sequence[Column], event_time: str, features: Sequence[Column]
) -> tuple[Column, ...]:
    """Return the features of the next definition of `group`, or raise when the change is not compatible."""
    new_group = "Make a new group for it; rows written before would change their meaning."
    if [k.name for k in keys] != group.key_names or event_time != group.event_time:
        raise Conflict(
            f"Group {group.name!r} has the keys {group.key_names} and the event time {group.event_time!r}; "
            "these cannot change.",
            hint="Make a new group for other keys.",
        )
    for old, new in zip(group.keys, keys, strict=True):
        if old.type and new.type and old.type != new.type:
            raise Conflict(f"Key {old.name!r} of group {group.name!r} is {old.type}, not {new.type}.", hint=new_group)
    wanted = {f.name: f for f in features}
    for old in group.features:
        if old.name not in wanted:
            raise Conflict(f"Feature {old.name!r} of group {group.name!r} cannot be removed.", hint=new_group)
        if wanted[old.name].type != old.type:
            raise Conflict(
                f"Feature {old.name!r} of group {group.name!r} is {old.type} and cannot become {wanted[old.name].type}.",
                hint=new_group,
            )
    kept = [_redescribed(f, wanted[f.name]) for f in group.features]
    known = set(group.feature_names)
    return tuple(kept) + tuple(f for f in features if f.name not in known)


def _redescribed(old: Column, new: Column) -> Column:
    """Return a feature with what is newly said about it; what is not said stays."""
    words = {part: getattr(new, part) or getattr(old, part) for part in ("description", "unit", "deprecated")}
    return Column(old.name, old.type, expect=new.expect or old.expect, **words)


def split_reference(text: str) -> tuple[str, str]:
    """Split "group:feature"; the feature may contain colons, the group never does."""
    group, colon, feature = str(text).partition(":")
    if not colon or not group or not feature:
        raise InputError(f"{text!r} is not a feature.", hint='Write "group:feature", or "group:*" for all.')
    return group, feature

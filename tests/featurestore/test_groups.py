"""What is said about groups and features: units, expectations, deprecation, search."""

from __future__ import annotations

import warnings

import pytest

from featurestore import BatchRejected, FeatureStore
from featurestore.views import DeprecatedFeature
from tests.featurestore.conftest import at, batch
from transforms.errors import InputError


@pytest.fixture
def fs(tmp_path, clock):
    with FeatureStore(tmp_path / "ws", clock=clock) as store:
        yield store


EXPECTED = {
    "age": {"type": "int64", "unit": "years", "expect": {"min": 0, "max": 150, "not_null": True}},
    "share": {"type": "float64", "expect": {"min": 0.0, "max": 1.0}},
    "plan": {"type": "string", "expect": {"in": ["free", "it's"]}},
    "zip": {"type": "string", "expect": {"pattern": "[0-9]{4}"}},
    "e": "vector<2>",
}
GOOD = {"age": [1], "share": [0.5], "plan": ["it's"], "zip": ["8000"], "e": [[1.0, 2.0]]}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"age": [-1]}, "'age' is below 0 (rows 0)"),
        ({"age": [151]}, "'age' is above 150 (rows 0)"),
        ({"age": [None]}, "'age' is null (rows 0)"),
        ({"share": [float("inf")]}, "'share' is above 1.0"),
        ({"plan": ["gold"]}, "'plan' is none of the 2 values"),
        ({"zip": ["80000"]}, "'zip' does not match '[0-9]{4}'"),
        ({"e": [[1.0]]}, "'e' does not have 2 numbers"),
    ],
)
def test_a_batch_that_breaks_an_expectation_is_rejected(fs, bad, said):
    fs.create_group("g", keys={"id": "int64"}, event_time="ts", features=EXPECTED)
    with pytest.raises(BatchRejected) as rejected:
        fs.publish("g", batch([1], [0], **(GOOD | bad)))
    assert said in str(rejected.value)
    record = {"id": 1, "ts": at(0), **{name: values[0] for name, values in (GOOD | bad).items()}}
    with pytest.raises(BatchRejected):
        fs.put("g", record)
    assert fs.describe("g")["version"] == 0 and fs.get("g", 1) is None


def test_what_holds_the_expectations_is_published(fs):
    """Nulls and NaN are no values that could be too small; only not_null speaks of nulls."""
    fs.create_group("g", keys={"id": "int64"}, event_time="ts", features=EXPECTED)
    rows = {
        "age": [0, 150],
        "share": [None, float("nan")],
        "plan": [None, "free"],
        "zip": [None, "1234"],
        "e": [None, [0.0, 1.0]],
    }
    assert fs.publish("g", batch([1, 2], [0, 0], **rows)).rows == 2
    with pytest.raises(BatchRejected, match="column 'age' is missing"):
        fs.publish("g", batch([1], [1], share=[0.1]))
    described = {f["name"]: f for f in fs.describe("g")["features"]}
    assert described["age"]["unit"] == "years" and described["e"] == {
        "name": "e", "type": "list<float>", "description": "", "expect": {"size": 2}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"type": "string", "expect": {"min": 1}}, "is string, so it cannot expect 'min'"),
        ({"type": "int64", "expect": {"least": 1}}, "expects 'least', which is unknown"),
        ({"type": "int64", "expect": {"min": "1"}}, "'min' cannot be '1'"),
        ({"type": "int64", "expect": {"min": True}}, "'min' cannot be True"),
        ({"type": "float64", "expect": {"max": float("nan")}}, "'max' cannot be nan"),
        ({"type": "string", "expect": {"pattern": "("}}, "is no pattern"),
        ({"type": "int64", "colour": "red"}, "unknown setting 'colour'"),
    ],
)
def test_expectations_that_cannot_be(fs, declared, said):
    with pytest.raises(InputError) as error:
        fs.create_group("g", keys=["id"], event_time="ts", features={"x": declared})
    assert said in str(error.value)


def test_what_is_said_later_changes_no_definition(fs):
    fs.create_group("g", keys={"id": "int64"}, event_time="ts", features={"old": "int64", "new": "int64"})
    fs.publish("g", batch([1], [0], old=[-5], new=[1]))
    changed = fs.change_group("g", features={"old": {"deprecated": "use new", "expect": {"min": 0}, "unit": "m"}})
    assert changed["definition_version"] == 1
    assert changed["features"][0] == {
        "name": "old", "type": "int64", "description": "", "unit": "m", "expect": {"min": 0}, "deprecated": "use new"
    }  # fmt: skip
    with pytest.raises(BatchRejected, match="'old' is below 0"):
        fs.publish("g", batch([1], [1], old=[-5], new=[1]))
    fs.change_group("g", ttl="1d")
    assert fs.describe("g")["features"][0]["deprecated"] == "use new"
    with pytest.warns(DeprecatedFeature, match="Feature g:old is deprecated: use new"):
        fs.create_view("v", ["g:old"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fs.create_view("all", ["g:*"])["features"] == ["g:new"]


def test_search(fs):
    fs.create_group(
        "users", keys=["id"], event_time="ts", owner="ann", tags=["crm"], description="Customers of the shop",
        features={"age": {"type": "int64", "description": "At the event", "unit": "years"}, "shop_id": "int64"},
    )  # fmt: skip
    fs.create_view("ages", ["users:age"], "For the churn model")
    names = lambda words: [(h["kind"], h["name"]) for h in fs.search(words)]  # noqa: E731
    assert names("shop") == [("feature", "users:shop_id"), ("group", "users")]
    assert names("YEARS") == [("feature", "users:age")]
    assert names("crm ann age") == [("feature", "users:age")]
    assert names("churn") == [("view", "ages")] and names("nothing") == [] and names(" ") == []

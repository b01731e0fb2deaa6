"""The client of a Label Studio server: what it repeats, what it refuses, and what it never sends or fetches."""

from __future__ import annotations

import socket

import pytest

from labeling import annotations, collections, items
from labeling.label_studio import Client, sync
from labeling.label_studio.client import server_url
from labeling.workflow import set_workflow
from tests.labeling.label_studio_server import TOKEN, small_server
from transforms.errors import InputError, SourceError, Unavailable


@pytest.fixture
def studio():
    with small_server() as studio:
        yield studio


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(studio, waits):
    return Client(studio.url, TOKEN, tries=3, pause_s=0.5, sleep=waits.append)


def count(studio, method, path):
    return sum(1 for m, p, _ in studio.log if (m, p) == (method, path))


@pytest.mark.parametrize("url", ["ftp://host", "file:///etc/passwd", "host:8080", "", "http://", "http://host:port"])
def test_only_http_addresses(url):
    with pytest.raises(InputError, match="not the address of a server"):
        Client(url, TOKEN)


def test_an_address_holds_no_password_and_has_one_spelling():
    with pytest.raises(InputError, match="must not hold a name or a password") as caught:
        Client("https://me:secret@host/", TOKEN)
    assert "secret" not in str(caught.value)
    assert server_url(" http://Host:8080/studio/ ") == "http://host:8080/studio"
    assert server_url("http://[::1]:80") == "http://[::1]:80"


def test_nothing_there(tmp_workspace):
    collections.create_collection(tmp_workspace, "things")
    with socket.socket() as s:  # a port that is taken, yet nobody listens
        s.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{s.getsockname()[1]}"
        with pytest.raises(Unavailable, match="cannot be reached"):
            sync(tmp_workspace, "things", url, client=Client(url, TOKEN, tries=2, sleep=lambda s: None))


@pytest.mark.parametrize(
    "release, says", [("1.9.2", "too old"), ("", "not a Label Studio server"), ("x.y", "not a Label")]
)
def test_another_server_or_an_old_one(studio, client, release, says):
    studio.memory.release = release
    with pytest.raises(SourceError, match=says):
        client.check()


def test_what_may_be_repeated_is_with_growing_pauses(studio, client, waits):
    studio.memory.refuse = [("/api/users", 503), ("/api/users", 502)]
    assert [u["id"] for u in client.users()] == [1, 2]
    assert waits == [0.5, 1.0] and count(studio, "GET", "/api/users/") == 3


def test_it_gives_up_in_one_sentence(studio, client):
    studio.memory.refuse = [("/api/users", 503)] * 3
    with pytest.raises(Unavailable, match=r"busy or down \(503\)"):
        client.users()


def test_what_makes_something_is_sent_once(studio, client):
    project = client.create_project("one", "<View/>")["id"]
    (task,) = client.import_tasks(project, [{"data": {"text": "a"}}])
    path = f"/api/tasks/{task}/annotations/"
    studio.memory.refuse = [(path, 502)]
    with pytest.raises(Unavailable):
        client.create_annotation(task, {"result": []})
    assert count(studio, "POST", path) == 1
    studio.memory.refuse = [(path, 429)]  # not taken at all, so it may be sent again
    client.create_annotation(task, {"result": []})
    assert count(studio, "POST", path) == 3 and len(studio.tasks(project)[0]["annotations"]) == 1


def test_a_reason_is_passed_on_and_a_redirect_is_not_followed(studio, client):
    studio.memory.refuse = [("/api/projects/", 400)]
    with pytest.raises(SourceError, match="with 400: refused for the test"):
        client.create_project("one", "<View/>")
    studio.memory.refuse = [("/api/users", 302)]
    with pytest.raises(SourceError, match="another address"):
        client.users()


def test_pages_of_tasks(studio, client):
    project = client.create_project("many", "<View/>")["id"]
    client.import_tasks(project, [{"data": {"text": str(n)}} for n in range(250)])
    assert [t["data"]["text"] for t in client.tasks(project)] == [str(n) for n in range(250)]
    assert count(studio, "GET", "/api/tasks") == 3


def test_a_file_is_fetched_from_this_server_only(studio, client):
    project = client.create_project("files", "<View/>")["id"]
    (url,) = client.upload(project, [("a.png", b"pixels")])
    assert client.download(url, 100) == client.download(studio.url + url, 100) == b"pixels"
    with pytest.raises(SourceError, match="more than"):
        client.download(url, 3)
    with small_server() as other:
        for reference in (other.url + url, "//" + other.url[7:] + url, "s3://bucket/a.png", "file:///etc/passwd"):
            assert client.download(reference, 100) is None
        assert other.log == []
    before = len(studio.log)
    assert client.download("/api/users/", 100) is None  # nor anything that is no file
    assert len(studio.log) == before


def test_a_task_with_a_picture_elsewhere_comes_without_pixels(tmp_workspace, studio, make_picture):
    config = '<View><Image name="image" value="$image"/></View>'
    project = studio.project("elsewhere", config)
    with small_server() as other:
        studio.add(project, [{"data": {"image": other.url + "/data/upload/1/a.png"}}])
        collections.create_collection(tmp_workspace, "things")
        done = sync(tmp_workspace, "things", studio.url, project, token=TOKEN, direction="pull")
        assert other.log == []
    (image,) = collections.list_images(tmp_workspace, "things")
    assert (done.items, image.file_name, image.sha256) == (1, "a.png", None)


def test_one_task_that_cannot_be_read_does_not_stop_the_others(tmp_workspace, studio):
    project = studio.project("odd", '<View><Text name="text" value="$text"/></View>')
    good, bad = studio.add(project, [{"data": {"text": "good"}}, {"data": {"n": 7}}])
    studio.annotate(good, [{"from_name": "x", "type": "choices", "value": {"choices": ["yes"]}, "id": "1"}])
    studio.memory.tasks[good]["annotations"].append({"id": 900, "result": "not a list"})
    collections.create_collection(tmp_workspace, "things")
    done = sync(tmp_workspace, "things", studio.url, project, token=TOKEN)
    assert (done.items, done.pulled, done.skipped) == (1, 1, 2)
    assert [p.split(":")[0] for p in done.problems] == [f"Task {bad}", f"task {good}"]


def test_equal_texts_and_one_that_is_too_long(tmp_workspace, studio):
    project = studio.project("texts", '<View><Text name="text" value="$text"/></View>')
    first, second, long = studio.add(project, [{"data": {"text": t}} for t in ("same", "same", "x" * 100_001)])
    collections.create_collection(tmp_workspace, "things")
    done = sync(tmp_workspace, "things", studio.url, project, token=TOKEN)
    assert [i.data for i in collections.list_images(tmp_workspace, "things")] == [{"text": "same"}]
    assert done.items == 1 and len(studio.tasks(project)) == 3
    assert [p.split(":")[0] for p in done.problems] == [
        f"task {long}",
        f"Task {second} is about the same as task {first}, which has its own task; left out.",
    ]


def test_a_server_that_goes_away_ends_the_run_and_the_next_one_goes_on(tmp_workspace, studio):
    collections.create_collection(tmp_workspace, "things", image_classes=["yes"])
    items.add_items(tmp_workspace, "things", "text", [(str(n), {"text": str(n)}) for n in range(3)])
    set_workflow(tmp_workspace, "things", item="text", shapes=[])
    sync(tmp_workspace, "things", studio.url, token=TOKEN)
    for image in collections.list_images(tmp_workspace, "things"):
        annotations.save(
            tmp_workspace, image.id, {"regions": [], "classes": ["yes"]}, annotator="ann", client="c", seq=1
        )
    studio.memory.refuse = [("/annotations/", 503)]
    with pytest.raises(Unavailable):
        sync(tmp_workspace, "things", studio.url, token=TOKEN)
    assert sync(tmp_workspace, "things", studio.url, token=TOKEN).pushed == 3

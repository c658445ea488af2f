"""Publishing outside of the store: on this machine, and on a real S3 server."""

import json

import pytest

from candidates.errors import AccessRefused, RunFolderError, ServerUnreachable, VariantsError
from service.batches.publishing import CONTENTS, Place, open_uri
from tests.service.batches.made_up_batches import build, settings_file, suggest, write_feed


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """An S3 server on loopback with one bucket; AWS's own words in the environment lead there."""
    pytest.importorskip("s3fs", reason="needs s3fs: pip install 'variant-candidates[airflow]'")
    server_of = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[server]'")
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        patch.setenv("AWS_ENDPOINT_URL", url)
        client = boto3.client("s3", endpoint_url=url)
        client.create_bucket(Bucket="shop")
        yield client
        server.stop()


def folder_with(path, **files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


@pytest.fixture(params=["local", "s3"])
def place(request, tmp_path):
    if request.param == "local":
        return Place.at(str(tmp_path / "place"))
    request.getfixturevalue("s3")
    return Place.at(f"s3://shop/{tmp_path.name}")


def test_a_generation_is_current_when_the_pointer_names_it(place, tmp_path):
    one = folder_with(tmp_path / "one", **{"a.txt": "one", "sub/b.txt": "two", "work/c.txt": "not this"})
    (one / ".hidden.tmp").write_text("nor this")
    assert place.current is None
    with pytest.raises(RunFolderError, match="Publish it first"):
        place.point_to("g1")
    assert place.upload(one, "g1") == 2
    assert place.current is None
    place.point_to("g1")
    assert place.current == "g1"
    assert set(place.contents("g1")) == {"a.txt", "sub/b.txt"}
    place.fetch("g1", tmp_path / "back")
    assert (tmp_path / "back" / "sub" / "b.txt").read_text() == "two"


def test_what_is_published_is_never_changed(place, tmp_path):
    assert place.upload(folder_with(tmp_path / "one", **{"a.txt": "one"}), "g1") == 1
    assert place.upload(folder_with(tmp_path / "two", **{"a.txt": "two"}), "g1") == 0
    place.fetch("g1", tmp_path / "back")
    assert (tmp_path / "back" / "a.txt").read_text() == "one"


@pytest.mark.usefixtures("s3")
def test_an_upload_that_broke_off_is_not_visible_and_is_repeated(tmp_path):
    place = Place.at(f"s3://shop/{tmp_path.name}")
    source = folder_with(tmp_path / "one", **{f"{name}.txt": name for name in "abcd"})
    whole, sent = place.fs.put_file, []

    def breaking(path, target, **options):
        if len(sent) == 2:
            raise ConnectionError("the line is dead")
        sent.append(target)
        return whole(path, target, **options)

    place.fs.put_file = breaking
    try:
        with pytest.raises(ServerUnreachable, match="the line is dead"):
            place.upload(source, "g1")
    finally:
        place.fs.put_file = whole
    assert place.contents("g1") is None
    with pytest.raises(RunFolderError):
        place.point_to("g1")
    assert place.upload(source, "g1") == 4


@pytest.mark.usefixtures("s3")
def test_the_pointer_is_written_behind_everything_else(tmp_path):
    place, order = Place.at(f"s3://shop/{tmp_path.name}"), []
    put, pipe = place.fs.put_file, place.fs.pipe_file
    place.fs.put_file = lambda path, target, **options: (order.append(target), put(path, target, **options))
    place.fs.pipe_file = lambda target, value, **options: (order.append(target), pipe(target, value, **options))
    try:
        place.upload(folder_with(tmp_path / "one", **{"a.txt": "one"}), "g1")
        place.point_to("g1")
    finally:
        place.fs.put_file, place.fs.pipe_file = put, pipe
    assert [name.rsplit("/", 1)[1] for name in order] == ["a.txt", CONTENTS, "current"]


def test_a_file_that_was_changed_behind_our_back_is_noticed(place, tmp_path):
    place.upload(folder_with(tmp_path / "one", **{"a.txt": "one"}), "g1")
    place.fs.pipe_file(f"{place.root}/generations/g1/a.txt", b"other")
    with pytest.raises(RunFolderError, match=r"a\.txt of g1 is not what was uploaded"):
        place.fetch("g1", tmp_path / "back")


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_the_users_to_make(tmp_path):
    place = Place.at("s3://nobodys/folder")
    with pytest.raises(VariantsError) as caught:
        place.upload(folder_with(tmp_path / "one", **{"a.txt": "one"}), "g1")
    assert not isinstance(caught.value, ServerUnreachable | AccessRefused)


def test_a_scheme_that_nobody_knows_is_a_users_mistake():
    with pytest.raises(VariantsError, match="no place to publish to"):
        Place.at("nowhere://bucket/folder")


def test_a_connection_that_only_a_scheduler_knows_is_a_users_mistake():
    with pytest.raises(VariantsError, match="connection, which only a scheduler knows"):
        Place.at("s3://warehouse@shop/folder")


def test_an_opener_says_what_is_behind_a_uri(tmp_path):
    opened = []

    def opener(uri):
        opened.append(uri)
        return open_uri(str(tmp_path / "place"))

    place = Place.at("warehouse@shop", opener)
    assert place.upload(folder_with(tmp_path / "one", **{"a.txt": "one"}), "g1") == 1
    assert (tmp_path / "place" / "generations" / "g1" / "a.txt").read_text() == "one"
    assert opened == ["warehouse@shop"]


@pytest.mark.usefixtures("s3")
def test_a_chain_of_batches_is_published_to_s3(tmp_path):
    publish = f"s3://shop/{tmp_path.name}"
    build(tmp_path / "store", write_feed(tmp_path / "feed.tsv", groups=4), settings_file(tmp_path), publish=publish)
    batch, counts = suggest(tmp_path / "store", publish=publish)
    assert Place.at(publish).current == batch["generation"]
    Place.at(publish).fetch(batch["generation"], tmp_path / "back")
    manifest = json.loads((tmp_path / "back" / "manifest.json").read_text())
    assert manifest["steps"]["expand"]["counts"]["candidates"] == counts["candidates"]
    assert Place.at(publish).line("indexes").current is not None

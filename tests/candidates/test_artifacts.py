import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from candidates.artifacts import (
    atomic,
    atomic_folder,
    digest_bytes,
    digest_of,
    sweep_temporaries,
    write_batch,
    write_json,
    write_parquet,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", ["old", None])
def test_a_block_that_raises_leaves_what_was_there(tmp_path, error, old):
    path = tmp_path / "file.txt"
    if old:
        path.write_text(old)

    def failing():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        failing()
    assert names(tmp_path) == (["file.txt"] if old else [])
    assert not old or path.read_text() == old


def test_a_block_that_ends_well_replaces_the_file(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    for content in ("one", "two"):
        with atomic(path) as temporary:
            temporary.write_text(content)
            assert not path.exists() or path.read_text() == "one"
            assert temporary.parent == path.parent
        assert path.read_text() == content
    assert names(path.parent) == ["file.txt"]


def test_two_writers_at_once_do_not_meet(tmp_path):
    path = tmp_path / "file.txt"
    with atomic(path) as one, atomic(path) as two:
        assert one != two
        one.write_text("outer")
        two.write_text("inner")
    assert path.read_text() == "outer"
    assert names(tmp_path) == ["file.txt"]


def test_a_block_that_writes_nothing_replaces_nothing(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic(path):
        pass
    assert path.read_text() == "old"


def test_a_killed_writer_leaves_the_old_file_and_a_temporary_that_is_swept(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    script = """if True:
        import os, sys
        from pathlib import Path
        from candidates.artifacts import atomic
        with atomic(Path(sys.argv[1])) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), 9)
    """
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, path], cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    assert done.returncode == -9
    assert path.read_text() == "old"
    assert len(names(path.parent)) == 2
    (path.parent / "kept.tmp").write_text("not ours")
    (path.parent / ".kept").write_text("not ours")
    assert sweep_temporaries(tmp_path) == 1
    assert names(path.parent) == [".kept", "file.txt", "kept.tmp"]
    assert sweep_temporaries(tmp_path) == 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("old", ["old", None])
def test_a_folder_whose_block_raises_leaves_what_was_there(tmp_path, error, old):
    path = tmp_path / "index"
    if old:
        path.mkdir()
        (path / "a").write_text(old)

    def failing():
        with atomic_folder(path) as temporary:
            (temporary / "a").write_text("half")
            raise error

    with pytest.raises(error):
        failing()
    assert names(tmp_path) == (["index"] if old else [])
    assert not old or (path / "a").read_text() == old


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "new" / "index"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("one")
        (temporary / "deep").mkdir()
        (temporary / "deep" / "b").write_text("one")
        assert not path.exists()
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("two")
        assert names(path) == ["a", "deep"]
    assert names(path) == ["a"]
    assert (path / "a").read_text() == "two"
    assert names(path.parent) == ["index"]


def test_a_folder_that_a_killed_writer_left_is_swept(tmp_path):
    (tmp_path / ".index.0a1b2c3d.tmp" / "deep").mkdir(parents=True)
    (tmp_path / ".index.0a1b2c3d.tmp" / "deep" / "a").write_text("half")
    (tmp_path / "index").mkdir()
    assert sweep_temporaries(tmp_path) == 1
    assert names(tmp_path) == ["index"]


def test_json_is_the_same_for_the_same_value(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": ["é", None]})
    write_json(tmp_path / "b.json", {"a": ["é", None], "b": 1})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert text == (tmp_path / "b.json").read_text("utf-8")
    assert "é" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"a": ["é", None], "b": 1}


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert names(tmp_path) == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_tables_and_batches(tmp_path):
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    write_parquet(tmp_path / "t.parquet", table)
    assert pq.read_table(tmp_path / "t.parquet").equals(table)
    write_batch(tmp_path / "t.arrow", table.to_batches()[0])
    assert pa.ipc.open_file(tmp_path / "t.arrow").read_all().equals(table)
    assert names(tmp_path) == ["t.arrow", "t.parquet"]


def test_digests():
    assert digest_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223"
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    assert digest_of(("a", 1)) == digest_of(["a", 1])
    assert digest_of("é", Path("x")) == digest_of("é", "x")
    different = [
        digest_of(),
        digest_of(None),
        digest_of([]),
        digest_of("a", "b"),
        digest_of(["a", "b"]),
        digest_of("ab"),
    ]
    different += [
        digest_of(1),
        digest_of("1"),
        digest_of(1.5),
        digest_of(True),
        digest_of({"a": 1}),
        digest_of({"a": "1"}),
    ]
    assert len(set(different)) == len(different)

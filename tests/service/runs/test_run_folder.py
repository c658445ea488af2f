"""A step is done once; a folder that is no run is left alone; two runs don't write to one folder."""

import shutil
import subprocess
import sys

import pytest

from candidates.errors import RunFolderError
from service.runs.job import Job
from service.runs.run_folder import RunFolder, Step, locked


def step_in(root, calls, inputs=None):
    folder = RunFolder.at(root)
    target = folder.root / "result.txt"

    def work():
        calls.append(1)
        target.write_text("made")
        return {"made": 1}

    return Step(folder, "make", inputs or {"a": 1}, (target,)), work


def test_a_second_call_costs_nothing(tmp_path):
    calls = []
    for _ in range(2):
        step, work = step_in(tmp_path / "out", calls)
        record = step.run(work)
    assert (len(calls), record.counts) == (1, {"made": 1})


def test_other_inputs_or_a_lost_result_do_the_work_again(tmp_path):
    calls = []
    for inputs in ({"a": 1}, {"a": 2}):
        step, work = step_in(tmp_path / "out", calls, inputs)
        step.run(work)
    step.outputs[0].unlink()
    step.run(work)
    assert len(calls) == 3


def test_work_that_failed_is_not_recorded(tmp_path):
    step, _ = step_in(tmp_path / "out", [])
    with pytest.raises(ZeroDivisionError):
        step.run(lambda: {"never": 1 // 0})
    assert step.done() is None


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(RunFolderError, match="empty or new folder"):
        RunFolder.at(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_temporary_files_of_a_killed_writer_are_swept(tmp_path):
    folder = RunFolder.at(tmp_path / "out")
    (folder.root / ".products.parquet.0a1b2c3d.tmp").write_text("half")
    RunFolder.at(folder.root)
    assert not list(folder.root.glob(".*.tmp"))


def test_a_folder_without_products_is_no_run(tmp_path):
    with pytest.raises(RunFolderError, match="variants run"):
        RunFolder.existing(tmp_path)


def test_a_second_process_is_kept_out_and_let_in_afterwards(tmp_path):
    root = tmp_path / "out"
    code = (
        "import sys, pathlib; from service.runs.run_folder import locked\n"
        f"with locked(pathlib.Path({str(root)!r})): print('in')"
    )
    with locked(root):
        kept_out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    let_in = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another run is writing" in kept_out.stderr
    assert let_in.stdout == "in\n"


def test_a_run_of_an_earlier_version_is_named_as_such(finished, tmp_path):
    shutil.copytree(finished.folder.root, tmp_path / "out")
    choices = tmp_path / "out" / "run.json"
    choices.write_text(choices.read_text("utf-8").replace('"feeds"', '"feed"'), "utf-8")
    with pytest.raises(RunFolderError, match="was written by an earlier version"):
        Job.of(tmp_path / "out")

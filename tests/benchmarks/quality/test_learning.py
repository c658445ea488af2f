"""What learning costs, measured small; each bound can fail."""

import sys

import numpy as np
import pytest

from benchmarks.quality import learning
from benchmarks.quality.learning import Part

SMALL = 20_000


def test_every_part_of_learning_is_timed(encoded, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(learning, "train", lambda job, out: trained.append((job, out)))
    parts = learning.learning_parts(encoded, tmp_path)
    assert trained == [(encoded, tmp_path / "trained")]
    assert [part.name for part in parts][2:5] == ["text head", "image head", "writing the model"]
    assert all(part.seconds > 0 for part in parts)
    assert (tmp_path / "model" / "model.json").is_file()
    assert learning.counted_seconds(parts) == sum(part.seconds for part in parts[:-1])
    assert not parts[-1].counted
    assert len(learning.parts_table(parts, 5).rows) == len(parts) + 1


def test_statistics_of_many_vectors_stay_small(tmp_path):
    found = learning.memory(tmp_path, SMALL, 96, 6000)
    assert found.vectors == SMALL
    assert 5000 < found.groups <= 6000
    assert found.file_mib == pytest.approx(SMALL * 96 * 2 / 2**20)
    # Mostly Python and the libraries; that blocks and sums alone are held is tested beside `learn_head`.
    assert 20 < found.own_mib <= found.peak_mib < 600
    assert len(learning.memory_table(found).rows) == 4


def test_memory_that_is_taken_is_seen():
    with learning.own_memory() as seen:
        taken = np.ones(2**25)
        learning.time.sleep(5 * learning._PAUSE)
        del taken
    assert max(seen) > seen[0] + 200


def test_members_of_a_made_up_group_are_alike(tmp_path):
    learning.write_made_up(tmp_path / "vectors", 3000, 32, 50)
    values = np.fromfile(tmp_path / "vectors", np.float16).reshape(3000, 32).astype(np.float32)
    groups = learning.drawn_groups(3000, 50)
    means = np.stack([values[groups == group].mean(axis=0) for group in range(50)])
    within = np.square(values - means[groups]).sum(axis=1).mean()
    assert within < 0.5 * np.square(values - values.mean(axis=0)).sum(axis=1).mean()


@pytest.mark.parametrize(("seconds", "peak", "status"), [(59, 4000, 0), (61, 4000, 1), (59, 4200, 1)])
def test_the_exit_status_says_whether_the_bounds_hold(encoded, monkeypatch, capsys, seconds, peak, status):
    monkeypatch.setattr(learning, "learning_parts", lambda *_, **__: (Part("head", seconds, 1.0),))
    found = learning.Memory(10, 4, 3, 1.0, peak, 100.0, 1.0)
    monkeypatch.setattr(learning, "memory", lambda *_, **__: found)
    monkeypatch.setattr(sys, "argv", ["learning", "--run", str(encoded.folder.root)])
    with pytest.raises(SystemExit) as ended:
        learning.main()
    assert ended.value.code == status
    assert f"measured {seconds:.1f} s" in capsys.readouterr().out


def test_a_run_that_is_not_there_is_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["learning", "--run", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="none"):
        learning.main()

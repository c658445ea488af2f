"""Two runs killed by SIGKILL at random moments come back whole; `make kill-test` does twenty."""

import pytest

from benchmarks.speed.kill_and_resume import compare


@pytest.mark.parametrize("seeds", [range(2, 4)])
@pytest.mark.timeout(1200)  # five runs in processes of their own, each of which loads torch
def test_a_killed_run_resumes_to_identical_content(drawn, tmp_path, seeds):
    assert compare("exact", seeds, tmp_path, drawn.feed)

"""What was chosen for a run, what is there, and what each part of it may look at."""

import numpy as np
import pytest

from candidates.settings import Settings
from service.runs.choices import Choices
from service.runs.job import Job
from service.runs.run_folder import RunFolder


def choices(tmp_path, **sections):
    return Choices(RunFolder(tmp_path, tmp_path / "work"), Settings.read(None, **sections))


def test_a_value_is_made_once_for_a_key_and_kept(tmp_path):
    job, calls = Job(choices(tmp_path)), []

    def make():
        calls.append(1)

    assert job.once("nothing", make) is None
    assert job.once("nothing", make) is None
    assert job.once(("nothing", 2), lambda: 2) == 2
    assert calls == [1]
    assert Job(job.choices).once("nothing", lambda: 3) == 3


@pytest.mark.parametrize(
    ("sections", "learns", "cross_validates", "spaces"),
    [
        ({}, True, True, "learned"),
        ({"learn": {"train": False}}, False, False, "learned"),
        ({"groups": {"known": "hide"}}, False, False, "learned"),
        ({"learn": {"model": "m"}}, False, False, "model"),
        ({"learn": {"spaces": "encoded"}}, True, False, "encoded"),
        ({"text": {"index": "tfidf"}}, True, False, "encoded"),
    ],
)
def test_what_may_be_learned_follows_from_the_settings(tmp_path, sections, learns, cross_validates, spaces):
    chosen = choices(tmp_path, **sections)
    assert (chosen.learns_from_groups, chosen.cross_validates, chosen.spaces) == (learns, cross_validates, spaces)


@pytest.mark.parametrize(
    ("strategy", "plans", "fuses"), [("planned", True, True), ("fused", False, True), ("hop", False, False)]
)
def test_whether_a_run_plans_and_fuses(tmp_path, strategy, plans, fuses):
    chosen = choices(tmp_path, merge={"strategy": strategy})
    assert (chosen.plans, chosen.fuses) == (plans, fuses)


PURPOSES = ("evaluation", "judgements", "learning", "classifier", "suggestions")


@pytest.mark.parametrize(
    ("sections", "with_groups"),
    [
        ({}, {"evaluation", "learning", "classifier", "suggestions"}),
        ({"groups": {"known": "hide"}}, {"evaluation"}),
        ({"learn": {"train": False}}, {"evaluation"}),
        ({"learn": {"model": "elsewhere"}}, {"evaluation", "suggestions"}),
    ],
)
def test_each_purpose_sees_the_groups_it_may(finished, tmp_path, sections, with_groups):
    judged = tmp_path / "judgements.csv"
    left, right = finished.catalogue.axis[0], finished.catalogue.axis[1]
    judged.write_text(f"left_id,right_id,verdict\n{left},{right},reject\n", "utf-8")
    settings = Settings.read(None, **sections | {"pairs": {"judgements": str(judged)}})
    job = Job(Choices(finished.folder, settings))
    assert {purpose for purpose in PURPOSES if (job.truth(purpose).groups >= 0).any()} == with_groups
    with_judgements = {purpose for purpose in PURPOSES if len(job.truth(purpose).keys)}
    assert with_judgements == {"judgements", "classifier", "suggestions"}
    assert job.truth("judgements").judge(np.array([0]), np.array([1]))[0] == -1
    assert job.truth("evaluation") is job.truth("evaluation")


def test_changed_settings_are_found_by_the_steps_to_come(drawn, tmp_path):
    job = Job.start(tmp_path / "out", drawn.feed, Settings.read(None))
    other = job.changed({"merge": {"budget": 7}})
    assert (
        other.settings.merge.budget
        == Choices.start(tmp_path / "out2", drawn.feed, other.settings).settings.merge.budget
        == 7
    )
    assert job.settings.merge.budget != 7
    assert job.choices.feeds == other.choices.feeds

"""Distillation: it learns, resumes to the same weights, and pulls together only what is known to be alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from candidates.errors import VariantsError
from image_retrieval.training import distil
from image_retrieval.training.distil import Distillation, Known, Plan, Student, Targets, apart, new_student
from image_retrieval.training.network import Shape, body, shape_in
from image_retrieval.training.prepared import Prepared

SMALL = Shape(4, (6, 4), (8, 4), (1, 1))
PLAN = Plan(epochs=2, batch=8, rate=0.01, shape=SMALL, rising=2)


def targets(count=24, channels=5, seed=0):
    draw = np.random.default_rng(seed)
    views = draw.integers(0, 255, (count, 112, 112, 3), np.uint8)
    # What is to be learned can be: the maps are the views' own brightness.
    grey = views.astype(np.float32).mean(3).reshape(count, 14, 8, 14, 8).mean(axis=(2, 4)) / 255
    maps = (grey[:, None] * draw.normal(1, 0.3, (1, channels, 1, 1))).astype(np.float16)
    split = count // 3
    return Targets.of(
        Prepared(
            (views[:split], views[split:]),
            np.arange(count),
            ((maps[:split], maps[split:]),),
            np.array([0, split, count]),
        )
    )


def learned(folder, plan=PLAN, known=None):
    of = targets()
    run = Distillation(plan, of, folder, new_student(plan, of), known)
    run.resume()
    return run, run.run(lambda line: None)


def same(left, right):
    pairs = zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    return all(torch.equal(one, two) for one, two in pairs)


def test_the_loss_falls_and_the_curve_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(distil, "_KEPT_EVERY", 7)
    run, _ = learned(tmp_path, replace(PLAN, epochs=7))
    losses = [loss for _, loss, _ in run.curve]
    assert losses[-1] < 0.9 * losses[0]
    lines = (tmp_path / "curve.csv").read_text("utf-8").splitlines()
    assert lines[0] == "step,loss,processor_seconds"
    assert [line.split(",")[0] for line in lines[1:]] == [str(step) for step, _, _ in run.curve]


def test_a_run_that_was_stopped_ends_at_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(distil, "_KEPT_EVERY", 2)
    _, whole = learned(tmp_path / "whole")
    of = targets()
    stopped = Distillation(PLAN, of, tmp_path / "stopped", new_student(PLAN, of))

    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(lambda line: None if stopped.done < 4 else stop(line))
    stopped.keep()
    again, resumed = learned(tmp_path / "stopped")
    assert again.done == PLAN.steps(24) == 6
    assert same(whole, resumed)


def test_a_longer_plan_goes_on_from_a_shorter_one_while_the_rate_stands_still():
    shorter, longer = (replace(PLAN, epochs=epochs) for epochs in (20, 40))
    assert [shorter.slope(at, 60) for at in range(30)] == [longer.slope(at, 120) for at in range(30)]
    assert shorter.slope(59, 60) < 0.1 < longer.slope(59, 120)
    assert shorter.slope(0, 60) == 0.5


def test_a_checkpoint_of_another_plan_is_refused(tmp_path):
    learned(tmp_path)
    with pytest.raises(VariantsError, match="other settings"):
        learned(tmp_path, replace(PLAN, seed=8))
    with pytest.raises(VariantsError, match="is already lower"):
        learned(tmp_path, replace(PLAN, epochs=1))


def test_settled_normalisations_keep_their_statistics(tmp_path):
    def means(student):
        return [value for name, value in student.state_dict().items() if name.endswith("running_mean")]

    _, moved = learned(tmp_path / "moved")
    _, settled = learned(tmp_path / "settled", replace(PLAN, settled=True))
    assert all(value.abs().max() == 0 for value in means(settled))
    assert any(value.abs().max() > 0 for value in means(moved))


def test_a_student_that_begins_as_its_teacher_has_nothing_to_learn_from_true_colours():
    torch.manual_seed(0)
    network = body(SMALL).eval()
    assert shape_in(network) == SMALL
    views = np.random.default_rng(1).integers(0, 255, (8, 112, 112, 3), np.uint8)
    with torch.no_grad():
        pictures = distil.scaled(views, None, torch.Generator())
        maps = network(pictures).numpy().astype(np.float16)
        made = Targets.of(Prepared((views,), np.arange(8), ((maps,),), np.array([0, 8])))
        student = Student.beginning_as(network, SMALL, made, itself=True).eval()
        found = student(pictures)[1][0]
    assert apart(found, made.at(np.arange(8))[0]) < 1e-3
    assert same(student.body, network)


def known(groups, scopes=None, products=None):
    groups = np.array(groups)
    return Known(
        np.arange(len(groups)) if products is None else np.array(products),
        groups,
        np.zeros(len(groups), np.int64) if scopes is None else np.array(scopes),
    )


def plain_loss(rows, of):
    """The contrast, product by product."""
    found = []
    for a in range(len(rows)):
        inside, outside = [], []
        for b in range(len(rows)):
            if min(of.groups[a], of.groups[b]) < 0 or of.scopes[a] != of.scopes[b]:
                continue
            if of.groups[a] != of.groups[b]:
                outside.append(np.exp(of.sharpness * rows[a] @ rows[b]))
            elif of.products[a] != of.products[b]:
                inside.append(np.exp(of.sharpness * rows[a] @ rows[b]))
        if inside and outside:
            found.append(-np.log(sum(inside) / (sum(inside) + sum(outside))))
    return np.mean(found) if found else 0.0


@pytest.mark.parametrize(
    "of",
    [
        known([0, 0, 1, 1, -1, 2]),
        known([0, 0, 1, 1, 2, 2], scopes=[0, 0, 0, 0, 1, 1]),
        known([0, 0, 0, 1, 1, 1], products=[0, 0, 2, 3, 4, 4]),
        known([-1] * 6),
        known([0] * 6),
    ],
    ids=["one unknown", "two scopes", "two views of one product", "nothing known", "one group"],
)
def test_the_loss_of_pairs_is_the_plain_one(of):
    maps = torch.from_numpy(np.random.default_rng(2).random((6, 3, 14, 14), np.float32))
    grids = maps.numpy().reshape(6, 3, 7, 2, 7, 2).mean(axis=(3, 5)).reshape(6, -1).astype(np.float64)
    rows = grids / np.linalg.norm(grids, axis=1, keepdims=True)
    assert float(of.loss(maps, np.arange(6))) == pytest.approx(plain_loss(rows, of), abs=1e-4)


def test_partners_are_other_products_of_the_same_group():
    of = known([0, 0, 0, 1, 1, -1, 2], products=[0, 0, 1, 2, 3, 4, 5])
    for seed in range(10):
        found = of.partners(np.arange(7), np.random.default_rng(seed))
        assert of.groups[found].tolist() == [0, 0, 0, 1, 1]
        assert (of.products[found] != of.products[:5]).all()


def test_known_groups_bring_variants_together(tmp_path):
    of = known(np.arange(24) // 4)

    def contrast(student):
        with torch.no_grad():
            maps = student.body(distil.scaled(targets().prepared.seen(np.arange(24)), None, torch.Generator()))
        return float(of.loss(maps, np.arange(24)))

    plan = replace(PLAN, epochs=5)
    _, without = learned(tmp_path / "without", plan)
    _, taught = learned(tmp_path / "taught", plan, replace(of, weight=3.0))
    assert contrast(taught) < contrast(without)

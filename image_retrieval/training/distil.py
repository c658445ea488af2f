"""Distillation: trains the student's map of a recoloured picture to match the teacher's map of the original picture.

After G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531, 2015, and,
for a middle map, A. Romero, N. Ballas, S. Ebrahimi Kahou, A. Chassang, C. Gatta and Y. Bengio, "FitNets: Hints for Thin
Deep Nets", ICLR 2015.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

from candidates.artifacts import atomic, write_text
from candidates.errors import VariantsError
from image_retrieval.encoders.batches import IMAGENET_DEVIATION, IMAGENET_MEAN
from image_retrieval.training.network import Shape, body
from image_retrieval.training.prepared import Prepared
from image_retrieval.training.recolour import Recolouring

GRID = 7
"""Rows and columns to which the fingerprint's map is averaged."""

_SAMPLE = 2048
"""Number of views whose statistics standardise the teachers' channels."""

_KEPT_EVERY = 200
"""Number of steps between two checkpoints."""


@dataclass(frozen=True)
class Plan:
    """How the student is trained.

    Attributes:
        epochs: How often it sees every view.
        batch: Views per step.
        rate: Learning rate (AdamW). It rises over the first steps, is constant in between, and falls to zero over the
            last steps. So a longer plan begins like a shorter one and can resume from its checkpoints.
        decay: Weight decay.
        rising: Number of steps in which the rate rises.
        falling: Share of the steps in which the rate falls.
        halves: Number of parts of a batch that are processed in parallel; the result depends on it.
        seed: Seed of weights, order and colours.
        settled: Whether normalisation layers keep their statistics, as they must for weights read from a file.
        shape: The shape of the student.
        recolouring: The augmentation of its input.
    """

    epochs: float = 8.0
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.02
    rising: int = 100
    falling: float = 0.4
    halves: int = 2
    seed: int = 7
    settled: bool = False
    shape: Shape = field(default_factory=Shape)
    recolouring: Recolouring = field(default_factory=Recolouring)

    def steps(self, views: int) -> int:
        """The number of steps for this many views."""
        return max(1, round(self.epochs * views / self.batch))

    def slope(self, step: int, steps: int) -> float:
        """The factor of the learning rate at a step, of `steps` in total."""
        rising, falls = min(self.rising, steps), self.falling * steps
        return min(1.0, (step + 1) / rising, (steps - step) / max(1.0, falls))


class Student(nn.Module):
    """The network to be shipped (`body`), and a head per teacher, used only for training."""

    def __init__(self, shape: Shape, channels: Sequence[int]) -> None:
        super().__init__()
        self.body = body(shape)
        self.heads = nn.ModuleList(nn.Conv2d(shape.wide[0], count, 1) for count in channels)

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Its own map, and its prediction of each teacher's map."""
        maps = self.body(pictures)
        return maps, [head(maps) for head in self.heads]

    @classmethod
    def beginning_as(cls, network: nn.Sequential, shape: Shape, targets: Targets, *, itself: bool) -> Student:
        """A student that starts with the weights of a network.

        Args:
            network: A body.
            shape: Its shape.
            targets: The targets of the training.
            itself: Whether the network is also the teacher. Then the head initially just standardises its channels, as
                in the targets, so that all there is left to learn is to ignore colour.
        """
        student = cls(shape, targets.channels)
        student.body.load_state_dict(network.state_dict())
        if not itself:
            return student
        head = student.heads[0]
        assert isinstance(head, nn.Conv2d)
        assert head.bias is not None
        scale = 1 / targets.deviations[0].flatten()
        with torch.no_grad():
            head.weight.copy_(torch.diag(scale)[:, :, None, None])
            head.bias.copy_(-targets.means[0].flatten() * scale)
        return student


@dataclass(frozen=True, eq=False)
class Targets:
    """The teachers' maps, with every channel standardised.

    Attributes:
        prepared: Views and maps.
        means: float32 (1, channels, 1, 1) for each teacher.
        deviations: Standard deviations, in the same form.
    """

    prepared: Prepared
    means: tuple[Tensor, ...]
    deviations: tuple[Tensor, ...]

    @classmethod
    def of(cls, prepared: Prepared) -> Targets:
        """Computes the channels' statistics on a sample of the views."""
        sample = np.unique(np.linspace(0, len(prepared) - 1, _SAMPLE).astype(np.int64))
        sampled = [torch.from_numpy(prepared.taught(at, sample)).float() for at in range(len(prepared.maps))]
        means = tuple(maps.mean((0, 2, 3), keepdim=True) for maps in sampled)
        deviations = tuple(maps.std((0, 2, 3), keepdim=True).clamp(min=1e-4) for maps in sampled)
        return cls(prepared, means, deviations)

    @property
    def channels(self) -> list[int]:
        """The number of channels of each teacher."""
        return [mean.shape[1] for mean in self.means]

    def at(self, numbers: NDArray[np.int64]) -> list[Tensor]:
        """Each teacher's standardised maps of these views."""
        read = (torch.from_numpy(self.prepared.taught(at, numbers)).float() for at in range(len(self.means)))
        return [
            (maps - mean) / deviation for maps, mean, deviation in zip(read, self.means, self.deviations, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Known:
    """What is known about the products that views show.

    Attributes:
        products: int64 (views,): the product of each view.
        groups: int64 (views,): its group, −1 if unknown.
        scopes: int64 (views,): whose group it is; groups of different scopes are not compared.
        weight: Weight of the pairs' loss relative to the maps' loss.
        sharpness: Inverse temperature of the cosines.
    """

    products: NDArray[np.int64]
    groups: NDArray[np.int64]
    scopes: NDArray[np.int64]
    weight: float = 0.3
    sharpness: float = 20.0

    def partners(self, numbers: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
        """A view of another variant, for each view whose product has one."""
        found = []
        for number in numbers.tolist():
            others = self._members.get(int(self.groups[number]), _NONE)
            others = others[self.products[others] != self.products[number]]
            if len(others):
                found.append(int(others[draw.integers(len(others))]))
        return np.array(found, np.int64)

    @cached_property
    def _members(self) -> dict[int, NDArray[np.int64]]:
        order = np.argsort(self.groups, kind="stable")
        names, starts = np.unique(self.groups[order], return_index=True)
        parts = np.split(order, starts[1:])
        return {int(name): part for name, part in zip(names, parts, strict=True) if name >= 0}

    def loss(self, maps: Tensor, numbers: NDArray[np.int64]) -> Tensor:
        """The contrastive loss (InfoNCE) of variants against products that are known not to be variants.

        A. van den Oord, Y. Li and O. Vinyals, "Representation Learning with Contrastive Predictive Coding",
        arXiv:1807.03748, 2018. An unjudged pair, such as one from two sellers' groups, is not counted at all.
        """
        rows = normalize(adaptive_avg_pool2d(maps.float(), GRID).flatten(1))
        products, groups, scopes = (
            torch.from_numpy(values[numbers]) for values in (self.products, self.groups, self.scopes)
        )
        known = (groups[:, None] >= 0) & (groups[None, :] >= 0) & (scopes[:, None] == scopes[None, :])
        same = known & (groups[:, None] == groups[None, :]) & (products[:, None] != products[None, :])
        other = known & (groups[:, None] != groups[None, :])
        asked = same.any(1) & other.any(1)
        if not bool(asked.any()):
            return rows.sum() * 0
        scores = self.sharpness * (rows @ rows.T)[asked]
        nothing = torch.tensor(float("-inf"))
        among = torch.logsumexp(torch.where((same | other)[asked], scores, nothing), 1)
        return (among - torch.logsumexp(torch.where(same[asked], scores, nothing), 1)).mean()


_NONE = np.zeros(0, np.int64)


def apart(predicted: Tensor, target: Tensor) -> Tensor:
    """The loss of a map: half the mean squared error per cell, plus the squared distance of the 7×7 grids.

    The grid, averaged and normalised as a whole, is what is searched.
    """
    rows = [normalize(adaptive_avg_pool2d(maps, GRID).flatten(1)) for maps in (predicted, target)]
    return ((predicted - target) ** 2).mean() / 2 + ((rows[0] - rows[1]) ** 2).sum(1).mean()


def scaled(views: NDArray[np.uint8], recolouring: Recolouring | None, draw: torch.Generator) -> Tensor:
    """Views as the student's input: recoloured, then normalised with ImageNet's mean and deviation."""
    pictures = torch.from_numpy(np.ascontiguousarray(views.transpose(0, 3, 1, 2))).float() / 255
    if recolouring is not None:
        pictures = recolouring(pictures, draw)
    mean, deviation = (torch.from_numpy(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return (pictures - mean) / deviation


def new_student(plan: Plan, targets: Targets) -> Student:
    """An untrained student, whose weights are determined by the plan's seed."""
    torch.manual_seed(plan.seed)
    return Student(plan.shape, targets.channels)


@dataclass
class Distillation:
    """A training run; its state is saved in checkpoints.

    Attributes:
        plan: How the student is trained.
        targets: The teachers' maps.
        folder: The folder for checkpoint and curve.
        student: The network.
        known: The known groups of the products shown, or None.
        optimiser: The optimiser.
        done: Number of steps done.
        curve: Step, loss, and processor seconds used so far.
    """

    plan: Plan
    targets: Targets
    folder: Path
    student: Student
    known: Known | None = None
    optimiser: torch.optim.AdamW = field(init=False)
    done: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    _orders: dict[int, NDArray[np.int64]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.student = self.student.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(
            self.student.parameters(), lr=self.plan.rate, weight_decay=self.plan.decay, foreach=True
        )

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file."""
        return self.folder / "checkpoint.pt"

    def resume(self) -> bool:
        """Loads the checkpoint if there is one; returns whether there is.

        Raises:
            VariantsError: The checkpoint belongs to another plan.
        """
        if not self.checkpoint.is_file():
            return False
        kept = torch.load(self.checkpoint, weights_only=True)
        if kept["plan"] != repr(self._facts()):
            raise VariantsError(
                f"{self.checkpoint} was written with other settings", "Use another folder with --out, or delete it"
            )
        self.student.load_state_dict(kept["student"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.done, self.curve = kept["done"], [tuple(point) for point in kept["curve"]]
        steps = self.plan.steps(len(self.targets.prepared))
        if self.done > steps or self.plan.slope(self.done - 1, kept["steps"]) != self.plan.slope(self.done - 1, steps):
            raise VariantsError(
                f"{self.checkpoint} is at step {self.done:,}, where the learning rate of a plan of {steps:,} steps is "
                "already lower",
                "Plan more epochs, or use another folder with --out",
            )
        return True

    def keep(self) -> None:
        """Writes the checkpoint and the curve."""
        state = {
            "plan": repr(self._facts()),
            "student": self.student.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "done": self.done,
            "steps": self.plan.steps(len(self.targets.prepared)),
            "curve": self.curve,
        }
        with atomic(self.checkpoint) as temporary:
            torch.save(state, temporary)
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(("step", "loss", "processor_seconds"))
        table.writerows((step, f"{loss:.5f}", f"{seconds:.0f}") for step, loss, seconds in self.curve)
        write_text(self.folder / "curve.csv", out.getvalue())

    def run(self, report: Callable[[str], None]) -> Student:
        """Trains to the end of the plan, writing checkpoints, and returns the student."""
        views = len(self.targets.prepared)
        steps = self.plan.steps(views)
        before = self.curve[-1][2] if self.curve else 0.0
        began, losses = time.process_time(), []
        parts = [self.student, *(deepcopy(self.student) for _ in range(self.plan.halves - 1))]
        for part in parts[1:]:
            _share(part, self.student)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(self.plan.halves) as pool:
                while self.done < steps:
                    losses.append(self._step(parts, pool, steps))
                    self.done += 1
                    if self.done % _KEPT_EVERY == 0 or self.done == steps:
                        used = before + time.process_time() - began
                        self.curve.append((self.done, float(np.mean(losses)), used))
                        report(f"step {self.done:,} of {steps:,}: loss {np.mean(losses):.4f}, {used:,.0f} processor s")
                        losses = []
                        self.keep()
        finally:
            torch.set_num_threads(threads)
        return self.student.eval()

    def _step(self, parts: Sequence[Student], pool: ThreadPoolExecutor, steps: int) -> float:
        numbers = self._numbers(self.done)
        shares = np.array_split(numbers, len(parts))
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * self.plan.slope(self.done, steps)
        work = [
            pool.submit(self._learn, at, part, share)
            for at, (part, share) in enumerate(zip(parts, shares, strict=True))
        ]
        losses = [future.result() for future in work]
        for parameter, *copies in zip(*(part.parameters() for part in parts), strict=True):
            for copy in copies:
                parameter.grad.add_(copy.grad)
            parameter.grad.div_(len(parts))
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        return float(np.mean(losses))

    def _learn(self, at: int, part: Student, numbers: NDArray[np.int64]) -> float:
        """Computes the loss and the gradients of one part of a batch."""
        draw = torch.Generator().manual_seed((self.plan.seed * 1_000_003 + self.done) * 16 + at)
        if self.known is not None:
            chance = np.random.default_rng((self.plan.seed, self.done, at))
            numbers = np.concatenate([numbers, self.known.partners(numbers, chance)])
        pictures = scaled(self.targets.prepared.seen(numbers), self.plan.recolouring, draw)
        wanted = self.targets.at(numbers)
        part.train()
        if self.plan.settled:
            for module in part.modules():
                module.train(not isinstance(module, nn.BatchNorm2d))
        part.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            maps, predictions = part(pictures.contiguous(memory_format=torch.channels_last))
        losses = [apart(prediction.float(), target) for prediction, target in zip(predictions, wanted, strict=True)]
        loss = torch.stack(losses).mean()
        if self.known is not None:
            loss = loss + self.known.weight * self.known.loss(maps, numbers)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _numbers(self, step: int) -> NDArray[np.int64]:
        """The views of a step: every view once per epoch, in a new order in each epoch."""
        views, batch = len(self.targets.prepared), self.plan.batch
        places = np.arange(step * batch, (step + 1) * batch)
        found = np.empty(batch, np.int64)
        for turn in np.unique(places // views):
            mine = places // views == turn
            found[mine] = self._order(int(turn))[places[mine] % views]
        return found

    def _order(self, turn: int) -> NDArray[np.int64]:
        if turn not in self._orders:
            draw = np.random.default_rng((self.plan.seed, turn))
            self._orders = {turn: draw.permutation(len(self.targets.prepared))}
        return self._orders[turn]

    def _facts(self) -> dict[str, Any]:
        """What a plan must have in common with a checkpoint to resume from it."""
        facts = asdict(self.plan) | {"views": len(self.targets.prepared), "channels": self.targets.channels}
        del facts["epochs"]
        return facts


def _share(part: nn.Module, whole: nn.Module) -> None:
    """Makes a copy share the parameters of the whole, so that one step updates both; gradients stay separate."""
    for mine, theirs in zip(part.parameters(), whole.parameters(), strict=True):
        mine.data = theirs.data

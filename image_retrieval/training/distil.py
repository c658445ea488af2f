"""Distillation: the student's map of a recoloured picture is brought close to the teacher's map of the true one.

After Hinton, Vinyals and Dean (*Distilling the Knowledge in a Neural Network*, 2015) and, for a middle map, Romero et
al. (*FitNets: Hints for Thin Deep Nets*, ICLR 2015).
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
"""Views from which the teachers' channels are standardised."""

_KEPT_EVERY = 200
"""Steps between two checkpoints."""


@dataclass(frozen=True)
class Plan:
    """How the student learns.

    Attributes:
        epochs: How often it sees every view.
        batch: Views a step.
        rate: Rate of learning (AdamW). It rises over the first steps and falls to nothing over the last, and stands
            still between, so that a longer plan begins as a shorter one does: either can go on from its checkpoints.
        decay: Weight decay.
        rising: Steps in which the rate rises.
        falling: Share of the steps in which it falls.
        halves: Parts of a batch that are worked on at once. Part of the plan, since what comes out depends on it.
        seed: Seed of weights, order and colours.
        settled: Whether normalisations keep the statistics they came with, as those of weights read from a file must.
        shape: The student.
        recolouring: What happens to its input.
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
        """How many steps that makes."""
        return max(1, round(self.epochs * views / self.batch))

    def slope(self, step: int, steps: int) -> float:
        """The share of the rate at a step of so many."""
        rising, falls = min(self.rising, steps), self.falling * steps
        return min(1.0, (step + 1) / rising, (steps - step) / max(1.0, falls))


class Student(nn.Module):
    """The network that is shipped, and heads to each teacher's channels that are not."""

    def __init__(self, shape: Shape, channels: Sequence[int]) -> None:
        super().__init__()
        self.body = body(shape)
        self.heads = nn.ModuleList(nn.Conv2d(shape.wide[0], count, 1) for count in channels)

    def forward(self, pictures: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Its own map, and what it takes each teacher's to be."""
        maps = self.body(pictures)
        return maps, [head(maps) for head in self.heads]

    @classmethod
    def beginning_as(cls, network: nn.Sequential, shape: Shape, targets: Targets, *, itself: bool) -> Student:
        """A student that begins with the weights of a network.

        Args:
            network: A body.
            shape: Its shape.
            targets: What is to be learned.
            itself: Whether the network is also the teacher: then the head only standardises its channels, as the
                targets are, and nothing is left to learn but to look past colour.
        """
        made = cls(shape, targets.channels)
        made.body.load_state_dict(network.state_dict())
        if not itself:
            return made
        head = made.heads[0]
        assert isinstance(head, nn.Conv2d)
        assert head.bias is not None
        scale = 1 / targets.deviations[0].flatten()
        with torch.no_grad():
            head.weight.copy_(torch.diag(scale)[:, :, None, None])
            head.bias.copy_(-targets.means[0].flatten() * scale)
        return made


@dataclass(frozen=True, eq=False)
class Targets:
    """The teachers' maps, every channel standardised.

    Attributes:
        prepared: Views and maps.
        means: float32 (1, channels, 1, 1) for each teacher.
        deviations: The same.
    """

    prepared: Prepared
    means: tuple[Tensor, ...]
    deviations: tuple[Tensor, ...]

    @classmethod
    def of(cls, prepared: Prepared) -> Targets:
        """Measures the channels on a sample of the views."""
        sample = np.unique(np.linspace(0, len(prepared) - 1, _SAMPLE).astype(np.int64))
        found = [torch.from_numpy(prepared.taught(at, sample)).float() for at in range(len(prepared.maps))]
        means = tuple(one.mean((0, 2, 3), keepdim=True) for one in found)
        deviations = tuple(one.std((0, 2, 3), keepdim=True).clamp(min=1e-4) for one in found)
        return cls(prepared, means, deviations)

    @property
    def channels(self) -> list[int]:
        """How many each teacher has."""
        return [one.shape[1] for one in self.means]

    def at(self, numbers: NDArray[np.int64]) -> list[Tensor]:
        """The maps of some views."""
        read = (torch.from_numpy(self.prepared.taught(at, numbers)).float() for at in range(len(self.means)))
        return [(one - mean) / off for one, mean, off in zip(read, self.means, self.deviations, strict=True)]


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the products that views show.

    Attributes:
        products: int64 (views,): the product of each view.
        groups: int64 (views,): its group, −1 where none is known.
        scopes: int64 (views,): who says so; groups of two scopes say nothing about each other.
        weight: Of the loss of pairs beside that of the maps.
        sharpness: Inverse temperature of the cosines.
    """

    products: NDArray[np.int64]
    groups: NDArray[np.int64]
    scopes: NDArray[np.int64]
    weight: float = 0.3
    sharpness: float = 20.0

    def partners(self, numbers: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
        """A view of another variant for each view whose product has one."""
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
        """How far variants are from each other among products that are known to be none.

        The contrast of van den Oord, Li and Vinyals (*Representation Learning with Contrastive Predictive Coding*,
        2018). A pair of which nothing is known, such as one of two sellers' groups, counts neither way.
        """
        rows = normalize(adaptive_avg_pool2d(maps.float(), GRID).flatten(1))
        products, groups, scopes = (torch.from_numpy(one[numbers]) for one in (self.products, self.groups, self.scopes))
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


def apart(made: Tensor, wanted: Tensor) -> Tensor:
    """How far a map is from the teacher's: half the squared error cell by cell, and the grid's squared distance.

    The grid is what is searched by: both are averaged to 7×7 and brought to length one as a whole.
    """
    rows = [normalize(adaptive_avg_pool2d(one, GRID).flatten(1)) for one in (made, wanted)]
    return ((made - wanted) ** 2).mean() / 2 + ((rows[0] - rows[1]) ** 2).sum(1).mean()


def scaled(views: NDArray[np.uint8], recolouring: Recolouring | None, draw: torch.Generator) -> Tensor:
    """Views as the student's input: recoloured, then scaled by ImageNet's mean and deviation."""
    pictures = torch.from_numpy(np.ascontiguousarray(views.transpose(0, 3, 1, 2))).float() / 255
    if recolouring is not None:
        pictures = recolouring(pictures, draw)
    mean, off = (torch.from_numpy(one)[:, None, None] for one in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return (pictures - mean) / off


def new_student(plan: Plan, targets: Targets) -> Student:
    """A student that knows nothing yet; its weights follow from the plan's seed."""
    torch.manual_seed(plan.seed)
    return Student(plan.shape, targets.channels)


@dataclass
class Distillation:
    """A student under way; all of it goes into a checkpoint.

    Attributes:
        plan: How it learns.
        targets: What it learns from.
        folder: Where checkpoint and curve are kept.
        student: The network.
        known: Groups of the products shown, where there are any.
        optimiser: Its optimiser.
        done: Steps done.
        curve: Step, loss, and seconds of processor time used so far.
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
        """The file that a run goes on from."""
        return self.folder / "checkpoint.pt"

    def resume(self) -> bool:
        """Goes on from a checkpoint, where there is one.

        Raises:
            VariantsError: It was written under another plan.
        """
        if not self.checkpoint.is_file():
            return False
        kept = torch.load(self.checkpoint, weights_only=True)
        if kept["plan"] != repr(self._facts()):
            raise VariantsError(
                f"{self.checkpoint} was written with other settings", "Name another folder with --out, or delete it"
            )
        self.student.load_state_dict(kept["student"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.done, self.curve = kept["done"], [tuple(one) for one in kept["curve"]]
        steps = self.plan.steps(len(self.targets.prepared))
        if self.done > steps or self.plan.slope(self.done - 1, kept["steps"]) != self.plan.slope(self.done - 1, steps):
            raise VariantsError(
                f"{self.checkpoint} is at step {self.done:,}, where a plan of {steps:,} steps would have fallen lower",
                "Plan more epochs, or name another folder with --out",
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

    def run(self, said: Callable[[str], None]) -> Student:
        """Learns to the end of the plan, checkpoints on the way, and returns the student."""
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
                        said(f"step {self.done:,} of {steps:,}: loss {np.mean(losses):.4f}, {used:,.0f} processor s")
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
        losses = [one.result() for one in work]
        for mine, *others in zip(*(part.parameters() for part in parts), strict=True):
            for other in others:
                mine.grad.add_(other.grad)
            mine.grad.div_(len(parts))
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        return float(np.mean(losses))

    def _learn(self, at: int, part: Student, numbers: NDArray[np.int64]) -> float:
        """Loss and gradients of one part of a batch."""
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
            maps, made = part(pictures.contiguous(memory_format=torch.channels_last))
        loss = torch.stack([apart(one.float(), target) for one, target in zip(made, wanted, strict=True)]).mean()
        if self.known is not None:
            loss = loss + self.known.weight * self.known.loss(maps, numbers)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _numbers(self, step: int) -> NDArray[np.int64]:
        """The views of a step: every view once in each round, in an order of the round's own."""
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
        """What a checkpoint must have in common with a plan that goes on from it."""
        facts = asdict(self.plan) | {"views": len(self.targets.prepared), "channels": self.targets.channels}
        del facts["epochs"]
        return facts


def _share(part: nn.Module, whole: nn.Module) -> None:
    """Lets a copy's parameters be the whole's own, so that one step moves both; gradients stay apart."""
    for mine, theirs in zip(part.parameters(), whole.parameters(), strict=True):
        mine.data = theirs.data

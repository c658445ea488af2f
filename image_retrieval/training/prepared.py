"""The training data, computed once and stored: every view at a reduced size, and the teachers' maps of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.artifacts import atomic, digest_of, write_json
from candidates.errors import PictureError, VariantsError
from image_retrieval.encoders.batches import each
from image_retrieval.pictures import padded
from image_retrieval.training.views import VIEWS, views_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from image_retrieval.training.photos import Subjects
    from image_retrieval.training.teacher import Teacher

SIDE = 112
"""Width and height of the student's input."""

RECIPE = 1
"""Changes whenever views are computed differently."""

_PART = 128
"""Pictures per part, which is the most that a kill can lose."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Views and maps by number, memory-mapped.

    Attributes:
        views: uint8 (n, 112, 112, 3), in parts.
        subjects: int64 (n,): the number of each view's picture.
        maps: For each teacher, float16 (n, channels, rows, columns), in parts.
        starts: The number of the first view of each part, and the number of all views at the end.
    """

    views: tuple[NDArray[np.uint8], ...]
    subjects: NDArray[np.int64]
    maps: tuple[tuple[NDArray[np.float16], ...], ...]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def seen(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The views with these numbers."""
        return self._of(self.views, numbers)

    def taught(self, teacher: int, numbers: NDArray[np.int64]) -> NDArray[np.float16]:
        """A teacher's maps of the views with these numbers."""
        return self._of(self.maps[teacher], numbers)

    def _of(self, parts: Sequence[NDArray[Any]], numbers: NDArray[np.int64]) -> NDArray[Any]:
        part = np.searchsorted(self.starts, numbers, side="right") - 1
        return np.stack([parts[at][number - self.starts[at]] for at, number in zip(part, numbers, strict=True)])


def prepare(
    subjects: Subjects, teachers: Sequence[Teacher], folder: Path, threads: int, report: Callable[[str], None]
) -> Prepared:
    """Computes views and maps part by part; existing parts are kept.

    Raises:
        VariantsError: The folder contains data of other pictures or teachers, or no picture can be opened.
    """
    _same_recipe(folder, subjects, teachers)
    starts = range(0, len(subjects), _PART)
    for at, start in enumerate(starts):
        files = _files(folder, at, len(teachers))
        if not all(file.is_file() for file in files):
            arrays = _part(subjects, range(start, min(start + _PART, len(subjects))), teachers, threads, report)
            for file, values in zip(files, arrays, strict=True):
                with atomic(file) as temporary, temporary.open("wb") as out:
                    np.save(out, values)
        if at % 8 == 7 or at == len(starts) - 1:
            report(f"views and maps: {min(start + _PART, len(subjects)):,} of {len(subjects):,} pictures")
    return _opened(folder, len(starts), len(teachers))


def _same_recipe(folder: Path, subjects: Subjects, teachers: Sequence[Teacher]) -> None:
    names = [path.name for path in subjects.photos]
    recipe = {
        "pictures": digest_of(names, subjects.drawings, subjects.seed, VIEWS, SIDE, RECIPE),
        "teachers": [teacher.name for teacher in teachers],
    }
    file = folder / "recipe.json"
    if file.is_file() and json.loads(file.read_text("utf-8")) != recipe:
        raise VariantsError(
            f"{folder} contains views of other pictures, or maps of other teachers", "Use another folder with --out"
        )
    write_json(file, recipe)


def _files(folder: Path, part: int, teachers: int) -> list[Path]:
    names = ["views", "subjects", *(f"maps{teacher}" for teacher in range(teachers))]
    return [folder / f"{name}-{part:04}.npy" for name in names]


def _part(
    subjects: Subjects, numbers: range, teachers: Sequence[Teacher], threads: int, report: Callable[[str], None]
) -> list[NDArray[Any]]:
    usable = [arrays for arrays in each(partial(_subject, subjects, teachers, report), numbers, threads) if arrays]
    if not usable:
        raise VariantsError(f"none of {len(numbers)} pictures can be opened", "Fix the problems reported above")
    return [np.concatenate([arrays[at] for arrays in usable]) for at in range(2 + len(teachers))]


def _subject(
    subjects: Subjects, teachers: Sequence[Teacher], report: Callable[[str], None], number: int
) -> list[NDArray[Any]] | None:
    try:
        image: Image = subjects.picture(number)
    except PictureError as error:
        report(f"left out: {error}")
        return None
    views = views_of(image, np.random.default_rng(subjects.key(number)))
    small = np.stack([padded(view, SIDE, SIDE) for view in views])
    return [small, np.full(len(views), number, np.int64), *(teacher.maps(views) for teacher in teachers)]


def _opened(folder: Path, parts: int, teachers: int) -> Prepared:
    opened = [[np.load(file, mmap_mode="r") for file in _files(folder, at, teachers)] for at in range(parts)]
    lengths = [len(part[0]) for part in opened]
    maps = tuple(tuple(part[2 + at] for part in opened) for at in range(teachers))
    subjects = np.concatenate([np.asarray(part[1]) for part in opened])
    return Prepared(tuple(part[0] for part in opened), subjects, maps, np.cumsum([0, *lengths]))

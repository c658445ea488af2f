"""What learning costs, in seconds on a catalogue and in memory on a million vectors.

`python -m benchmarks.quality.learning` prints it.

Two bounds are held, and the exit status says whether they are: from finished vectors to a finished model in under
60 seconds, and under 4 GiB of memory for the statistics of a made-up million vectors that lie in a file.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.ground import Ground
from benchmarks.speed.page import Table, circumstances, markdown_page
from candidates.artifacts import write_text
from candidates.errors import VariantsError
from candidates.settings import Settings
from candidates.vectors import Vectors
from service.learning.heads import learn_head
from service.neighbours.vectors import fitted_lexicon, joint_text
from service.pipeline.run import encode
from service.pipeline.train import train
from service.runs.footprint import footprint
from service.runs.job import Job
from service.runs.model import Model

SECONDS = 60.0
"""Learning may take so long beyond the encoders."""

MEMORY_MIB = 4096.0
"""The statistics of the made-up vectors may take so much memory."""

_BLOCK = 8192
"""Made-up vectors written at once."""

_CENTRES = 1024
"""Vectors in each of two tables; one of either together is the centre of a group, so that no centre is stored."""

_PAUSE = 0.02
"""Seconds between two looks at the memory that is not a file's."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Part:
    """One part of learning.

    Attributes:
        name: What is done.
        seconds: What it took.
        processor: Seconds of all cores together; on a busy machine these grow less than `seconds`.
        counted: Whether the bound is about it.
    """

    name: str
    seconds: float
    processor: float
    counted: bool = True


@dataclass
class Laps:
    """Times one piece of work after the other.

    Attributes:
        parts: What was timed.
    """

    parts: list[Part] = field(default_factory=list)

    def __call__(self, name: str, work: Callable[[], Result], *, counted: bool = True) -> Result:
        """Does a piece of work and remembers what it took."""
        began, used = time.perf_counter(), time.process_time()
        result = work()
        self.parts.append(Part(name, time.perf_counter() - began, time.process_time() - used, counted))
        return result


def learning_parts(job: Job, folder: Path, *, measuring: bool = True) -> tuple[Part, ...]:
    """Learns a model of a run whose vectors are made, part by part, as `variants train` does.

    Args:
        job: The run; nothing is written into it.
        folder: Where the models go.
        measuring: Whether also the whole of `variants train` is timed, which learns five times more to measure.
    """
    from image_retrieval.base import Base

    laps, groups = Laps(), job.truth("evaluation").groups
    options = {"dimensions": job.settings.learn.dimensions, "seed": job.settings.run.seed}
    lexicon = laps("lexicon of the catalogue's texts", lambda: fitted_lexicon(job))
    text = laps("joint text vectors", lambda: joint_text(job, lexicon))
    axis, owners = job.pictures.axis, job.pictures.owners
    image = Vectors.open(job.folder.image / "vectors.arrow", axis)
    on_text = laps("text head", lambda: learn_head(text.values, groups, made_for=text.version, **options))
    on_images = laps(
        "image head", lambda: learn_head(image.values, groups[owners.rows], made_for=image.version, **options)
    )
    base = Base.open(job.folder.image / "base.npz")
    model = Model(on_text.projection, on_images.projection, base, lexicon, {})
    laps("writing the model", lambda: model.save(folder / "model"))
    if measuring:
        laps("`variants train`, its measuring included", lambda: train(job, folder / "trained"), counted=False)
    return tuple(laps.parts)


def counted_seconds(parts: tuple[Part, ...]) -> float:
    """Seconds that the bound is about."""
    return sum(part.seconds for part in parts if part.counted)


@dataclass(frozen=True)
class Memory:
    """What learning a head from made-up vectors took, in a process of its own.

    Attributes:
        vectors: How many.
        dimensions: Of how many dimensions, half precision.
        groups: Known groups of two or more among them.
        seconds: What learning took.
        peak_mib: Greatest resident memory of the whole process while it learned: Python and libraries, what
            learning holds, and the pages of the vectors' file that were mapped just then.
        own_mib: The same without pages of files: what no other process could use. Looked at 50 times a second.
        file_mib: Size of the vectors' file.
    """

    vectors: int
    dimensions: int
    groups: int
    seconds: float
    peak_mib: float
    own_mib: float
    file_mib: float


def memory(folder: Path, count: int = 1_000_000, dimensions: int = 640, groups: int = 300_000) -> Memory:
    """Writes made-up vectors to a file, block by block, and learns from it in a process of its own."""
    path = folder / "vectors.f16"
    write_made_up(path, count, dimensions, groups)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(learned_from, path, count, dimensions, groups).result()


def learned_from(path: Path, count: int, dimensions: int, groups: int) -> Memory:
    """Learns a head from a file of made-up vectors, mapped into memory, and says what this process took."""
    values = np.memmap(path, np.float16, "r", shape=(count, dimensions))
    of_each = drawn_groups(count, groups)
    with own_memory() as peak, footprint() as used:
        learned = learn_head(values, of_each, made_for="made up").learned
    size = path.stat().st_size / 2**20
    return Memory(count, dimensions, learned.groups, used.seconds, used.peak_mib, max(peak), size)


def drawn_groups(count: int, groups: int, seed: int = 7) -> NDArray[np.int32]:
    """The group of each made-up product, int32 (count,): any of them, so that members lie all over the file."""
    return np.random.default_rng(seed).integers(0, groups, count, dtype=np.int32)


def write_made_up(path: Path, count: int, dimensions: int, groups: int, seed: int = 7) -> None:
    """Writes vectors that lie around their groups' centres as one file of float16, rows one behind the other."""
    draw, of_each = np.random.default_rng(seed + 1), drawn_groups(count, groups, seed)
    # Variances fall as those of principal components do.
    scale = np.sqrt(1 / np.arange(1, dimensions + 1, dtype=np.float32))
    tables = [scale * draw.standard_normal((_CENTRES, dimensions), np.float32) for _ in range(2)]
    with path.open("wb") as file:
        for start in range(0, count, _BLOCK):
            mine = of_each[start : start + _BLOCK]
            around = tables[0][mine % _CENTRES] + tables[1][mine // _CENTRES % _CENTRES]
            block = around + scale * draw.standard_normal((len(mine), dimensions), np.float32)
            file.write(block.astype(np.float16).tobytes())


@contextmanager
def own_memory() -> Iterator[list[float]]:
    """Looks, again and again, at this process's memory that is no file's; the list holds every figure, in MiB."""
    seen, done = [own_mib()], threading.Event()

    def look() -> None:
        while not done.wait(_PAUSE):
            seen.append(own_mib())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def own_mib() -> float:
    """This process's anonymous memory in MiB; not a number where the system does not say (anything but Linux)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), float("nan"))


def parts_table(parts: tuple[Part, ...], products: int) -> Table:
    """The parts of learning as a page shows them."""
    rows = [(part.name, f"{part.seconds:.1f}", f"{part.processor:.1f}") for part in parts if part.counted]
    used = sum(part.processor for part in parts if part.counted)
    rows.append(("**learning in all**", f"{counted_seconds(parts):.1f}", f"{used:.1f}"))
    rows += [(part.name, f"{part.seconds:.1f}", f"{part.processor:.1f}") for part in parts if not part.counted]
    notes = (
        f"{products:,} products, from vectors that are made to a model that is written, once. Processor seconds are "
        "those of all cores together: what else the machine does lengthens them less than the others.",
        f"Goal: under {SECONDS:.0f} s beyond the encoders; measured {counted_seconds(parts):.1f} s.",
    )
    return Table(
        "Seconds of learning beyond the encoders", ("part", "seconds", "processor seconds"), tuple(rows), notes
    )


def memory_table(found: Memory) -> Table:
    """The memory of learning as a page shows it."""
    rows = (
        ("greatest resident memory, pages of the mapped file included", f"{found.peak_mib:,.0f} MiB"),
        ("greatest memory of its own (anonymous)", f"{found.own_mib:,.0f} MiB"),
        ("the vectors' file", f"{found.file_mib:,.0f} MiB"),
        ("seconds", f"{found.seconds:.0f}"),
    )
    notes = (
        f"`learn_head` on {found.vectors:,} made-up vectors of {found.dimensions} dimensions (float16, in a file that "
        f"is mapped into memory), {found.groups:,} groups of two or more, in a process of its own.",
        "Resident memory is the kernel's high-water mark of the process (VmHWM), set back before learning begins; "
        "it counts Python, the libraries, and those pages of the file that are in memory anyhow and can be taken "
        "back at any time. Its own memory (RssAnon), looked at 50 times a second, is what learning really needs.",
        f"Goal: resident memory under {MEMORY_MIB:,.0f} MiB; measured {found.peak_mib:,.0f} MiB.",
    )
    return Table("Memory of learning from a made-up catalogue", ("", "measured"), rows, notes)


def add_catalogue_words(parser: argparse.ArgumentParser) -> None:
    """The words that say which catalogue is measured."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--run", type=Path, help="a run whose vectors are made, as `variants train` leaves it; only read"
    )
    which.add_argument("--feed", type=Path, help="a feed, encoded first (default: the real one, or a drawn one)")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder of real catalogues")
    parser.add_argument("--settings", type=Path, metavar="FILE.toml", help="settings for encoding a feed")
    parser.add_argument("--groups-are-global", action="store_true", help="a feed's groups hold across sellers")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")


def catalogue_job(words: argparse.Namespace, folder: Path) -> Job:
    """The run named on the command line, or one that encodes the feed named there into `folder`."""
    if words.run:
        return Job.of(words.run)
    sections = {"feed": {"groups_are_global": True}} if words.groups_are_global else {}
    feed = Ground(folder, words.shared, words.feed).feed
    with encode(feed, folder / "run", Settings.read(words.settings, **sections)) as job:
        return job


def main() -> None:
    """Reads the words of the command line, measures, prints, and exits with 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_catalogue_words(parser)
    parser.add_argument("--vectors", type=int, default=1_000_000, help="made-up vectors; 0 leaves this part out")
    parser.add_argument("--no-train", action="store_true", help="leave out the whole of `variants train`")
    words = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tables, held = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            job = catalogue_job(words, folder)
            parts = learning_parts(job, folder, measuring=not words.no_train)
        except VariantsError as error:
            sys.exit(str(error))
        tables.append(parts_table(parts, len(job.catalogue)))
        held.append(counted_seconds(parts) < SECONDS)
        if words.vectors:
            found = memory(folder, words.vectors, groups=max(2, round(0.3 * words.vectors)))
            tables.append(memory_table(found))
            held.append(found.peak_mib < MEMORY_MIB)
    print(*circumstances(), "", *(table.text() for table in tables), sep="\n")
    if words.write:
        write_text(words.write, markdown_page("What learning costs", circumstances(), tables))
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()

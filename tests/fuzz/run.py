"""The fuzzers as a command: mutated feeds and pictures, read by worker processes within limits of memory and time.

    python -m tests.fuzz.run --feeds 10000 --pictures 10000 --atheris 300

An input is made from its number alone, so that `--first 4711 --feeds 1` makes input 4711 again. What fails is kept as
a file; `--replay FILE` reads one of these in this process, with its traceback.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pkgutil
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

TARGETS = {"feeds": "tests.fuzz.feed_target", "pictures": "tests.fuzz.picture_target"}
"""What can be fuzzed: modules with `one_input(data)`, `corpus()` and `mutated(seed)`."""

WORKERS = 2
MOST_FAILURES = 20
_MIB = 2**20
_CRASH = "CRASH"
_STATUS = Path("/proc/self/status")
_SPAWN = multiprocessing.get_context("spawn")


class Limits(NamedTuple):
    """What one input may take.

    Attributes:
        seconds: Seconds.
        memory: Bytes of memory beyond what the process needs for itself.
    """

    seconds: float
    memory: int


class Answer(NamedTuple):
    """What came of one input, as its worker tells.

    Attributes:
        seed: The input.
        outcome: What it gave, or `CRASH`.
        trace: The traceback of a crash.
        seconds: How long it took.
        peak: The most memory that it took beyond what the process held before, in bytes.
    """

    seed: int
    outcome: str
    trace: str
    seconds: float
    peak: int


@dataclass
class Tally:
    """What came of all inputs of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    peak: int = 0

    def add(self, answer: Answer) -> None:
        """Counts one answer."""
        self.outcomes[answer.outcome] += 1
        self.slowest = max(self.slowest, (answer.seconds, answer.seed))
        self.peak = max(self.peak, answer.peak)
        if answer.outcome == _CRASH:
            self.failures.append((answer.seed, answer.trace))

    def shown(self, kind: str) -> str:
        """All of it on one line."""
        counts = ", ".join(f"{number:,} {name}" for name, number in self.outcomes.most_common())
        seconds, seed = self.slowest
        return (
            f"{kind}: {self.outcomes.total():,} inputs ({counts}); slowest {seconds:.2f} s (input {seed}); "
            f"most memory {self.peak / _MIB:.0f} MiB"
        )


def fuzz(kind: str, seeds: range, limits: Limits, until: float) -> Tally:
    """Reads mutated inputs in worker processes; a worker that hangs or dies is one failure and is replaced.

    Args:
        kind: A key of `TARGETS`.
        seeds: The inputs' numbers.
        limits: What each may take.
        until: When to stop, on the clock of `time.monotonic`.
    """
    tally = Tally()
    left = iter(seeds)
    workers = [_Worker(kind, limits, left) for _ in range(min(WORKERS, len(seeds)))]
    try:
        while workers and len(tally.failures) < MOST_FAILURES:
            ready = wait([worker.pipe for worker in workers], timeout=0.5)
            for worker in tuple(workers):
                if worker.pipe in ready:
                    worker.listen(tally, go_on=time.monotonic() < until)
                elif worker.overdue:
                    worker.give_up(tally, f"still at it after {limits.seconds:g} seconds")
                if worker.done:
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.stop()
    return tally


class _Worker:
    """One worker process and the input it is at."""

    def __init__(self, kind: str, limits: Limits, seeds: Iterator[int]) -> None:
        self._kind, self._limits, self._seeds = kind, limits, seeds
        self.done = False
        self._start()

    def _start(self) -> None:
        self.pipe, other = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(other, self._kind, self._limits.memory), daemon=True)
        self._process.start()
        other.close()
        self._seed: int | None = None
        self._since = time.monotonic()

    @property
    def overdue(self) -> bool:
        """Whether its input takes longer than one may."""
        return self._seed is not None and time.monotonic() - self._since > self._limits.seconds

    def listen(self, tally: Tally, go_on: bool) -> None:
        """Takes its answer and gives it the next input, if there is one."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            self.give_up(tally, f"the process died with exit code {self._process.exitcode}")
            return
        if answer is not None:
            tally.add(answer)
        seed = next(self._seeds, None) if go_on else None
        self._seed, self._since = seed, time.monotonic()
        self.done = seed is None
        self.pipe.send(seed)

    def give_up(self, tally: Tally, why: str) -> None:
        """Ends the process; its input is a failure, and another process takes its place."""
        self.stop()
        if self._seed is None:
            raise RuntimeError(f"{self._kind}: a worker could not begin: {why}")
        tally.add(Answer(self._seed, _CRASH, why, time.monotonic() - self._since, 0))
        self._start()

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, kind: str, memory: int) -> None:
    """A worker process: answers each number with what came of its input, until there is none."""
    target = import_module(TARGETS[kind])
    outcome = _outcome_of(target)
    target.corpus()
    _limit_memory(memory)
    pipe.send(None)
    while (seed := pipe.recv()) is not None:
        pipe.send(_answer(target, outcome, seed, memory))


def _answer(target: ModuleType, outcome: Callable[[bytes], str], seed: int, memory: int) -> Answer:
    data = target.mutated(seed)
    trace = ""
    _forget_peak()
    before, start = _peak(), time.perf_counter()
    try:
        came = outcome(data)
    except BaseException:  # whatever it is, a person would have met it
        came, trace = _CRASH, traceback.format_exc()
    seconds, grown = time.perf_counter() - start, _peak() - before
    if not trace and grown > memory:
        came, trace = _CRASH, f"took {grown / _MIB:.0f} MiB of memory"
    return Answer(seed, came, trace[-3000:], seconds, grown)


def _outcome_of(target: ModuleType) -> Callable[[bytes], str]:
    """A target's own word for what came of an input, else `used`."""

    def used(data: bytes) -> str:
        target.one_input(data)
        return "used"

    return getattr(target, "outcome", used)


def _peak() -> int:
    """The most memory that this process held (since `_forget_peak`, where that works), in bytes."""
    if _STATUS.exists():
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forget_peak() -> None:
    """Begins measuring anew; where the system can't, smaller inputs behind a large one show nothing."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _limit_memory(memory: int) -> None:
    """Lets this process have so much more memory than it has now: what asks for more gets a `MemoryError`."""
    if _STATUS.exists():
        limit = _status("VmData") + memory
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text())
    return int(found[1]) * 1024 if found else 0


# Coverage-guided ----------------------------------------------------------------------------------------------------


def guided(seconds: int, limits: Limits, keep: Path) -> str:
    """Runs atheris on the readers in a process of its own; returns what it said where it found something."""
    keep.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.run", "--as-atheris", str(seconds), "--keep", str(keep)]
    command += ["--limit-seconds", str(limits.seconds), "--limit-mib", str(limits.memory // _MIB)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode(errors="replace")
    runs = re.findall(r"Done (\d+) runs in (\d+) second", said)
    if done.returncode == 0 and runs:
        print(f"atheris: {int(runs[-1][0]):,} inputs in {runs[-1][1]} seconds, nothing found")
        return ""
    return said[-4000:] or f"atheris: exit code {done.returncode}"


def _as_atheris(seconds: int, limits: Limits, keep: Path) -> None:
    """This process becomes the fuzzer."""
    import atheris

    with atheris.instrument_imports(include=["intake.feeds"], enable_loader_override=False):
        feeds = import_module("intake.feeds")
        for module in pkgutil.walk_packages(feeds.__path__, "intake.feeds."):
            import_module(module.name)
    target = import_module(TARGETS["feeds"])
    folder = Path(tempfile.mkdtemp(prefix="corpus-"))  # cleared away by the process that started this one
    for number, data in enumerate(target.corpus()):
        (folder / str(number)).write_bytes(data)
    memory = (_peak() + limits.memory) // _MIB
    options = {"max_total_time": seconds, "timeout": int(limits.seconds) + 1, "rss_limit_mb": memory, "seed": 1}
    options |= {"max_len": 2**16, "artifact_prefix": f"{keep}/atheris-", "print_final_stats": 1}
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(folder)], target.one_input
    )
    atheris.Fuzz()


# The command --------------------------------------------------------------------------------------------------------


@contextmanager
def _scratch() -> Iterator[None]:
    """A folder for what processes write that may be killed; in memory where that can be."""
    memory, before = Path("/dev/shm"), os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if memory.is_dir() else None) as folder:
        os.environ["TMPDIR"] = folder
        try:
            yield
        finally:
            del os.environ["TMPDIR"]
            if before is not None:
                os.environ["TMPDIR"] = before


def _kept(keep: Path, kind: str, tally: Tally) -> None:
    """Writes the inputs that failed, and says what each did."""
    if tally.failures:
        keep.mkdir(parents=True, exist_ok=True)
    alike: set[str] = set()
    for seed, trace in sorted(tally.failures):
        path = keep / f"{kind}-{seed}"
        path.write_bytes(import_module(TARGETS[kind]).mutated(seed))
        print(f"\n{kind}: input {seed} failed, kept as {path}", flush=True)
        last = trace.rstrip().rpartition("\n")[2]
        print(last if last in alike else trace, flush=True)
        alike.add(last)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--feeds", type=int, default=0, help="how many mutated feeds")
    parser.add_argument("--pictures", type=int, default=0, help="how many mutated pictures")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop each kind after so many seconds")
    parser.add_argument("--atheris", type=int, default=0, metavar="SECONDS", help="then run atheris so long")
    parser.add_argument("--limit-seconds", type=float, default=20.0, help="seconds that one input may take")
    parser.add_argument("--limit-mib", type=int, default=512, help="memory that one input may take, in MiB")
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"), help="folder for inputs that fail")
    parser.add_argument("--replay", type=Path, help="read one kept input in this process")
    parser.add_argument("--as-atheris", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Runs what the command line asks for; 1 where anything failed."""
    chosen = _arguments(given)
    limits = Limits(chosen.limit_seconds, chosen.limit_mib * _MIB)
    if chosen.replay:
        kind = chosen.replay.name.split("-")[0]
        import_module(TARGETS.get(kind, TARGETS["feeds"])).one_input(chosen.replay.read_bytes())
        print(f"{chosen.replay}: nothing wrong with it")
        return 0
    if chosen.as_atheris:
        _as_atheris(chosen.as_atheris, limits, chosen.keep)
        return 0
    failed = False
    for kind, number in (("feeds", chosen.feeds), ("pictures", chosen.pictures)):
        if number:
            seeds = range(chosen.first, chosen.first + number)
            with _scratch():
                tally = fuzz(kind, seeds, limits, time.monotonic() + chosen.seconds)
            print(tally.shown(kind), flush=True)
            _kept(chosen.keep, kind, tally)
            failed = failed or bool(tally.failures)
    if chosen.atheris and find_spec("atheris"):
        with _scratch():
            found = guided(chosen.atheris, limits, chosen.keep)
        print(found, flush=True)
        failed = failed or bool(found)
    elif chosen.atheris:
        print("atheris: not installed here (`uv pip install atheris`), left out")
    return int(failed)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONFAULTHANDLER", "1")
    sys.exit(main())

"""Kills runs at random moments inside every step and between write and rename, and resumes them.

`python -m benchmarks.speed.kill_and_resume --seeds 20` draws a catalogue (or takes `--feed`), runs it once
undisturbed, then once a seed: killed by SIGKILL, resumed, compared. With exact indexes the results must be
identical; with NMSLIB, whose index differs from build to build, the share of common candidate pairs is
printed and must be .99.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.speed.killed_run import Plan
from service.pipeline.order import STEPS

FILES = ("products.parquet", "image/images.parquet", "curves.parquet")
TEXTS = ("refused.csv", "suggestions.csv", "groups.csv", "group-notes.csv")
COMMON = 0.99


def variants(out: Path, feed: Path, settings: Path, plan: Plan | None = None) -> int:
    """Runs `variants run`, to die by the plan where there is one; returns the exit status."""
    words = ["run", str(feed), "--out", str(out), "--settings", str(settings)]
    program = ["-m", "benchmarks.speed.killed_run", json.dumps(asdict(plan))] if plan else ["-m", "apps.cli"]
    done = subprocess.run([sys.executable, *program, *words], capture_output=True, text=True)
    if done.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"the run failed by itself:\n{done.stderr}")
    return done.returncode


def pairs(out: Path) -> set[tuple[str, str]]:
    """All (query, candidate) pairs of a run."""
    table = pq.read_table(out / "candidates", columns=["query_id", "candidate_id"])
    return set(zip(table["query_id"].to_pylist(), table["candidate_id"].to_pylist(), strict=True))


def identical(one: Path, other: Path) -> bool:
    """Whether two runs have the same content in every public file."""
    tables = all(pq.read_table(one / name).equals(pq.read_table(other / name)) for name in FILES)
    candidates = pq.read_table(one / "candidates").equals(pq.read_table(other / "candidates"))
    return tables and candidates and all(_content(one / name) == _content(other / name) for name in TEXTS)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def plan_for(seed: int, undisturbed: Path) -> Plan:
    """A step (each in turn), and a random moment in it or one of its renames."""
    chance = random.Random(seed)
    step = list(STEPS)[seed % len(STEPS)]
    if chance.random() < 0.5:
        return Plan(step, rename=chance.randint(1, 2))
    seconds = json.loads((undisturbed / "steps" / f"{step}.json").read_text())["seconds"]
    return Plan(step, seconds=seconds * chance.random())


def kill_and_resume(seed: int, folder: Path, feed: Path, settings: Path, undisturbed: Path) -> tuple[Plan, Path]:
    """A run killed and resumed; where the plan's moment never came, the step's first rename is taken."""
    plan = plan_for(seed, undisturbed)
    out = folder / f"killed-{seed}"
    if variants(out, feed, settings, plan) == 0:
        shutil.rmtree(out)
        plan = Plan(plan.step, rename=1)
        if variants(out, feed, settings, plan) == 0:
            raise SystemExit(f"the step {plan.step} renames nothing, so it could not be killed at a rename")
    variants(out, feed, settings)
    return plan, out


def compare(index: str, seeds: range, folder: Path, feed: Path) -> bool:
    """Kills and resumes once a seed with one kind of text index; prints a line each; True where all is well."""
    settings = folder / f"{index}.toml"
    settings.write_text(
        f'[text]\nindex = "{index}"\n[run]\nchunk = 64\n[merge]\nbudget = 15\n[evaluation]\nbootstrap = 50\n'
    )
    undisturbed = folder / f"undisturbed-{index}"
    variants(undisturbed, feed, settings)
    expected = pairs(undisturbed)
    well = True
    for seed in seeds:
        plan, out = kill_and_resume(seed, folder, feed, settings, undisturbed)
        found = pairs(out)
        common = len(expected & found) / len(expected | found)
        good = identical(undisturbed, out) if index == "exact" else common >= COMMON
        moment = f"rename {plan.rename}" if plan.rename else f"{plan.seconds:.2f} s"
        verdict = "ok" if good else "DIFFERENT"
        line = f"{index:7s} seed {seed:2d}  {plan.step:15s} {moment:10s} common pairs {common:.4f}  {verdict}"
        print(line, flush=True)
        well &= good
        shutil.rmtree(out)
    return well


def main() -> None:
    """Reads the words of the command line and says at the end whether every run came back whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--groups", type=int, default=40, help="groups of the catalogue that is drawn")
    parser.add_argument("--feed", type=Path, help="a feed of your own instead")
    parser.add_argument("--index", choices=["exact", "nmslib", "both"], default="both")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feed = words.feed or _drawn(folder, words.groups)
        indexes = ["exact", "nmslib"] if words.index == "both" else [words.index]
        well = [compare(index, range(words.seeds), folder, feed) for index in indexes]
    if not all(well):
        raise SystemExit("a run that was killed did not come back whole")
    print("every run that was killed came back whole")


def _drawn(folder: Path, groups: int) -> Path:
    from demo_catalogue.catalogue import draw_catalogue

    return draw_catalogue(folder / "catalogue", groups=groups).feed


if __name__ == "__main__":
    main()

"""`python -m image_retrieval.training`: trains the weights of the fingerprint `own` from photographs and a teacher."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from candidates.artifacts import write_json
from candidates.errors import VariantsError
from image_retrieval.encoders.own import ABOUT, WEIGHTS
from image_retrieval.encoders.weights import sha256_of
from image_retrieval.training.photos import Subjects, photographs
from image_retrieval.training.prepared import SIDE, prepare
from image_retrieval.training.teacher import Teacher


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m image_retrieval.training", description=__doc__)
    parser.add_argument(
        "--photos", type=Path, required=True, help="folder with photographs, with or without images.csv"
    )
    parser.add_argument(
        "--teacher", type=Path, action="append", required=True, help="ONNX file with the output `grid7`; repeatable"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for weights, curve and checkpoint; an earlier run is resumed"
    )
    parser.add_argument("--prepared", type=Path, help="folder for views and maps (default: OUT/prepared)")
    parser.add_argument("--epochs", type=float, default=8.0, help="how often every view is seen")
    parser.add_argument("--drawings", type=int, default=640, help="number of drawn pictures besides the photographs")
    parser.add_argument("--most", type=int, help="maximum number of photographs")
    parser.add_argument("--stem", type=int, default=32, help="channels at 56×56")
    parser.add_argument("--middle", type=int, nargs=2, default=(64, 32), help="channels at 28×28, outer and inner")
    parser.add_argument("--wide", type=int, nargs=2, default=(160, 80), help="channels at 14×14, outer and inner")
    parser.add_argument("--blocks", type=int, nargs=2, default=(2, 6), help="residual blocks at 28×28 and at 14×14")
    parser.add_argument("--threads", type=int, default=2, help="threads for views and maps")
    parser.add_argument("--seed", type=int, default=7, help="seed of weights, views, order and colours")
    return parser.parse_args(arguments)


def report(line: str) -> None:
    """Prints a line immediately, with the time."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


def train(arguments: argparse.Namespace) -> Path:
    """Prepares, distils and exports; returns the weights file."""
    began, used = time.perf_counter(), time.process_time()
    subjects = Subjects(photographs(arguments.photos)[: arguments.most], arguments.drawings, arguments.seed)
    teachers = [Teacher.open(file, 1) for file in arguments.teacher]
    folder = arguments.prepared or arguments.out / "prepared"
    prepared = prepare(subjects, teachers, folder, arguments.threads, report)
    report(f"prepared in {time.perf_counter() - began:.0f} s, {time.process_time() - used:.0f} processor s")

    from image_retrieval.training.distil import Distillation, Plan, Targets, new_student
    from image_retrieval.training.export import write_onnx
    from image_retrieval.training.network import Shape, weights

    shape = Shape(arguments.stem, tuple(arguments.middle), tuple(arguments.wide), tuple(arguments.blocks))
    plan = Plan(epochs=arguments.epochs, seed=arguments.seed, shape=shape)
    targets = Targets.of(prepared)
    run = Distillation(plan, targets, arguments.out, new_student(plan, targets))
    if run.resume():
        report(f"resuming at step {run.done:,}")
    report(f"{len(subjects):,} pictures, {len(prepared):,} views, {weights(run.student.body):,} weights")
    student = run.run(report)
    file: Path = arguments.out / WEIGHTS
    write_onnx(student.body, SIDE, file)
    digest = sha256_of(file)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    write_json(arguments.out / ABOUT, {"sha256": digest, "views": len(prepared), "steps": run.done})
    report(f"{file}: {file.stat().st_size:,} bytes, SHA-256 {digest}")
    report(f"{seconds:,.0f} s, {processor:,.0f} processor s in this process")
    return file


def main() -> None:
    """Runs the command."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        train(parse_arguments())
    except VariantsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()

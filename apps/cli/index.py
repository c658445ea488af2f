"""`variants index`: the image index on Elasticsearch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from image_retrieval.elastic.check import Repaired
    from service.neighbours.elastic_images import ElasticImages

index = typer.Typer(
    help="Manages the image index on Elasticsearch; ELASTICSEARCH_URL is its address.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
console = Console()

Out = Annotated[Path, typer.Argument(help="Run folder, or a store (its current generation).")]


def _images(out: Path) -> ElasticImages:
    from service.neighbours.elastic_images import ElasticImages
    from service.runs.job import Job
    from service.runs.store import run_root

    return ElasticImages.of(Job.of(run_root(out)))


def _print_counts(what: str, counts: Mapping[str, int]) -> None:
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    console.print(f"{what}: {listed}", markup=False, highlight=False, soft_wrap=True)


def _print_repaired(images: ElasticImages, done: Repaired) -> None:
    counts = {"stored": done.loaded.stored, "removed": done.removed} | dict(done.loaded.refused)
    _print_counts(images.window.alias, counts)


@index.command()
def create(out: Out) -> None:
    """Creates today's slice, empty, unless it exists."""
    from service.neighbours.elastic_images import today

    images = _images(out)
    images.window.ensure(today())
    console.print(f"created: {images.window.index_of(today())}", markup=False, highlight=False, soft_wrap=True)


@index.command()
def load(out: Out) -> None:
    """Loads the pictures that are missing; lists each picture that can't be loaded."""
    from candidates.product import Refusal

    images = _images(out)

    def show(refusal: Refusal) -> None:
        console.print(f"not loaded: {refusal.where}: {refusal.reason}", markup=False, highlight=False, soft_wrap=True)

    done = images.load(show)
    _print_repaired(images, done)


@index.command()
def check(out: Out) -> None:
    """Compares the index with the run folder, picture by picture; exit status 1 if they differ."""
    images = _images(out)
    found = images.check()
    _print_counts(images.window.alias, found.counts)
    if not found.complete:
        console.print("`variants index repair` fixes it", markup=False, highlight=False)
        raise typer.Exit(1)


@index.command()
def repair(out: Out) -> None:
    """Loads missing and changed pictures, and removes stray ones."""
    images = _images(out)
    done = images.repair()
    _print_repaired(images, done)


@index.command()
def roll(
    out: Out,
    day: Annotated[str, typer.Option("--day", help="Use this day, YYYY-MM-DD (default: today).")] = "",
) -> None:
    """Creates today's slice and drops those that have left the window."""
    images = _images(out)
    dropped = images.roll(_day(day))
    for gone in dropped:
        line = f"dropped: {gone.index} ({gone.documents:,} images)"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    _print_counts(images.window.alias, {"slices": len(images.window.standing()), "dropped": len(dropped)})


@index.command()
def swap(
    out: Out,
    drop: Annotated[bool, typer.Option(help="Delete the versions that are no longer current.")] = False,
) -> None:
    """Makes the run's version of the codes current, once its audit has passed."""
    images = _images(out)
    audit = images.swap()
    _print_counts(f"current: {images.window.alias}", {"looked up": audit.looked_up, "found": audit.found})
    for name in images.drop_others() if drop else []:
        console.print(f"dropped: {name}", markup=False, highlight=False, soft_wrap=True)


def _day(word: str) -> date | None:
    from candidates.errors import VariantsError

    try:
        return datetime.strptime(word, "%Y-%m-%d").date() if word else None
    except ValueError:
        raise VariantsError(f"--day {word!r} is not a day", "Write it as 2026-11-21") from None

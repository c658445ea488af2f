"""`variants index`: the image index on an Elasticsearch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from service.neighbours.elastic_images import ElasticImages

index = typer.Typer(
    help="The image index on an Elasticsearch; ELASTICSEARCH_URL says where it is.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
console = Console()

Out = Annotated[Path, typer.Argument(help="Run folder, or a store (its generation in force).")]


def _images(out: Path) -> ElasticImages:
    from service.neighbours.elastic_images import ElasticImages
    from service.runs.job import Job
    from service.runs.store import run_root

    return ElasticImages.of(Job.of(run_root(out)))


def _say(what: str, counts: Mapping[str, int]) -> None:
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    console.print(f"{what}: {said}", markup=False, highlight=False, soft_wrap=True)


@index.command()
def create(out: Out) -> None:
    """Makes the slice of today, empty, where it is not there yet."""
    from service.neighbours.elastic_images import today

    images = _images(out)
    images.window.ensure(today())
    console.print(f"made: {images.window.index_of(today())}", markup=False, highlight=False, soft_wrap=True)


@index.command()
def load(out: Out) -> None:
    """Loads what is not there yet; what can't be loaded is named, picture by picture."""
    from candidates.product import Refusal

    images = _images(out)

    def refused(one: Refusal) -> None:
        console.print(f"not loaded: {one.where}: {one.reason}", markup=False, highlight=False, soft_wrap=True)

    made = images.load(refused)
    _say(images.window.alias, {"stored": made.loaded.stored, "removed": made.removed} | dict(made.loaded.refused))


@index.command()
def check(out: Out) -> None:
    """Compares the index with the run folder, picture by picture; status 1 where they differ."""
    images = _images(out)
    found = images.check()
    _say(images.window.alias, found.counts)
    if not found.complete:
        console.print("`variants index repair` fixes it", markup=False, highlight=False)
        raise typer.Exit(1)


@index.command()
def repair(out: Out) -> None:
    """Loads what is missing or changed, removes what should not be there."""
    images = _images(out)
    made = images.repair()
    _say(images.window.alias, {"stored": made.loaded.stored, "removed": made.removed} | dict(made.loaded.refused))


@index.command()
def roll(
    out: Out,
    day: Annotated[str, typer.Option("--day", help="As if it were this day, YYYY-MM-DD (default: today).")] = "",
) -> None:
    """Makes the slice of today and drops those that have left the window."""
    images = _images(out)
    gone = images.roll(_day(day))
    for one in gone:
        console.print(f"dropped: {one.index} ({one.documents:,} images)", markup=False, highlight=False, soft_wrap=True)
    _say(images.window.alias, {"slices": len(images.window.standing()), "dropped": len(gone)})


@index.command()
def swap(
    out: Out,
    drop: Annotated[bool, typer.Option(help="Delete the versions that are not in force any more.")] = False,
) -> None:
    """Brings the run's version of codes into force, once its audit has passed."""
    images = _images(out)
    audit = images.swap()
    _say(f"in force: {images.window.alias}", {"looked up": audit.looked_up, "found": audit.found})
    for name in images.drop_others() if drop else []:
        console.print(f"dropped: {name}", markup=False, highlight=False, soft_wrap=True)


def _day(word: str) -> date | None:
    from candidates.errors import VariantsError

    try:
        return datetime.strptime(word, "%Y-%m-%d").date() if word else None
    except ValueError:
        raise VariantsError(f"--day {word!r} is no day", "Write it as 2026-11-21") from None

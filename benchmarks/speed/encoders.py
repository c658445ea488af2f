"""Items a second of each encoder, and of decoding and resizing apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.quality.ground import Ground
from benchmarks.speed.page import Table
from benchmarks.speed.timing import Spread, cores, interleaved
from candidates.catalogue import Catalogue
from candidates.settings import ImageSettings, TextSettings
from image_retrieval.encoders import encoder_for
from image_retrieval.encoders.batches import each
from image_retrieval.pictures import decode, padded
from intake.feeds import read_feed
from intake.picture_files import PicturePlaces, list_pictures
from text_retrieval.product_text import product_texts
from text_retrieval.sentence import SentenceEncoder

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 224
"""Width and height for which pictures are decoded, and into which they are fitted where that is measured apart."""

NETWORKS = (
    "mobilenetv2_fp16.onnx#emb1280",
    "mobilenetv2_fp16.onnx#grid7",
    "efficientnet_b4_trunk_fp16.onnx#head1792",
    "efficientnet_b4_trunk_fp16.onnx#grid7",
)
"""Networks below the folder `models` of the shared data, measured where they are there."""

RANDOM = "resnet50"
"""The network of torchvision that is measured, with random weights: they take no other time than learned ones."""

_FEW = 16
"""Pictures for that one, which is by far the slowest."""

HOG = "hog"


@dataclass(frozen=True)
class Task:
    """What is measured.

    Attributes:
        name: The encoder, or the part of the work.
        items: Pictures or texts a round.
        dimensions: Length of the vectors it makes; 0 for none.
        work: Does the items of a round.
    """

    name: str
    items: int
    dimensions: int
    work: Callable[[int], object]


@dataclass(frozen=True)
class Encoding:
    """What one task took.

    Attributes:
        name: The encoder, or the part of the work.
        items: Pictures or texts a round.
        dimensions: Length of the vectors it makes; 0 for none.
        per_second: Items a second.
        against_hog: How much longer than HOG an item takes, round by round.
    """

    name: str
    items: int
    dimensions: int
    per_second: Spread
    against_hog: Spread


def measure(ground: Ground, sample: int = 64, texts: int = 256, rounds: int = 3) -> tuple[Encoding, ...]:
    """Measures every encoder at hand on the same pictures and texts, in turns."""
    read = read_feed(ground.feed, ground.settings.feed)
    places = PicturePlaces(((0, read.pictures),))
    files = [one.path for one in list_pictures(read.catalogue, places) if one.path is not None]
    contents = [path.read_bytes() for path in files[:sample]]
    pictures = [decode(content, "a picture", (_SIDE, _SIDE)) for content in contents]
    tasks = [*_before_encoding(contents, pictures), *_by_pictures(ground, pictures), _by_texts(read.catalogue, texts)]
    seconds = interleaved({task.name: task.work for task in tasks}, rounds)
    an_item = {task.name: seconds[task.name] / task.items for task in tasks}
    return tuple(
        Encoding(
            task.name,
            task.items,
            task.dimensions,
            Spread.of(1 / an_item[task.name]),
            Spread.of(an_item[task.name] / an_item[HOG]),
        )
        for task in tasks
    )


def _before_encoding(contents: Sequence[bytes], pictures: Sequence[Image]) -> Iterator[Task]:
    """What stands before every encoder of pictures."""
    size = (_SIDE, _SIDE)
    yield Task("decode", len(contents), 0, lambda _: each(lambda one: decode(one, "", size), contents, cores()))
    yield Task("fit into 224×224", len(pictures), 0, lambda _: each(lambda one: padded(one, *size), pictures, cores()))


def _by_pictures(ground: Ground, pictures: Sequence[Image]) -> Iterator[Task]:
    """The encoders of pictures: those without weights, the networks at hand, and one with weights at random."""
    models = {HOG: HOG, "phash": "phash"}
    files = (ground.shared / "models" / name for name in NETWORKS)
    models |= {file.name: f"onnx:{file}" for file in files if Path(str(file).partition("#")[0]).is_file()}
    models[f"torchvision:{RANDOM}, random weights"] = f"torchvision:{RANDOM}"
    weights = _random_weights(ground.folder / f"{RANDOM}.pth")
    for name, model in models.items():
        encoder = encoder_for(ImageSettings(model=model, weights=str(weights)), cores())
        batch = pictures[:_FEW] if model.startswith("torchvision") else pictures
        yield Task(
            name, len(batch), encoder.dimensions, partial(lambda make, some, _: make(some), encoder.encode, batch)
        )


def _random_weights(path: Path) -> Path:
    """A file of seeded random weights."""
    import torch
    import torchvision

    torch.manual_seed(7)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(getattr(torchvision.models, RANDOM)(weights=None).state_dict(), path)
    return path


def _by_texts(catalogue: Catalogue, count: int) -> Task:
    settings = TextSettings()
    texts = list(dict.fromkeys(product_texts(catalogue, settings)))[:count]
    encoder = SentenceEncoder.open(settings, cores())
    return Task(f"{settings.model}, texts", len(texts), encoder.dimensions, lambda _: encoder.encode(texts))


def table(found: Sequence[Encoding], feed: Path) -> Table:
    """The figures as a page shows them."""
    rows = tuple(
        (one.name, f"{one.items:,}", f"{one.dimensions or ''}", str(one.per_second), str(one.against_hog))
        for one in found
    )
    notes = (
        f"Pictures and texts of `{feed.name}` on all cores, decoded before unless decoding is what is measured; an "
        "encoder fits them into its own box. Median (least–greatest) of rounds in which all were taken in turns.",
        "× HOG's time: how much longer an item takes than with HOG.",
    )
    return Table("Encoders", ("encoder", "items", "dimensions", "items/s", "× HOG's time"), rows, notes)

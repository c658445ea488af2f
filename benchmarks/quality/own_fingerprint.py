"""What the shipped fingerprint finds, beside those without weights and beside ready-made networks.

`python -m benchmarks.quality.own_fingerprint --feed FEED --models DIR` measures recall of pictures alone, of products
of held-out groups: raw vectors, and vectors in a learned space (five folds of groups, as everywhere).
`--magento` adds a Magento export, `--drawn` the demo's shoes and mugs; `--retrain` has `variants train-encoder` learn
from one half of the feed's groups and measures on the other. Whatever is encoded is kept in `--folder`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.page import Table, circumstances, markdown_page
from candidates.artifacts import digest_of, write_text
from candidates.settings import ImageSettings, Settings
from candidates.vectors import Vectors
from demo_catalogue.catalogue import draw_catalogue
from eval.bootstrap import Interval, difference, interval
from image_retrieval.encoders import encoder_for
from image_retrieval.pictures import decode
from intake.picture_files import list_pictures
from service.learning.heads import split_groups
from service.learning.held_out import FOLDS
from service.learning.picture_recall import AT, PictureVectors, projected_recalls, recalls
from service.pipeline.order import STEPS
from service.runs.job import Job

FLOORS = {"raw": 0.53, "projected": 0.68}
"""recall@10 on the real feed that the shipped fingerprint must reach."""

OWN, HOG = "own", "hog"

NETWORKS = ("mobilenetv2_fp16.onnx#grid7", "efficientnet_b4_trunk_fp16.onnx#grid7")
"""Ready-made networks beside which the fingerprint is measured, in the folder `--models`."""

DRAWN = {
    "shoes": ("shoe", "sneaker", "boot", "loafer", "sandal", "heel", "flats"),
    "mugs": ("mug", "cup", "tumbler"),
}
"""Words in the categories of the demo's goods that are no clothes."""


@dataclass(frozen=True, eq=False)
class Found:
    """What one encoder finds of one catalogue.

    Attributes:
        name: The encoder's name in tables.
        raw: float64 (q, depths): recall of each query by the encoder's own vectors.
        projected: The same in a space that other groups taught.
        groups: int32 (q,).
    """

    name: str
    raw: NDArray[np.float64]
    projected: NDArray[np.float64]
    groups: NDArray[np.int32]


def pictured(feed: Path, model: str, folder: Path) -> tuple[PictureVectors, NDArray[np.str_]]:
    """Reads a feed and encodes its pictures, or opens what an earlier call encoded; with each product's category."""
    settings = Settings.read(None, feed={"groups_are_global": True}, image={"model": model})
    job = Job.start(folder / digest_of(model)[:12], feed, settings)
    for name in ("ingest", "fetch_pictures", "encode_images"):
        STEPS[name](job)
    axis, owners = job.pictures.axis, job.pictures.owners
    vectors = Vectors.open(job.folder.image / "vectors.arrow", axis)
    values = np.zeros((len(job.catalogue), vectors.dimensions), np.float16)
    products, first = np.unique(owners.rows, return_index=True)
    values[products] = vectors.values[first]
    kinds = np.array([kind or "" for kind in job.catalogue.column("product_type")])
    return PictureVectors(values, job.truth("evaluation").groups), kinds


def measure(
    feed: Path, models: dict[str, str], folder: Path, kinds: Sequence[str] = (), *, learned: bool = True
) -> list[Found]:
    """Measures encoders on the same queries of one catalogue.

    Args:
        feed: The catalogue.
        models: The names in tables, and the settings `image.model`.
        folder: Where vectors are kept.
        kinds: Only products of categories that hold one of these words are asked for; empty: all.
        learned: Whether spaces are learned too; where there are too few groups for it the raw figures stand twice.
    """
    every = {name: pictured(feed, model, folder) for name, model in models.items()}
    one, names = next(iter(every.values()))
    asked = one.queries
    if kinds:
        wanted = [any(kind in name.lower() for kind in kinds) for name in names]
        asked = asked[np.array(wanted)[asked]]
    folds = split_groups(one.groups, FOLDS, 7)
    made = []
    for name, (seen, _) in every.items():
        raw = recalls(seen.values, seen.groups, asked)
        spaces = projected_recalls(seen, folds, asked) if learned else raw
        made.append(Found(name, raw, spaces, seen.groups[asked]))
    return made


def recall_table(found: Sequence[Found], title: str, beside: Sequence[str]) -> Table:
    """Recall of every encoder, and its paired distance at 10 from some of them."""
    named = {one.name: one for one in found}
    against = [named[name] for name in beside if name in named]
    rows = []
    for one in found:
        cells = [one.name]
        for values in (one.raw, one.projected):
            cells += [str(_spoken(interval(values[:, place], one.groups))) for place in range(len(AT))]
        for other in against:
            for mine, theirs in ((one.raw, other.raw), (one.projected, other.projected)):
                gap = difference(mine[:, 0], theirs[:, 0], one.groups)
                cells.append("" if one is other else _signed(gap))
        rows.append(tuple(cells))
    columns = ["fingerprint", *(f"{kind} @{at}" for kind in ("raw", "projected") for at in AT)]
    columns += [f"{kind} @10 − {other.name}" for other in against for kind in ("raw", "projected")]
    note = f"{len(found[0].groups):,} queries of held-out groups; 95% intervals over groups; differences are paired."
    return Table(title, tuple(columns), tuple(rows), (note,))


def _spoken(one: Interval) -> str:
    return f"{one.mean:.3f} ({one.low:.3f}–{one.high:.3f})"


def _signed(one: Interval) -> str:
    return f"{one.mean:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def cost_table(feed: Path, models: dict[str, str], folder: Path, count: int = 64, rounds: int = 5) -> Table:
    """Milliseconds a picture on one thread, pictures decoded before, and bytes of weights."""
    settings = Settings.read(None, feed={"groups_are_global": True})
    job = Job.start(folder / "pictures", feed, settings)
    STEPS["ingest"](job)
    files = [one.path for one in list_pictures(job.catalogue, job.places) if one.path is not None][:count]
    pictures = [decode(path.read_bytes(), path.name, (224, 224)) for path in files]
    rows = []
    for name, model in models.items():
        encoder = encoder_for(ImageSettings(model=model), 1)
        encoder.encode(pictures[:2])
        single = min(_seconds(lambda make=encoder.encode: [make([one]) for one in pictures]) for _ in range(rounds))
        batch = min(_seconds(lambda make=encoder.encode: make(pictures)) for _ in range(rounds))
        size = weight_bytes(model)
        milliseconds = [f"{1000 * one / len(pictures):.2f}" for one in (single, batch)]
        rows.append((name, f"{encoder.dimensions:,}", *milliseconds, f"{size:,}" if size else "none"))
    note = f"{len(pictures)} pictures, the least of {rounds} rounds, processor seconds of one thread; fitting included."
    columns = ("fingerprint", "dimensions", "ms a picture, one by one", "in a batch", "bytes of weights")
    return Table("What they cost", columns, tuple(rows), (note,))


def weight_bytes(model: str) -> int:
    """Size of the file that a model's weights are in; 0 for a model without."""
    from image_retrieval.encoders.own import shipped

    if model == OWN:
        return shipped().stat().st_size
    kind, _, rest = model.partition(":")
    return Path(rest.partition("#")[0]).stat().st_size if kind == "onnx" else 0


def _seconds(work: object) -> float:
    assert callable(work)
    began = time.process_time()
    work()
    return time.process_time() - began


def models_at(folder: Path | None) -> dict[str, str]:
    """The encoders that are compared: those of the house, and the networks that are in the folder."""
    models = {HOG: HOG, "gradients": "gradients", OWN: OWN}
    for name in NETWORKS:
        file = (folder or Path()) / name.partition("#")[0]
        if folder and file.is_file():
            models[_short(name)] = f"onnx:{folder / name}"
    return models


def _short(name: str) -> str:
    return {"mobilenetv2": "MobileNetV2 grid7", "efficientnet": "EfficientNet-B4 grid7"}[name.split("_")[0]]


def drawn_feed(folder: Path, groups: int) -> Path:
    """The demo's catalogue, drawn once."""
    feed = folder / "drawn" / "feed.tsv"
    return feed if feed.is_file() else draw_catalogue(feed.parent, groups=groups).feed


def retrained_table(feed: Path, folder: Path, epochs: float) -> Table:
    """`variants train-encoder` on one half of a feed's groups, measured on the other."""
    from analysis.ground import write_rows
    from benchmarks.quality.halves import halves
    from intake.feeds import read_feed
    from service.pipeline.train_encoder import train_encoder

    read = read_feed(feed, Settings.read(None, feed={"groups_are_global": True}).feed)
    taught, asked = (
        write_rows(read, folder / f"half-{name}", rows)
        for name, rows in zip("ab", halves(read.catalogue, 7), strict=True)
    )
    settings = Settings.read(None, feed={"groups_are_global": True})
    made = train_encoder(taught, folder / "retrained", settings, epochs=epochs, say=print)
    found = measure(asked, {OWN: OWN, "trained on the other half": f"own:{made.candidate}"}, folder / "asked")
    print(f"the command itself {'kept' if made.kept else 'did not keep'} it", flush=True)
    title = f"`train-encoder` on half of {feed.name}, measured on the other half"
    return recall_table(found, title, (OWN,))


def main() -> None:
    """Measures and prints; exit status 1 where the shipped fingerprint is below a floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feed", type=Path, required=True, help="a feed whose groups hold across sellers")
    parser.add_argument("--models", type=Path, help="folder of ready-made networks")
    parser.add_argument("--folder", type=Path, default=Path("bench-out/own"), help="keeps what was encoded")
    parser.add_argument("--image-model", action="append", default=[], help="another model beside these; repeatable")
    parser.add_argument("--only", nargs="+", help="only these fingerprints")
    parser.add_argument("--magento", type=Path, help="a Magento export, such as luma's products.csv")
    parser.add_argument("--drawn", type=int, default=0, metavar="GROUPS", help="also the demo's shoes and mugs")
    parser.add_argument("--retrain", type=float, default=0, metavar="EPOCHS", help="also `train-encoder` on half")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")
    words = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    models = models_at(words.models) | {name: name for name in words.image_model}
    models = {name: model for name, model in models.items() if not words.only or name in words.only}
    said = circumstances()
    print(*said, "", sep="\n", flush=True)
    tables: list[Table] = []

    def show(table: Table) -> None:
        tables.append(table)
        print(table.text(), flush=True)

    found = measure(words.feed, models, words.folder / "feed")
    show(recall_table(found, f"Recall on {words.feed.name}", (HOG, "MobileNetV2 grid7")))
    show(cost_table(words.feed, models, words.folder))
    house = {name: model for name, model in models.items() if name in (HOG, "gradients", OWN)}
    if words.magento:
        other = measure(words.magento, house, words.folder / "magento")
        show(recall_table(other, f"Recall on {words.magento.name}, a Magento export", (HOG,)))
    for name, kinds in DRAWN.items() if words.drawn else ():
        drawn = measure(drawn_feed(words.folder, words.drawn), house, words.folder / "of-drawn", kinds)
        show(recall_table(drawn, f"Recall of the demo's {name}", (HOG,)))
    if words.retrain:
        show(retrained_table(words.feed, words.folder, words.retrain))
    if words.write:
        write_text(words.write, markdown_page("The project's own fingerprint, measured", said, tables))
    if wrong := below_floors(found):
        raise SystemExit("\n".join(wrong))


def below_floors(found: Sequence[Found]) -> list[str]:
    """What the shipped fingerprint does not reach, in words."""
    own = [one for one in found if one.name == OWN]
    reached = {"raw": own[0].raw[:, 0].mean(), "projected": own[0].projected[:, 0].mean()} if own else {}
    return [
        f"recall@{AT[0]} {kind}: {value:.3f}, below {FLOORS[kind]}"
        for kind, value in reached.items()
        if value < FLOORS[kind]
    ]


if __name__ == "__main__":
    main()

"""`variants`: the commands."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from apps.cli.index import index
from candidates.errors import VariantsError
from candidates.settings import Settings
from intake.feeds.several import FeedSource

app = typer.Typer(
    help="Finds the likely variants of every product in a catalogue.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(index, name="index")
console = Console()

Feeds = Annotated[
    list[str],
    typer.Argument(
        metavar="FEED...",
        help="Product feeds, each FEED or SELLER=FEED; docs/feeds.md lists the formats.",
    ),
]
IMAGE_MODELS = (
    "own (the default), own:FOLDER, gradients, hog, hog-crop, mask, phash, onnx:FILE#OUTPUT[@7x7] or "
    "torchvision:NAME[#LAYER[@7x7]]."
)
Format = Annotated[str | None, typer.Option("--format", help="The feed's format (default: detected).")]
SellerColumn = Annotated[str | None, typer.Option(help="Column that names the seller.")]
StoreView = Annotated[str | None, typer.Option(help="Magento: take texts from this store view.")]
QualifyIds = Annotated[bool | None, typer.Option(help="Make ids unique across sellers, as SELLER:ID.")]
Columns = Annotated[list[str] | None, typer.Option("--map", help="Map a feed column: title=naam. Repeatable.")]
GroupsAreGlobal = Annotated[bool | None, typer.Option(help="Group ids are shared across sellers.")]
Offline = Annotated[bool | None, typer.Option(help="Fetch no pictures; use only those already fetched.")]
Out = Annotated[Path, typer.Argument(help="Run folder, or a store (its current generation).")]
Precision = Annotated[float | None, typer.Option(help="Target precision of suggestions, e.g. 0.95.")]
Judgements = Annotated[Path | None, typer.Option(help="CSV of judged pairs: left_id, right_id, verdict.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="TOML file; see `variants settings`.")]


def main() -> None:
    """Entry point of `variants`. A mistake gives one line and exit code 2, an unreachable server exit code 3."""
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("sentence_transformers", "nmslib", "faiss", "httpx", "numba", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Set before torch is imported; a batch of a few texts gains nothing from parallel tokenising.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except VariantsError as error:
        if debug:
            raise
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
        raise SystemExit(error.exit_code) from error


def chosen(settings: Path | None, sections: dict[str, dict[str, Any]]) -> Settings:
    """Settings from a file, overridden by the command line; options not given leave the file's values."""
    overrides = {name: {k: v for k, v in values.items() if v not in (None, "")} for name, values in sections.items()}
    return Settings.read(settings, **{name: values for name, values in overrides.items() if values})


def mapping(pairs: list[str] | None) -> dict[str, str]:
    """`title=naam` arguments as our name → the feed's name."""
    split = [pair.partition("=") for pair in pairs or []]
    wrong = [name for name, equals, column in split if not (name and equals and column)]
    if wrong:
        raise VariantsError(f"--map {wrong[0]!r} is not a pair", "Write --map title=naam: our name, then the feed's")
    return {name: column for name, _, column in split}


def feed_words(
    format: str | None,
    columns: list[str] | None,
    seller_column: str | None,
    store_view: str | None = None,
    qualify_ids: bool | None = None,
    groups_are_global: bool | None = None,
) -> dict[str, Any]:
    """The options for reading feeds, as a section of the settings."""
    return {
        "format": format,
        "columns": mapping(columns) or None,
        "seller_column": seller_column,
        "store_view": store_view,
        "qualify_ids": qualify_ids,
        "groups_are_global": groups_are_global,
    }


def sources(words: list[str]) -> tuple[FeedSource, ...]:
    """`FEED` and `SELLER=FEED` arguments as feeds."""
    return tuple(map(FeedSource.of, words))


@app.command()
def run(
    feed: Feeds,
    out: Annotated[Path | None, typer.Option(help="Folder for the results (default: variants-out).")] = None,
    store: Annotated[Path | None, typer.Option(help="Store to publish a new generation to, instead of --out.")] = None,
    settings: SettingsFile = None,
    strategy: Annotated[
        str | None, typer.Option(help="planned (the default), fused, hop, text, image, union, rrf or weighted.")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", "-n", help="Text neighbours of each product (N).")] = None,
    k: Annotated[int | None, typer.Option("--k", "-k", help="Image neighbours of each seed (K).")] = None,
    budget: Annotated[int | None, typer.Option(help="Candidates per product that you can afford.")] = None,
    text_model: Annotated[str | None, typer.Option(help="minilm, a folder, or a model's name.")] = None,
    image_model: Annotated[str | None, typer.Option(help=IMAGE_MODELS)] = None,
    image_index: Annotated[str | None, typer.Option(help="hamming (the default), exact or elasticsearch.")] = None,
    model: Annotated[str | None, typer.Option(help="Folder of a trained model; see `variants train`.")] = None,
    train: Annotated[bool | None, typer.Option(help="Learn from the feed's known groups (the default).")] = None,
    precision: Precision = None,
    judgements: Judgements = None,
    groups: Annotated[str | None, typer.Option(help="Known groups: keep (the default), learn or hide.")] = None,
    format: Format = None,
    columns: Columns = None,
    seller_column: SellerColumn = None,
    store_view: StoreView = None,
    qualify_ids: QualifyIds = None,
    groups_are_global: GroupsAreGlobal = None,
    offline: Offline = None,
) -> None:
    """Reads feeds; writes candidates, recall curve and report. If interrupted, it resumes where it stopped."""
    from apps.cli.show import show_precision, show_run
    from service.pipeline.run import run as run_pipeline
    from service.pipeline.run import run_into_store
    from service.runs.store import Store

    if out and store:
        raise VariantsError("--out and --store were both given", "Name one: a separate folder, or a store")
    if model and train:
        raise VariantsError("--model and --train were both given", "Name one: a model's spaces are used as they are")
    sections: dict[str, dict[str, Any]] = {
        "feed": feed_words(format, columns, seller_column, store_view, qualify_ids, groups_are_global),
        "fetch": {"offline": offline},
        "text": {"model": text_model},
        "image": {"model": image_model, "index": image_index},
        "learn": {"model": model and str(Path(model).resolve()), "train": train},
        "pairs": {"precision": precision, "judgements": judgements and str(judgements.resolve())},
        "groups": {"known": groups},
        # N and K are parameters of the hop: setting either selects the paper's strategy.
        "merge": {"strategy": strategy or ((n or k) and "hop"), "n": n, "k": k, "budget": budget},
    }
    options, feeds = chosen(settings, sections), sources(feed)
    if store:
        job = run_into_store(feeds, Store(store), options)
    else:
        job = run_pipeline(feeds, out or Path("variants-out"), options)
    show_precision(console, job)
    show_run(console, job)


@app.command()
def train(
    feed: Feeds,
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    run: Annotated[Path | None, typer.Option(help="Run folder that keeps the vectors (default: OUT-run).")] = None,
    settings: SettingsFile = None,
    text_model: Annotated[str | None, typer.Option(help="minilm, a folder, or a model's name.")] = None,
    image_model: Annotated[str | None, typer.Option(help=IMAGE_MODELS)] = None,
    judgements: Judgements = None,
    format: Format = None,
    columns: Columns = None,
    seller_column: SellerColumn = None,
    groups_are_global: GroupsAreGlobal = None,
    offline: Offline = None,
) -> None:
    """Learns spaces and a classifier of pairs from known groups; reports recall and precision on held-out groups."""
    from apps.cli.show import show_figures, show_precision
    from service.pipeline.run import encode
    from service.pipeline.train import train as learn

    sections: dict[str, dict[str, Any]] = {
        "feed": feed_words(format, columns, seller_column, groups_are_global=groups_are_global),
        "fetch": {"offline": offline},
        "text": {"model": text_model},
        "image": {"model": image_model},
        "pairs": {"judgements": judgements and str(judgements.resolve())},
    }
    with encode(sources(feed), run or out.with_name(f"{out.name}-run"), chosen(settings, sections)) as job:
        _, figures = learn(job, out)
    show_figures(console, figures)
    show_precision(console, job)
    console.print(f"model: {out}", markup=False, highlight=False, soft_wrap=True)


@app.command("train-encoder")
def train_encoder(
    feed: Feeds,
    out: Annotated[Path, typer.Option(help="Folder for the weights.")] = Path("own-encoder"),
    teacher: Annotated[Path | None, typer.Option(help="ONNX teacher with output `grid7` (default: `own`).")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the views of all pictures.")] = None,
    settings: SettingsFile = None,
    format: Format = None,
    columns: Columns = None,
    seller_column: SellerColumn = None,
    groups_are_global: GroupsAreGlobal = None,
    offline: Offline = None,
) -> None:
    """Fine-tunes the fingerprint `own` on a feed's pictures; keeps the result if it finds more on held-out groups."""
    from apps.cli.show import show_trained
    from service.pipeline.train_encoder import EPOCHS
    from service.pipeline.train_encoder import train_encoder as train_on

    sections: dict[str, dict[str, Any]] = {
        "feed": feed_words(format, columns, seller_column, groups_are_global=groups_are_global),
        "fetch": {"offline": offline},
    }
    options = chosen(settings, sections)
    log = logging.getLogger("variants").info
    show_trained(console, train_on(sources(feed), out, options, teacher=teacher, epochs=epochs or EPOCHS, say=log))


@app.command()
def delta(
    feed: Feeds,
    store: Annotated[Path | None, typer.Option(help="Store whose current generation to compare with.")] = None,
    settings: SettingsFile = None,
    format: Format = None,
    columns: Columns = None,
    seller_column: SellerColumn = None,
    store_view: StoreView = None,
    qualify_ids: QualifyIds = None,
) -> None:
    """Shows what `variants run` would do with these feeds, and what it would cost; changes nothing."""
    from apps.cli.show import show_preview
    from service.pipeline.preview import preview
    from service.runs.store import Store

    words = feed_words(format, columns, seller_column, store_view, qualify_ids)
    show_preview(console, preview(sources(feed), Store(store) if store else None, chosen(settings, {"feed": words})))


@app.command()
def handback(
    out: Out,
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    format: Annotated[str, typer.Option("--format", help="google, shopify, magento or woocommerce.")] = "google",
    groups: Annotated[Path | None, typer.Option(help="CSV with id,item_group_id (default: the known groups).")] = None,
    seller: Annotated[str, typer.Option(help="Only this seller's products.")] = "",
) -> None:
    """Writes groups in the format that a shop imports."""
    from service.answers.handback import hand_back
    from service.runs.job import Job
    from service.runs.store import run_root

    written = hand_back(Job.of(run_root(out)), format, file, groups, seller)
    console.print(
        f"groups {written.groups:,}, products {written.products:,}, rows {written.rows:,}: {written.path}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the catalogue and the results.")] = Path("demo"),
    groups: Annotated[int, typer.Option(help="How many groups of variants to draw.")] = 160,
) -> None:
    """Draws a small catalogue, runs everything on it, and prints the curve and the path of the report."""
    from apps.cli.show import show_curve, show_run
    from demo_catalogue.catalogue import draw_catalogue
    from service.pipeline.run import run as run_pipeline

    drawn = draw_catalogue(out / "catalogue", groups=groups)
    console.print(f"drew {drawn.products} products in {out / 'catalogue'}")
    settings = Settings.read(None, merge={"budget": 25}, feed={"groups_are_global": True})
    job = run_pipeline(drawn.feed, out / "run", settings)
    show_curve(console, job)
    show_run(console, job)


def _step(name: str, out: Path) -> None:
    from apps.cli.show import show_step
    from service.pipeline.order import STEPS
    from service.runs.job import Job
    from service.runs.manifest import write_manifest
    from service.runs.run_folder import locked

    with locked(out):
        job = Job.of(out)
        record = STEPS[name](job)
        write_manifest(job)
    show_step(console, record)


def _choose(out: Path, sections: dict[str, dict[str, Any]]) -> None:
    """Changes the settings of a run folder that the command line sets."""
    from service.runs.job import Job
    from service.runs.run_folder import locked

    changes = {name: {k: v for k, v in values.items() if v is not None} for name, values in sections.items()}
    if any(changes.values()):
        with locked(out):
            Job.of(out).changed({name: values for name, values in changes.items() if values})


@app.command()
def ingest(
    feed: Feeds,
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("variants-out"),
    settings: SettingsFile = None,
) -> None:
    """One step: reads feeds into OUT/products.parquet; unusable rows go to refused.csv."""
    from apps.cli.show import show_step
    from service.runs.job import Job
    from service.runs.run_folder import locked
    from service.steps.ingest import ingest as ingest_step

    with locked(out):
        record = ingest_step(Job.start(out, sources(feed), Settings.read(settings)))
    show_step(console, record)


@app.command()
def text(out: Out) -> None:
    """One step: encodes the product texts."""
    _step("encode_text", out)


@app.command()
def images(out: Out) -> None:
    """One step: fetches pictures where needed, and encodes them."""
    _step("fetch_pictures", out)
    _step("encode_images", out)


@app.command()
def learn(out: Out) -> None:
    """One step: learns spaces from the known groups, and plans the strategy."""
    for name in ("learn", "project", "plan"):
        _step(name, out)


@app.command()
def expand(out: Out) -> None:
    """One step: finds neighbours, and builds the candidates from them."""
    for name in ("retrieve_text", "retrieve_lexical", "retrieve_images", "expand"):
        _step(name, out)


@app.command()
def classify(out: Out, precision: Precision = None, judgements: Judgements = None) -> None:
    """One step: estimates the probability of each candidate pair; writes suggestions with reasons."""
    _choose(out, {"pairs": {"precision": precision, "judgements": judgements and str(judgements.resolve())}})
    for name in ("describe_pictures", "learn_pairs", "classify"):
        _step(name, out)


@app.command()
def group(
    out: Out,
    threshold: Annotated[float | None, typer.Option(help="Lowest mean probability at which groups are joined.")] = None,
    known: Annotated[str | None, typer.Option(help="Known groups: keep, learn or hide.")] = None,
) -> None:
    """One step: builds groups from probable pairs, and names what varies in each."""
    _choose(out, {"groups": {"threshold": threshold, "known": known}})
    _step("group", out)


@app.command()
def curves(out: Out) -> None:
    """Measures recall against candidates per product; writes curves.parquet and curves.png, and prints the table."""
    from apps.cli.show import show_curve
    from service.runs.job import Job
    from service.runs.store import run_root

    root = run_root(out)
    _step("evaluate", root)
    show_curve(console, Job.of(root))


@app.command()
def plan(
    out: Out,
    budget: Annotated[int, typer.Option(help="Candidates per product that you can afford.")] = 0,
) -> None:
    """Shows which strategy finds most at this budget, and what other budgets would find; writes OUT/plan.json."""
    from apps.cli.show import show_plan
    from service.learning.planning import plan_run
    from service.runs.job import Job
    from service.runs.store import run_root

    show_plan(console, plan_run(Job.of(run_root(out)), budget))


@app.command()
def report(out: Out) -> None:
    """Writes OUT/report.html."""
    _step("report", out)


@app.command()
def settings() -> None:
    """Prints every setting with its default and its meaning, as TOML to copy and change."""
    from apps.cli.settings_page import settings_toml

    print(settings_toml(), end="")


@app.command()
def similar(
    out: Out,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Product to search by. Repeatable.")] = None,
    image: Annotated[list[Path] | None, typer.Option("--image", help="Picture to search by. Repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many products.")] = 20,
    category: Annotated[str, typer.Option(help="Only products whose category contains this text.")] = "",
    text: Annotated[str, typer.Option(help="Only products whose title and description contain these words.")] = "",
    seller: Annotated[str, typer.Option(help="Only this seller's products.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Finds products that look like one or several examples (query by example)."""
    from apps.cli.show import show_found
    from candidates.filters import Filter
    from service.answers.searcher import Searcher
    from service.runs.job import Job
    from service.runs.store import run_root

    searcher = Searcher(Job.of(run_root(out)))
    found = searcher.similar(ids or [], image or [], k, Filter(category=category, seller=seller, text=text))
    show_found(console, found, as_json)


@app.command()
def explain(out: Out, left: Annotated[str, typer.Argument()], right: Annotated[str, typer.Argument()]) -> None:
    """Explains why a pair is or is not a candidate, suggested, or in one group: ranks, probability, reasons."""
    from apps.cli.show import show_explanation, show_pair
    from service.answers.explanation import Explainer
    from service.answers.pair_explanation import explain_pair
    from service.runs.job import Job
    from service.runs.store import run_root

    job = Job.of(run_root(out))
    explainer = Explainer(job)
    for query, candidate in ((left, right), (right, left)):
        show_explanation(console, explainer.explain(query, candidate))
    show_pair(console, explain_pair(job, left, right))

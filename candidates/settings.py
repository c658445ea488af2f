"""All settings, read once from TOML and passed as arguments."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from candidates.errors import SettingsError

Strategy = Literal["planned", "hop", "text", "image", "union", "rrf", "weighted", "fused"]
Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SellerFeed(_Section):
    """How one seller's feed is read; a field left out falls back to the setting for all feeds."""

    format: str | None = None
    encoding: str | None = None
    seller_column: str | None = None
    store_view: str | None = None
    columns: dict[str, str] | None = None


class FeedSettings(_Section):
    """How the feed is read."""

    format: str = Field("auto", description="name of a format (docs/feeds.md), or `auto`: detected from the contents")
    encoding: str = Field(
        "auto", description="`utf-8`, `utf-16`, `cp1252` and so on, or `auto`: detected automatically and reported"
    )
    seller: str = Field("", description="seller of the products for which the feed names none")
    seller_column: str = Field("", description="column that names the seller; empty: one seller owns the feed")
    store_view: str = Field("", description="Magento: store view whose texts are used; empty: the default view")
    qualify_ids: bool = Field(False, description="turn ids into `SELLER:ID`, for sellers who use the same ids")
    max_refused: float = Field(0.25, ge=0, le=1, description="stop if a larger share of a feed's rows is refused")
    columns: dict[str, str] = Field({}, description="custom column names: our name = the feed's name")
    groups_are_global: bool = Field(
        False, description="groups are valid across sellers, not only within each seller's products"
    )
    of: dict[str, SellerFeed] = Field(
        {}, description="per seller, where feeds differ: format, encoding, seller_column, store_view, columns"
    )

    def for_seller(self, seller: str) -> FeedSettings:
        """The settings for one seller's feed."""
        own = self.of.get(seller, SellerFeed()).model_dump(exclude_none=True)
        return self.model_copy(update={**own, "seller": seller or self.seller})


class TextSettings(_Section):
    """How text neighbours are found."""

    fields: tuple[str, ...] = Field(
        ("title", "description", "attributes"), description="fields that make up the product text"
    )
    leave_out: tuple[Literal["colour", "brand"], ...] = Field(
        (), description="words removed from the text: `colour`, `brand` or both"
    )
    model: str = Field("minilm", description="`minilm` (comes with the package), a model's folder or a model's name")
    index: Literal["nmslib", "exact", "tfidf"] = Field(
        "nmslib", description="text index: `nmslib` (approximate), `exact`, or `tfidf` (words instead of a model)"
    )
    batch: Positive = Field(8, description="texts per encoding batch")
    links: Positive = Field(24, description="NMSLIB HNSW: links per node (M)")
    build_effort: Positive = Field(200, description="NMSLIB HNSW: efConstruction")
    search_effort: Natural = Field(
        0, description="NMSLIB HNSW: efSearch; 0: twice the depth of the search, at least 200"
    )


class ImageSettings(_Section):
    """How image neighbours are found."""

    model: str = Field(
        "own",
        description="image encoder: `own`, `own:FOLDER`, `gradients`, `hog`, `hog-crop`, `mask`, `phash`, "
        "`onnx:FILE#OUTPUT[@7x7]`, `torchvision:NAME[#LAYER[@7x7]]`",
    )
    weights: str = Field("", description="file with a torchvision model's weights; empty: downloaded from its hub")
    base_dimensions: Natural = Field(640, description="dimensions kept by the frozen base; 0: all")
    base_sample: Positive = Field(
        8192, description="pictures from which the base is computed; smaller catalogues keep whole vectors"
    )
    base: str = Field("", description="file of a base to use, such as another run's image/base.npz; empty: computed")
    placeholder_things: Natural = Field(
        5, description="a picture used by this many unrelated products is a placeholder; 0: never"
    )
    index: Literal["hamming", "exact", "elasticsearch"] = Field(
        "hamming",
        description="image index: `hamming` (LSH codes, then rescoring, in this process), `exact`, or `elasticsearch` "
        "(codes on a cluster)",
    )
    codes: Literal["hyperplanes", "rotations"] = Field(
        "rotations", description="LSH codes from random `hyperplanes` (as in the paper) or stacked random `rotations`"
    )
    bits: Literal[256, 512, 1024] = Field(512, description="bits per LSH code")
    shortlist: Positive = Field(
        800, description="minimum number of codes rescored by float vectors; 4k if that is more"
    )
    batch: Positive = Field(32, description="pictures per encoding batch")


class ElasticsearchSettings(_Section):
    """The image index on Elasticsearch; address and secrets come from the environment (docs/elasticsearch.md)."""

    name: str = Field(
        "images", pattern=r"^[a-z][a-z0-9_]*$", description="alias of the index, and prefix of its slices' names"
    )
    search: Literal["flat", "subcodes", "hnsw"] = Field(
        "flat",
        description="`flat` (exact Hamming distance), `subcodes` (shared subcodes, as in the paper), or `hnsw` "
        "(a graph of neighbours)",
    )
    matches: Positive = Field(1, description="`subcodes`: 16-bit words that two codes must share")
    visited: Positive = Field(1000, description="`hnsw`: candidates considered in each shard (num_candidates)")
    links: Positive = Field(16, description="`hnsw`: links per node (m)")
    build_effort: Positive = Field(100, description="`hnsw`: candidates considered while building (ef_construction)")
    clients: Positive = Field(8, description="concurrent searches")
    shards: Positive = Field(1, description="primary shards per slice")
    replicas: Natural = Field(1, description="copies of each shard on other nodes; 0 on a single node")
    every: Literal["week", "month"] = Field("month", description="time span of a slice: `week` or `month`")
    months: Positive = Field(3, description="length of the rolling window, in months")


class MergeSettings(_Section):
    """How the text and image lists become candidates."""

    strategy: Strategy = Field(
        "planned",
        description="`planned` (the strategy with the highest recall at the budget), `hop` (the paper's suggestion of "
        "suggestions), `text`, `image`, `union`, `rrf`, `weighted` or `fused`",
    )
    n: Positive = Field(50, description="text neighbours of each product (N); ignored by `planned`")
    k: Natural = Field(2, description="`hop`: image neighbours of each text neighbour and of the product itself (K)")
    budget: Natural = Field(
        0, description="maximum candidates per product; 0: 100 for `planned`, no limit for `hop`, n otherwise"
    )
    rrf_k: Positive = Field(60, description="reciprocal rank fusion: the k in 1 / (k + rank)")
    text_weight: float = Field(1.0, ge=0, description="weight of the text list in `rrf` and `weighted`")
    image_weight: float = Field(1.0, ge=0, description="weight of the image list in `rrf` and `weighted`")
    hub_cap: Natural = Field(0, description="maximum number of lists that may contain one product; 0: no limit")
    collapse_known: bool = Field(
        False, description="members of the product's own known group do not count towards the budget"
    )


class FusedSettings(_Section):
    """How the strategy `fused` merges three lists into one, then searches again from its first products."""

    weights: Literal["set", "learned"] = Field(
        "set", description="`learned`: weights learned from held-out groups, if their gain is more than chance"
    )
    k: float = Field(10.0, gt=0, description="the k in 1 / (k + rank)")
    image_weight: float = Field(2.0, ge=0, description="weight of the image list")
    text_weight: float = Field(0.6, ge=0, description="weight of the text list")
    lexical_weight: float = Field(0.6, ge=0, description="weight of the lexical list (TF-IDF of letters)")
    hub_weight: float = Field(
        0.5,
        ge=0,
        description="hub correction: share of a candidate's mean score with its ten nearest that is subtracted",
    )
    seeds: Natural = Field(8, description="first products of the fused list whose own fused lists are used; 0: no hop")
    seed_depth: Positive = Field(16, description="products used from each of these lists")
    own: Positive = Field(10, description="products of the fused list that are ranked before those the hop adds")


class LearnSettings(_Section):
    """What is learned from known groups."""

    train: bool = Field(True, description="learn from the feed's own groups; false: use them for evaluation only")
    guess: bool = Field(
        True, description="if groups are each seller's own: also learn from probable variants across sellers"
    )
    model: str = Field("", description="folder of a model (`variants train`) to use instead of learning; empty: none")
    spaces: Literal["learned", "encoded"] = Field(
        "learned",
        description="`learned`: spaces learned from groups (whitened if there are none); `encoded`: vectors as encoded",
    )
    dimensions: Positive = Field(192, description="dimensions of a learned space")
    lexical_weight: float = Field(1.0, gt=0, description="weight of the lexical part beside the text model's vector")


class PairsSettings(_Section):
    """How candidates become suggestions."""

    classify: bool = Field(True, description="compute each pair's probability, and group products by it")
    precision: float = Field(0.9, gt=0, lt=1, description="precision at which pairs are suggested")
    judgements: str = Field("", description="CSV of judged pairs: left_id, right_id, verdict (accept or reject)")
    most: Positive = Field(200_000, description="maximum number of suggestions written")


class GroupsSettings(_Section):
    """How products become groups."""

    known: Literal["keep", "learn", "hide"] = Field(
        "keep", description="known groups: `keep` (and extend) them, only `learn` from them, or `hide` them completely"
    )
    threshold: float = Field(0.25, gt=0, le=1, description="minimum mean probability for joining two groups")
    largest: Natural = Field(50, description="maximum size of a group formed by joining; 0: no limit")


class EvaluationSettings(_Section):
    """How recall is measured against known groups and judgements."""

    text_depths: tuple[Positive, ...] = Field(
        (5, 10, 20, 50, 100, 200, 350, 500, 1000),
        description="values of N, and depths of single lists, on the curve",
    )
    hops: tuple[Natural, ...] = Field((0, 1, 2, 3, 4), description="values of K on the curve")
    max_share: float = Field(
        0.25, gt=0, le=1, description="the curve ends where candidates reach this share of the catalogue"
    )
    max_queries: Positive = Field(20_000, description="maximum number of queries; a seeded sample if there are more")
    bootstrap: Positive = Field(1000, description="bootstrap resamples (of groups) per interval")
    index_sample: Positive = Field(500, description="queries on which an index is compared with exact search")


class FetchSettings(_Section):
    """How pictures that the feed names by URL are fetched."""

    offline: bool = Field(False, description="send no requests: use pictures fetched before and refuse all others")
    allow_private: bool = Field(False, description="allow private addresses and any port, for tests and intranets")
    max_bytes: Positive = Field(32 * 2**20, description="maximum bytes of one picture, both as sent and decompressed")
    timeout: float = Field(20.0, gt=0, description="seconds for one attempt at a picture, redirects included")
    redirects: Natural = Field(5, description="maximum redirects for one picture")
    attempts: Positive = Field(3, description="attempts at a picture when its server fails or closes the connection")
    per_host: Positive = Field(4, description="concurrent connections to one host")
    pause: float = Field(0.0, ge=0, description="seconds between two requests to one host")
    concurrency: Positive = Field(32, description="concurrent connections to all hosts")
    user_agent: str = Field("variant-candidates", description="User-Agent header of the requests")
    expires_days: float = Field(
        30.0, gt=0, description="days after which the server is asked whether a picture has changed"
    )


class RunSettings(_Section):
    """How the work is done."""

    seed: Natural = Field(7, description="seed of all random choices")
    threads: Natural = Field(0, description="number of threads; 0: one per core")
    chunk: Positive = Field(1024, description="products encoded between two writes to disk")
    part: Positive = Field(100_000, description="products per file of lists")


class Settings(_Section):
    """All settings; each section is a table of the TOML file."""

    feed: FeedSettings = FeedSettings()
    fetch: FetchSettings = FetchSettings()
    text: TextSettings = TextSettings()
    image: ImageSettings = ImageSettings()
    learn: LearnSettings = LearnSettings()
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    merge: MergeSettings = MergeSettings()
    fused: FusedSettings = FusedSettings()
    pairs: PairsSettings = PairsSettings()
    groups: GroupsSettings = GroupsSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    run: RunSettings = RunSettings()

    @classmethod
    def read(cls, path: Path | None, **sections: dict[str, Any]) -> Settings:
        """Reads a TOML file; `sections` (from the command line) override it.

        Raises:
            SettingsError: The file can't be read, or contains mistakes; all of them are listed at once.
        """
        try:
            chosen: dict[str, Any] = tomllib.loads(path.read_text("utf-8")) if path else {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path}: {error}", "Fix the file, or leave out --settings") from error
        for section, values in sections.items():
            table = chosen.setdefault(section, {})
            if isinstance(table, dict):
                table.update(values)
        return cls.check(chosen, str(path) if path else "the command line")

    @classmethod
    def check(cls, chosen: dict[str, Any], where: str) -> Settings:
        """Builds settings from plain values; raises `SettingsError` with a list of all mistakes."""
        try:
            return cls.model_validate(chosen)
        except ValidationError as error:
            mistakes = [f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in error.errors()]
            raise SettingsError(f"{where}: {'; '.join(mistakes)}", "docs/settings.md lists every setting") from error

"""Everything a person may choose, read once from TOML and passed as arguments."""

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
    """How one seller's feed is read; what is not said here holds as for all feeds."""

    format: str | None = None
    encoding: str | None = None
    seller_column: str | None = None
    store_view: str | None = None
    columns: dict[str, str] | None = None


class FeedSettings(_Section):
    """How the feed is read."""

    format: str = Field("auto", description="a format's name (docs/feeds.md), or `auto`: recognised by what it holds")
    encoding: str = Field("auto", description="`utf-8`, `utf-16`, `cp1252` and so on, or `auto`: detected and said")
    seller: str = Field("", description="who offers the products of which the feed names no seller")
    seller_column: str = Field("", description="column that names the seller; empty: one seller owns the feed")
    store_view: str = Field("", description="Magento: store view whose texts are used; empty: the default view")
    qualify_ids: bool = Field(False, description="ids become `SELLER:ID`, for sellers who use the same ids")
    max_refused: float = Field(0.25, ge=0, le=1, description="a feed with a greater share of refused rows stops")
    columns: dict[str, str] = Field({}, description="own column names: our name = the feed's name")
    groups_are_global: bool = Field(False, description="groups hold across sellers, not only within each one")
    of: dict[str, SellerFeed] = Field(
        {}, description="by seller, where feeds differ: format, encoding, seller_column, store_view, columns"
    )

    def for_seller(self, seller: str) -> FeedSettings:
        """These settings as they hold for one seller's feed."""
        own = self.of.get(seller, SellerFeed()).model_dump(exclude_none=True)
        return self.model_copy(update={**own, "seller": seller or self.seller})


class TextSettings(_Section):
    """How texts become neighbours."""

    fields: tuple[str, ...] = Field(("title", "description", "attributes"), description="parts of the product text")
    leave_out: tuple[Literal["colour", "brand"], ...] = Field((), description="words kept out of the text")
    model: str = Field("minilm", description="`minilm` (comes with the package), a folder, or a model's name")
    index: Literal["nmslib", "exact", "tfidf"] = Field("nmslib", description="how neighbours are found")
    batch: Positive = Field(8, description="texts encoded at once")
    links: Positive = Field(24, description="NMSLIB HNSW: links of a node (M)")
    build_effort: Positive = Field(200, description="NMSLIB HNSW: efConstruction")
    search_effort: Natural = Field(0, description="NMSLIB HNSW: efSearch; 0: twice as deep as the search, at least 200")


class ImageSettings(_Section):
    """How pictures become neighbours."""

    model: str = Field(
        "own",
        description="`own`, `own:FOLDER`, `gradients`, `hog`, `hog-crop`, `mask`, `phash`, `onnx:FILE#OUTPUT[@7x7]`, "
        "`torchvision:NAME[#LAYER[@7x7]]`",
    )
    weights: str = Field("", description="file of a torchvision model's weights; empty: its hub")
    base_dimensions: Natural = Field(640, description="frozen base: dimensions kept; 0 keeps all")
    base_sample: Positive = Field(8192, description="pictures from which the base is computed; fewer stay whole")
    base: str = Field("", description="file of a base to use, another run's image/base.npz; empty: computed")
    placeholder_things: Natural = Field(
        5, description="a picture at so many different things of several kinds is a placeholder; 0: none is"
    )
    index: Literal["hamming", "exact", "elasticsearch"] = Field(
        "hamming", description="LSH codes with rescoring in process, exact search, or codes on an Elasticsearch"
    )
    codes: Literal["hyperplanes", "rotations"] = Field(
        "rotations", description="LSH codes by the paper's random hyperplanes, or by stacked random rotations"
    )
    bits: Literal[256, 512, 1024] = Field(512, description="length of the LSH code")
    shortlist: Positive = Field(800, description="codes rescored by float vectors, at least; four times k if more")
    batch: Positive = Field(32, description="pictures encoded at once")


class ElasticsearchSettings(_Section):
    """The image index on an Elasticsearch; its address and secrets are in the environment (docs/elasticsearch.md)."""

    name: str = Field(
        "images", pattern=r"^[a-z][a-z0-9_]*$", description="alias of the index; the names of its slices begin with it"
    )
    search: Literal["flat", "subcodes", "hnsw"] = Field(
        "flat", description="exact Hamming order, the paper's shared subcodes, or a graph of neighbours"
    )
    matches: Positive = Field(1, description="`subcodes`: 16-bit words that two codes must share")
    visited: Positive = Field(1000, description="`hnsw`: candidates kept in view in each shard (num_candidates)")
    links: Positive = Field(16, description="`hnsw`: links of a node (m)")
    build_effort: Positive = Field(100, description="`hnsw`: candidates while building (ef_construction)")
    clients: Positive = Field(8, description="searches on their way at once")
    shards: Positive = Field(1, description="primary shards of a slice")
    replicas: Natural = Field(1, description="copies of each shard on other nodes; 0 on a single node")
    every: Literal["week", "month"] = Field("month", description="length of a slice of the rolling window")
    months: Positive = Field(3, description="length of the rolling window")


class MergeSettings(_Section):
    """How the two lists become candidates."""

    strategy: Strategy = Field(
        "planned", description="`planned`: what finds most at the budget; `hop`: the paper's suggestion of suggestions"
    )
    n: Positive = Field(50, description="text neighbours of each product (N); no matter where it is planned")
    k: Natural = Field(2, description="`hop`: image neighbours of each of these and of the product itself (K)")
    budget: Natural = Field(0, description="cut every list here; 0: 100 for `planned`, no cut for `hop`, n otherwise")
    rrf_k: Positive = Field(60, description="reciprocal rank fusion: the k of 1 / (k + rank)")
    text_weight: float = Field(1.0, ge=0, description="weight of the text list in `rrf` and `weighted`")
    image_weight: float = Field(1.0, ge=0, description="weight of the image list in `rrf` and `weighted`")
    hub_cap: Natural = Field(0, description="at most so many lists may hold one product; 0: no cap")
    collapse_known: bool = Field(False, description="products of the query's own known group do not eat its budget")


class FusedSettings(_Section):
    """How the strategy `fused` makes one list of three, and asks it again."""

    weights: Literal["set", "learned"] = Field(
        "set", description="`learned`: from known groups held out, where that finds more than chance explains"
    )
    k: float = Field(10.0, gt=0, description="the k of 1 / (k + rank)")
    image_weight: float = Field(2.0, ge=0, description="weight of the image list")
    text_weight: float = Field(0.6, ge=0, description="weight of the text list")
    lexical_weight: float = Field(0.6, ge=0, description="weight of the list by TF-IDF of letters")
    hub_weight: float = Field(0.5, ge=0, description="share of a product's nearness to its ten best taken off")
    seeds: Natural = Field(8, description="first products of the fused list whose fused lists are asked; 0: no hop")
    seed_depth: Positive = Field(16, description="products taken of each of these lists")
    own: Positive = Field(10, description="products of the own fused list that stand before what the hop brings")


class LearnSettings(_Section):
    """What is learned from known groups, and what was."""

    train: bool = Field(True, description="learn from the feed's own groups; else they serve evaluation alone")
    guess: bool = Field(
        True, description="where groups end at a seller: learn from probable variants of two sellers too"
    )
    model: str = Field("", description="folder of a model (`variants train`) to use instead of learning; empty: none")
    spaces: Literal["learned", "encoded"] = Field(
        "learned", description="vectors in spaces learned from groups (without any, whitened), or as encoded"
    )
    dimensions: Positive = Field(192, description="dimensions of a learned space")
    lexical_weight: float = Field(1.0, gt=0, description="weight of the lexical part beside the text model's vector")


class PairsSettings(_Section):
    """How candidates become suggestions."""

    classify: bool = Field(True, description="tell how probable each candidate pair is, and group products by that")
    precision: float = Field(0.9, gt=0, lt=1, description="pairs are suggested from where so many of them are right")
    judgements: str = Field("", description="CSV of judged pairs: left_id, right_id, verdict (accept or reject)")
    most: Positive = Field(200_000, description="suggestions written, at most")


class GroupsSettings(_Section):
    """How products become groups."""

    known: Literal["keep", "learn", "hide"] = Field(
        "keep", description="known groups: `keep` and extend them, `learn` from them alone, or `hide` them altogether"
    )
    threshold: float = Field(0.25, gt=0, le=1, description="least mean probability at which two groups are joined")
    largest: Natural = Field(50, description="products in a group made by joining, at most; 0: no limit")


class EvaluationSettings(_Section):
    """How recall is measured against what is known."""

    text_depths: tuple[Positive, ...] = Field(
        (5, 10, 20, 50, 100, 200, 350, 500, 1000),
        description="N, and the depths of single lists, on the curve",
    )
    hops: tuple[Natural, ...] = Field((0, 1, 2, 3, 4), description="K on the curve")
    max_share: float = Field(0.25, gt=0, le=1, description="the sweep stops at this share of the catalogue")
    max_queries: Positive = Field(20_000, description="queries measured; a seeded sample where there are more")
    bootstrap: Positive = Field(1000, description="resamples of groups behind each interval")
    index_sample: Positive = Field(500, description="queries on which an index is compared with exact search")


class FetchSettings(_Section):
    """How pictures are fetched that the feed names by URL."""

    offline: bool = Field(False, description="ask no server: pictures fetched before serve, all others are refused")
    allow_private: bool = Field(False, description="admit private addresses and any port, for tests and intranets")
    max_bytes: Positive = Field(32 * 2**20, description="bytes of one picture, at most, as it arrives and unpacked")
    timeout: float = Field(20.0, gt=0, description="seconds for one attempt at a picture, redirects included")
    redirects: Natural = Field(5, description="redirects followed for one picture")
    attempts: Positive = Field(3, description="attempts at a picture whose server fails or breaks off")
    per_host: Positive = Field(4, description="connections to one host at once")
    pause: float = Field(0.0, ge=0, description="seconds between two requests to one host")
    concurrency: Positive = Field(32, description="connections at once, over all hosts")
    user_agent: str = Field("variant-candidates", description="what servers are told about who asks")
    expires_days: float = Field(30.0, gt=0, description="days after which a server is asked whether a picture changed")


class RunSettings(_Section):
    """How the work is done."""

    seed: Natural = Field(7, description="seed of everything drawn at random")
    threads: Natural = Field(0, description="threads; 0: one a core")
    chunk: Positive = Field(1024, description="products encoded between two writes")
    part: Positive = Field(100_000, description="products whose lists make one file")


class Settings(_Section):
    """Everything a person may choose; each section has a table of its own in the TOML file."""

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
        """Reads TOML; `sections` (from the command line) come before the file.

        Raises:
            SettingsError: Naming every mistake at once, or the file that can't be read.
        """
        try:
            chosen: dict[str, Any] = tomllib.loads(path.read_text("utf-8")) if path else {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path}: {error}", "Fix the file, or leave out --settings") from error
        for section, values in sections.items():
            given = chosen.setdefault(section, {})
            if isinstance(given, dict):
                given.update(values)
        return cls.check(chosen, str(path) if path else "the command line")

    @classmethod
    def check(cls, chosen: dict[str, Any], where: str) -> Settings:
        """Makes settings of plain values; raises `SettingsError` naming every mistake."""
        try:
            return cls.model_validate(chosen)
        except ValidationError as error:
            mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise SettingsError(f"{where}: {'; '.join(mistakes)}", "docs/settings.md lists every setting") from error

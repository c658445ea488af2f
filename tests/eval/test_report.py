import base64
import hashlib
import io
import json
import math
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from candidates.product import Refusal
from candidates.qrels import NOT_A_VARIANT, UNJUDGED, VARIANT
from eval.bootstrap import Interval
from eval.curves import OperatingPoint, pareto
from eval.report import charts, tables, words
from eval.report.model import (
    Counts,
    Example,
    Gains,
    Groups,
    IndexRecall,
    Making,
    MetricsRow,
    Missed,
    Refused,
    Report,
    Shown,
    ShownCandidate,
    ShownGroup,
    ShownSuggestion,
    StepCost,
    kind_of_reason,
)
from eval.report.render import render
from eval.report.thumbnails import thumbnail
from eval.slices import Slice

NAN = float("nan")
CATALOGUE = 1000


def point(strategy="text", cost=10.0, recall=0.5, n=None, k=None, budget=None):
    low, high = recall - 0.02, recall + 0.02
    return OperatingPoint(strategy, n, k, budget, cost, cost / CATALOGUE, recall, low, high, recall - 0.01, 300)


def some_points():
    hops = [(n, k, n * (1 + k / 2), 0.3 + n / 200 + k / 20) for n in (5, 20, 50) for k in range(5)]
    return (
        *(point("text", n, 0.3 + n / 200, n=n) for n in (5, 20, 50)),
        *(point("image", k, 0.4 + k / 200, k=k) for k in (5, 20, 50)),
        *(point("hop", cost, recall, n=n, k=k) for n, k, cost, recall in hops),
    )


CHOSEN = point("hop", 40.0, 0.5, n=20, k=2)


def report(word="plain", picture=None):
    """A report with something in every section; `word` stands wherever text from outside can come."""

    def shown(name):
        return Shown(f"{name} {word}", f"title {name} {word}", f"seller {word}", picture)

    candidates = (
        ShownCandidate(shown("c1"), 1, text_rank=3, truth=VARIANT),
        ShownCandidate(shown("c2"), 2, image_rank=1, via=f"via {word}", truth=UNJUDGED),
        ShownCandidate(shown("c3"), 3, text_rank=7, image_rank=2, truth=NOT_A_VARIANT),
    )
    missed = (Missed(shown("m1"), 1000, 500, text_rank=612), Missed(shown("m2"), 1000, 500, image_rank=7))
    text, image, both = (
        point("text", 50, 0.55, n=50),
        point("image", 50, 0.65, k=50),
        point("union", 90, 0.7, n=50, k=50),
    )
    return Report(
        feed=f"feed {word}",
        made=f"today {word}",
        counts=Counts(CATALOGUE, 900, 3, 120, 300),
        chosen=CHOSEN,
        points=(*some_points(), point(f"strategy {word}", 30, 0.6)),
        gains=Gains(text, image, both, Interval(0.1, 0.08, 0.12)),
        metrics=(
            MetricsRow(
                "hop", f"N {word}", 40.0, {"recall@10": 0.25, f"metric {word}": 0.5, "MAP@10": None}, chosen=True
            ),
            MetricsRow(f"strategy {word}", "", 50.0, {"recall@10": NAN, "reduction ratio": 0.98765}),
        ),
        index_recall=(IndexRecall(f"index {word}", 50, 0.9987, 500),),
        slices=(Slice("category", f"category {word}", 30, Interval(0.5, 0.4, 0.6)),),
        examples=(Example(shown("q"), candidates, 40, 9, 3, missed),),
        refused=Refused.of([Refusal(f"line 4 {word}", f"id {word}", f"broken {word}", f"fix {word}")]),
        making=Making(
            (StepCost(f"step {word}", 12.3, 456.7),),
            {"section": {f"setting {word}": f"value {word}"}},
            {f"package {word}": f"version {word}"},
            {f"made from {word}": f"digest {word}"},
        ),
    )


class Page(HTMLParser):
    """A page taken apart: elements with their attributes, text, and what is inside scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.inside, self._open = [], [], {"script": [], "style": [], "title": []}, None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in self.inside:
            self._open = tag
            self.inside[tag].append("")

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, data):
        if self._open:
            self.inside[self._open][-1] += data
        else:
            self.text.append(data)

    @property
    def words(self):
        return " ".join("".join(self.text).split())

    def attributes(self, name):
        return [(tag, attributes[name]) for tag, attributes in self.elements if name in attributes]

    def scripts(self):
        """Type and content of each script."""
        types = [attributes.get("type", "") for tag, attributes in self.elements if tag == "script"]
        return list(zip(types, self.inside["script"], strict=True))

    def figure(self, name):
        at = [attributes.get("id") for tag, attributes in self.elements if tag == "script"].index(f"{name}-data")
        return json.loads(self.inside["script"][at])


@cache
def rendered(word="plain"):
    return render(report(word))


@cache
def parsed(word="plain"):
    return Page(rendered(word))


def picture_file(path, size=(300, 400), mode="RGB", colour="red", **options):
    Image.new(mode, size, colour).save(path, **options)
    return path


def opened(uri):
    assert uri.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


# One file, nothing from outside.


def test_the_page_asks_for_nothing_from_outside():
    page = parsed()
    for name in ("src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"):
        for tag, value in page.attributes(name):
            assert value.startswith(("data:", "#")), f"<{tag} {name}={value[:80]}>"
    assert not {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "base", "form"}
    (style,) = page.inside["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_anchors_lead_to_sections_of_the_page():
    page = parsed()
    ids = {value for _, value in page.attributes("id")}
    anchors = {value[1:] for tag, value in page.attributes("href") if tag == "a"}
    assert len(anchors) == 7
    assert anchors <= ids


def test_plotly_is_inside_once_and_the_policy_lets_no_other_script_run():
    from plotly.offline import get_plotlyjs

    page = parsed()
    running = [content for kind, content in page.scripts() if kind != "application/json"]
    assert [content.startswith(get_plotlyjs()[:500]) for content in running] == [True, False]
    ((_, policy),) = [one for one in page.attributes("content") if "default-src" in one[1]]
    allowed = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    hashes = [base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in running]
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == " ".join(f"'sha256-{one}'" for one in hashes)
    assert "http" not in policy


def test_the_charts_have_no_button_that_uploads_them():
    drawing = [content for kind, content in parsed().scripts() if kind != "application/json"][1]
    assert 'plotlyServerURL: ""' in drawing
    assert "showSendToCloud: false" in drawing
    assert "modeBarButtons: [" in drawing
    assert "sendChartToCloud" not in drawing


# Text from outside.

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style><!--",
    "javascript:alert(1)",
    '<a href="javascript:alert(1)">x</a>',
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
]


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_text_is_shown_as_text_and_changes_nothing(word):
    page, harmless = parsed(word), parsed()
    attributes = [(tag, sorted(names)) for tag, names in page.elements]
    assert attributes == [(tag, sorted(names)) for tag, names in harmless.elements]
    assert not [name for _, names in page.elements for name in names if name.startswith("on")]
    assert page.inside["style"] == harmless.inside["style"]
    shown = page.words
    for where in ("feed", "title q", "title c1", "title m1", "via", "category", "line 4", "fix", "version", "digest"):
        assert f"{where} {word}" in shown


@pytest.mark.parametrize("word", HOSTILE)
def test_names_in_charts_are_escaped_for_json_for_html_and_for_plotly(word):
    page = rendered(word)
    data = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert len(data) == 3
    for one in data:
        assert not set(one) & set("<>&")
    (trace,) = [one for one in parsed(word).figure("curve")["data"] if one.get("name", "").startswith("strategy")][-1:]
    escaped = f"strategy {word}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert trace["name"] == escaped
    assert trace["hovertext"][0].startswith(f"<b>{escaped}</b><br>")


def test_endless_text_is_cut():
    page = rendered("x" * 5000)
    assert len(page) < len(rendered()) + 60_000
    assert "x" * 401 not in page[: page.index("<script")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("left \u202egnp.exe\u202c right", "left gnp.exe right"),
        ("\u2066isolated\u2069", "isolated"),
        ("nul\x00 bell\x07 half\ud800", "nul bell half"),
        ("two\nlines\tand  blanks ", "two lines and blanks"),
        ("👩‍👧 emoji ✓ שלום", "👩‍👧 emoji ✓ שלום"),
        ("", ""),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
    ],
)
def test_plain_text(text, shown):
    assert words.plain(text) == shown


def test_a_page_with_broken_unicode_can_be_written(tmp_path):
    (tmp_path / "report.html").write_text(rendered("half\ud800 \u202eover"), encoding="utf-8")
    assert "title q half over" in parsed("half\ud800 \u202eover").words


# Groups and suggestions.


def with_groups(word="plain", varies="colour: black", known=3):
    one, other = (Shown(f"{name} {word}", f"title {name} {word}", f"seller {word}") for name in ("g1", "g2"))
    groups = (ShownGroup(f"vg1 {word}", varies and f"{varies} {word}", 0.75, 9, (one, other)),)
    pairs = (ShownSuggestion(one, other, 0.9, "variant", f"because {word}"),)
    found = Groups(5, 1200, 1, 2, groups, pairs, ((f"figure {word}", 0.5),), known)
    return Page(render(replace(report(word), found=found)))


def test_a_group_leads_with_what_varies_and_names_its_products():
    page = with_groups()
    for words_shown in (
        "1,200 products are in 5 groups (groups.csv); 3 of these groups were already known in whole or in part.",
        "1 pair is suggested (suggestions.csv). 2 known groups look doubtful.",
        "colour: black plain vg1 plain: 9 products, mean probability 0.75",
        "title g2 plain g2 plain seller plain",
        "and 7 more",
        "variant, probability 0.90 because plain",
    ):
        assert words_shown in page.words, words_shown


def test_a_group_without_known_variation_says_so():
    page = with_groups(varies="", known=0)
    assert "Not known what varies" in page.words
    assert "already known" not in page.words


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_text_in_groups_is_shown_as_text(word):
    page, harmless = with_groups(word), with_groups()
    assert [(tag, sorted(names)) for tag, names in page.elements] == [
        (tag, sorted(names)) for tag, names in harmless.elements
    ]
    for where in ("vg1", "colour: black", "title g1", "g2", "because", "figure"):
        assert f"{where} {word}" in page.words


# Thumbnails.


def test_a_thumbnail_is_a_small_jpeg_of_the_same_proportions(tmp_path):
    small = opened(thumbnail(picture_file(tmp_path / "a.png", (300, 600))))
    assert (small.format, small.size) == ("JPEG", (80, 160))
    assert np.allclose(np.asarray(small)[80, 40], (255, 0, 0), atol=6)


def test_a_small_picture_does_not_grow(tmp_path):
    assert opened(thumbnail(picture_file(tmp_path / "a.png", (20, 10)))).size == (20, 10)


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))])
def test_transparency_becomes_white(tmp_path, mode, colour):
    small = opened(thumbnail(picture_file(tmp_path / "a.png", mode=mode, colour=colour)))
    assert np.asarray(small).min() > 250


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "I;16", "1"])
def test_pictures_of_other_kinds_are_read(tmp_path, mode):
    path = picture_file(tmp_path / "a.tif", mode=mode, colour=0)
    assert opened(thumbnail(path)).mode == "RGB"


def test_the_cameras_orientation_is_respected(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture_file(tmp_path / "a.jpg", (400, 200), exif=exif)
    assert opened(thumbnail(path)).size == (80, 160)


def test_what_can_not_be_read_has_no_thumbnail(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:3000])
    (tmp_path / "words.jpg").write_text("<html>not found</html>")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("cut.jpg", "words.jpg", "empty.jpg", "missing.jpg", "."):
        assert thumbnail(tmp_path / name) is None, name
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert thumbnail(tmp_path / "whole.jpg") is None


def test_pictures_are_inside_the_page_and_missing_ones_are_said_to_be(tmp_path):
    page = Page(render(report(picture=picture_file(tmp_path / "a.jpg"))))
    pictures = [attributes["src"] for tag, attributes in page.elements if tag == "img"]
    assert len(pictures) == 6
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in pictures)
    assert opened(pictures[0]).size == (180, 240)
    assert "no picture" not in page.words
    assert parsed().words.count("no picture") == 6
    assert Page(render(report(picture=tmp_path / "gone.jpg"))).words.count("unreadable picture") == 6


def test_ten_examples_stay_small(tmp_path):
    """Pictures of noise are the worst case: real ones take a third of this."""
    grain = np.random.default_rng(1)
    made = report()
    example, rows = made.examples[0], []
    for number in range(10):
        path = tmp_path / f"{number}.jpg"
        coarse = grain.integers(0, 256, (60, 40, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((240, 360), Image.Resampling.BICUBIC).save(path)
        shown = replace(example.query, picture=path)
        cards = tuple(ShownCandidate(shown, rank, text_rank=rank) for rank in range(1, 9))
        rows.append(Example(shown, cards, 100, 9, 3, (Missed(shown, 1000, 1000),) * 3))
    page = render(replace(made, examples=tuple(rows)))
    plotly = max(len(content) for _, content in Page(page).scripts())
    assert len(page) - plotly < 1_500_000


# What it says.


def test_the_headline_states_recall_and_cost():
    chosen = replace(CHOSEN, candidates_per_product=112.3, share=0.0192, recall=0.8981, low=0.8869, high=0.9094)
    assert words.headline(replace(report(), chosen=chosen)) == (
        "89.8% of the known variants (95% interval 88.7–90.9%) are among the candidates. "
        "Each product has 112 candidates on average, 1.9% of the catalogue."
    )


def test_without_known_groups_the_page_says_what_to_do_and_shows_the_rest():
    unknown = replace(CHOSEN, recall=NAN, low=NAN, high=NAN, queries=0)
    made = replace(
        report(), counts=Counts(CATALOGUE, 900, 0, 0, 0), chosen=unknown, points=(), gains=None, metrics=(), slices=()
    )
    page = Page(render(made))
    assert "Recall can’t be measured on this feed." in page.words
    assert "item_group_id" in page.words
    assert "Each product has 40 candidates on average, 4.0% of the catalogue." in page.words
    assert "nan" not in page.words
    assert page.scripts() == []
    assert "title c1 plain" in page.words
    assert {value for tag, value in page.attributes("href") if tag == "a"} == {
        "#metrics",
        "#examples",
        "#refused",
        "#making",
    }


def test_a_report_with_nothing_in_it_is_a_page_still():
    empty = replace(CHOSEN, candidates_per_product=0.0, share=0.0, recall=NAN)
    page = Page(render(Report("feed", "today", Counts(0, 0, 0, 0, 0), empty)))
    assert "None: every row and every picture of the feed was used." in page.words


def test_the_page_says_what_finds_more_at_the_same_cost():
    better = point("rrf", 39.0, 0.62, budget=39)
    dearer = point("rrf", 41.0, 0.9, budget=41)
    made = replace(report(), points=(point("text", 40.0, 0.45, n=40), better, dearer))
    said = words.better_at_this_cost(made).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "With no more candidates per product than this run, Reciprocal rank fusion (first 39) reaches a recall of "
        "62.0% (60.0–64.0%), 12.0 points more."
    )
    assert words.better_at_this_cost(replace(made, points=(dearer, replace(better, recall=0.5)))) == ""
    assert words.better_at_this_cost(replace(made, points=(replace(better, recall=0.5004),))) == ""
    assert words.better_at_this_cost(replace(made, points=())) == ""


def test_gains_stand_beside_those_of_the_paper():
    gains = Gains(
        point("text", 500, 0.5), point("image", 1000, 0.6), point("union", 900, 0.45), Interval(0.1, 0.08, 0.12)
    )
    assert words.gain_sentence(gains) == (
        "Pictures alone find 20.0% more of the known variants than text alone; both together find 10.0% fewer. The "
        "paper reports 13% and 24% more on its own catalogue."
    )
    text, image, both = words.gain_rows(gains)
    assert [words.points_gained(gains.text, row) for row in (text, image, both)] == [
        "",
        "+10.0 (+8.0 to +12.0)",
        "-5.0",
    ]
    assert [row.paper for row in (text, image, both)] == [None, 13, 24]
    assert words.signed(both.relative) == "−10.0%"


def test_gains_over_a_text_that_finds_nothing_are_not_stated():
    gains = Gains(point(recall=0.0), point(recall=0.6), point(recall=0.6))
    assert words.gain_sentence(gains).startswith("Text alone finds none of the known variants here")
    assert words.signed(words.gain_rows(gains)[1].relative) == words.DASH


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        ({"text_rank": 3}, ["text rank 3"]),
        ({"image_rank": 1, "via": "Maja top"}, ["picture rank 1 for Maja top"]),
        ({"image_rank": 2}, ["picture rank 2 for this product"]),
        ({"text_rank": 1200, "image_rank": 1}, ["text rank 1,200", "picture rank 1 for this product"]),
        ({}, []),
    ],
)
def test_why_a_candidate_is_there(candidate, why):
    assert words.reasons(ShownCandidate(Shown("a", "A"), 1, **candidate)) == why


def test_why_a_variant_was_missed():
    far = Missed(Shown("a", "A"), text_depth=1000, image_depth=500)
    near = replace(far, text_rank=612, image_rank=7, via="Maja top")
    assert words.missed_reasons(far) == [
        "text: not among the first 1,000",
        "pictures: not among the first 500 for this product",
    ]
    assert words.missed_reasons(near) == ["text: rank 612", "pictures: rank 7 for Maja top"]


def test_examples_mark_variants_and_pairs_about_which_nothing_is_known():
    said = parsed().words
    first, second, third = (
        said[said.index(f"title c{n}") : said.index(f"title {end}")]
        for n, end in zip((1, 2, 3), ("c2", "c3", "m1"), strict=True)
    )
    assert "✓ variant" in first
    assert "unjudged" in second
    assert "✓ variant" not in third
    assert "unjudged" not in third
    assert "3 of 9 known variants among 40 candidates" in said
    assert "and 37 more candidates" in said
    assert said.count("and 4 more") == 1


def test_settings_in_words():
    said = {
        words.setting_in_words(one).replace("\N{NO-BREAK SPACE}", " ")
        for one in (
            point("hop", n=50, k=2),
            point("hop", n=50, k=2, budget=80),
            point("union", n=500, k=1000),
            point("rrf", n=50, budget=100),
            point("image", k=1000),
            point("text"),
        )
    }
    assert said == {
        "N 50, K 2",
        "N 50, K 2, budget 80",
        "500 by text, 1,000 by picture",
        "first 100",
        "first 1,000",
        "",
    }


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


# Tables.


def test_a_budget_buys_the_best_point_it_can_pay_for():
    cheap, dear = point("text", 4.0, 0.4), point("union", 20.0, 0.7)
    beaten, dearest = point("image", 19.0, 0.39), point("hop", 101.0, 0.9)
    rows = tables.purchases([dearest, beaten, dear, cheap])
    assert [(row.budget, row.point) for row in rows] == [(5, cheap), (20, dear), (200, dearest)]
    assert rows[0].gain is None
    assert [row.gain for row in rows[1:]] == pytest.approx([0.3, 0.2])
    assert tables.purchases([]) == []


def test_tables_hold_what_the_charts_show():
    """Without scripts nothing is lost but the drawing."""
    said = parsed().words.replace("\N{NO-BREAK SPACE}", " ")
    for one in some_points():
        assert words.percent(one.recall) in said
        assert f"{one.candidates_per_product:,.1f}" in said
    assert f"All {len(report().points)} points of the chart as a table" in said


def test_metrics_that_are_missing_are_dashes():
    said = parsed().words
    assert "recall@10 0.250 – " in said
    assert "MAP@10 – – " in said
    assert "reduction ratio – 0.9877" in said
    assert tables.metric_names(report().metrics) == ["recall@10", "MAP@10", "metric plain", "reduction ratio"]


def test_slices_are_the_greatest_ones_lowest_recall_first():
    categories = [Slice("category", f"c{n}", n, Interval(n / 100, 0, 1)) for n in range(1, 21)]
    sizes = [Slice("group size", name, 5, Interval(0.5, 0.4, 0.6)) for name in ("2", "3–4")]
    first, second = tables.slice_tables([*categories, *sizes])
    assert [one.name for one in first.shown] == [f"c{n}" for n in range(6, 21)]
    assert (first.others, first.queries_in_others) == (5, 15)
    assert [one.name for one in second.shown] == ["2", "3–4"]
    assert second.others == 0


def test_bars_stay_within_their_track():
    assert [tables.on_bar(share) for share in (-0.1, 0.0, 0.456, 1.0, 1.2, NAN)] == [
        "0.0",
        "0.0",
        "45.6",
        "100.0",
        "100.0",
        "0",
    ]


def test_settings_become_rows_with_dotted_names():
    rows = tables.setting_rows({"text": {"fields": ["title"], "columns": {}}, "seed": 7})
    assert rows == [("text.fields", '["title"]'), ("text.columns", "{}"), ("seed", "7")]


# What was refused.


@pytest.mark.parametrize(
    ("where", "reason", "kind"),
    [
        ("images/p1.jpg", "images/p1.jpg: there is no such file", "there is no such file"),
        ("line 7", "the id 'p7' has come before, on line 5", "the id … has come before, on line …"),
        ("a.jpg", "a.jpg: cut short or broken (9 bytes not processed)", "cut short or broken …"),
        ("line 2", "", "no reason given"),
    ],
)
def test_reasons_are_counted_by_kind(where, reason, kind):
    assert kind_of_reason(Refusal(where, "p", reason, "")) == kind


def test_refusals_are_counted_and_the_first_fifty_are_shown():
    files = [Refusal(f"{n}.jpg", f"p{n}", f"{n}.jpg: there is no such file", "fix") for n in range(60)]
    refused = Refused.of([*files, Refusal("line 3", "", "no id", "fix")])
    assert refused.by_reason == (("there is no such file", 60), ("no id", 1))
    assert (refused.total, len(refused.first)) == (61, 50)
    said = Page(render(replace(report(), refused=refused))).words
    assert "61 rows and pictures of the feed were not used." in said
    assert "The first 50 rows" in said
    assert "49.jpg: there is no such file" in said
    assert "50.jpg: there is no such file" not in said


# Charts.


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name and trace.mode != "lines"]


def test_each_strategy_has_a_line_of_its_best_points_and_a_band():
    made = some_points()
    figure = charts.curve(made, CHOSEN, CATALOGUE)
    hops = pareto([one for one in made if one.strategy == "hop" and one.k != 0])
    beaten, line = traces(figure, words.STRATEGIES["hop"])
    assert list(line.x) == [one.candidates_per_product for one in hops]
    assert list(line.y) == [one.recall for one in hops]
    assert len(beaten.x) == 12 - len(hops)
    (band,) = [trace for trace in figure.data if trace.name == words.STRATEGIES["hop"] and trace.fill]
    assert list(band.y) == [one.low for one in hops] + [one.high for one in hops][::-1]


def test_the_frontier_is_ringed_and_the_run_is_a_star():
    made = some_points()
    figure = charts.curve(made, CHOSEN, CATALOGUE)
    (rings,) = [trace for trace in figure.data if trace.marker.symbol == "circle-open"]
    best = pareto([one for one in made if (one.strategy, one.k) != ("hop", 0)])
    assert list(rings.x) == [one.candidates_per_product for one in best]
    (star,) = [trace for trace in figure.data if trace.marker.symbol == "star"]
    assert (star.x, star.y) == ((40.0,), (0.5,))


def test_pointing_at_a_mark_says_everything():
    said = charts.hover(point("hop", 112.34, 0.898, n=50, k=2)).replace("\N{NO-BREAK SPACE}", " ")
    assert said.split("<br>") == [
        "<b>Suggestion of suggestions</b>",
        "N 50, K 2",
        "112.3 candidates per product",
        "11.2% of the catalogue",
        "recall 89.8% (87.8–91.8%)",
    ]


def test_the_axes_are_logarithmic_and_the_upper_one_counts_in_shares():
    layout = charts.curve(some_points(), CHOSEN, CATALOGUE).layout
    assert (layout.xaxis.type, layout.xaxis2.type, layout.xaxis2.matches) == ("log", "log", "x")
    assert layout.xaxis.ticktext == ("5", "10", "20", "50", "100")
    assert list(layout.xaxis2.tickvals) == pytest.approx([5, 10, 20, 50, 100])
    assert layout.xaxis2.ticktext == ("0.5%", "1%", "2%", "5%", "10%")


def test_points_without_candidates_have_no_place_on_the_curve():
    figure = charts.curve([point("image", 0.0, 0.0, k=0), point("image", 5.0, 0.4, k=5)], CHOSEN, CATALOGUE)
    assert all(x > 0 for trace in figure.data for x in trace.x)


def test_figures_five_and_six_show_the_same_points_for_each_k():
    made = some_points()
    five, six = charts.figure_five(made), charts.figure_six(made)
    assert [trace.name for trace in five.data] == ["K = 0 (text alone)", "K = 1", "K = 2", "K = 3", "K = 4"]
    for k, (left, right) in enumerate(zip(five.data, six.data, strict=True)):
        assert list(left.x) == [5, 20, 50]
        assert list(right.x) == [n * (1 + k / 2) for n in (5, 20, 50)]
        assert left.y == right.y == tuple(0.3 + n / 200 + k / 20 for n in (5, 20, 50))


def test_without_hops_there_are_no_counterparts_of_the_papers_figures():
    made = replace(report(), points=(point("image", 5, 0.4, k=5),), gains=None)
    page = Page(render(made))
    assert "figure-5-data" not in {value for _, value in page.attributes("id")}
    assert "What pictures add to text" not in page.words


def test_numbers_that_are_missing_do_not_break_the_data_of_a_chart():
    made = replace(report(), points=(replace(point("image", 5, 0.4, k=5), low=NAN, high=NAN),))
    figure = Page(render(made)).figure("curve")
    assert None in figure["data"][0]["y"]
    assert not math.isnan(figure["layout"]["yaxis"]["range"][0])


def test_a_page_of_real_pictures(shared):
    pictures = sorted((shared / "data/hm/images").glob("*.jpg"))[:1]
    if not pictures:
        pytest.skip("needs ../shared/data/hm/images")
    assert len(thumbnail(Path(pictures[0]))) < 6000

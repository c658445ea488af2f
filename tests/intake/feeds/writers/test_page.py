"""docs/feeds.md says what the code does."""

from pathlib import Path

import pytest

from intake.feeds import FORMATS
from intake.feeds.writers import WRITERS
from intake.feeds.writers.families import MISSING
from intake.feeds.writers.shopify import MOST_VARIANTS

PAGE = (Path(__file__).parents[4] / "docs" / "feeds.md").read_text("utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_row(name):
    assert f"\n| `{name}` |" in PAGE


def test_formats_stand_in_the_order_in_which_they_are_tried():
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert rows == ["--format", *FORMATS]


@pytest.mark.parametrize("name", WRITERS)
def test_every_shop_has_its_way_back(name):
    assert f"--format {name}" in PAGE.split("## The way back")[1]


def test_limits_are_those_of_the_code():
    assert f"{MOST_VARIANTS:,} variants a product" in PAGE
    assert f"lacks such a value gets `{MISSING}`" in PAGE

"""The pages that people read: short where they should be, complete, and without dead links."""

import re

import pytest

from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", ROOT / "notebooks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python -m ((?:benchmarks|image_retrieval)[\w.]*)")
MOST_WORDS = 900


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_the_readme_takes_a_minute():
    words = CODE.sub("", README.read_text("utf-8")).split()
    assert len(words) <= MOST_WORDS


def test_the_readme_shows_a_group_and_leads_to_the_index():
    page = README.read_text("utf-8")
    assert "(docs/groups.png)" in page
    assert "(docs/index.md)" in page


def test_the_index_names_every_page():
    index = ROOT / "docs" / "index.md"
    links = set(LINK.findall(index.read_text("utf-8")))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {index.name} <= links


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path):
    targets = [link.partition("#")[0] for link in LINK.findall(CODE.sub("", path.read_text("utf-8")))]
    missing = [link for link in targets if link and "://" not in link and not (path.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_of_the_repository_exist(path):
    modules = set(COMMAND.findall(path.read_text("utf-8")))
    files = {name: ROOT / name.rstrip(".").replace(".", "/") for name in modules}
    missing = [
        name
        for name, file in files.items()
        if not (file.with_suffix(".py").is_file() or (file / "__main__.py").is_file())
    ]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_names_no_path_of_a_machine(path):
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work)/", path.read_text("utf-8"))


ODD = (
    *("told by what", "goes on where", "in force", "taught nothing", "through no chain", "that come of it"),
    *("mend", "anew", "stands in groups", "stand in the group", "what may fit"),
)
"""Phrases that nobody would say to a colleague; each had a plainer one, and none should come back."""


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_page_is_in_plain_english(path):
    text = path.read_text("utf-8")
    assert [phrase for phrase in ODD if re.search(rf"\b{phrase}\b", text)] == []
    prose = CODE.sub("", text)
    generated = ("codes.md", "benchmarks.md", "known-figures.md", "elasticsearch-benchmark.md")
    if path.name not in generated:  # what a command wrote there is spelt as the command spells it
        assert re.findall(r"(?<![\w.])\.\d+|\d %", prose) == []

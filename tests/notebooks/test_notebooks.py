"""The notebooks as they are committed, and what comes of executing them on a part of a feed."""

import ast
import os
import re

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RECALL, FINGERPRINTS, LEARNED, THRESHOLDS = (
    ROOT / "notebooks" / f"{name}.ipynb"
    for name in (
        "1-recall-against-cost",
        "2-which-fingerprint",
        "3-what-the-classifier-learned",
        "4-thresholds-calibration-groups",
    )
)

GROUPS = 50
"""Groups of the feed that all are executed on: a few hundred products at most."""

MORE_GROUPS = 80
"""Groups where a classifier is learned, which takes 30 of two or more; a fifth of them is set aside for measuring."""

FEW_CANDIDATES = """
[feed]
groups_are_global = true
[text]
index = "exact"
[image]
model = "hog"
index = "exact"
[merge]
strategy = "fused"
n = 15
[evaluation]
bootstrap = 50
text_depths = [5, 20]
hops = [0, 1]
"""
"""Settings of notebooks 3 and 4: a quick run, since they are about what comes after the candidates."""

MEASURED = "own,gradients,hog,hog-crop,mask,phash,MobileNetV2 emb1280,MobileNetV2 grid7"
LONGEST_CELL, LARGEST_FILE = 15, 32_768
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|tmp|work|mnt|opt|Users|var)/|[A-Z]:\\\\")
PLOTLY = "application/vnd.plotly.v1+json"


def name_of(path):
    return path.name


def opened(path):
    return nbformat.read(path, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert {RECALL, FINGERPRINTS, LEARNED, THRESHOLDS} <= set(NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_is_valid_and_holds_no_outputs(path):
    notebook = opened(path)
    nbformat.validate(notebook)
    assert notebook.nbformat == 4
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    names = [cell.id for cell in notebook.cells]
    assert len(names) == len(set(names))
    assert path.stat().st_size < LARGEST_FILE


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_names_no_path_of_a_machine(path):
    assert not MACHINE_PATH.search(path.read_text("utf-8"))
    assert MACHINE_PATH.search('open("/home/somebody/feed.tsv")')  # what the line above is there to catch


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_calls_and_does_not_define(path):
    notebook = opened(path)
    assert notebook.cells[0].source.startswith("# ")
    for cell in code_of(notebook):
        assert 0 < len(cell.source.splitlines()) <= LONGEST_CELL
        nodes = ast.walk(ast.parse(cell.source))
        assert not any(
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.For | ast.If) for node in nodes
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_the_readme_says_what_a_notebook_is_for(path):
    assert path.name in (ROOT / "notebooks" / "README.md").read_text("utf-8")


def executed(path, out, **chosen):
    """The notebook executed where a reader would open it, on the code of this checkout."""
    notebook = opened(path)
    chosen = {"OUT": str(out), "SLICE": str(GROUPS)} | chosen
    env = {name: value for name, value in os.environ.items() if not name.startswith("VARIANTS_NOTEBOOK_")}
    env |= {"PYTHONPATH": str(ROOT)} | {f"VARIANTS_NOTEBOOK_{name}": value for name, value in chosen.items()}
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=280, kernel_name="python3", resources=resources).execute(env=env)
    return notebook


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def recall(out):
    return executed(RECALL, out)


@pytest.fixture(scope="module")
def fingerprints(out):
    return executed(FINGERPRINTS, out, FINGERPRINTS=MEASURED)


@pytest.fixture(scope="module")
def quick(out):
    """What notebooks 3 and 4 are told beside where to work."""
    settings = out / "few-candidates.toml"
    settings.write_text(FEW_CANDIDATES, "utf-8")
    return {"SLICE": str(MORE_GROUPS), "SETTINGS": str(settings)}


@pytest.fixture(scope="module")
def learned(out, quick):
    return executed(LEARNED, out, **quick)


@pytest.fixture(scope="module")
def thresholds(learned, out, quick):
    """After `learned`, whose run it goes on with."""
    return executed(THRESHOLDS, out, **quick)


def shown(notebook, kind):
    """Everything of one kind that the cells show, in order."""
    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def rows_shown(notebook):
    """How many rows each table has that the notebook shows."""
    bodies = [html.partition("<tbody>")[2] for html in shown(notebook, "text/html") if "<tbody>" in html]
    return [body.count("<tr") for body in bodies]


def answer(notebook):
    """The last thing shown, which is text."""
    return shown(notebook, "text/markdown")[-1]


def test_recall_against_cost_holds_every_strategy_at_equal_cost(recall, out):
    rows = pd.read_csv(out / "recall" / "equal-cost.csv")
    assert {"text", "image", "union", "rrf", "weighted", "fused", "hop", "hop, as published"} == set(rows.strategy)
    assert (rows.groupby("strategy").budget.nunique() == rows.budget.nunique()).all()
    assert rows.budget.nunique() >= 2
    assert rows.recall.between(0, 1).all()
    assert (rows.low <= rows.recall).all()
    assert (rows.recall <= rows.high).all()
    best = rows.groupby("budget").recall.max()
    assert (best > rows[rows.strategy == "text"].set_index("budget").recall).all()


def test_recall_against_cost_shows_the_papers_figures_and_the_frontier(recall):
    five, six, _, frontier = shown(recall, PLOTLY)
    for figure in (five, six):
        assert [trace["name"] for trace in figure["data"]] == ["K = 0 (text alone)", *(f"K = {k}" for k in range(1, 5))]
    names = [trace["name"] for trace in frontier["data"] if "name" in trace]
    assert "this run" in names
    assert "Suggestion of suggestions" in names
    ringed = next(trace for trace in frontier["data"] if "Pareto" in trace.get("name", ""))
    assert len(ringed["x"]) > 0


def test_recall_against_cost_shows_tables_and_answers(recall):
    overview, equal_cost, plan, equal_recall = rows_shown(recall)
    assert overview == 5
    assert equal_cost == 8
    assert plan >= 2
    assert equal_recall >= 2
    said = answer(recall)
    for part in ("The best strategy at", "Text alone", "The paper's hop in the spaces of this run", "as published"):
        assert part in said
    assert "nan" not in said


def test_which_fingerprint_measures_every_one_in_every_way(fingerprints, out):
    results = pd.read_csv(out / "fingerprints" / "fingerprints.csv")
    wanted = set(MEASURED.split(","))
    if not (ROOT / ".." / "shared" / "models").is_dir():
        wanted = {name for name in wanted if "MobileNet" not in name}
    ways = results.groupby("fingerprint").size()
    assert set(ways.index) == wanted
    assert set(ways) == {27}
    assert set(results.space) == {"raw", "whitened", "learned"}
    scores = [name for name in results if name.startswith(("MAP", "AP", "recall", "R-precision"))]
    assert len(scores) == 12
    assert ((results[scores] >= 0) & (results[scores] <= 1)).all().all()
    assert (results.ms > 0).all()
    floats = results[results.codes.isna()].pivot(index="fingerprint", columns="space", values="recall@10")
    assert (floats.learned > floats.raw).mean() > 0.5


def test_which_fingerprint_shows_a_row_for_each_and_concludes(fingerprints, out):
    measured = pd.read_csv(out / "fingerprints" / "fingerprints.csv").fingerprint.nunique()
    assert rows_shown(fingerprints) == [measured] * 6
    assert len(shown(fingerprints, PLOTLY)) == 3
    said = answer(fingerprints)
    for part in ("The highest recall", "Learning from known groups", "Codes of 512 bits", "Rotations"):
        assert part in said
    assert "nan" not in said


def pages(notebook):
    """What is shown that is neither a chart nor a table: pictures."""
    return [html for html in shown(notebook, "text/html") if "data:image/jpeg" in html]


def test_what_the_classifier_learned_weighs_the_evidence(learned, out):
    rooms = pd.read_csv(out / "precise" / "rooms.csv")
    assert {"picture shape", "title words", "other candidates"} <= set(rooms.name)
    assert rooms.notna().all().all()
    assert rooms.lost.is_monotonic_decreasing
    assert rooms.lost.max() > 0
    held, stages, evidence, columns, noise, without = rows_shown(learned)
    assert (held, stages, evidence, noise, without) == (4, 3, len(rooms), 4, 6)
    assert columns >= 4


def test_what_the_classifier_learned_shows_its_worst_errors_and_concludes(learned):
    stages, rooms = shown(learned, PLOTLY)
    assert len(stages["data"]) == 3
    assert len(rooms["data"]) == 2
    false, missed = pages(learned)
    for page in (false, missed):
        assert page.count("data:image/jpeg") >= 6
        assert page.count("first stage") >= 6
    said = answer(learned)
    for part in ("The first stage", "The most important evidence", "At a precision of", "Label errors"):
        assert part in said
    assert "nan" not in said


def test_thresholds_go_on_with_the_run_that_is_there(thresholds, out):
    runs = list((out / "precise").glob("**/run.json"))
    assert len(runs) == 1
    record = runs[0].parent / "steps" / "learn_pairs.json"
    assert record.stat().st_mtime < (out / "precise" / "rooms.csv").stat().st_mtime


def test_thresholds_are_measured_and_shown(thresholds, out):
    wanted = pd.read_csv(out / "precise" / "thresholds.csv")
    reached = wanted.dropna(subset="threshold")
    assert len(wanted) == 4
    assert (reached.precision_mean >= reached.wanted).all()
    assert ((reached.precision_low <= reached.precision_mean) & (reached.recall_mean <= reached.recall_high)).all()
    linkage = pd.read_csv(out / "precise" / "linkage.csv")
    assert 0.25 in linkage.threshold.tolist()
    assert linkage.b_cubed.between(0, 1).all()
    assert linkage.pair_recall.is_monotonic_decreasing
    held, precisions, bins, work, groups = rows_shown(thresholds)
    assert (held, precisions, work, groups) == (4, 4, 10, len(linkage))
    assert 1 <= bins <= 10
    assert len(shown(thresholds, PLOTLY)) == 5


def test_thresholds_show_groups_as_pictures_and_answer(thresholds):
    (page,) = pages(thresholds)
    assert "exactly right" in page
    assert page.count("what varies") >= 3
    said = answer(thresholds)
    for part in ("Precision 90", "Calibration", "An expert", "Groups"):
        assert part in said
    assert "nan" not in said

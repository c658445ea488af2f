"""The command line: every command has help, a mistake is one line, and the documents are what it prints."""

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from apps.cli.app import app
from apps.cli.settings_page import settings_toml
from candidates.run import same_lists
from candidates.settings import Settings
from service.files.candidate_files import read_candidates
from service.runs.job import Job
from tests.conftest import ROOT


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def in_a_process(*words, status):
    done = subprocess.run(
        [sys.executable, "-m", "apps.cli", *map(str, words)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == status, done.stderr
    return done.stderr


def name_of(command):
    """What is typed: the function's name, unless the command has one of its own."""
    return command.name or command.callback.__name__


@pytest.mark.parametrize("command", app.registered_commands, ids=name_of)
def test_every_command_says_what_it_does(command):
    assert command.callback.__doc__.strip().endswith(".")
    assert invoke(name_of(command), "--help").exit_code == 0


def test_the_commands_page_names_every_command():
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    missing = [name_of(command) for command in app.registered_commands if f"`variants {name_of(command)}" not in page]
    assert missing == []
    assert "(docs/commands.md)" in (ROOT / "README.md").read_text("utf-8")


def test_the_settings_page_is_what_the_command_prints():
    assert invoke("settings").output == settings_toml()
    assert settings_toml() in (ROOT / "docs" / "settings.md").read_text("utf-8")


def test_the_printed_settings_are_the_defaults(tmp_path):
    (tmp_path / "settings.toml").write_text(settings_toml())
    assert Settings.read(tmp_path / "settings.toml") == Settings()


def test_a_mistake_is_one_line_without_a_traceback(tmp_path):
    said = in_a_process("run", tmp_path / "none.tsv", "--out", tmp_path / "out", status=2)
    assert said.startswith("error: ")
    assert "none.tsv" in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "apps.cli", "--debug", "explain", str(tmp_path), "a", "b"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert "Traceback" in done.stderr


def test_two_places_for_the_results_are_refused(tmp_path):
    said = in_a_process("run", "feed.tsv", "--out", tmp_path, "--store", tmp_path, status=2)
    assert "Name one" in said


def test_similar_prints_json_lines(finished):
    identifier = next(
        i
        for i, names in zip(finished.catalogue.axis, finished.catalogue.table["pictures"].to_pylist(), strict=True)
        if names
    )
    done = invoke("similar", finished.folder.root, "--id", identifier, "--k", 3, "--json")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [line["rank"] for line in lines] == [1, 2, 3]
    assert identifier not in {line["id"] for line in lines}


def test_similar_says_when_nothing_meets_the_condition(finished):
    identifier = finished.catalogue.axis[0]
    done = invoke("similar", finished.folder.root, "--id", identifier, "--seller", "nobody")
    assert "nothing found" in done.output


def test_explain_speaks_of_both_directions(finished):
    one, other = finished.catalogue.axis[0], finished.catalogue.axis[1]
    output = invoke("explain", finished.folder.root, one, other).output
    assert f"{other} for {one}:" in output
    assert f"{one} for {other}:" in output
    assert output.count("text list of") == 2


def test_curves_prints_a_line_for_each_strategy(finished, tmp_path):
    shutil.copytree(finished.folder.root, tmp_path / "out")
    output = invoke("curves", tmp_path / "out").output
    assert {line.split()[0] for line in output.splitlines()} >= {"text", "image", "union", "rrf", "weighted", "hop"}
    assert any(line.split()[-1] == "yes" for line in output.splitlines())


def test_own_column_names_are_pairs(tmp_path):
    said = in_a_process("run", "feed.tsv", "--out", tmp_path / "out", "--map", "title", status=2)
    assert "title=naam" in said


def test_the_steps_one_by_one_make_what_a_run_makes(drawn, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text("[merge]\nbudget = 12\n[evaluation]\nbootstrap = 20\n[image]\nmodel = 'phash'\n")
    out = tmp_path / "out"
    invoke("ingest", drawn.feed, "--out", out, "--settings", settings)
    for step in ("text", "images", "learn", "expand"):
        invoke(step, out)
    whole = invoke("run", drawn.feed, "--out", tmp_path / "whole", "--settings", settings)
    assert "12.0 candidates per product" in whole.output
    axis = Job.of(out).catalogue.axis
    one, other = (read_candidates(root / "candidates", axis) for root in (out, tmp_path / "whole"))
    assert same_lists(one, other)

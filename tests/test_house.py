"""The house keeps its shape: arrows run down, wings don't meet, nothing heavy at the door, short functions."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    "candidates": set(),
    "text_retrieval": {"candidates"},
    "image_retrieval": {"candidates"},
    "fusion": {"candidates"},
    "eval": {"candidates"},
    "service": {"candidates", "text_retrieval", "image_retrieval", "fusion", "eval"},
}
HEAVY = {"torch", "torchvision", "sentence_transformers", "nmslib", "faiss", "elasticsearch", "airflow", "onnxruntime"}
MODULES = sorted(path for package in FLOORS for path in (ROOT / package).rglob("*.py"))
LINES_ON_A_SCREEN = 50


def imported(tree):
    """Top-level names of all imports in a module, wherever they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_there_are_modules_to_look_at():
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_down(path):
    own = path.relative_to(ROOT).parts[0]
    reached = set(imported(ast.parse(path.read_text("utf-8")))) & set(FLOORS) - {own}
    assert reached <= FLOORS[own], f"{own} must not import {sorted(reached - FLOORS[own])}"


def test_importing_the_vocabulary_and_the_command_line_loads_nothing_heavy():
    modules = [name_of(path)[:-3].replace("/", ".") for path in MODULES if path.parts[len(ROOT.parts)] == "candidates"]
    modules = [name.removesuffix(".__init__") for name in modules]
    code = f"import sys, {', '.join(modules)}, service.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not HEAVY & {name.split(".")[0] for name in done.stdout.split()}


def test_importing_candidates_alone_loads_nothing_at_all():
    code = "import sys; before = set(sys.modules); import candidates; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["candidates"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_function_is_longer_than_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            body = [statement for statement in node.body if not _is_docstring(statement)]
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= LINES_ON_A_SCREEN, f"{node.name} has {lines} lines"


def _is_docstring(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

"""The house keeps its shape: arrows run down, no circles, wings stay apart, nothing heavy at the door."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WINGS = {"text_retrieval", "image_retrieval", "fusion", "eval", "intake"}
BELOW_SERVICE = WINGS | {"candidates"}
FLOORS = {
    "candidates": set(),
    **{wing: {"candidates"} for wing in WINGS},
    "demo_catalogue": {"candidates"},
    "devtools": {"candidates", "demo_catalogue"},
    "service": BELOW_SERVICE,
    "analysis": BELOW_SERVICE | {"service", "demo_catalogue"},
    "apps": BELOW_SERVICE | {"service", "demo_catalogue", "devtools"},
    "dags": {"apps", "service", "candidates"},
}
"""Which packages each package may import."""

ROOMS = ("files", "runs", "neighbours", "learning", "pairs", "answers", "steps", "pipeline", "batches")
"""The rooms of `service/`, from the lowest to the highest; a room imports itself and lower ones."""

NOT_IN_SERVICE = {"airflow", "fastapi", "flask", "starlette", "confluent_kafka", "aiokafka", "uvicorn", "typer"}
HEAVY = {"torch", "torchvision", "sentence_transformers", "nmslib", "faiss", "elasticsearch", "airflow", "onnxruntime"}
MODULES = sorted(path for package in FLOORS for path in (ROOT / package).rglob("*.py"))
LINES_ON_A_SCREEN = 50
LARGEST_SHARE = 0.25


def module_name(path):
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


NAMES = {module_name(path) for path in MODULES}


def imported(tree):
    """The dotted names of all imports in a module, wherever they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}"
                yield dotted if dotted in NAMES else node.module


def imports_of(path):
    return set(imported(ast.parse(path.read_text("utf-8"))))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_there_are_modules_to_look_at():
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(FLOORS)


def test_imports_run_down():
    upward = {}
    for path in MODULES:
        own = path.relative_to(ROOT).parts[0]
        reached = {name.split(".")[0] for name in imports_of(path)} & set(FLOORS) - {own}
        if not reached <= FLOORS[own]:
            upward[name_of(path)] = sorted(reached - FLOORS[own])
    assert not upward, f"modules that import what they must not: {upward}"


def test_every_room_of_the_service_is_listed():
    there = {path.relative_to(ROOT).parts[1] for path in MODULES if path.is_relative_to(ROOT / "service")}
    assert there == {*ROOMS, "__init__.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_of_the_service_import_lower_rooms_only(room):
    allowed = {f"service.{name}" for name in ROOMS[: ROOMS.index(room) + 1]}
    for path in (ROOT / "service" / room).rglob("*.py"):
        reached = {".".join(name.split(".")[:2]) for name in imports_of(path) if name.startswith("service.")}
        assert reached <= allowed, f"{name_of(path)} must not import {sorted(reached - allowed)}"


def test_apps_do_not_import_each_other():
    for path in (ROOT / "apps").rglob("*.py"):
        own = ".".join(path.relative_to(ROOT).parts[:2])
        others = {name for name in imports_of(path) if name.startswith("apps.") and not name.startswith(own)}
        assert not others, f"{name_of(path)} must not import {sorted(others)}"


def test_there_is_no_circle_of_modules():
    graph = {module_name(path): imports_of(path) & NAMES - {module_name(path)} for path in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules that import each other in a circle: {' -> '.join(error.args[1])}")


def test_no_package_holds_more_than_a_quarter_of_the_code():
    lines = dict.fromkeys(FLOORS, 0)
    for path in MODULES:
        lines[path.relative_to(ROOT).parts[0]] += len(path.read_text("utf-8").splitlines())
    largest = max(lines, key=lines.get)
    assert lines[largest] <= LARGEST_SHARE * sum(lines.values()), lines


def test_the_service_knows_no_scheduler_and_no_web_framework():
    for path in (ROOT / "service").rglob("*.py"):
        reached = {name.split(".")[0] for name in imports_of(path)} & NOT_IN_SERVICE
        assert not reached, f"{name_of(path)} imports {sorted(reached)}"


def test_importing_the_vocabulary_and_the_command_line_loads_nothing_heavy():
    modules = [module_name(path) for path in MODULES if path.is_relative_to(ROOT / "candidates")]
    code = f"import sys, {', '.join(modules)}, apps.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not HEAVY & {name.split(".")[0] for name in done.stdout.split()}


def test_importing_candidates_alone_loads_nothing_at_all():
    code = "import sys; before = set(sys.modules); import candidates; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["candidates"]


def test_no_function_is_longer_than_a_screen():
    long = {}
    for path in (path for path in MODULES if "dags" not in path.parts):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = [statement for statement in node.body if not _is_docstring(statement)]
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if lines > LINES_ON_A_SCREEN:
                    long[f"{name_of(path)}: {node.name}"] = lines
    assert not long, f"functions of more than {LINES_ON_A_SCREEN} lines: {long}"


def _is_docstring(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

"""The home folder is made once, whole or not at all, and says in one line what it lacks."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from candidates.errors import ToolMissing, VariantsError
from devtools.elastic_node.home import INSTALL, ready_home, version
from tests.conftest import ROOT

JARS = ("elasticsearch-0.jar", "lucene-core-0.jar", "netty-common-0.jar", "transport-netty4-0.jar")
JAVA = "echo 'openjdk version \"17.0.9\" 2023-10-17' >&2"
MAVEN = f"""
for word in "$@"; do case "$word" in -DoutputDirectory=*) to="${{word#*=}}";; esac; done
echo fetched >> "$(dirname "$0")/calls"
sleep 0.3
for jar in {" ".join(JARS)}; do : > "$to/$jar"; done
"""
COMPILER = 'while [ "$1" != -d ]; do shift; done; mkdir -p "$2"; : > "$2/Launcher.class"'


def tool(folder, name, script):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder of stand-ins for Java, its compiler and Maven, the only ones to be found; and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in (("java", JAVA), ("javac", COMPILER), ("mvn", MAVEN)):
        tool(folder, name, script)
    for name in ("sleep", "mkdir", "dirname"):
        real = next(path for path in (Path("/bin", name), Path("/usr/bin", name)) if path.exists())
        (folder / name).symlink_to(real)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def calls(tools):
    return (tools / "calls").read_text().count("fetched")


def test_home_holds_what_a_node_needs(tools, tmp_path):
    home = ready_home()
    assert home.parent == tmp_path / "cache" / "variant-candidates"
    assert version() in home.name
    assert {path.name for path in (home / "lib").glob("*.jar")} == {"elasticsearch-0.jar", "lucene-core-0.jar"}
    module = home / "modules" / "transport-netty4"
    assert {path.name for path in module.glob("*.jar")} == {"netty-common-0.jar", "transport-netty4-0.jar"}
    assert f"elasticsearch.version={version()}" in (module / "plugin-descriptor.properties").read_text()
    assert (home / "lib" / "launcher" / "Launcher.class").exists()
    assert {path.name for path in (home / "config").iterdir()} == {"elasticsearch.yml", "log4j2.properties"}


def test_home_is_made_once(tools):
    assert ready_home() == ready_home()
    (tools / "mvn").unlink()  # and then neither Maven nor the compiler is asked for
    (tools / "javac").unlink()
    ready_home()
    assert calls(tools) == 1


def test_two_processes_make_one_home(tools):
    code = "from devtools.elastic_node.home import ready_home; print(ready_home())"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    said = {process.communicate(timeout=60)[0] for process in both}
    assert len(said) == 1
    assert [process.returncode for process in both] == [0, 0]
    assert calls(tools) == 1


@pytest.mark.parametrize("name", ["java", "javac", "mvn"])
def test_a_missing_program_is_named_with_the_line_that_installs_it(tools, name):
    (tools / name).unlink()
    with pytest.raises(ToolMissing, match=f"`{name}`") as told:
        ready_home()
    assert INSTALL in str(told.value)


def test_an_old_java_is_refused(tools):
    tool(tools, "java", "echo 'java version \"1.8.0_392\"' >&2")
    with pytest.raises(ToolMissing, match=r"Java 17 or later, this is 1\.8\.0_392"):
        ready_home()


def test_java_home_goes_before_the_path(tools, tmp_path, monkeypatch):
    (tmp_path / "jdk" / "bin").mkdir(parents=True)
    tool(tmp_path / "jdk" / "bin", "java", "echo 'openjdk version \"11.0.2\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(ToolMissing, match="this is 11"):
        ready_home()


@pytest.mark.parametrize("name", ["mvn", "javac"])
def test_what_fails_is_told_in_one_line_and_leaves_nothing(tools, tmp_path, name):
    tool(tools, name, "echo '[INFO] all is well'; echo '[ERROR] no way through' >&2; exit 1")
    with pytest.raises(VariantsError, match="no way through") as told:
        ready_home()
    assert "\n" not in str(told.value)
    assert not [path for path in (tmp_path / "cache" / "variant-candidates").iterdir() if path.suffix != ".lock"]


def test_without_a_cache_of_its_own_it_is_the_usual_one(tools, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    assert ready_home().is_relative_to(tmp_path / "person" / ".cache")
    assert os.listdir(tmp_path / "person") == [".cache"]

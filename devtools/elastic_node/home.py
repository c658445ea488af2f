"""The home folder that nodes start from: the server's published jars, a launcher and a module, made once, kept."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from candidates.artifacts import atomic_folder, digest_of, sweep_temporaries
from candidates.errors import ToolMissing, VariantsError

SOURCES = Path(__file__).parent
INSTALL = "Install a JDK of Java 17 or later and Maven: apt-get install openjdk-17-jdk-headless maven"
MODULE = "transport-netty4"

_OLDEST_JAVA = 17
_INPUTS = ("pom.xml", "Launcher.java", "log4j2.properties")


def version() -> str:
    """The server's version, as pom.xml names it."""
    found = re.search(r"<elasticsearch\.version>(.+?)<", (SOURCES / "pom.xml").read_text("utf-8"))
    assert found, "pom.xml names no version"
    return found[1]


def cache_folder() -> Path:
    """Where homes are kept: below XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "variant-candidates"


def program(name: str) -> str:
    """Finds a program of the JDK (JAVA_HOME goes before PATH), or Maven.

    Raises:
        ToolMissing: It is not installed.
    """
    java_home = os.environ.get("JAVA_HOME")
    found = shutil.which(name, path=str(Path(java_home, "bin"))) if java_home else None
    found = found or shutil.which(name)
    if found is None:
        raise ToolMissing(f"an Elasticsearch node needs `{name}`, which is not on the PATH", INSTALL)
    return found


def ready_home() -> Path:
    """The home folder for this version; fetched and made where there is none yet.

    Its name holds a digest of all that it is made of, so another version, or another launcher, is another folder.

    Raises:
        ToolMissing: Java or, where the home must be made, the JDK's compiler or Maven is missing or too old.
        VariantsError: Maven could not fetch the jars.
    """
    _require_java()
    digest = digest_of(*((SOURCES / name).read_text("utf-8") for name in _INPUTS))
    home = cache_folder() / f"elasticsearch-{version()}-{digest[:8]}"
    if not home.exists():
        with _alone(home):
            if not home.exists():  # another process may have made it while this one waited
                _make(home)
    return home


def _require_java() -> None:
    spoken = subprocess.run([program("java"), "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "((\d+)[^"]*)"', spoken)
    if found and int(found[2]) < _OLDEST_JAVA:
        raise ToolMissing(f"an Elasticsearch node needs Java {_OLDEST_JAVA} or later, this is {found[1]}", INSTALL)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Holds a lock, so that two processes never make one home, nor replace one that runs already."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(home: Path) -> None:
    compiler, maven = program("javac"), program("mvn")
    sweep_temporaries(home.parent)
    with atomic_folder(home) as folder:
        library, module = folder / "lib", folder / "modules" / MODULE
        for made in (library, module, folder / "config"):
            made.mkdir(parents=True)
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={library}"]
        _run([maven, "--batch-mode", "--quiet", "--file", str(SOURCES / "pom.xml"), *goal], "fetch the server's jars")
        # A module's jars are loaded apart from the server's, and must not be on its class path too.
        for jar in [*library.glob("netty-*.jar"), *library.glob(f"{MODULE}-*.jar")]:
            jar.rename(module / jar.name)
        (module / "plugin-descriptor.properties").write_text(_descriptor(), "utf-8")
        shutil.copy(SOURCES / "log4j2.properties", folder / "config")
        (folder / "config" / "elasticsearch.yml").touch()
        classes = ["-d", str(library / "launcher"), str(SOURCES / "Launcher.java")]
        _run([compiler, "-encoding", "UTF-8", "-classpath", f"{library}/*", *classes], "compile the launcher")


def _descriptor() -> str:
    entries = {
        "name": MODULE,
        "description": "HTTP and transport by netty",
        "version": version(),
        "elasticsearch.version": version(),
        "java.version": str(_OLDEST_JAVA),
        "classname": "org.elasticsearch.transport.netty4.Netty4Plugin",
    }
    return "".join(f"{name}={value}\n" for name, value in entries.items())


def _run(command: Sequence[str], purpose: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        first = next((line for line in said if "ERROR" in line), said[0] if said else "it said nothing")
        raise VariantsError(f"{Path(command[0]).name} could not {purpose}: {first}", "Is Maven Central reachable?")

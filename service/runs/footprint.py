"""Time and peak memory of a block of code."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Footprint:
    """Time and memory used by a block; filled in when it ends.

    Attributes:
        seconds: Wall-clock time in seconds.
        peak_mib: Peak resident memory of this process during the block, in MiB (on systems without /proc:
            since the process started).
    """

    seconds: float = 0.0
    peak_mib: float = 0.0


@contextmanager
def footprint() -> Iterator[Footprint]:
    """Measures the block it wraps."""
    used = Footprint()
    _reset_peak()
    began = time.perf_counter()
    try:
        yield used
    finally:
        used.seconds = round(time.perf_counter() - began, 3)
        used.peak_mib = round(peak_mib(), 1)


def _reset_peak() -> None:
    with suppress(OSError):
        _CLEAR.write_text("5")  # Linux: resets the high-water mark to the current resident size


def peak_mib() -> float:
    """Peak resident memory of this process since the mark was reset, in MiB."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

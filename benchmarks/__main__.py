"""`make bench`: speed and quality in one run, as ratios of things measured side by side.

`python -m benchmarks` measures every section, `python -m benchmarks codes overhead` some. Ways to do the same
work take turns (A B A B …), so that whatever else the machine does falls on all of them alike; a figure is
the median of the rounds, in brackets the least and the greatest, and a ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.quality import codes, pool_size
from benchmarks.quality.ground import Ground
from benchmarks.speed import encoders, expanding, linkage, neighbours, overhead, pair_features
from benchmarks.speed.page import Table, circumstances, markdown_page
from candidates.artifacts import write_text
from service.runs.footprint import footprint

SECTIONS: dict[str, Callable[[Ground], Table]] = {
    "expanding": lambda ground: expanding.table(expanding.measure()),
    "neighbours": lambda ground: neighbours.table(neighbours.measure()),
    "codes": lambda ground: codes.table(codes.measure()),
    "encoders": lambda ground: encoders.table(encoders.measure(ground), ground.feed),
    "overhead": lambda ground: overhead.table(overhead.measure(ground), ground.feed),
    "pair_features": lambda ground: pair_features.table(pair_features.measure(feed=ground.feed)),
    "linkage": lambda ground: linkage.table(linkage.measure()),
    "pool_size": lambda ground: pool_size.table(pool_size.measure(ground), ground.feed),
}
"""Every section, in order."""

_HOW = (
    "Measured in one run. Ways to do the same work take turns (A B A B …), so that whatever else the machine does "
    "falls on all of them alike; a figure is the median of the rounds, in brackets the least and the greatest, and a "
    "ratio is taken round by round."
)


def main() -> None:
    """Reads the words of the command line, measures, prints, and writes the page where one is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; none means all")
    parser.add_argument("--feed", type=Path, help="a feed of your own (default: the real one, or a drawn one)")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder of real catalogues and models")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="also write the tables as a Markdown page")
    words = parser.parse_args()
    unknown = [name for name in words.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # As `variants` does, before torch is imported.
    said = (*circumstances(), _HOW)
    print(*said, "", sep="\n", flush=True)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder), words.shared, words.feed)
        for name in words.sections or SECTIONS:
            with footprint() as used:
                made.append(SECTIONS[name](ground))
            print(made[-1].text(), f"({name}: {used.seconds:.0f} s)\n", sep="\n", flush=True)
    if words.write:
        write_text(words.write, markdown_page("Benchmarks", said, made))


if __name__ == "__main__":
    main()

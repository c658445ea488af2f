"""Settings of small runs, and catalogues whose groups were changed."""

import shutil

import numpy as np

from candidates.settings import Settings


def small_settings(**sections):
    """The paper's strategy on vectors as encoded, small and quick; what is learned has tests of its own."""
    merge = {"strategy": "hop", "n": 8, "k": 2} | sections.pop("merge", {})
    evaluation = {"bootstrap": 50} | sections.pop("evaluation", {})
    learn = {"spaces": "encoded"} | sections.pop("learn", {})
    pairs = {"classify": False} | sections.pop("pairs", {})
    return Settings.read(
        None, merge=merge, evaluation=evaluation, learn=learn, pairs=pairs, run={"chunk": 64}, **sections
    )


def regrouped(feed, folder, groups_of):
    """A copy of a drawn catalogue with other groups: `groups_of` makes the new column of the old one."""
    shutil.copytree(feed.parent, folder)
    header, *rows = feed.read_text("utf-8").splitlines()
    column = header.split("\t").index("item_group_id")
    cells = [row.split("\t") for row in rows]
    for row, group in zip(cells, groups_of([row[column] for row in cells]), strict=True):
        row[column] = group
    (folder / feed.name).write_text("\n".join([header, *map("\t".join, cells)]) + "\n", "utf-8")
    return folder / feed.name


def shuffled(groups):
    """The same groups, drawn anew."""
    return np.random.default_rng(5).permutation(groups).tolist()

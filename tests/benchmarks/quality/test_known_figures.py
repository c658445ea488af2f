from benchmarks.quality import known_figures
from candidates.settings import Settings


def test_known_figures(ground, tmp_path):
    known = (
        known_figures.Known("text", "text", (("n", 5),), 0.5, 5),
        known_figures.Known("union", "union", (("n", 10), ("k", 10)), 0.5, 15),
        known_figures.Known("hop", "hop", (("n", 5), ("k", 1)), 0.5, 8),
    )
    evaluation = {"text_depths": (5, 10), "hops": (1,), "max_share": 1.0, "bootstrap": 20}
    settings = Settings.read(
        None,
        evaluation=evaluation,
        feed={"groups_are_global": True},
        learn={"spaces": "encoded"},
        merge={"strategy": "hop"},
        pairs={"classify": False},
    )
    found = known_figures.measure(ground.feed, tmp_path / "run", settings, "all", known)
    assert [len(figure.ours) for figure in found.figures] == [3, 3, 3]
    text = found.figures[0]
    assert text.ours[0].candidates_per_product == 5
    assert text.difference == text.ours[0].recall - 0.5
    assert text.holds == (abs(text.difference) <= known_figures.TOLERANCE)
    assert len(found.compared) == 3
    assert len(known_figures.figures_table(found, ground.feed).rows) == 3

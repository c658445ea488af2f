"""The tables of fingerprints, as the paper's Tables 1 and 2 have them, and a conclusion computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.fingerprints import LEARNED, RAW, RESCORED, WHITENED, WITHOUT_WEIGHTS, Measured
from eval.bootstrap import Interval
from eval.report.words import amount, number, percent, span

if TYPE_CHECKING:
    import pandas as pd

PAPER = ("MAP@1", "MAP@5", "MAP@10", "R-precision", "recall@1000")
"""The columns of the paper's tables."""

FIELD = ("recall@10", "recall@100", "AP@10")
"""What the field measures, and this project's goals are stated in."""

NEAR = 0.02
"""Recall that one gives up for a fingerprint that is quicker or smaller, in the conclusion."""


def whole(made: Sequence[Measured], space: str) -> list[Measured]:
    """Those by float vectors of one space, by falling recall@10."""
    kept = [one for one in made if one.space == space and not one.codes]
    return sorted(kept, key=lambda one: -one.values["recall@10"])


def as_frame(made: Sequence[Measured], speed: Mapping[str, float]) -> pd.DataFrame:
    """Every measurement, one a row, as numbers."""
    import pandas as pd

    rows = [
        {
            "fingerprint": one.fingerprint,
            "space": one.space,
            "codes": one.codes,
            "bits": one.bits,
            "rescored": one.rescored,
            "dimensions": one.dimensions,
            "bytes": one.bytes,
            "ms": speed.get(one.fingerprint, float("nan")),
            **one.values,
            "recall@10 low": one.span.low,
            "recall@10 high": one.span.high,
        }
        for one in made
    ]
    return pd.DataFrame(rows)


def paper_table(made: Sequence[Measured], speed: Mapping[str, float], space: str) -> pd.DataFrame:
    """The paper's Table 1 in one space: its metrics, and what a product costs in milliseconds and bytes."""
    import pandas as pd

    kept = whole(made, space)
    rows = [
        {metric: f"{one.values[metric]:.3f}" for metric in PAPER}
        | {
            "dimensions": number(one.dimensions),
            "bytes a product": number(one.bytes),
            "ms a picture": f"{speed[one.fingerprint]:.1f}",
        }
        for one in kept
    ]
    return pd.DataFrame(rows, index=pd.Index([one.fingerprint for one in kept], name=f"{space} space"))


def field_table(made: Sequence[Measured]) -> pd.DataFrame:
    """Recall and average precision of every fingerprint, the spaces beside each other, best learned recall@10 first."""
    import pandas as pd

    order = [one.fingerprint for one in whole(made, LEARNED)]
    by_name = {(one.fingerprint, one.space): one for one in made if not one.codes}
    rows = []
    for name in order:
        row = {}
        for metric in FIELD:
            for space in (RAW, WHITENED, LEARNED):
                row[metric, space] = f"{by_name[name, space].values[metric]:.3f}"
        best = by_name[name, LEARNED]
        row["recall@10", "95 %"] = span(best.span.low, best.span.high)
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(order, name="fingerprint"))
    columns = [
        (metric, part)
        for metric in FIELD
        for part in (RAW, WHITENED, LEARNED, *(["95 %"] if metric == "recall@10" else []))
    ]
    return table[columns].set_axis(pd.MultiIndex.from_tuples(columns), axis=1)


def code_table(made: Sequence[Measured], space: str, codes: str, bits: int) -> pd.DataFrame:
    """The paper's Table 2: its metrics by binary codes of one kind and length, without and with rescoring."""
    import pandas as pd

    order = [one.fingerprint for one in whole(made, space)]
    chosen = {
        (one.fingerprint, one.rescored): one for one in made if (one.space, one.codes, one.bits) == (space, codes, bits)
    }
    rows = [
        {
            (said, metric): f"{chosen[name, rescored].values[metric]:.3f}"
            for rescored, said in ((False, "codes alone"), (True, "first rescored"))
            for metric in PAPER
        }
        for name in order
    ]
    table = pd.DataFrame(rows, index=pd.Index(order, name=f"{space} space, {bits:,} bits, {codes}"))
    return table.set_axis(pd.MultiIndex.from_tuples(list(rows[0])), axis=1)


def loss_table(made: Sequence[Measured], space: str, metric: str = "recall@10") -> pd.DataFrame:
    """What codes change against float vectors of the same space, in points, for every kind and length."""
    import pandas as pd

    floats = {one.fingerprint: one for one in whole(made, space)}
    coded = [one for one in made if one.space == space and one.codes]
    columns = sorted({(one.codes, one.bits, one.rescored) for one in coded}, key=lambda c: (c[0], c[2], c[1]))
    lost = {
        (one.fingerprint, (one.codes, one.bits, one.rescored)): one.values[metric]
        - floats[one.fingerprint].values[metric]
        for one in coded
    }
    rows = [
        [f"{floats[name].values[metric]:.3f}", *(f"{100 * lost[name, column]:+.1f}" for column in columns)]
        for name in floats
    ]
    heads = [("float", "", "")] + [
        (codes, "first rescored" if rescored else "codes alone", f"{bits:,}") for codes, bits, rescored in columns
    ]
    return pd.DataFrame(rows, index=pd.Index(list(floats), name=metric), columns=pd.MultiIndex.from_tuples(heads))


def conclusion(made: Sequence[Measured], speed: Mapping[str, float]) -> str:
    """What the tables say to who must choose, as Markdown."""
    learned, whitened = whole(made, LEARNED), whole(made, WHITENED)
    said = [
        _best(learned),
        _near(learned, speed),
        _without_weights(learned),
        _what_learning_buys(made),
        _without_groups(whitened),
        _codes(made, learned[0].fingerprint),
        _rotations(made),
    ]
    return "\n\n".join(one for one in said if one)


def _recall(one: Measured) -> str:
    return f"recall@10 {percent(one.values['recall@10'])} ({span(one.span.low, one.span.high)})"


def _best(learned: Sequence[Measured]) -> str:
    best = learned[0]
    said = f"**Most variants** are found by *{best.fingerprint}* in its learned space: {_recall(best)}"
    if len(learned) < 2:
        return f"{said}."
    ahead = best.above(learned[1])
    return (
        f"{said}, {100 * ahead.mean:.1f} points ({100 * ahead.low:+.1f} to {100 * ahead.high:+.1f}) above "
        f"*{learned[1].fingerprint}*."
    )


def _near(learned: Sequence[Measured], speed: Mapping[str, float]) -> str:
    """The quickest that is nearly as good."""
    best = learned[0]
    close = [one for one in learned if one.values["recall@10"] >= best.values["recall@10"] - NEAR]
    quick = min(close, key=lambda one: speed[one.fingerprint])
    if quick is best:
        return f"Nothing that is quicker comes within {100 * NEAR:.0f} points of it."
    return (
        f"**The quickest within {100 * NEAR:.0f} points** is *{quick.fingerprint}* ({_recall(quick)}): "
        f"{speed[quick.fingerprint]:.1f} ms a picture, not {speed[best.fingerprint]:.1f}."
    )


def _without_weights(learned: Sequence[Measured]) -> str:
    bare = [one for one in learned if one.fingerprint in WITHOUT_WEIGHTS]
    if not bare or bare[0] is learned[0]:
        return "It needs no weights at all." if bare else ""
    behind = learned[0].above(bare[0])
    return (
        f"**Without any weights** *{bare[0].fingerprint}* finds most: {_recall(bare[0])}, {100 * behind.mean:.1f} "
        "points less."
    )


def _what_learning_buys(made: Sequence[Measured]) -> str:
    raw = {one.fingerprint: one for one in whole(made, RAW)}
    gains = {one.fingerprint: one.above(raw[one.fingerprint]) for one in whole(made, LEARNED)}
    least, most = (pick(gains, key=lambda name: gains[name].mean) for pick in (min, max))
    return (
        f"**Learning from known groups** changes recall@10 by {100 * gains[least].mean:+.1f} points (*{least}*) to "
        f"{100 * gains[most].mean:+.1f} (*{most}*), the same vectors raw and learned."
    )


def _without_groups(whitened: Sequence[Measured]) -> str:
    best = whitened[0]
    return f"**Where no groups are known**, whitening is left: *{best.fingerprint}* is best then, {_recall(best)}."


def _codes(made: Sequence[Measured], name: str) -> str:
    """What codes of 512 bits lose on the best fingerprint."""
    own = [one for one in made if one.fingerprint == name and one.space == LEARNED]
    floats = next(one for one in own if not one.codes)
    kept = {one.rescored: one for one in own if (one.codes, one.bits) == ("rotations", 512)}
    if len(kept) < 2:
        return ""
    alone, rescored = (_change(kept[which].above(floats)) for which in (False, True))
    return (
        f"**Codes of 512 bits** (stacked rotations; {amount(kept[False].bytes)} bytes a product, not "
        f"{amount(floats.bytes)}) change its recall@10 by {alone} points; with the first {RESCORED} rescored by "
        f"{rescored}."
    )


def _change(gain: Interval) -> str:
    return f"{100 * gain.mean:+.2f} ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"


def _rotations(made: Sequence[Measured]) -> str:
    """Rotations against hyperplanes of as many bits, codes alone."""
    by_way = {
        (one.fingerprint, one.bits, one.codes): one.values["recall@10"]
        for one in made
        if one.space == LEARNED and one.codes and not one.rescored
    }
    bits = sorted({key[1] for key in by_way})
    gains = []
    for length in bits:
        pairs = [
            by_way[name, length, "rotations"] - by_way[name, length, "hyperplanes"]
            for name, b, codes in by_way
            if b == length and codes == "rotations"
        ]
        gains.append(f"{100 * sum(pairs) / len(pairs):+.1f} at {length:,} bits")
    return (
        "**Rotations in the place of hyperplanes** change recall@10 in learned spaces (codes alone, averaged over "
        f"fingerprints) by {', '.join(gains)} points."
    )

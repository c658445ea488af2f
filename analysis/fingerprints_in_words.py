"""Tables of fingerprints like the paper's Tables 1 and 2, and a conclusion computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.fingerprints import LEARNED, RAW, RESCORED, WHITENED, WITHOUT_WEIGHTS, FingerprintRecall
from eval.bootstrap import Interval
from eval.report.words import amount, number, percent, span

if TYPE_CHECKING:
    import pandas as pd

PAPER = ("MAP@1", "MAP@5", "MAP@10", "R-precision", "recall@1000")
"""The columns of the paper's tables."""

FIELD = ("recall@10", "recall@100", "AP@10")
"""The usual metrics, in which this project's goals are stated."""

NEAR = 0.02
"""Loss of recall that the conclusion accepts for a faster fingerprint."""


def by_float_vectors(measurements: Sequence[FingerprintRecall], space: str) -> list[FingerprintRecall]:
    """The measurements with float vectors in one space, highest recall@10 first."""
    of_space = [each for each in measurements if each.space == space and not each.codes]
    return sorted(of_space, key=lambda each: -each.values["recall@10"])


def as_frame(measurements: Sequence[FingerprintRecall], speed: Mapping[str, float]) -> pd.DataFrame:
    """All measurements as numbers, one per row."""
    import pandas as pd

    rows = [
        {
            "fingerprint": each.fingerprint,
            "space": each.space,
            "codes": each.codes,
            "bits": each.bits,
            "rescored": each.rescored,
            "dimensions": each.dimensions,
            "bytes": each.bytes,
            "ms": speed.get(each.fingerprint, float("nan")),
            **each.values,
            "recall@10 low": each.span.low,
            "recall@10 high": each.span.high,
        }
        for each in measurements
    ]
    return pd.DataFrame(rows)


def paper_table(measurements: Sequence[FingerprintRecall], speed: Mapping[str, float], space: str) -> pd.DataFrame:
    """The paper's Table 1 in one space: its metrics, with milliseconds per picture and bytes per product."""
    import pandas as pd

    of_space = by_float_vectors(measurements, space)
    rows = [
        {metric: f"{each.values[metric]:.3f}" for metric in PAPER}
        | {
            "dimensions": number(each.dimensions),
            "bytes per product": number(each.bytes),
            "ms per picture": f"{speed[each.fingerprint]:.1f}",
        }
        for each in of_space
    ]
    return pd.DataFrame(rows, index=pd.Index([each.fingerprint for each in of_space], name=f"{space} space"))


def field_table(measurements: Sequence[FingerprintRecall]) -> pd.DataFrame:
    """Recall and average precision of every fingerprint in all spaces, best learned recall@10 first."""
    import pandas as pd

    order = [each.fingerprint for each in by_float_vectors(measurements, LEARNED)]
    by_name = {(each.fingerprint, each.space): each for each in measurements if not each.codes}
    rows = []
    for name in order:
        row = {}
        for metric in FIELD:
            for space in (RAW, WHITENED, LEARNED):
                row[metric, space] = f"{by_name[name, space].values[metric]:.3f}"
        best = by_name[name, LEARNED]
        row["recall@10", "95%"] = span(best.span.low, best.span.high)
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(order, name="fingerprint"))
    columns = [
        (metric, part)
        for metric in FIELD
        for part in (RAW, WHITENED, LEARNED, *(["95%"] if metric == "recall@10" else []))
    ]
    return table[columns].set_axis(pd.MultiIndex.from_tuples(columns), axis=1)


def code_table(measurements: Sequence[FingerprintRecall], space: str, codes: str, bits: int) -> pd.DataFrame:
    """The paper's Table 2: its metrics for binary codes of one kind and length, without and with rescoring."""
    import pandas as pd

    order = [each.fingerprint for each in by_float_vectors(measurements, space)]
    chosen = {
        (each.fingerprint, each.rescored): each
        for each in measurements
        if (each.space, each.codes, each.bits) == (space, codes, bits)
    }
    rows = [
        {
            (label, metric): f"{chosen[name, rescored].values[metric]:.3f}"
            for rescored, label in ((False, "codes alone"), (True, "first rescored"))
            for metric in PAPER
        }
        for name in order
    ]
    table = pd.DataFrame(rows, index=pd.Index(order, name=f"{space} space, {bits:,} bits, {codes}"))
    return table.set_axis(pd.MultiIndex.from_tuples(list(rows[0])), axis=1)


def loss_table(measurements: Sequence[FingerprintRecall], space: str, metric: str = "recall@10") -> pd.DataFrame:
    """Difference of codes to float vectors in the same space, in points, for every kind and length."""
    import pandas as pd

    floats = {each.fingerprint: each for each in by_float_vectors(measurements, space)}
    coded = [each for each in measurements if each.space == space and each.codes]
    columns = sorted({(each.codes, each.bits, each.rescored) for each in coded}, key=lambda c: (c[0], c[2], c[1]))
    lost = {
        (each.fingerprint, (each.codes, each.bits, each.rescored)): each.values[metric]
        - floats[each.fingerprint].values[metric]
        for each in coded
    }
    rows = [
        [f"{floats[name].values[metric]:.3f}", *(f"{100 * lost[name, column]:+.1f}" for column in columns)]
        for name in floats
    ]
    heads = [("float", "", "")] + [
        (codes, "first rescored" if rescored else "codes alone", f"{bits:,}") for codes, bits, rescored in columns
    ]
    return pd.DataFrame(rows, index=pd.Index(list(floats), name=metric), columns=pd.MultiIndex.from_tuples(heads))


def conclusion(measurements: Sequence[FingerprintRecall], speed: Mapping[str, float]) -> str:
    """A summary for choosing a fingerprint, as Markdown."""
    learned, whitened = by_float_vectors(measurements, LEARNED), by_float_vectors(measurements, WHITENED)
    paragraphs = [
        _best(learned),
        _near(learned, speed),
        _without_weights(learned),
        _what_learning_buys(measurements),
        _without_groups(whitened),
        _codes(measurements, learned[0].fingerprint),
        _rotations(measurements),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _recall(measurement: FingerprintRecall) -> str:
    return f"recall@10 {percent(measurement.values['recall@10'])} ({span(measurement.span.low, measurement.span.high)})"


def _best(learned: Sequence[FingerprintRecall]) -> str:
    best = learned[0]
    text = f"**The highest recall** is that of *{best.fingerprint}* in its learned space: {_recall(best)}"
    if len(learned) < 2:
        return f"{text}."
    ahead = best.above(learned[1])
    return (
        f"{text}, {100 * ahead.mean:.1f} points ({100 * ahead.low:+.1f} to {100 * ahead.high:+.1f}) above "
        f"*{learned[1].fingerprint}*."
    )


def _near(learned: Sequence[FingerprintRecall], speed: Mapping[str, float]) -> str:
    """The fastest fingerprint that is nearly as good as the best."""
    best = learned[0]
    close = [each for each in learned if each.values["recall@10"] >= best.values["recall@10"] - NEAR]
    quick = min(close, key=lambda each: speed[each.fingerprint])
    if quick is best:
        return f"No faster fingerprint comes within {100 * NEAR:.0f} points of it."
    return (
        f"**The fastest within {100 * NEAR:.0f} points** is *{quick.fingerprint}* ({_recall(quick)}), with "
        f"{speed[quick.fingerprint]:.1f} ms per picture instead of {speed[best.fingerprint]:.1f}."
    )


def _without_weights(learned: Sequence[FingerprintRecall]) -> str:
    bare = [each for each in learned if each.fingerprint in WITHOUT_WEIGHTS]
    if not bare or bare[0] is learned[0]:
        return "It needs no weights." if bare else ""
    behind = learned[0].above(bare[0])
    return (
        f"**Without any weights**, *{bare[0].fingerprint}* is best: {_recall(bare[0])}, {100 * behind.mean:.1f} "
        "points less."
    )


def _what_learning_buys(measurements: Sequence[FingerprintRecall]) -> str:
    raw = {each.fingerprint: each for each in by_float_vectors(measurements, RAW)}
    gains = {each.fingerprint: each.above(raw[each.fingerprint]) for each in by_float_vectors(measurements, LEARNED)}
    least, most = (pick(gains, key=lambda name: gains[name].mean) for pick in (min, max))
    return (
        f"**Learning from known groups** changes recall@10 by {100 * gains[least].mean:+.1f} points (*{least}*) to "
        f"{100 * gains[most].mean:+.1f} (*{most}*) compared with raw vectors."
    )


def _without_groups(whitened: Sequence[FingerprintRecall]) -> str:
    best = whitened[0]
    return f"**Without known groups**, use whitened vectors: *{best.fingerprint}* is best, {_recall(best)}."


def _codes(measurements: Sequence[FingerprintRecall], name: str) -> str:
    """Loss by codes of 512 bits on the best fingerprint."""
    own = [each for each in measurements if each.fingerprint == name and each.space == LEARNED]
    floats = next(each for each in own if not each.codes)
    kept = {each.rescored: each for each in own if (each.codes, each.bits) == ("rotations", 512)}
    if len(kept) < 2:
        return ""
    alone, rescored = (_change(kept[which].above(floats)) for which in (False, True))
    return (
        f"**Codes of 512 bits** (stacked rotations; {amount(kept[False].bytes)} bytes per product instead of "
        f"{amount(floats.bytes)}) change its recall@10 by {alone} points, and by {rescored} with the first {RESCORED} "
        "rescored."
    )


def _change(gain: Interval) -> str:
    return f"{100 * gain.mean:+.2f} ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})"


def _rotations(measurements: Sequence[FingerprintRecall]) -> str:
    """Rotations compared with hyperplanes of the same length, without rescoring."""
    by_way = {
        (each.fingerprint, each.bits, each.codes): each.values["recall@10"]
        for each in measurements
        if each.space == LEARNED and each.codes and not each.rescored
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
        "**Rotations instead of hyperplanes** change recall@10 in learned spaces (codes alone, mean over fingerprints) "
        f"by {', '.join(gains)} points."
    )

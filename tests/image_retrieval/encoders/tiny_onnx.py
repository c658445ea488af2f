"""ONNX files small enough to write by hand: one input, given back whole, averaged over its pixels and in one row."""

from __future__ import annotations

_FLOAT, _HALF = 1, 10


def _varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head += bytes([number % 128 + 128])
        number //= 128
    return head + bytes([number])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _tensor(name: str, shape: tuple[int | str, ...], half: bool) -> bytes:
    sizes = b"".join(_field(1, _field(1 if isinstance(one, int) else 2, one)) for one in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, _HALF if half else _FLOAT) + _field(2, sizes)))


def _node(kind: str, source: str, target: str) -> bytes:
    return _field(1, source) + _field(2, target) + _field(4, kind)


def tiny_network(shape: tuple[int | str, ...] = ("n", 3, 8, 6), half: bool = False) -> bytes:
    """A network with the outputs `pixels` (its input), `mean` (one number a colour) and `flat` (a row)."""
    graph = _field(1, _node("Identity", "x", "pixels")) + _field(1, _node("GlobalAveragePool", "x", "mean"))
    graph += _field(1, _node("Flatten", "x", "flat"))
    graph += _field(2, "tiny") + _field(11, _tensor("x", shape, half))
    graph += _field(12, _tensor("pixels", shape, half)) + _field(12, _tensor("mean", (shape[0], 3, 1, 1), half))
    graph += _field(12, _tensor("flat", (shape[0], "length"), half))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))

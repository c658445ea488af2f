"""Imports the package `onnx`, which reads and writes networks; running them only needs onnxruntime."""

from __future__ import annotations

from typing import Any

from candidates.errors import ToolMissing


def onnx_package() -> Any:
    """The package `onnx`.

    Raises:
        ToolMissing: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ToolMissing(
            "training needs the package `onnx`, which is not installed", "pip install 'variant-candidates[training]'"
        ) from error
    return onnx

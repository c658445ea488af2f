"""A trained model: heads, lexicon and base in a folder of plain arrays and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candidates.artifacts import atomic_folder, digest_file, digest_of, write_json
from candidates.errors import ModelMissing
from candidates.projection import Projection

if TYPE_CHECKING:
    from fusion.pairs.classifier import PairModel
    from image_retrieval.base import Base
    from text_retrieval.lexical import Lexicon

_FORMAT = 1
_TEXT, _IMAGE, _BASE, _LEXICON, _ABOUT = "text.npz", "image.npz", "base.npz", "lexicon.npz", "model.json"
_PAIRS = "pairs"


@dataclass(frozen=True, eq=False)
class Model:
    """What was learned from one catalogue's groups, for use on another.

    Attributes:
        text: Head on the joint text vectors.
        image: Head on the pictures' base vectors.
        base: The base of the pictures' vectors, which `image` is applied to.
        lexicon: The lexical half of the joint text vectors.
        about: What it was learned from and its measured quality, as plain values.
        pairs: The classifier of candidate pairs; None if too little was known to train one.
    """

    text: Projection
    image: Projection
    base: Base
    lexicon: Lexicon
    about: dict[str, Any]
    pairs: PairModel | None = None

    @property
    def version(self) -> str:
        """Digest of the spaces' contents."""
        return digest_of(self.text.version, self.image.version, self.base.version, self.lexicon.version)[:16]

    def save(self, folder: Path) -> None:
        """Writes the model as a folder, atomically: three files of plain arrays, the lexicon, and `model.json`."""
        with atomic_folder(folder) as temporary:
            self.text.save(temporary / _TEXT)
            self.image.save(temporary / _IMAGE)
            self.base.save(temporary / _BASE)
            self.lexicon.save(temporary / _LEXICON)
            files = {name: digest_file(temporary / name) for name in (_TEXT, _IMAGE, _BASE, _LEXICON)}
            if self.pairs is not None:
                self.pairs.save(temporary / _PAIRS)
            about = {"format": _FORMAT, "version": self.version, "files": files, "about": self.about}
            write_json(temporary / _ABOUT, about)

    @classmethod
    def open(cls, folder: Path) -> Model:
        """Reads a model; raises `ModelMissing` if it is missing, incomplete or changed."""
        from fusion.pairs.classifier import PairModel
        from image_retrieval.base import Base
        from text_retrieval.lexical import Lexicon

        about = _checked(folder)
        return cls(
            Projection.open(folder / _TEXT),
            Projection.open(folder / _IMAGE),
            Base.open(folder / _BASE),
            Lexicon.open(folder / _LEXICON),
            about["about"],
            PairModel.open(folder / _PAIRS) if (folder / _PAIRS).is_dir() else None,
        )


def _checked(folder: Path) -> dict[str, Any]:
    fix = "Copy it again, or train it again with `variants train`"
    try:
        about: dict[str, Any] = json.loads((folder / _ABOUT).read_text("utf-8"))
        if about["format"] != _FORMAT:
            raise ModelMissing(f"{folder}: the model was written by another version of this program", fix)
        changed = [name for name, digest in about["files"].items() if digest_file(folder / name) != digest]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelMissing(f"{folder}: no readable model ({' '.join(str(error).split())})", fix) from error
    if changed:
        raise ModelMissing(f"{folder}: {', '.join(changed)} was changed after it was saved", fix)
    return about

"""A small feed without pictures or models, and whole chains of batches over it."""

import hashlib

from candidates.artifacts import digest_bytes
from service.batches import evaluation, indexes, suggestions
from service.batches.audit import Limits, audit

SETTINGS = """
[text]
index = "tfidf"
[image]
model = "phash"
index = "exact"
[learn]
spaces = "encoded"
[pairs]
classify = false
[merge]
strategy = "hop"
n = 6
k = 2
[evaluation]
bootstrap = 20
[run]
chunk = 16
part = 25
threads = 1
[feed]
max_refused = 1.0
"""

LETTERS = str.maketrans("0123456789", "ghijklmnop")

COLOURS = ("red", "blue", "green")


def settings_file(folder, **replaced):
    """The settings above, with some words replaced, as a file."""
    text = SETTINGS
    for old, new in replaced.items():
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.toml"
    path.write_text(text)
    return str(path)


def write_feed(path, groups=20, bad=0, word="cotton"):
    """A feed of groups of three colours each; `bad` rows have no title."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ["id\ttitle\timage_link\titem_group_id"]
    for group in range(groups):
        # A name that is spelled like no other, so that a group's products are each other's nearest.
        name = digest_bytes(f"{group}".encode()).translate(LETTERS)[:12]
        rows += [f"p{group}-{colour}\t{word} {name} {name[::-1]} {colour}\t\tg{group}" for colour in COLOURS]
    rows += [f"\tno id {number}\t\t" for number in range(bad)]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def build(store, feed, settings, run="run", publish="", shards=2, limits=None):
    """What the DAG `build_indexes` does, one after the other."""
    batch = indexes.read_feed(feed, "2026-01-01", str(store), publish, settings, run)
    for shard in indexes.text_shards(batch, shards):
        indexes.encode_texts(batch, shard)
    for shard in indexes.image_shards(batch, shards):
        indexes.encode_pictures(batch, shard)
    indexes.gather_vectors(batch)
    indexes.build_text_index(batch)
    indexes.build_image_index(batch)
    audit(batch, limits or Limits())
    return batch, indexes.publish(batch)


def suggest(store, run="run", publish="", shards=3, **choices):
    """What the DAG `generate_candidates` does."""
    batch = suggestions.start(str(store), publish, "", choices, run)
    suggestions.look_up(batch)
    for shard in suggestions.parts(batch, shards):
        suggestions.merge(batch, shard)
    suggestions.finish_candidates(batch)
    suggestions.classify(batch)
    suggestions.group(batch)
    return batch, suggestions.publish(batch)


def evaluate(store, run="run", publish="", margin=0.05, blind=""):
    """What the DAG `evaluate` does."""
    batch = evaluation.measure(str(store), publish, "", blind, run)
    evaluation.compare(batch, margin)
    return batch, evaluation.publish(batch)


def contents(folder):
    """The digests of a published generation's results: not how long its making took, where, nor what came before."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    said_of_making = ("batch.json", "steps/", "manifest.json", "run.json", "report.html", "contents.json", "curves.png")
    kept = {name: path for name, path in names.items() if not name.startswith(said_of_making)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept.items()}

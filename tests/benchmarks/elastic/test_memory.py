"""The loader's memory stays flat, however many images stream through it."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from benchmarks.elastic.memory import made_images, measure, table


def test_a_hundred_thousand_images_leave_the_loaders_memory_flat(elasticsearch_url):
    # In a process of its own: this one has free memory to take from, which would hide what is taken.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        (piece,) = process.submit(measure, elasticsearch_url, 100_000, ["load"]).result()
    assert piece.stored == 100_000
    # Held all at once, the documents of these images would take 90 MiB.
    assert piece.over_mib < 60


def test_what_is_compared_and_filled_in_is_streamed_too(elasticsearch_url):
    pieces = measure(elasticsearch_url, 9_000)
    assert [(piece.name, piece.stored) for piece in pieces] == [("load", 9_000), ("check", 0), ("repair", 9_000)]
    assert "repair" in table(pieces, 9_000).text()


def test_made_images_are_distinct_and_the_same_each_time():
    made = list(made_images(5_000))
    assert made == list(made_images(5_000))
    assert len({one.id for one in made}) == len({one.code for one in made}) == 5_000

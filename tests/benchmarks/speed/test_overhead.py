from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from benchmarks.speed import overhead
from image_retrieval.encoders.hog import HogEncoder
from service.pipeline.order import STEPS
from text_retrieval.sentence import SentenceEncoder


def test_overhead(ground, monkeypatch):
    # A thread stands in for the process of its own, which would import everything anew.
    monkeypatch.setattr(overhead, "ProcessPoolExecutor", lambda workers, context: ThreadPoolExecutor(workers))
    for encoder in (HogEncoder, SentenceEncoder):
        monkeypatch.setattr(encoder, "encode", encoder.encode)  # so that it is put back in the end
    tfidf = ground.settings.model_copy(update={"text": ground.settings.text.model_copy(update={"index": "tfidf"})})
    ground = replace(ground, folder=ground.folder / "overhead", given=ground.feed, settings=tfidf)
    found = overhead.measure(ground)
    steps = {step.name: step for step in found.steps}
    assert list(steps) == list(STEPS)
    assert 0 < steps["encode_images"].bare <= steps["encode_images"].seconds
    assert steps["encode_text"].bare == steps["expand"].bare == 0
    assert found.over_encoders(measuring=True) > found.over_encoders(measuring=False) > 0
    assert found.over_steps(measuring=True) > found.over_steps(measuring=False) > 0
    assert len(overhead.table(found, ground.feed).rows) == len(steps) + 2

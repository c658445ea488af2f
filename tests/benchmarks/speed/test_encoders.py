from benchmarks.speed import encoders


def test_encoders(ground):
    found = encoders.measure(ground, sample=2, texts=2, rounds=1)
    names = [one.name for one in found]
    assert names == [
        "decode",
        "fit into 224×224",
        "hog",
        "phash",
        "torchvision:resnet50, random weights",
        "minilm, texts",
    ]
    assert all(one.per_second.median > 0 for one in found)
    assert next(one for one in found if one.name == encoders.HOG).against_hog.median == 1
    assert len(encoders.table(found, ground.feed).rows) == 6

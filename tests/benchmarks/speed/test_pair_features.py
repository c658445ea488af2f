from benchmarks.speed import pair_features


def test_features_and_classifier_are_timed_room_by_room_and_together():
    found = pair_features.measure(products=300, candidates=20, rounds=1)
    rooms = [one.room for one in found.rooms]
    assert rooms[-2:] == [pair_features.ALL, pair_features.SCORED]
    assert all(one.per_second.median > 0 for one in found.rooms)
    by_room = {one.room: one.per_second.median for one in found.rooms}
    assert by_room[pair_features.SCORED] < by_room[pair_features.ALL]
    page = pair_features.table(found).text()
    assert f"{found.pairs:,} pairs of 300 products" in page

from benchmarks.speed import neighbours


def test_neighbours():
    found = neighbours.measure(count=600, dimensions=16, k=50, parts=2, builds=1)
    assert [kind.name for kind in found.kinds] == [neighbours.EXACT, neighbours.NMSLIB, neighbours.HNSWLIB]
    assert found.kinds[0].index_recall == (1, 1)
    assert all(recall > 0.9 for kind in found.kinds for recall in kind.index_recall)
    assert [kind.building is None for kind in found.kinds] == [True, False, False]
    assert len(neighbours.table(found).rows) == 3

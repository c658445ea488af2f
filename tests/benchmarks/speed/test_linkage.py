from benchmarks.speed import linkage


def test_linkage_is_timed_beside_scipys_with_the_same_groups():
    found = linkage.measure(products=2000, candidates=10, small=300, rounds=1)
    assert found.linked[0].groups > 0
    assert "Bound: 16 GiB" in linkage.table(found).text()

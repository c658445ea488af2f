import pytest

from candidates.errors import VersionMismatch
from image_retrieval.elastic.check import images_in
from image_retrieval.elastic.live import LiveElasticIndex
from image_retrieval.lsh import Hyperplanes
from image_retrieval.rolling import Rolling
from tests.mutable_index_contract import BITS, DIMENSIONS, JULY, PLANES, VERSION, MutableIndexContract, Truth, product


class LiveContract(MutableIndexContract):
    way = "flat"

    @pytest.fixture(autouse=True)
    def _windows(self, window_of):
        self.window_of = window_of

    def build(self, rolling):
        window = self.window_of(BITS, self.way, codes=PLANES.version, fingerprint=VERSION, every=rolling.every)
        return LiveElasticIndex(window, PLANES)


class TestLiveElasticIndex(LiveContract):
    pass


class TestLiveElasticIndexByWeek(LiveContract):
    """The parts in which a week differs from a month; the graph of so few codes is as good as exact."""

    rolling = Rolling("week")
    way = "hnsw"


# A second round of all that does not look at slices would only cost time.
for name in [name for name in dir(MutableIndexContract) if name.startswith("test_") and "window" not in name]:
    if "course" not in name and "wherever" not in name:
        setattr(TestLiveElasticIndexByWeek, name, None)


def test_what_one_has_put_in_another_finds(window_of):
    window = window_of(BITS, codes=PLANES.version, fingerprint=VERSION)
    first, second = (LiveElasticIndex(window, PLANES) for _ in range(2))
    assert len(second.items) == 0
    Truth(first, Rolling()).add([("a", 1, product("p")), ("b", 2, product("q"))])
    assert sorted(images_in(window)) == ["a", "b"]
    assert sorted(LiveElasticIndex(window, PLANES).items) == ["a", "b"]


def test_a_window_for_other_codes_is_refused(window_of):
    window = window_of(BITS, codes=PLANES.version)
    with pytest.raises(VersionMismatch, match="seed6"):
        LiveElasticIndex(window, Hyperplanes(DIMENSIONS, BITS, 6))
    assert window.index_of(JULY).endswith("2026-07")

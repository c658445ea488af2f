import dataclasses
import json
from datetime import date

import pytest

from candidates.errors import AccessRefused, ServerUnreachable, VariantsError
from candidates.product import Refusal
from image_retrieval.elastic import load as loading
from image_retrieval.elastic.check import images_in
from image_retrieval.elastic.documents import documents_of
from image_retrieval.elastic.load import load, remove
from image_retrieval.elastic.nearest import CodeSearch
from image_retrieval.elastic.patience import Patience
from tests.image_retrieval.elastic.busy_transport import hurt
from tests.image_retrieval.elastic.made_images import JULY, agrees, codes, documents, filled, image, images

AUGUST = date(2026, 8, 2)


def held(window):
    return sorted(images_in(window))


def named(*numbers):
    return sorted(f"i{number}" for number in numbers)


def test_a_load_twice_is_a_load_once(window_of):
    window, made = window_of(), images(codes(300))
    for _ in range(2):
        loaded = load(window, documents_of(made, window.layout), chunk=70)
        assert (loaded.stored, loaded.replaced, dict(loaded.refused), loaded.resent) == (300, 0, {}, 0)
        assert held(window) == named(*range(300))
    agrees(CodeSearch(window).nearest(codes(300)[4], 50), codes(300), codes(300)[4], 50)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize("day", [JULY, AUGUST])
def test_a_product_that_comes_again_is_replaced(window_of, chunk, day):
    window, stored = window_of(), codes(40)
    filled(window, [image(n, stored[n], of=f"p{n // 4}") for n in range(20)])
    again = [image(n, stored[n], day, of=f"p{n // 4}") for n in (0, 1, 30, 9)]
    # Product p0 comes as i0, i1; the product of i30 is new; p2 comes as i9 alone.
    loaded = load(window, documents_of(again, window.layout), chunk=chunk)
    kept = [*range(4, 8), *range(12, 20)]
    assert held(window) == named(0, 1, 9, 30, *kept)
    assert loaded.stored == 4
    assert window.count() == 16
    assert {one.slice.label for one in window.standing() if one.documents} == {"2026-07"} | {f"{day:%Y-%m}"}


def test_images_of_a_product_may_come_far_apart_within_a_load(window_of):
    window, stored = window_of(), codes(60)
    pictures = [image(n, stored[n], of=f"p{n % 10}") for n in range(60)]
    for _ in range(2):
        load(window, documents_of(pictures, window.layout), chunk=7, threads=1)
        assert held(window) == named(*range(60))


def test_a_load_that_fills_gaps_leaves_other_images_alone(window_of):
    window, stored = window_of(), codes(4)
    filled(window, [image(0, stored[0], of="p"), image(1, stored[1], of="p")])
    loaded = load(window, documents([image(1, stored[2], AUGUST, of="p")], window), replace="images")
    assert (loaded.stored, loaded.replaced) == (1, 1)
    assert held(window) == named(0, 1)


def test_products_are_removed(window_of):
    window, stored = window_of(), codes(30)
    filled(window, [image(n, stored[n], JULY if n % 2 else AUGUST, of=f"p{n // 3}") for n in range(30)])
    assert remove(window, ["p1", "p9", "p1", "nobody"]) == 6
    assert held(window) == named(*range(3), *range(6, 27))
    assert remove(window, []) == 0


def test_more_than_a_page_is_removed(window_of, monkeypatch):
    monkeypatch.setattr(loading, "PAGE", 10)
    window, stored = window_of(), codes(35)
    filled(window, [image(n, stored[n], of="p" if n else "q") for n in range(35)])
    assert remove(window, ["p"]) == 34
    assert held(window) == named(0)


def test_a_bad_document_costs_only_itself(window_of):
    window, stored = window_of(), codes(50)
    made = documents(images(stored), window)
    broken = json.dumps({**json.loads(made[7].content), "code": "ff"}).encode()
    made[7] = made[7]._replace(content=broken)
    made[20] = made[20]._replace(content=made[20].content.replace(b'"seller"', b'"sold_by"'))
    made[33] = Refusal("i33", "p33", "it has no code: it is all zeros", "")
    told = []
    loaded = load(window, made, refused=told.append)
    assert loaded.stored == 47
    assert held(window) == named(*(set(range(50)) - {7, 20, 33}))
    assert sum(loaded.refused.values()) == 3
    assert loaded.refused["it has no code"] == 1
    assert {one.where for one in told} == {"i7", "i20", "i33"}
    assert all("exception" in one.reason for one in told if one.where != "i33")


def test_the_stream_is_held_in_pieces(window_of):
    window, stored = window_of(), codes(400)
    ahead, done, drawn = [], [0], 0

    def streamed():
        nonlocal drawn
        for made in documents(images(stored), window):
            drawn += 1
            ahead.append(drawn - done[0])
            yield made

    def track(count):
        done[0] += count

    load(window, streamed(), chunk=10, threads=2, track=track)
    assert done[0] == 400
    # Two on their way, one waiting, one being made, and what is just being counted.
    assert max(ahead) <= 50


def test_long_documents_make_short_pieces(window_of, monkeypatch):
    monkeypatch.setattr(loading, "CHUNK_BYTES", 2_000)
    window, counts = window_of(), []
    made = [image(n, code, description="word " * 100) for n, code in enumerate(codes(40))]
    load(window, documents_of(made, window.layout), track=counts.append)
    assert sum(counts) == 40
    assert max(counts) <= 5


def waits(window, attempts=8):
    """The window with a patience that notes its waits instead of waiting."""
    noted = []
    return dataclasses.replace(window, patience=Patience(attempts, 0.01, sleep=noted.append)), noted


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_node_slows_a_load_instead_of_failing_it(window_of, client, status):
    busy = hurt(client, lambda path, count: status if path == "_bulk" and count % 3 else None)
    window, noted = waits(window_of(by=busy))
    loaded = load(window, documents(images(codes(200)), window), chunk=50, threads=1)
    assert loaded.stored == 200
    assert held(window) == named(*range(200))
    assert len(noted) == 8
    assert noted[1] > noted[0]


def test_documents_that_a_node_has_no_room_for_are_sent_again_alone(window_of, client):
    busy = hurt(client, lambda path, count: "items" if path == "_bulk" and count <= 2 else None)
    window, noted = waits(window_of(by=busy))
    loaded = load(window, documents(images(codes(40)), window))
    assert (loaded.stored, loaded.resent, len(noted)) == (40, 6, 2)
    assert held(window) == named(*range(40))


def test_a_chunk_whose_answer_was_lost_is_sent_again(window_of, client):
    busy = hurt(client, lambda path, count: "lost" if path == "_bulk" and count in (1, 3) else None)
    window, noted = waits(window_of(by=busy))
    loaded = load(window, documents(images(codes(90)), window), chunk=30)
    assert (loaded.stored, len(noted)) == (90, 2)
    assert held(window) == named(*range(90))


@pytest.mark.parametrize("verdict", [429, "lost", "items"])
def test_a_node_that_stays_busy_ends_a_load_in_one_line_and_a_second_load_ends_it_well(window_of, client, verdict):
    busy = hurt(client, lambda path, count: verdict if path == "_bulk" and count > 1 else None)
    window, _ = waits(window_of(by=busy), attempts=3)
    made = documents(images(codes(90)), window)
    with pytest.raises(ServerUnreachable, match="Elasticsearch") as failed:
        load(window, made, chunk=30, threads=1)
    assert failed.value.exit_code == 3
    assert "\n" not in str(failed.value)
    well = dataclasses.replace(window, client=client)
    assert load(well, made).stored == 90
    assert held(well) == named(*range(90))


def test_searches_wait_for_a_busy_node(window_of, client):
    window = filled(window_of(), images(codes(30)))
    busy = hurt(client, lambda path, count: 503 if path == "_search" and count < 3 else None)
    patient, noted = waits(dataclasses.replace(window, client=busy))
    agrees(CodeSearch(patient).nearest(codes(30)[2], 9), codes(30), codes(30)[2], 9)
    assert len(noted) == 2


def test_a_cluster_that_is_down_is_said_in_one_line(window_of):
    from elasticsearch import Elasticsearch

    with Elasticsearch("http://127.0.0.1:9") as nobody:
        window, noted = waits(window_of(by=nobody), attempts=3)
        for question in (window.require, window.standing, lambda: load(window, [])):
            with pytest.raises(ServerUnreachable, match="does not answer") as failed:
                question()
            assert "\n" not in str(failed.value)
    assert len(noted) == 6


@pytest.mark.parametrize(("status", "kind"), [(401, AccessRefused), (403, AccessRefused), (400, VariantsError)])
def test_what_asking_again_would_not_change_is_not_asked_again(window_of, client, status, kind):
    window, noted = waits(window_of(by=hurt(client, lambda path, count: status)))
    with pytest.raises(kind):
        window.count()
    assert noted == []


def test_a_slice_that_goes_in_the_middle_of_a_load_is_not_made_up(window_of, client):
    window = window_of()
    made = documents(images(codes(100)), window)

    def streamed():
        yield from made[:41]
        client.indices.delete(index=window.index_of(JULY))
        yield from made[41:]

    with pytest.raises(VariantsError, match="dropped"):
        load(window, streamed(), chunk=20, threads=1)
    assert window.standing() == []

"""How a busy or absent cluster is asked again; no node is needed for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from candidates.errors import AccessRefused, ServerUnreachable, VariantsError
from image_retrieval.elastic.patience import Patience

elasticsearch = pytest.importorskip("elasticsearch", reason="needs pip install 'variant-candidates[elasticsearch]'")


def status(number):
    body = {"error": {"type": "x_content_parse_exception", "reason": "no such thing"}}
    return elasticsearch.ApiError("refused", SimpleNamespace(status=number), body)


def asked(*errors, attempts=4):
    """Asks a question that fails with each of some errors in turn; its answer, and how often it waited."""
    waits, left = [], list(errors)

    def question():
        if left:
            raise left.pop(0)
        return "answer"

    try:
        return Patience(attempts, sleep=waits.append).ask("searching", question), len(waits)
    except VariantsError as error:
        return error, len(waits)


PASSING = [status(429), status(503), elasticsearch.ConnectionError("reset"), elasticsearch.ConnectionTimeout("late")]


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_what_may_pass_is_asked_again(error):
    assert asked(error) == ("answer", 1)
    assert asked(error, error, error) == ("answer", 3)
    failed, waits = asked(error, error, error, error)
    assert isinstance(failed, ServerUnreachable)
    assert waits == 3, "nobody waits after the last attempt"
    assert failed.__cause__ is error


def test_the_message_is_about_the_last_attempt():
    failed, _ = asked(status(503), elasticsearch.ConnectionError("reset"), attempts=2)
    assert "does not answer at searching: Connection error" in str(failed)
    failed, _ = asked(elasticsearch.ConnectionError("reset"), status(503), attempts=2)
    assert "stays too busy at searching (HTTP 503)" in str(failed)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (status(400), VariantsError, "x_content_parse_exception: no such thing"),
        (status(401), AccessRefused, "HTTP 401"),
        (status(403), AccessRefused, "HTTP 403"),
        (elasticsearch.SSLError("self-signed"), ServerUnreachable, "no trusted connection"),
    ],
    ids=str,
)
def test_what_asking_again_would_not_change_is_raised_at_once(error, kind, words):
    failed, waits = asked(error)
    assert type(failed) is kind
    assert words in str(failed)
    assert waits == 0


def test_an_error_of_our_own_is_left_alone():
    ours = VariantsError("the slice was dropped", "Load again")
    assert asked(ours) == (ours, 0)


def test_waits_grow_to_a_limit():
    noted = []
    assert list(Patience(12, 0.1, 3.0, noted.append).tries()) == list(range(1, 13))
    ideal = np.minimum(3.0, 0.1 * 2 ** np.arange(11))
    assert len(noted) == len(ideal)
    assert (np.array(noted) <= ideal).all()
    assert (np.array(noted) >= ideal / 2).all()

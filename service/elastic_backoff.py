"""Patience with a busy Elasticsearch: an answer of 429 or 503 slows the asker down, whatever it was asking.

The official client tries again too, but at once and a few times, which adds to what the server can't bear. Only
`elastic_connection` imports this module, and only when a client is made, since the official one is heavy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from elastic_transport import Transport, TransportApiResponse
from elastic_transport.client_utils import DEFAULT, DefaultType, resolve_default

FIRST_WAIT = 0.1
LONGEST_WAIT = 10.0


class BackoffTransport(Transport):
    """A transport that waits before it asks again, longer each time, until its patience is at an end.

    Connections that fail are tried again at once, as in the client's own transport: there another node is asked. A
    call made with `client.options(retry_on_status=())` is not repeated.
    """

    patience: float = 120.0
    """Seconds in all that one call may wait; then the last answer is handed on."""

    def perform_request(
        self,
        method: str,
        target: str,
        *,
        body: Any | None = None,
        retry_on_status: Collection[int] | DefaultType = DEFAULT,
        **rest: Any,
    ) -> TransportApiResponse:
        """Asks, and asks again for as long as the answer is one of `retry_on_status`."""
        statuses = resolve_default(retry_on_status, self.retry_on_status)
        if isinstance(body, Iterator):
            body = list(body)  # it may have to be sent again
        until = time.monotonic() + self.patience
        wait = FIRST_WAIT
        while True:
            answer = super().perform_request(method, target, body=body, retry_on_status=(), **rest)
            # A share of chance keeps many clients from coming back at one moment.
            pause = max(wait * random.uniform(0.5, 1.0), _asked_for(answer.meta.headers))
            if answer.meta.status not in statuses or time.monotonic() + pause > until:
                return answer
            time.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT)


def _asked_for(headers: Mapping[str, str]) -> float:
    """Seconds of a Retry-After header, which a load balancer may send; a date in it is not looked at."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0

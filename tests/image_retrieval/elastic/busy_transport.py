"""A transport of the official client that hurts what passes through it, before a real node."""

from __future__ import annotations

import json
from collections import Counter

from elastic_transport import (
    ApiResponseMeta,
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
    Transport,
    TransportApiResponse,
)
from elasticsearch import Elasticsearch


def hurt(client, plan):
    """A client beside `client` whose requests meet a plan.

    `plan(path, count)` says what happens to the count-th request for a path (`_bulk`, `_search`): None lets it
    through, a number is answered with that status, `lost` is done but not answered, `items` has the first three
    documents of a bulk sent back as too many.
    """

    counts: Counter[str] = Counter()

    class Busy(Transport):
        def perform_request(self, method, target, **rest):
            path = target.partition("?")[0].rpartition("/")[2]
            counts[path] += 1
            verdict = plan(path, counts[path])
            if isinstance(verdict, int):
                meta = ApiResponseMeta(verdict, "1.1", HttpHeaders({"x-elastic-product": "Elasticsearch"}), 0.0, NODE)
                return TransportApiResponse(meta, {"error": {"type": "too_busy", "reason": "too busy"}})
            answer = super().perform_request(method, target, **rest)
            if verdict == "lost":
                raise ConnectionTimeout("timed out")
            if verdict == "items":
                body = json.loads(json.dumps(answer.body))
                body["errors"] = True
                for item in body["items"][:3]:
                    item["index"] |= {
                        "status": 429,
                        "error": {"type": "es_rejected_execution_exception", "reason": "x"},
                    }
                return TransportApiResponse(answer.meta, body)
            return answer

    node = next(iter(client.transport.node_pool.all()))
    return Elasticsearch(node.base_url, transport_class=Busy, request_timeout=60)


NODE = NodeConfig("http", "127.0.0.1", 9200)

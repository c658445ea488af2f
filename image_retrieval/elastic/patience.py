"""Asking a cluster: again where it is busy or a node has gone, and in one line where it can't be helped."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from candidates.errors import AccessRefused, ServerUnreachable, VariantsError

if TYPE_CHECKING:
    from elasticsearch import ApiError

Answer = TypeVar("Answer")

BUSY = frozenset({429, 502, 503, 504})
"""Statuses that a node gives while it has too much to do, or while shards move to another node."""


@dataclass(frozen=True)
class Patience:
    """How often and how long a busy or absent cluster is asked again.

    Each wait is twice the one before, shortened at random so that many clients don't come back at once. The twelve
    attempts of the default last about a minute, longer than a cluster takes to choose another master.

    Attributes:
        attempts: How often a question is asked, at most.
        first: Seconds before the second attempt.
        longest: Seconds of a wait, at most.
        sleep: Waits.
    """

    attempts: int = 12
    first: float = 0.1
    longest: float = 10.0
    sleep: Callable[[float], None] = time.sleep

    def ask(self, what: str, question: Callable[[], Answer]) -> Answer:
        """The answer to a question, asked again while the cluster is busy or a node does not answer.

        Args:
            what: What is being done, for a message (`loading images`).
            question: Asks once; it may be asked again although an earlier attempt took effect.

        Raises:
            ServerUnreachable: No node answered, or all stayed busy.
            AccessRefused: The cluster does not accept the key, or not for this.
            VariantsError: The cluster refuses, which asking again would not change.
        """
        from elasticsearch import ApiError, SSLError, TransportError

        wrong = ""
        cause: Exception | None = None
        for _ in self.tries():
            try:
                return question()
            except ApiError as error:
                if error.status_code not in BUSY:
                    raise refusal(what, error) from error
                wrong, cause = f"Elasticsearch stays too busy at {what} (HTTP {error.status_code})", error
            except SSLError as error:
                raise ServerUnreachable(
                    f"no trusted connection to Elasticsearch: {first_line(error)}",
                    "Name the file of its certificate authority, and https in its address",
                ) from error
            except TransportError as error:
                wrong, cause = f"Elasticsearch does not answer at {what}: {first_line(error)}", error
        raise ServerUnreachable(wrong, "Check its address and whether it runs, then try again") from cause

    def tries(self) -> Iterator[int]:
        """The numbers of the attempts, from 1, with a wait between two of them."""
        for attempt in range(1, self.attempts + 1):
            yield attempt
            if attempt < self.attempts:
                self.sleep(self.seconds(attempt))

    def seconds(self, attempt: int) -> float:
        """How long to wait after the attempt of that number."""
        return min(self.longest, self.first * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)


def refusal(what: str, error: ApiError) -> VariantsError:
    """What to tell a person about an answer that asking again would not change."""
    if error.status_code in (401, 403):
        return AccessRefused(
            f"Elasticsearch refuses {what} (HTTP {error.status_code})",
            "Check the key, or name and password, and what they are allowed to do",
        )
    return VariantsError(f"Elasticsearch refuses {what}: {_reason(error)}")


def _reason(error: ApiError) -> str:
    """The innermost reason that the cluster gives."""
    body = error.body
    cause = body.get("error") if isinstance(body, dict) else None
    if not isinstance(cause, dict):
        return first_line(error)
    root = (cause.get("root_cause") or [cause])[0]
    return f"{root.get('type')}: {root.get('reason')}"


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]

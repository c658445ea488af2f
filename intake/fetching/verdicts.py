"""Turns HTTP statuses and network errors into failures, which determine the next attempt."""

from __future__ import annotations

import ssl
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

import urllib3
from urllib3 import exceptions as broken

from candidates.settings import FetchSettings
from intake.fetching.addresses import Address
from intake.fetching.failures import Failure, Kind

AGAIN = "Run again later"
CHECK_LINK = "Fix the URL in the feed"


def refusal_of(response: urllib3.BaseHTTPResponse) -> Failure:
    """The failure for a status other than 200."""
    status = response.status
    if status in (404, 410):
        return Failure(Kind.LASTING, f"there is no such picture ({status})", CHECK_LINK)
    if status in (401, 402, 403, 407, 451):
        return Failure(Kind.LASTING, f"its server denies access ({status})", "Make the picture public")
    if status in (429, 503):
        wait = _retry_after(response.headers.get("Retry-After", ""))
        return Failure(Kind.BUSY, f"its server is too busy ({status})", AGAIN, wait)
    if status in (408, 425) or status >= 500:
        return Failure(Kind.PASSING, f"its server failed ({status})", AGAIN)
    return Failure(Kind.LASTING, f"its server returned status {status} instead of a picture", CHECK_LINK)


def _retry_after(value: str) -> float | None:
    """Seconds to wait; the header has either seconds or a date."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError, OSError):
        return None


def failure_of(error: Exception, address: Address, limits: FetchSettings) -> Failure:
    """The failure for a network or protocol error."""
    cause = error.args[0] if isinstance(error, broken.SSLError) and error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        what = f"the certificate of {address.host} can't be trusted ({cause.verify_message.rstrip('.')})"
        return Failure(Kind.LASTING, what, "Renew it, or fix the host in the feed")
    if isinstance(error, broken.ConnectTimeoutError | broken.NewConnectionError):
        return Failure(Kind.SILENT, f"the host {address.host} does not respond", AGAIN)
    if isinstance(error, broken.TimeoutError | TimeoutError):
        return Failure(Kind.SILENT, f"the picture took longer than {limits.timeout:g} seconds", AGAIN)
    if isinstance(error, broken.InvalidHeader | broken.LocationValueError):
        return Failure(Kind.LASTING, "its server's response is invalid", CHECK_LINK)
    is_chunk_of_no_size = _has(error, broken.InvalidChunkLength)
    if (_has(error, IncompleteRead) and not is_chunk_of_no_size) or "prematurely" in str(error):
        return Failure(Kind.PASSING, "the picture is truncated", AGAIN)
    if _has(error, HTTPException) and not _has(error, RemoteDisconnected):
        return Failure(Kind.SILENT, f"the response of {address.host} is not HTTP", AGAIN)
    return Failure(Kind.SILENT, f"the connection to {address.host} failed", AGAIN)


def _has(error: Exception, kind: type[Exception]) -> bool:
    """Whether an exception is of a kind, or wraps one that is; urllib3 has the wrapped one among its arguments."""
    return isinstance(error, kind) or any(isinstance(part, kind) for part in error.args)

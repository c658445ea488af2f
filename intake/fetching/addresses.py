"""Parses URLs as shops write them, once.

Attackers usually get around a check of the host with a URL that two programs parse differently. Here a URL is parsed
once, and the connection, the `Host` header and the check all use the parts of one `Address`.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

from intake.fetching.failures import Failure, Kind, shown

DEFAULT_PORTS = {"http": 80, "https": 443}

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_PARTS = re.compile(r"(?P<front>[^?#]*)(?:\?(?P<query>[^#]*))?")
_AUTHORITY = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{0,5}))?")
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

_FIX_URL = "Write it as https://host/path"


@dataclass(frozen=True)
class Address:
    """The parts of a URL.

    Attributes:
        scheme: `http` or `https`.
        host: The host's name in ASCII, or its IP address without brackets.
        port: The port; the scheme's default if the URL has none.
        target: Path and query, quoted as in the request.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The `Host` header: the host, and the port unless it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in normal form: equal URLs make the same request."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_address(url: str) -> Address:
    """Parses a URL as browsers do, and refuses unsafe ones.

    Spaces, non-ASCII characters and stray percent signs in path and query are quoted; a backslash before the query
    is read as a slash; `//host/path` means https; international host names become ASCII (UTS 46); numeric host names
    (`2130706433`, `0x7f.1`, `0177.0.0.1`) become the IPv4 addresses that they stand for. The fragment is dropped.

    Raises:
        Failure: The scheme is not http or https, or the URL has a user name, control characters or no host.
    """
    text = url.strip()
    if _CONTROL.search(text):
        raise _unasked("the URL has control characters", "Remove them from the feed")
    scheme, rest = _split_scheme(text)
    parts = _PARTS.match(rest)
    assert parts is not None, "the pattern matches everything"
    front = parts["front"].replace("\\", "/")
    authority, _, path = front.removeprefix("//").partition("/")
    if not front.startswith("//") or not authority:
        raise _unasked("the URL has no host", _FIX_URL)
    host, port = _split_authority(authority)
    query = "" if parts["query"] is None else "?" + _quoted(parts["query"], "/?:@!$&'()*+,;=")
    return Address(scheme, host, port or DEFAULT_PORTS[scheme], "/" + _quoted(path, "/:@!$&'()*+,;=") + query)


def follow(address: Address, location: str) -> Address:
    """The address that a redirect points to.

    Raises:
        Failure: As for `parse_address`, or the location can't be joined to the address.
    """
    with suppress(UnicodeError):  # Headers are decoded as Latin-1, but shops write UTF-8.
        location = location.encode("latin-1").decode("utf-8")
    try:
        joined = urljoin(address.url, location.strip())
    except ValueError as error:
        raise _unasked(f"it redirects to {shown(location)}, which is not a URL", _FIX_URL) from error
    return parse_address(joined)


def _unasked(what: str, fix: str) -> Failure:
    return Failure(Kind.NEVER_ASKED, what, fix)


def _split_scheme(text: str) -> tuple[str, str]:
    if text.startswith(("//", "\\\\")):
        return "https", text
    found = _SCHEME.match(text)
    if not found:
        raise _unasked("is not an http or https URL", _FIX_URL)
    scheme = found[1].lower()
    if scheme not in DEFAULT_PORTS:
        raise _unasked(
            f"{scheme}: URLs are not fetched", "Use an http or https URL, or a path inside the feed's folder"
        )
    return scheme, text[found.end() :]


def _split_authority(authority: str) -> tuple[str, int]:
    """The host and the port, which is 0 if there is none."""
    if "@" in authority:
        raise _unasked(
            "URLs with a user name or password are refused",
            "Publish the pictures without a password, or name them as files",
        )
    found = _AUTHORITY.fullmatch(authority)
    if not found or int(found["port"] or 0) > 65_535 or found["port"] in ("0", "00", "000", "0000", "00000"):
        raise _unasked("the URL's host or port is invalid", _FIX_URL)
    host = _six(found["six"]) if found["six"] is not None else _name(found["name"])
    return host, int(found["port"] or 0)


def _six(text: str) -> str:
    with suppress(AddressValueError):
        if "%" not in text:  # A zone is one of this machine's own interfaces.
            return IPv6Address(text).compressed
    raise _unasked(f"[{shown(text)}] is not an IPv6 address", _FIX_URL)


def _name(text: str) -> str:
    name = _in_ascii(text).lower()
    name = name.removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        try:  # Parsed by the C library, because every program that uses it reads the address this way.
            return str(IPv4Address(socket.inet_aton(name)))
        except OSError as error:
            raise _unasked(f"{shown(text)} is not an IPv4 address", _FIX_URL) from error
    if not _HOST_NAME.fullmatch(name):
        raise _unasked(f"{shown(text)!r} is not a host name", _FIX_URL)
    return name


def _in_ascii(text: str) -> str:
    if text.isascii():
        return text
    import idna

    try:
        return idna.encode(text, uts46=True).decode()
    except UnicodeError as error:  # idna's own errors are UnicodeErrors
        raise _unasked(f"{shown(text)!r} is not a host name", _FIX_URL) from error


def _quoted(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=safe + "%")

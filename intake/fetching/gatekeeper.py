"""Decides which IP addresses may be contacted: checks every address of a host, and allows only checked ones.

Feeds are written by strangers but read inside somebody's network. Without this check a URL, a redirect or a name that
resolves to a private address could make us send requests to that network's own servers (server-side request forgery).
The networks are those of the IANA special-purpose registries (RFC 6890).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from intake.fetching.addresses import DEFAULT_PORTS, Address
from intake.fetching.failures import Failure, Kind

Resolver = Callable[[str, int], Sequence[str]]
"""Maps a host's name and a port to all its IP addresses; raises OSError if there are none."""

_SECONDS_A_NAME_HOLDS = 60.0
_NAMES_HELD = 10_000

_NETWORKS = {
    "a cloud's metadata address": (
        "169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
        "fd00:ec2::254/128", "fd20:ce::254/128",
    ),
    "an unspecified address": ("0.0.0.0/8", "::/128"),
    "a loopback address": ("127.0.0.0/8", "::1/128"),
    "a link-local address": ("169.254.0.0/16", "fe80::/10"),
    "a private address": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    "a shared address (RFC 6598)": ("100.64.0.0/10",),
    "a multicast address": ("224.0.0.0/4", "ff00::/8"),
    "a reserved address": (
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
    ),
}  # fmt: skip
_KINDS = tuple((kind, ip_network(network)) for kind, networks in _NETWORKS.items() for network in networks)
_PRIVATE = frozenset({"a loopback address", "a private address", "a shared address (RFC 6598)"})
_PUBLIC_SIX = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, from the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def kind_of(ip: IPv4Address | IPv6Address) -> str | None:
    """What is special about an IP address or an IPv4 address embedded in it; None if it is public."""
    inner = _embedded(ip) if isinstance(ip, IPv6Address) else []
    for carried in inner:
        if kind := kind_of(carried):
            return kind
    for kind, network in _KINDS:
        if ip.version == network.version and ip in network:
            return kind
    is_public = isinstance(ip, IPv4Address) or inner or ip in _PUBLIC_SIX
    return None if is_public else "a reserved address"


def _embedded(ip: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses embedded in an IPv6 address: mapped, compatible, 6to4, NAT64 (RFC 6052), Teredo."""
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    if ip.sixtofour:
        return [ip.sixtofour]
    if ip.teredo:
        return list(ip.teredo)
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
        return [IPv4Address(int(ip) & 0xFFFF_FFFF)]
    return []


@dataclass
class Gatekeeper:
    """Resolves the host of an address to IP addresses that may be contacted.

    Resolved names are cached for a minute, and forgotten when a connection fails.

    Attributes:
        allow_private: Allow loopback, private and shared addresses, and every port.
        resolver: Resolves host names to IP addresses.
    """

    allow_private: bool
    resolver: Resolver = resolve
    _held: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, address: Address) -> tuple[str, ...]:
        """The IP addresses of a host, all of them allowed.

        Raises:
            Failure: The name can't be resolved, one of its addresses is not public, or the port is not 80 or 443.
        """
        ips = self._resolved(address)
        for ip in ips:
            self._check(address, ip)
        if not self.allow_private and address.port not in DEFAULT_PORTS.values():
            raise Failure(
                Kind.NEVER_ASKED,
                f"port {address.port} is refused, only 80 and 443 are allowed",
                "Publish the pictures on one of these ports, or set fetch.allow_private",
            )
        return ips

    def forget(self, address: Address) -> None:
        """Forgets the resolved addresses of a host."""
        with self._lock:
            self._held.pop((address.host, address.port), None)

    def _resolved(self, address: Address) -> tuple[str, ...]:
        key = (address.host, address.port)
        with self._lock:
            until, ips = self._held.get(key, (0.0, ()))
        if time.monotonic() < until:
            return ips
        try:
            ips = tuple(dict.fromkeys(self.resolver(*key)))
            if not ips:
                raise OSError("no addresses")
        except (OSError, UnicodeError) as error:
            fix = "Check its spelling and your network"
            raise Failure(Kind.SILENT, f"the host {address.host} can't be found", fix) from error
        with self._lock:
            if len(self._held) >= _NAMES_HELD:
                self._held.clear()
            self._held[key] = (time.monotonic() + _SECONDS_A_NAME_HOLDS, ips)
        return ips

    def _check(self, address: Address, ip: str) -> None:
        kind = kind_of(ip_address(ip))
        if kind is None or (self.allow_private and kind in _PRIVATE):
            return
        name = ip if ip == address.host else f"{address.host} ({ip})"
        fix = "Publish the pictures at a public address"
        if kind in _PRIVATE:
            fix += ", or, on your own network, set fetch.allow_private"
        raise Failure(Kind.NEVER_ASKED, f"{name} is {kind} and is not contacted", fix)

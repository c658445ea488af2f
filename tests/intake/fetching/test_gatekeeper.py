"""Which addresses are public, against the registry that Python keeps."""

import random
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from intake.fetching.addresses import parse_address
from intake.fetching.failures import Failure, Kind
from intake.fetching.gatekeeper import Gatekeeper, kind_of


@pytest.mark.parametrize(
    ("ip", "kind"),
    [
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("::1", "a loopback address"),
        ("10.0.0.1", "a private address"),
        ("172.31.255.255", "a private address"),
        ("192.168.0.1", "a private address"),
        ("fdff::1", "a private address"),
        ("fec0::1", "a private address"),
        ("100.127.255.255", "a shared address (RFC 6598)"),
        ("169.254.1.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("169.254.169.254", "a cloud's metadata address"),
        ("fd00:ec2::254", "a cloud's metadata address"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "a reserved address"),
        ("198.18.0.1", "a reserved address"),
        ("2001:db8::1", "a reserved address"),
        ("64:ff9b:1::1", "a reserved address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("::ffff:169.254.169.254", "a cloud's metadata address"),
        ("::127.0.0.1", "a loopback address"),
        ("64:ff9b::10.0.0.1", "a private address"),
        ("2002:7f00:1::", "a loopback address"),
        ("2002:a00:1::1", "a private address"),
        ("2001:0:a00:1::", "a private address"),
        ("2001:0:808:808:0:0:80ff:fffe", "a loopback address"),
        ("2001:0:808:808:0:0:f7f7:f7f7", "a reserved address"),
        ("::ffff:0:7f00:1", "a reserved address"),
        ("9.255.255.255", None),
        ("11.0.0.0", None),
        ("172.32.0.0", None),
        ("100.63.255.255", None),
        ("8.8.8.8", None),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::8.8.8.8", None),
        ("2606:4700::1111", None),
    ],
)
def test_kinds(ip, kind):
    assert kind_of(ip_address(ip)) == kind


def test_what_python_does_not_call_global_is_never_public():
    chance = random.Random(5)
    for _ in range(3000):
        four = IPv4Address(chance.getrandbits(32))
        six = IPv6Address(chance.choice([0, 0x2001, 0x2002, 0xFE80, 0xFD00, 0x2606]) << 112 | chance.getrandbits(112))
        for ip in (four, six):
            assert ip.is_global or kind_of(ip) or getattr(ip, "ipv4_mapped", None), ip
        assert (kind_of(four) is None) == (kind_of(IPv6Address(f"::ffff:{four}")) is None), four
        assert (kind_of(four) is None) == (kind_of(IPv6Address(f"64:ff9b::{four}")) is None), four


def counting(answers):
    asked = []

    def resolver(host, port):
        asked.append(host)
        return answers

    return resolver, asked


def test_a_name_is_looked_up_once_until_it_is_forgotten():
    resolver, asked = counting(["8.8.8.8", "8.8.4.4", "8.8.8.8"])
    gatekeeper = Gatekeeper(False, resolver)
    address = parse_address("http://shop.example/a")
    for _ in range(3):
        assert gatekeeper.admit(address) == ("8.8.8.8", "8.8.4.4")
    assert asked == ["shop.example"]
    gatekeeper.forget(address)
    gatekeeper.admit(address)
    assert asked == ["shop.example"] * 2


@pytest.mark.parametrize("answers", [[], None])
def test_a_name_without_addresses_is_not_known(answers):
    def resolver(host, port):
        if answers is None:
            raise UnicodeError("label too long")
        return answers

    with pytest.raises(Failure, match="can't be found") as caught:
        Gatekeeper(False, resolver).admit(parse_address("http://shop.example/a"))
    assert caught.value.kind is Kind.SILENT


def test_every_address_is_checked_wherever_it_stands():
    for answers in (["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8"] * 9 + ["::1"]):
        with pytest.raises(Failure) as caught:
            Gatekeeper(False, lambda host, port, answers=answers: answers).admit(parse_address("http://a.example/"))
        assert caught.value.kind is Kind.NEVER_ASKED


@pytest.mark.parametrize(("port", "admitted"), [(80, True), (443, True), (22, False), (8080, False)])
def test_ports(port, admitted):
    address = parse_address(f"http://shop.example:{port}/")
    if admitted:
        assert Gatekeeper(False, lambda *_: ["8.8.8.8"]).admit(address)
    else:
        with pytest.raises(Failure, match=f"port {port} is refused"):
            Gatekeeper(False, lambda *_: ["8.8.8.8"]).admit(address)
    assert Gatekeeper(True, lambda *_: ["8.8.8.8"]).admit(address)

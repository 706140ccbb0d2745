"""The zone of the website's name, asked of a real name server on loopback: what a thief of the domain would change."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.resolver import Resolver

from ungcuu.watch.outside import zone
from ungcuu.watch.outside.zone import NONE, Zone, from_document, look, not_compared, worse

RECORDS = {
    ("so.gov.vn.", "SOA"): ["ns1.gov.vn. admin.gov.vn. 1 2 3 4 5"],
    ("so.gov.vn.", "NS"): ["ns2.gov.vn.", "NS1.gov.vn."],
    ("so.gov.vn.", "MX"): ["10 thu.so.gov.vn."],
    ("so.gov.vn.", "CAA"): ['0 issue "letsencrypt.org"'],
}
GOOD = Zone("so.gov.vn", ("ns1.gov.vn", "ns2.gov.vn"), ("10 thu.so.gov.vn",), ('0 issue "letsencrypt.org"',))
Serve = Callable[..., Resolver]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """`serve(records)`: a resolver that asks a name server with these; ``gone`` are names that it says do not exist,
    ``silent`` kinds of records for which it has no answer."""
    monkeypatch.setattr(zone, "SECONDS", 0.5)
    open_sockets: list[socket.socket] = []

    def start(records: dict[tuple[str, str], list[str]], gone: str = "", silent: str = "") -> Resolver:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        open_sockets.append(server)
        threading.Thread(target=answer_all, args=(server, records, gone, silent), daemon=True).start()
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
        return resolver

    yield start
    for one in open_sockets:
        one.close()


def answer_all(server: socket.socket, records: dict[tuple[str, str], list[str]], gone: str, silent: str) -> None:
    while True:
        try:
            data, sender = server.recvfrom(4096)
        except OSError:
            return
        query = dns.message.from_wire(data)
        asked = query.question[0]
        name, kind = asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)
        if kind in silent.split():
            continue
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if gone and name.endswith(gone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        for alias in records.get((name, "CNAME"), ()):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", alias))
            name = alias
        for text in records.get((name, kind), ()):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, text))
        server.sendto(answer.to_wire(), sender)


def test_the_zone_above_the_name_is_found_with_its_records(serve: Serve) -> None:
    assert look("www.so.gov.vn", resolver=serve(RECORDS)) == GOOD
    assert look("so.gov.vn", "so.gov.vn", serve(RECORDS)) == GOOD


@pytest.mark.parametrize("name", ["portal.lab.test", "192.0.2.1", "localhost", "fd5a::2", "may.local"])
def test_nobody_is_asked_for_a_name_that_is_not_public(serve: Serve, name: str) -> None:
    assert look(name, resolver=serve({(f"{name}.", "SOA"): RECORDS["so.gov.vn.", "SOA"]})) == NONE


def test_the_zone_of_a_country_is_nobody_s_own(serve: Serve) -> None:
    """Its name servers would be approved for a name that does not exist."""
    top = {("vn.", "SOA"): ["a.vn. b.vn. 1 2 3 4 5"], ("vn.", "NS"): ["a.vn."]}
    assert look("www.so.gov.vn", resolver=serve(top)) == NONE


def test_silence_is_not_known_and_never_gone(serve: Serve) -> None:
    """Seen failing with an empty answer for none: each network fault was an alarm that the domain was lost."""
    found = look("www.so.gov.vn", "so.gov.vn", serve(RECORDS, silent="NS CAA"))
    assert found == replace(GOOD, servers=None, issuers=None) and found.silent == ["NS", "CAA"]
    assert list(worse("web01", GOOD, found)) == []
    assert not_compared(GOOD, found) == (["NS", "CAA"], [])
    assert not_compared(found, GOOD) == ([], ["NS", "CAA"]), "what was silent when it was approved is watched by nobody"
    nothing = look("www.so.gov.vn", "", serve(RECORDS, silent="SOA"))
    assert nothing == Zone() and not_compared(GOOD, nothing)[0] == ["NS", "MX", "CAA"]


def test_an_alias_leads_to_nobody_else_s_zone(serve: Serve) -> None:
    """Seen failing: the zone of the machine behind the alias was watched, and the website's own never."""
    records = {
        **RECORDS,
        ("www.so.gov.vn.", "CNAME"): ["d1.cdn.invalid."],
        ("d1.cdn.invalid.", "SOA"): RECORDS["so.gov.vn.", "SOA"],
    }
    assert look("www.so.gov.vn", resolver=serve(records)) == GOOD


def test_a_domain_that_is_gone_is_found(serve: Serve) -> None:
    found = look("www.so.gov.vn", "so.gov.vn", serve({}, gone="so.gov.vn."))
    assert found == Zone("so.gov.vn", (), (), ())
    rules = {one.rule: one.place for one in worse("web01", GOOD, found)}
    assert rules["outside.name-servers"] == "so.gov.vn: –" and rules["outside.mail-servers"] == "so.gov.vn: –"


@pytest.mark.parametrize(
    ("kind", "records", "found"),
    [
        ("NS", ["ns1.gov.vn.", "ns.evil.invalid."], ("outside.name-servers", "high", "so.gov.vn: ns[.]evil[.]invalid")),
        ("NS", ["ns1.gov.vn."], None),  # one of them was taken out of service
        ("MX", ["5 mx.evil.invalid."], ("outside.mail-servers", "medium", "so.gov.vn: 5 mx[.]evil[.]invalid")),
        ("CAA", ['0 issue "evil.invalid"'], ("outside.issuers", "medium", 'so.gov.vn: 0 issue "evil[.]invalid"')),
        ("CAA", [], ("outside.issuers", "medium", "so.gov.vn: –")),
    ],
)
def test_what_a_thief_of_the_domain_changes_is_found(
    serve: Serve, kind: str, records: list[str], found: tuple[str, str, str] | None
) -> None:
    """Seen failing with ``zone.worse`` taken out of the comparison."""
    now = look("www.so.gov.vn", "so.gov.vn", serve({**RECORDS, ("so.gov.vn.", kind): records}))
    assert [(one.rule, one.severity, one.place) for one in worse("web01", GOOD, now)] == ([found] if found else [])


def test_stricter_than_approved_is_no_finding_and_a_first_mail_server_is_one(serve: Serve) -> None:
    """Seen failing both ways: an authority that was taken out, and a zone that had no mail and was given some."""
    two = replace(GOOD, issuers=('0 issue "a.invalid"', *(GOOD.issuers or ())))
    assert list(worse("web01", two, GOOD)) == [] and list(worse("web01", replace(GOOD, issuers=()), GOOD)) == []
    assert [one.rule for one in worse("web01", replace(GOOD, mail=()), GOOD)] == ["outside.mail-servers"]


def test_it_is_kept_as_it_was_approved() -> None:
    from dataclasses import asdict

    for one in (GOOD, Zone(), NONE, replace(GOOD, mail=None)):
        assert from_document(asdict(one)) == one
    for damaged in ({}, {"name": "x", "servers": 1, "mail": [], "issuers": []}):
        with pytest.raises((KeyError, TypeError)):
            from_document(damaged)

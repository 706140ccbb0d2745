"""What surrounds the page: real TLS servers on loopback are graded, and only what is worse than approved is found."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ungcuu.watch.outside import surroundings
from ungcuu.watch.outside.asking import Answer, Site
from ungcuu.watch.outside.surroundings import Surroundings, from_document, worse

HSTS = Answer(200, headers=("strict-transport-security", "x-frame-options"))
GOOD = Surroundings(HSTS.headers, "A", ("192.0.2.1",))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key, moment = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(moment - timedelta(1)).not_valid_after(moment + timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    raw = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path / "both.pem"
    path.write_bytes(raw + key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return path


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[[bool], Site]]:
    """`serve(old)`: a real server of TLS, which takes TLS 1.0 and 1.1 as well where ``old``."""
    listeners: list[socket.socket] = []

    def start(old: bool) -> Site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if old:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:@SECLEVEL=0")
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_answer, args=(listener, context), daemon=True).start()
        return Site("localhost", "127.0.0.1", (listener.getsockname()[1],), "/", "")

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _peer = listener.accept()
        except OSError:
            return
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            plain.close()


def test_the_grade_of_a_real_server(
    serve: Callable[[bool], Site], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(False)
    assert surroundings.around(site, HSTS).grade == "F", "nobody trusts its issuer"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert surroundings.around(site, HSTS).grade == "A"
    assert surroundings.around(site, Answer(200)).grade == "B"
    assert surroundings.around(serve(True), HSTS).grade == "C"
    assert surroundings.around(Site("other.invalid", "127.0.0.1", site.ports, "/", ""), HSTS).grade == "F"
    assert surroundings.around(Site("localhost", "127.0.0.1", (9,), "/", ""), HSTS).grade == ""


def test_the_addresses_of_a_name() -> None:
    assert "127.0.0.1" in surroundings.around(Site("localhost", "127.0.0.1", (9,), "/", ""), HSTS).addresses


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (GOOD, {}),
        (Surroundings(HSTS.headers, "A", ()), {}),
        (Surroundings((), "A", GOOD.addresses), {"outside.headers": "medium"}),
        (Surroundings(HSTS.headers, "C", GOOD.addresses), {"outside.tls": "medium"}),
        (Surroundings(HSTS.headers, "F", GOOD.addresses), {"outside.tls": "high"}),
        (Surroundings(HSTS.headers, "", GOOD.addresses), {"outside.tls": "high"}),
        (Surroundings(HSTS.headers, "A", ("192.0.2.1", "198.51.100.9")), {"outside.addresses": "high"}),
    ],
)
def test_what_is_worse_than_approved_is_found(now: Surroundings, found: dict[str, str]) -> None:
    assert {one.rule: one.severity for one in worse("web01", GOOD, now)} == found


def test_what_was_never_good_is_no_alert_and_what_is_better_neither() -> None:
    assert list(worse("web01", Surroundings(), GOOD)) == []
    assert list(worse("web01", Surroundings(grade="F"), Surroundings(grade="F"))) == []
    assert from_document(GOOD.document()) == GOOD

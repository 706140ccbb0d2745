"""Time stamps by a real authority: openssl answers as one over HTTP on this machine."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from casebook import settings_in

from ungcuu.case.case import Case, open_case
from ungcuu.case.export import export_case
from ungcuu.case.integrity import check
from ungcuu.case.timestamp import stamp
from ungcuu.core.errors import ControllerFault, UsageFault

CONFIG = """
[req]
distinguished_name = name
[name]
[tsa_extensions]
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
"""


class Authority:
    """A TSA: a root, a certificate for time stamps, and a server; ``answer`` replaces what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "conf").write_text(CONFIG.format(folder=folder))
        (folder / "serial").write_text("01")
        new = ["req", "-config", "conf", "-newkey", "rsa:2048", "-nodes", "-subj"]
        self.openssl(*new, "/CN=root", "-x509", "-keyout", "root.key", "-out", "root.pem")
        self.openssl(*new, "/CN=tsa", "-keyout", "tsa.key", "-out", "tsa.csr")
        self.openssl(
            "x509",
            "-req",
            "-in",
            "tsa.csr",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-out",
            "tsa.pem",
            "-extfile",
            "conf",
            "-extensions",
            "tsa_extensions",
        )
        self.answer: bytes | None = None
        self.server = HTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def sign(self, query: bytes) -> bytes:
        (self.folder / "q").write_bytes(query)
        self.openssl(
            "ts", "-reply", "-config", "conf", "-queryfile", "q", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "a"
        )
        return (self.folder / "a").read_bytes()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                said = authority.answer if authority.answer is not None else authority.sign(query)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_words: object) -> None: ...

        return Handler


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = Authority(tmp_path_factory.mktemp("tsa") / "here")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = open_case(settings_in(tmp_path / "state"), ["web01"], "x")
    made.note("before the stamp")
    return made


def test_a_stamp_covers_the_head_and_is_checked(case: Case, authority: Authority) -> None:
    """A history that is rewritten with our own key no longer fits what somebody else has signed."""
    taken = stamp(case, authority.url, authority.folder / "root.pem")
    assert taken.seq == 2
    assert check(case).ok, check(case).lines()
    assert not check(case).notes
    case.note("after the stamp")
    assert stamp(case, authority.url, authority.folder / "root.pem").seq == 4
    assert check(case).ok


@pytest.mark.parametrize("part", ["head.json", "tsr", "ca.pem"])
@pytest.mark.parametrize("attack", ["changed", "removed"])
def test_a_stamp_that_was_touched_is_found(case: Case, authority: Authority, part: str, attack: str) -> None:
    stamp(case, authority.url, authority.folder / "root.pem")
    path = case.folder / f"timestamp-2.{part}"
    if attack == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-40] + b"x" * 40)
    assert not check(case).ok


def test_another_journal_under_the_same_stamp_is_found(case: Case, authority: Authority, tmp_path: Path) -> None:
    """The attack that stamps are for: the operator's own key signs another past; all our own checks find it whole."""
    stamp(case, authority.url, authority.folder / "root.pem")
    forged = open_case(settings_in(tmp_path / "forged"), ["web01"], "x")
    forged.note("what never was")
    files = {path.name: path.read_bytes() for path in case.folder.glob("timestamp-*")}
    for name, data in files.items():
        (forged.folder / name).write_bytes(data)
    forged.journal().append("timestamp", dict(case.records()[-1].data))
    found = check(forged)
    assert found.journal.ok
    assert [line for line in found.lines() if "covers another record" in line]


def test_a_stamp_of_someone_else_is_refused(case: Case, authority: Authority, tmp_path: Path) -> None:
    """Neither a stranger's stamp nor an old answer to another question may be kept as proof."""
    stranger = Authority(tmp_path / "stranger")
    answers = {
        "stranger": (stranger.url, None),
        "replayed": (authority.url, authority.sign(_query(case, tmp_path))),
        "rubbish": (authority.url, b"<html>"),
        "empty": (authority.url, b""),
    }
    before = sorted(case.folder.iterdir())
    for name, (url, said) in answers.items():
        authority.answer = said
        try:
            with pytest.raises(ControllerFault):
                stamp(case, url, authority.folder / "root.pem")
        finally:
            authority.answer = None
        assert sorted(case.folder.iterdir()) == before, name
    stranger.server.shutdown()
    stranger.server.server_close()


def _query(case: Case, folder: Path) -> bytes:
    """Another question about the same head: it has another nonce."""
    subprocess.run(
        ["openssl", "ts", "-query", "-data", str(case.head), "-sha256", "-cert", "-out", str(folder / "query")],
        check=True,
        capture_output=True,
    )
    return (folder / "query").read_bytes()


def test_no_authority_no_stamp(case: Case, tmp_path: Path) -> None:
    certificates = tmp_path / "pem"
    certificates.write_text("x")
    with pytest.raises(ControllerFault):
        stamp(case, "http://127.0.0.1:9/", certificates)
    for url, path in (("file:///etc/passwd", certificates), ("http://127.0.0.1:9/", tmp_path / "absent")):
        with pytest.raises(UsageFault):
            stamp(case, url, path)


def test_a_third_party_checks_it_as_the_readme_says(case: Case, authority: Authority, tmp_path: Path) -> None:
    """The bundle's own words, typed by somebody who has nothing but openssl."""
    stamp(case, authority.url, authority.folder / "root.pem")
    export_case(case, tmp_path / "bundle.tar")
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-C", str(tmp_path / "out"), "-xf", str(tmp_path / "bundle.tar")], check=True)
    folder = tmp_path / "out" / case.id
    line = next(line for line in (folder / "README.txt").read_text().splitlines() if "openssl ts -verify" in line)
    done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, check=True)
    assert "Verification: OK" in done.stdout + done.stderr

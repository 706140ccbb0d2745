"""One visitor of this host's websites, over loopback. Part of programs that run on a host: standard library only.

An application's own flood guard answers 429 (or 503 with Retry-After) to somebody who asks often. That is no failure:
from then on every visitor of that website waits between requests, and asks again: such a guard counts addresses.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from ungcuu.remote import page

TIMEOUT = 60  # seconds; a small server with twenty visitors at once is slow, not broken
_SLOW = 2.0  # seconds between requests once a guard has answered: thirty a minute
_DRAIN = 61  # seconds after which a guard that counts by the minute has forgotten us
_PATIENCE = 240.0  # seconds that one run waits for guards in all


class Broken(Exception):
    """A trial failed: a code of ``ungcuu.core.check_phrases`` with its values."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(f"{code} {values}")
        self.phrase = {"code": code, **values}


class Remade(Broken):
    """A trial failed because of what ``harden`` itself set, and sets again in every run."""


class Pace:
    """How fast one website is asked, shared by all of its visitors."""

    def __init__(self) -> None:
        self.between, self.drained, self.last = 0.0, 0.0, 0.0

    @property
    def met_guard(self) -> bool:
        """Whether a flood guard has answered."""
        return self.between > 0

    def slow(self) -> None:
        """From now on, ask as seldom as a guard lets anybody."""
        self.between = _SLOW

    def step(self) -> None:
        """Wait until the next request may be sent."""
        time.sleep(max(0.0, self.last + self.between - time.monotonic()))
        self.last = time.monotonic()

    def drain(self, seconds: float = _DRAIN) -> bool:
        """Slow down, and wait until the guard has forgotten us; False when this run has waited enough."""
        self.slow()
        if self.drained >= _PATIENCE:
            return False
        wait = min(max(seconds, _SLOW), _DRAIN)
        time.sleep(wait)
        self.drained += wait
        return True


_PACES: dict[str, Pace] = {}


def pace_of(name: str) -> Pace:
    """The pace for one website."""
    return _PACES.setdefault(name, Pace())


class Browser:
    """One visitor: cookies, the Host header, plain or TLS as the site wants it."""

    def __init__(
        self, name: str, scheme: str = "http", port: int = 0, address: str = "127.0.0.1", patient: bool = True
    ) -> None:
        self.name, self.scheme, self.cookies = name, scheme, dict[str, str]()
        self.address, self.port, self.patient = address, port or page.USUAL[scheme], patient

    @property
    def origin(self) -> str:
        """The website as an address names it."""
        usual = self.port == page.USUAL[self.scheme]
        return f"{self.scheme}://{self.name.lower()}" + ("" if usual else f":{self.port}")

    def stranger(self, patient: bool = True) -> Browser:
        """Another visitor of the same website, without cookies."""
        return Browser(self.name, self.scheme, self.port, self.address, patient)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one answer; redirects are not followed. A flood guard is waited for."""
        while True:
            pace = pace_of(self.name)
            if self.patient:
                pace.step()
            status, found, content = self._once(method, path, body, headers)
            busy = status == 429 or (status == 503 and "retry-after" in found)
            wait = found.get("retry-after", "")
            if not (busy and self.patient and pace.drain(float(wait) if wait.isdigit() else _DRAIN)):
                return status, found, content

    def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"Host": urlsplit(self.origin).netloc, "User-Agent": "ungcuu-probe", "Accept": "*/*"}
        if method == "POST":  # as a browser does: NukeViet refuses a form that comes from nowhere
            sent["Referer"] = f"{self.origin}/"
        sent |= headers or {}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        more = {"scheme": self.scheme, "port": self.port, "timeout": TIMEOUT}
        status, said, content = page.ask(self.address, self.name, path, method=method, body=body, headers=sent, **more)
        for key, value in said:
            if key.lower() == "set-cookie":
                cookie, _, word = value.split(";", 1)[0].partition("=")
                self.cookies[cookie] = word
        return status, {key.lower(): value for key, value in said}, content


def expect(status: int, good: tuple[int, ...], what: object) -> None:
    """Raise unless the status is one of the good ones; ``what`` was asked for is a path, or a phrase."""
    if status not in good:
        raise Broken("trial_status", what=what, status=status)

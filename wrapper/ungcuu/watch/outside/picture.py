"""The website's page as a picture, rendered by headless Chromium where that is installed, and compared.

1. The page may be an intruder's. Chromium keeps its own sandbox and runs as ``nobody`` where this is root; it reaches
   the site's own address alone, every other name and address leads nowhere. Pictures are read by Chromium alone, too.
2. Two pictures are compared by the brightness of their parts, and by its course from part to part: a new article
   changes little of both, another page much.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from ungcuu.core.i18n import _
from ungcuu.core.scratch import private_folder
from ungcuu.remote import page
from ungcuu.watch.outside.asking import Site

BRIGHTNESS, COURSE = 0.15, 0.35  # shares from which on it is another page
WIDTH, HEIGHT = 1280, 1600  # pixels
_TIME = 40  # seconds for all
_LOADED, _SETTLED = 15_000, 8000  # milliseconds: a page that never ends is taken as it is; for what one does by itself
_LARGEST = 20 << 20  # bytes
_HOME = "home"
_PNG = b"\x89PNG\r\n\x1a\n"
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable")
_QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-quic",
    "--no-pings",
    "--disable-dev-shm-usage",
    "--deny-permission-prompts",
    "--force-device-scale-factor=1",
    # Rules for names do not hold for what a page sends by WebRTC: without this it could reach this network by UDP.
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
)


class NoPictureError(Exception):
    """Why there is no picture, in words."""


class _EndlessError(NoPictureError):
    """Chromium did not end: another door of the same website would take as long."""


@dataclass(frozen=True)
class Compared:
    """How far two pictures are from each other, 0 to 1, and a picture that shows where (PNG)."""

    brightness: float
    course: float
    picture: bytes

    @property
    def other(self) -> bool:
        """Whether it is another page."""
        return self.brightness >= BRIGHTNESS or self.course >= COURSE

    @property
    def percent(self) -> int:
        """How much of it is different."""
        return round(100 * max(self.brightness, self.course))


def program() -> str | None:
    """Return the Chromium of this machine; None where there is none."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def take(site: Site) -> bytes:
    """Return the health page as a visitor sees it (PNG); the first door of the website that gives one decides.

    Raises:
        NoPictureError: There is none.
    """
    address, why = _address(site), NoPictureError(_("the website does not answer"))
    for scheme, port in page.doors(list(site.ports)):
        try:
            return _taken(site, address, scheme, port)
        except _EndlessError:
            raise
        except NoPictureError as error:
            why = error
    raise why


def _taken(site: Site, address: str, scheme: str, port: int) -> bytes:
    where = f"[{address}]" if ":" in address else address
    # Rules hold for addresses as well: nothing of this machine or its network can be asked for.
    rules = ", ".join([*(f"MAP {name} {where}" for name in sorted(site.names)), "MAP * ~NOTFOUND"])
    name = site.name if port == page.USUAL[scheme] else f"{site.name}:{port}"
    with _folder() as folder:
        shot = folder / _HOME / "page.png"
        words = [f"--host-resolver-rules={rules}", "--ignore-certificate-errors", f"--window-size={WIDTH},{HEIGHT}"]
        words += [f"--timeout={_LOADED}", f"--virtual-time-budget={_SETTLED}", f"--screenshot={shot}", "--lang=vi"]
        _run(folder, [*words, f"{scheme}://{name}{quote(site.path, safe='/?&=%:;,+@~')}"])
        return _read(shot)  # of a page that did not load, none is made


def compare(before: bytes, now: bytes) -> Compared:
    """Return how far two pictures are from each other.

    Raises:
        NoPictureError: Chromium could not compare them.
    """
    text = resources.files("ungcuu.watch.outside").joinpath("pictures.html").read_text("utf-8")
    for name, picture in (("@before@", before), ("@now@", now)):
        text = text.replace(name, base64.b64encode(picture).decode())
    with _folder() as folder:
        document = folder / "pictures.html"
        document.write_text(text, "utf-8")
        document.chmod(0o644)
        said = _run(folder, ["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", document.as_uri()])
        try:
            answer = json.loads(said[said.index(b"{") : said.rindex(b"}") + 1])
            _kind, _comma, encoded = str(answer["picture"]).partition(",")
            drawn = base64.b64decode(encoded, validate=True)
            return Compared(float(answer["brightness"]), float(answer["course"]), drawn)
        except (ValueError, TypeError, KeyError, binascii.Error) as error:
            raise NoPictureError(_("Chromium did not compare the pictures")) from error


def _address(site: Site) -> str:
    try:
        return str(socket.getaddrinfo(site.address, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError, IndexError) as error:
        raise NoPictureError(_("the host's address is not known")) from error


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of ungcuu, with a home in it that belongs to whoever runs Chromium.

    Nothing is written here into that home: another one's process could have put a link there.
    """
    if os.geteuid() != 0:
        with private_folder(_HOME) as folder:
            yield folder
        return
    nobody = pwd.getpwnam("nobody")
    # Not below root's own runtime folder, which nobody else can enter.
    with private_folder(_HOME, base=Path(tempfile.gettempdir())) as folder:
        os.chown(folder / _HOME, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(0o711)
        yield folder


def _run(folder: Path, words: Sequence[str]) -> bytes:
    """Run Chromium, and return what it wrote; all of its processes are ended with it.

    Raises:
        NoPictureError: It is not installed, failed, or took too long.
    """
    if (found := program()) is None:
        raise NoPictureError(_("Chromium is not installed"))
    home = str(folder / _HOME)
    command = [found, *_QUIET, f"--user-data-dir={home}/profile", *words]
    environment = {"HOME": home, "PATH": os.defpath, "LANG": "C.UTF-8", "TMPDIR": home}
    started: subprocess.Popen[bytes] | None = None
    try:
        started = _start(command, environment)
        said, _errors = started.communicate(timeout=_TIME)
    except subprocess.TimeoutExpired as error:
        raise _EndlessError(_("Chromium did not end within {seconds} s").format(seconds=_TIME)) from error
    except (OSError, KeyError) as error:
        raise NoPictureError(_("Chromium did not start: {error}").format(error=type(error).__name__)) from error
    finally:
        if started is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()
    if started.returncode != 0:
        raise NoPictureError(_("Chromium failed with code {code}").format(code=started.returncode))
    return said


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    return subprocess.Popen(
        command,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        umask=0o077,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def _read(path: Path) -> bytes:
    """What Chromium wrote, if it is a picture; a link in its place is not followed.

    Raises:
        NoPictureError: It is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise NoPictureError(_("Chromium made no picture")) from error
    if not data.startswith(_PNG) or len(data) > _LARGEST:
        raise NoPictureError(_("Chromium made no picture"))
    return data

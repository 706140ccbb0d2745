"""The page as another machine gets it: a site that knows this controller's address can show it a clean page.

``isolation_vantage`` names the machine. The page client is sent to it over SSH; it asks the site's own host alone, once
as a visitor and once as a search engine, and follows no redirect. Its answer is cut at 64 KiB a page: links, programs
and redirects in it are compared, not how much of the text there is. What it says is its word, and is read as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts import ssh
from ungcuu.hosts.remote_program import BadAnswer, answer_in, python_command, question
from ungcuu.remote import page
from ungcuu.watch.outside.asking import Answer, Site
from ungcuu.watch.outside.features import read
from ungcuu.watch.outside.visitors import GOOGLEBOT, PLAIN, Visitor

_SECONDS, _ANSWER = 60, 2 << 20


def look(target: ssh.Target, site: Site) -> list[tuple[Visitor, Answer]]:
    """Return the health page as the other machine got it; nothing of a visitor that got no answer.

    Raises:
        StepFailed: It did not answer as expected, or could not be reached.
    """
    ways = [(visitor, scheme, port) for visitor in (PLAIN, GOOGLEBOT) for scheme, port in page.doors(list(site.ports))]
    order = {"do": "get", "requests": [_request(site, *way) for way in ways]}
    try:
        program = question("page", order)
        said = ssh.run(target, python_command(), stdin=program, timeout=_SECONDS, byte_quota=_ANSWER)
        if not said.ok:
            raise _odd(target.name, said.detail or said.stderr[-200:].decode("utf-8", "backslashreplace"))
        answers = answer_in(said.stdout.decode("utf-8", "replace"), _ANSWER)["answers"]
        found = list(_read(site, zip(ways, answers, strict=True)))
    except (ssh.HostKeyRefused, BadAnswer, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _odd(target.name, type(error).__name__) from error
    if not found:
        raise _odd(target.name, _("it got no page"))
    return found


def _odd(name: str, why: str) -> StepFailed:
    text = _("{host} did not answer as expected: {why}").format(host=name, why=clean(why, 100))
    return StepFailed(text, "", f"ungcuu doctor {name}")


def _request(site: Site, visitor: Visitor, scheme: str, port: int) -> dict[str, Any]:
    host = site.name if port in page.USUAL.values() else f"{site.name}:{port}"
    headers = {**visitor.headers, "Host": host}
    about = {"address": site.address, "name": site.name, "path": site.path, "scheme": scheme, "port": port}
    return {**about, "timeout": 15, "headers": headers}


def _read(site: Site, rows: Any) -> Iterator[tuple[Visitor, Answer]]:
    """Yield the first page of each visitor, and each redirect to another machine."""
    done: set[str] = set()
    for (visitor, scheme, _port), row in rows:
        seen = Visitor(f"{visitor.name}, {_('second machine')}", {})
        status, body = int(row["status"]), str(row["text"]).encode("utf-8", "replace")
        away = _away(site, row["headers"]) if status in page.MOVED else ""
        if visitor.name not in done and (away or status == 200):
            done.add(visitor.name)
            yield seen, Answer(status, away, body, read(body, f"{scheme}://{site.name}{site.path}", site.names))


def _away(site: Site, headers: list[tuple[str, str]]) -> str:
    known: Mapping[str, str] = {str(name).lower(): str(value) for name, value in headers}
    try:
        onward = urlsplit(known.get("location", "")).hostname or ""
    except ValueError:
        return ""
    return "" if onward in site.names else onward[:253]

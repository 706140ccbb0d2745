"""What differs between visitors, from the approved page, or is about to end. Pure: answers in, sights out.

A page is asked for twice by a plain visitor. What differs between these two changes by itself, and says nothing. The
same thing on many pages of a site is one sight: pages are a sample, and each round would find it on others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ungcuu.core.i18n import N_
from ungcuu.core.terminal import clean
from ungcuu.watch.alerts import Sight
from ungcuu.watch.outside.asking import Answer, Certificate
from ungcuu.watch.outside.features import Features, alike
from ungcuu.watch.outside.visitors import Visitor
from ungcuu.watch.sights import digest

RULES = {
    "outside.silent": N_("the website does not answer"),
    "outside.wrong-page": N_("the page does not show the text that it must: it was replaced, or is broken"),
    "outside.sent-away": N_("visitors are sent to another machine"),
    "outside.hidden-links": N_("links to other machines are shown to some visitors alone"),
    "outside.hidden-programs": N_("programs of other machines are loaded for some visitors alone"),
    "outside.hidden-pages": N_("links to pages of the site are shown to search engines alone"),
    "outside.other-text": N_("search engines are given another text than visitors"),
    "outside.not-approved": N_("the page is no longer the one that was approved"),
    "outside.picture": N_("the page looks different from the one that was approved"),
    "outside.new-programs": N_("the page loads programs of machines that the approved page did not"),
    "outside.new-links": N_("the page links to machines to which the approved page did not"),
    "outside.headers": N_("security headers that the approved page had are no longer sent"),
    "outside.tls": N_("the quality of TLS is worse than it was when the page was approved"),
    "outside.addresses": N_("the name of the website leads to addresses that were not approved"),
    "outside.name-servers": N_("the website's zone is served by name servers that were not approved, or by none"),
    "outside.mail-servers": N_("mail to the website's zone goes to machines that were not approved, or to none"),
    "outside.issuers": N_("other authorities than approved may issue certificates for the website's zone"),
    "outside.certificate": N_("the certificate has expired, expires soon, or names another site"),
    "outside.security-txt": N_("security.txt has expired: nobody should rely on it"),
}
SAME, OTHER, APPROVED = 0.8, 0.5, 0.4  # shares of common words
HIDDEN_PAGES = 3
SOON = timedelta(days=14)
_MOST = 20  # sights of one rule on one page


@dataclass(frozen=True)
class Looked:
    """One page as all visitors got it: the plain one twice."""

    path: str
    first: Answer
    second: Answer
    others: Sequence[tuple[Visitor, Answer]] = ()


def sight(host: str, rule: str, severity: str, place: str, *mark: str) -> Sight:
    """Return one sight; ``mark`` distinguishes several of one rule."""
    where, key = clean(place, 400), digest(host, rule, *mark)
    return Sight(key, host, "outside", rule, severity, RULES[rule], where, command=f"ungcuu watch round {host} --full")


def named(machine: str) -> str:
    """Return the name of a machine so that no program that shows it makes a link of it."""
    return machine.replace(".", "[.]")


def hidden(host: str, page: Looked) -> Iterator[Sight]:
    """Yield what some visitors get and a plain one does not."""
    plain = (page.first, page.second)
    if any(one.error or one.status != 200 for one in plain):
        return
    away: dict[str, list[str]] = {}
    links: dict[str, list[str]] = {}
    programs: dict[str, list[str]] = {}
    for visitor, answer in page.others:
        if answer.away:
            away.setdefault(answer.away, []).append(visitor.name)
        for one in sorted(answer.features.link_hosts - _either(plain, "link_hosts")):
            links.setdefault(one, []).append(visitor.name)
        for one in sorted(answer.features.program_hosts - _either(plain, "program_hosts")):
            programs.setdefault(one, []).append(visitor.name)
    yield from _each(host, page.path, "outside.sent-away", "critical", away)
    yield from _each(host, page.path, "outside.hidden-programs", "critical", programs)
    yield from _each(host, page.path, "outside.hidden-links", "high", links)
    yield from _for_crawlers(host, page, plain)


def _either(plain: Iterable[Answer], name: str) -> frozenset[str]:
    return frozenset().union(*(getattr(one.features, name) for one in plain))


def _each(host: str, path: str, rule: str, severity: str, found: Mapping[str, Sequence[str]]) -> Iterator[Sight]:
    for other, who in list(found.items())[:_MOST]:
        yield sight(host, rule, severity, f"{path} → {named(other)} ({', '.join(who)})", other)


def _for_crawlers(host: str, page: Looked, plain: Sequence[Answer]) -> Iterator[Sight]:
    steady = alike(plain[0].features, plain[1].features) >= SAME
    for visitor, answer in page.others:
        if not visitor.same_text or answer.status != 200:
            continue
        paths = sorted(answer.features.paths - _either(plain, "paths"))
        if len(paths) >= HIDDEN_PAGES:
            place = f"{page.path} → {', '.join(paths[:3])} ({visitor.name}, {len(paths)})"
            yield sight(host, "outside.hidden-pages", "high", place, visitor.name)
        if steady and alike(plain[0].features, answer.features) < OTHER:
            yield sight(host, "outside.other-text", "high", f"{page.path} ({visitor.name})", visitor.name)


def wrong(host: str, page: Looked, text: str) -> Iterator[Sight]:
    """Yield that the health page does not answer, sends everybody away, or lacks its text."""
    one = page.first
    if one.error:
        yield sight(host, "outside.silent", "high", f"{page.path}: {one.error}", page.path)
    elif one.away:
        yield sight(host, "outside.sent-away", "critical", f"{page.path} → {named(one.away)}", page.path, one.away)
    elif one.status != 200 or text.encode() not in one.body:
        yield sight(host, "outside.wrong-page", "critical", f"{page.path}: {one.status}", page.path)


def changed(host: str, page: Looked, approved: Features) -> Iterator[Sight]:
    """Yield what the health page has that the approved one had not."""
    now = page.first.features
    if page.first.status != 200:
        return
    if alike(now, approved) < APPROVED:
        yield sight(host, "outside.not-approved", "high", f"{page.path}: {now.title}", page.path)
    for one in sorted(now.program_hosts - approved.program_hosts)[:_MOST]:
        yield sight(host, "outside.new-programs", "high", f"{page.path} → {named(one)}", page.path, one)
    for one in sorted(now.link_hosts - approved.link_hosts)[:_MOST]:
        yield sight(host, "outside.new-links", "medium", f"{page.path} → {named(one)}", page.path, one)


def ending(host: str, shown: Certificate | None, security_txt: Answer, now: datetime) -> Iterator[Sight]:
    """Yield what has ended or ends soon."""
    if shown and (shown.until - now < SOON or not shown.names_site):
        ended = shown.until <= now or not shown.names_site
        place = f"{shown.until:%d/%m/%Y}" + ("" if shown.names_site else " (≠)")
        yield sight(host, "outside.certificate", "high" if ended else "medium", place)
    if security_txt.status == 200 and (end := _expiry(security_txt.body)) and end <= now:
        yield sight(host, "outside.security-txt", "medium", f"/.well-known/security.txt: {end:%d/%m/%Y}")


def _expiry(body: bytes) -> datetime | None:
    """The time of ``Expires`` (RFC 9116); None where there is none that can be read."""
    for line in body.decode("utf-8", "replace").splitlines()[:200]:
        name, _colon, value = line.partition(":")
        if name.strip().lower() == "expires":
            try:
                end = datetime.fromisoformat(value.strip())
            except ValueError:
                return None
            return end if end.tzinfo else None
    return None

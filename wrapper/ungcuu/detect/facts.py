"""Judges of state that is no file: the manager's environment, the loader's cache, packet filters."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect.baseline import Row
from ungcuu.detect.comparison import ABSENT, CRITICAL, GONE, HIGH, LOW, MEDIUM, TEMPORARY, Comparison
from ungcuu.detect.data import packages_changed
from ungcuu.detect.findings import Finding, Severity
from ungcuu.detect.processes import is_known

_FORCES = re.compile(r"^(?:LD_|PYTHON|PERL|BASH_ENV|ENV$|NODE_OPTIONS|GCONV_PATH|PATH$|IFS$|PROMPT_COMMAND)")
# What lets packets in, or leads them elsewhere; a table without any of it only blocks.
_OPENS = re.compile(r"\b(?:accept|dnat|snat|masquerade|redirect|tproxy|queue|dup|fwd|notrack|map|vmap)\b")
_LEADS = re.compile(r"\b(?:dnat|snat|masquerade|redirect|tproxy|queue|dup|fwd)\b")


def facts(comparison: Comparison) -> Iterator[Finding]:
    """Everything of the kind ``fact`` that differs from the baseline."""
    if comparison.before is None or comparison.before.reader < 2:
        return
    yield from environment(comparison)
    yield from libraries(comparison)
    yield from packet_filters(comparison)


def _differing(comparison: Comparison, kind: str) -> Iterator[tuple[str, Row | None, Row | None]]:
    before = comparison.before.of("fact") if comparison.before else {}
    now = comparison.now.of("fact")
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if key[0] == kind and (old or {}).get("detail") != (new or {}).get("detail"):
            yield str(key[1]), old, new


def environment(comparison: Comparison) -> Iterator[Finding]:
    """A variable here reaches every service that is started from now on."""
    for name, old, new in _differing(comparison, "environment"):
        if new is not None:
            severity = CRITICAL if _FORCES.match(name) else MEDIUM
            yield comparison.find(
                "persistence.environment",
                severity,
                "unit",
                name,
                seen=str(new.get("detail")),
                expected=str(old.get("detail")) if old else phrase(Seen.NOT_SET),
            )


def libraries(comparison: Comparison) -> Iterator[Finding]:
    """A library's name in the loader's cache that leads to a file that neither package nor baseline knows."""
    for name, old, new in _differing(comparison, "library"):
        paths = str((new or {}).get("detail", "")).split()
        strange = [path for path in paths if not _is_good_library(comparison, path)]
        if new is None or (not strange and (packages_changed(comparison) or name != "cache")):
            continue
        severity = CRITICAL if old is not None or any(path.startswith(TEMPORARY) for path in strange) else HIGH
        yield comparison.find(
            "persistence.library-path",
            severity,
            "file",
            "/etc/ld.so.cache",
            mark=name,
            expected=str(old.get("detail")) if old else ABSENT,
            seen=" ".join(strange or paths),
            evidence={"library": name},
        )


def _is_good_library(comparison: Comparison, path: str, steps: int = 8) -> bool:
    """Follow links as the reading holds them; a link that no package's reading holds leads nowhere good."""
    usual = "/usr" + path if path.startswith(("/lib/", "/lib64/", "/lib32/", "/libx32/")) else path
    row = comparison.now.file(usual)
    if row is None or steps == 0:
        return False
    if row.get("type") == "link":
        target = posixpath.join(posixpath.dirname(usual), str(row.get("target", "")))
        return _is_good_library(comparison, posixpath.normpath(target), steps - 1)
    return is_known(comparison, usual)


_ISOLATION = ("inet ungcuu_isolation", "netdev ungcuu_isolation")
# Every rule of the isolation that accepts, as nft lists it; the addresses stand in sets, whose elements no scan reads.
_OWN_RULES = re.compile(
    r"meta [io]iftype loopback accept"
    r"|meta protocol arp accept"
    r"|ip6? (?:saddr|daddr) @management_ipv[46] tcp [ds]port \d+ accept"
    r"|ip6 hoplimit 255 icmpv6 type \{ nd-[a-z-]+, nd-neighbor-solicit, nd-neighbor-advert \} accept"
    r"|icmp type destination-unreachable icmp code (?:frag-needed|4) limit rate 10/second(?: burst 5 packets)? accept"
    r"|icmpv6 type packet-too-big limit rate 10/second(?: burst 5 packets)? accept"
    r"|icmpv6 type mld2-listener-report accept"
    r"|ip daddr 255\.255\.255\.255 udp sport 68 udp dport 67 accept"
)


def _is_isolation(comparison: Comparison, name: str, text: str) -> bool:
    """Whether these are the rules of an isolation that this controller noted: no other rule lets anything in or out."""
    mode = comparison.policy.isolation
    if not mode or name not in _ISOLATION:
        return False
    own = _OWN_RULES.sub("", text)
    if mode != "full":
        ports = ", ".join(str(port) for port in sorted(comparison.policy.ports))
        own = re.sub(rf"tcp [ds]port (?:\{{ {ports} \}}|{ports}) accept", "", own)
    hooks = len(re.findall(r"\bhook \S+", own))
    return hooks > 0 and own.count("policy drop;") == hooks and not _OPENS.search(own) and "policy accept" not in own


def packet_filters(comparison: Comparison) -> Iterator[Finding]:
    """Tables that came, went or changed; one that is exactly what a file of rules says is judged by that file."""
    for name, old, new in _differing(comparison, "filter"):
        if new is not None and new.get("source"):
            continue
        text = str((new or {}).get("text", ""))
        severity = _filter_severity(old, new)
        if name in _ISOLATION:  # its advice is never to delete it
            severity = LOW if _is_isolation(comparison, name, text) else HIGH
        yield comparison.find(
            "network.filter",
            severity,
            "filter",
            f"table {name}",
            seen=text or GONE,
            expected=str(old.get("text", "")) if old else ABSENT,
        )


def _filter_severity(old: Row | None, new: Row | None) -> Severity:
    opened = [bool(_OPENS.search(_rules(row))) for row in (old, new) if row is not None]
    if not any(opened):
        return LOW  # fail2ban's bans come and go
    return HIGH if old is not None or new is None or _LEADS.search(_rules(new)) else MEDIUM


def _rules(row: Row) -> str:
    """The rules of a table without the policies of its chains: ``policy accept`` is where every table starts."""
    return re.sub(r"policy accept;", "", str(row.get("text", "")))

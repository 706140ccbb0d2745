"""One scan: read the host, compare with its baseline, look into what differs, keep the findings.

read (one SSH session) → read again without Python and compare (ungcuu/detect/second_reader.py) → compare with what the
vault saw in the newest restore point (ungcuu/detect/vault_view.py) → detect → fetch the bytes of suspicious files (only
when there are some) → detect again with the bytes → findings.json
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from ungcuu.core.atomic import put_json
from ungcuu.core.check_phrases import Seen
from ungcuu.core.clock import now
from ungcuu.core.errors import Refused
from ungcuu.core.i18n import _
from ungcuu.core.phrases import phrase
from ungcuu.core.settings import kept_name
from ungcuu.detect import (
    accepted,
    baseline,
    coverage,
    detectors,
    fetching,
    heuristics,
    known_good,
    package_check,
    plausible,
    root_loss,
    second_reader,
    vault_view,
    verdicts,
)
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.file_rows import having
from ungcuu.detect.findings import Do, Finding, Severity, counts, worst_first
from ungcuu.hosts import deployed_files, ssh, vault
from ungcuu.hosts.profiles import Profile

TREES = (
    "/etc",
    "/usr/local",
    "/opt",
    "/var/www",
    "/var/spool/cron",
    "/var/lib/systemd/linger",
    "/var/lib/polkit-1",
    "/run/dbus-1",
    "/run/polkit-1",
    "/run/udev/rules.d",
    "/run/tmpfiles.d",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/generator",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
    "/run/systemd/system.control",
    "/run/systemd/system-generators",
    "/run/systemd/user",
    "/run/systemd/user-generators",
)
EXCLUDED = (
    "/etc/mtab",
    "/etc/ld.so.cache",  # read entry by entry
    "/var/spool/cron/atjobs/.SEQ",
    "/etc/adjtime",
    "/etc/.pwd.lock",
    "/etc/fake-hwclock.data",
    "/etc/letsencrypt/archive",
    "/etc/letsencrypt/csr",
    "/etc/letsencrypt/keys",
    "/etc/letsencrypt/live",
    "/etc/lvm/archive",
    "/etc/lvm/backup",
    "/etc/lvm/cache",
    "/etc/apparmor.d/cache",
    "/var/spool/cron/crontabs/.placeholder",
)


class Past(Protocol):
    """What the controller wrote down of the host before; see :mod:`ungcuu.case.host_past`. It is handed in."""

    def in_incident(self) -> bool:
        """Whether the host is isolated or has an open case."""

    def barring_case(self) -> str:
        """Return the open case in which the host was not returned to service; empty for none."""

    def isolation_mode(self) -> str:
        """Return the mode that the host is isolated in; empty where it is not."""

    def patched_versions(self) -> Iterable[tuple[str, str]]:
        """Return (package, version) of each patch run of ungcuu that was done on the host."""


@dataclass(frozen=True)
class Subject:
    """What the inventory says of one host, as far as a scan needs it."""

    host: str
    target: ssh.Target
    state: Path
    past: Past
    web_root: str
    writable: tuple[str, ...]
    web_user: str
    ports: tuple[int, ...]
    engine: str = ""
    database: str = ""
    application: str = ""
    profile: Profile | None = None
    exclude: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    package_sources: tuple[str, ...] = ()
    config_paths: tuple[str, ...] = ()
    vault: str = ""
    vault_variables: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 90.0
    most_files: int = 0  # that the inventory allows; 0 for what the baseline makes plausible
    website: str = ""  # the one website that this is about, on a host with several

    @property
    def name(self) -> str:
        """Under which name the records are kept: the host's, or ``host/website`` on a host with several."""
        return f"{self.host}/{self.website}" if self.website else self.host

    def reader_config(self) -> dict[str, Any]:
        """Return the settings of the program on the host."""
        return {
            "web_root": self.web_root,
            "web_writable": list(self.writable),
            "web_user": self.web_user,
            "engine": self.engine,
            "database": self.database,
            "profile": self.profile.reading() if self.profile else None,
            "words": heuristics.GAMBLING,
            "hidden": heuristics.HIDDEN,
            "trees": [*TREES, *self.trees],
            "exclude": [*EXCLUDED, *self.exclude],
        }

    def policy(self) -> Policy:
        """Return what is right on this host."""
        root, listed = self.web_root.rstrip("/"), known_good.sums(self.state)
        own = (self.profile.writable.code, self.profile.generated) if self.profile else ((), ())
        named = (self.writable, *own)
        areas, code, generated = (tuple(f"{root}/{name.strip('/')}" for name in names) for names in named)
        known = deployed_files.load(self.state, self.host)
        cut = self.past.isolation_mode()
        made = (code, generated)
        return Policy(self.name, root, areas, self.ports, known, self.config_paths, cut, listed, *made)


@dataclass(frozen=True)
class ScanResult:
    """What one scan found. ``seconds`` from its start to its findings.

    ``accepted`` are findings that a person accepted for as long as today, as they are now: they are no ``findings``.
    """

    host: str
    time: str
    findings: Sequence[Finding]
    baseline: str
    complete: bool
    seconds: float
    first_sign: str
    checked: Mapping[str, object] = field(default_factory=dict)
    root_lost: root_loss.Loss | None = None
    accepted: Sequence[tuple[Finding, accepted.Accepted]] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing of severity medium or above was found; an incomplete reading is a finding."""
        return all(item.severity is Severity.LOW for item in self.findings)

    def unread_application(self) -> dict[str, list[str]]:
        """Return the topics of the application's data that were not looked at, each with the codes of why."""
        known = self.checked.get("application")
        return dict(known["unread"]) if isinstance(known, Mapping) else {}

    def summary(self) -> dict[str, Any]:
        """Return the scan without its findings."""
        return {
            "host": self.host,
            "time": self.time,
            "baseline": self.baseline,
            "complete": self.complete,
            "clean": self.clean,
            "seconds": self.seconds,
            "first_sign": self.first_sign,
            "counts": counts(self.findings),
            "checked": dict(self.checked),
            "root_lost": list(self.root_lost.findings) if self.root_lost else [],
            "accepted": [_accepted_row(item, word) for item, word in self.accepted],
        }

    def document(self) -> dict[str, Any]:
        """Return it as findings.json holds it."""
        return {"format": 1, **self.summary(), "findings": [item.document() for item in self.findings]}


def _accepted_row(item: Finding, word: accepted.Accepted) -> dict[str, str]:
    about = {"id": item.id, "severity": item.severity.value, "rule": item.rule, "path": item.path}
    return about | {"owner": word.owner, "until": word.until, "reason": word.reason}


def read(subject: Subject, against: baseline.Baseline | None = None) -> baseline.Snapshot:
    """Read the host's state now; what the baseline knows of programs spares the host slow sums.

    Raises:
        UngcuuError: It could not be reached, or did not answer as expected.
    """
    config = subject.reader_config() | {"known": _known_programs(against)}
    most = plausible.most_files(subject.most_files, len(against.snapshot.of("file")) if against else None)
    return baseline.read_host(subject.target, config, subject.seconds, most)


def _known_programs(against: baseline.Baseline | None) -> list[str]:
    """Short digests of what the baseline knows as right: programs, compiled code by its path, packet filters."""
    if against is None:
        return []
    files = against.snapshot.of("file")
    known = {str(row.get("sha256", ""))[:16] for row in having(files, "package_ok") if row["package_ok"]}
    known |= {_path_digest(row) for row in having(files, "bytecode") if row["bytecode"] == "same"}
    facts = against.snapshot.of("fact")
    return sorted(known | {str(row.get("detail", ""))[:16] for key, row in facts.items() if key[0] == "filter"})


def _path_digest(row: baseline.Row) -> str:
    return hashlib.sha256(f"{row['path']} {row.get('sha256')}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Judged:
    """What should not be there, worst first, and against what the host's word was checked."""

    findings: Sequence[Finding]
    checked: Mapping[str, object]


def judge(subject: Subject, snapshot: baseline.Snapshot, against: baseline.Baseline | None, begun: float) -> Judged:
    """Judge a reading. ``begun``: when the reading began, on the monotonic clock."""
    config = subject.reader_config() | {"known": _known_programs(against)}
    look = second_reader.look_on_host(subject.target, config)
    confirmed = second_reader.compare(subject.target, config, snapshot, look, time.monotonic() - begun)
    # Who is root now could lead a folder that may hold code to the uploads: the links are those that a person signed.
    policy = subject.policy().behind_links(against.snapshot if against else snapshot)
    claimed = Comparison(policy, against.snapshot if against else None, snapshot)
    packages = package_check.check(subject.state, claimed, subject.past.patched_versions, subject.package_sources)
    backup = vault_view.compare(snapshot, _vault_view(subject))
    comparison = packages.comparison
    asked = detectors.interesting(comparison)
    bytes_of = fetching.fetch(subject.target, comparison, asked)
    comparison = replace(comparison, contents=bytes_of.contents, judged=bytes_of.judged)
    found = [*detectors.detect(comparison), *packages.findings, *fetching.unjudged(comparison, bytes_of, len(asked))]
    found += detectors.readers(comparison, confirmed.disagreements, confirmed.why)
    found += vault_view.vault_view(comparison, backup)
    second = {"compared": confirmed.compared, "disagreements": len(confirmed.disagreements), "why": confirmed.why}
    checked = {
        "second_reader": second,
        "packages": dict(packages.summary),
        "vault": backup.summary(),
        "application": application(subject, snapshot, against),
        "content": verdicts.missing(),
        "files": {"read": len(snapshot.of("file")), "most": snapshot.most_files},
        "compiled": sum(map(policy.compiles_to, asked)),
        "contents": {"asked": len(asked), "unread": len(bytes_of.wanted)},
    }
    return Judged(worst_first(found), checked)


def application(subject: Subject, snapshot: baseline.Snapshot, against: baseline.Baseline | None) -> dict[str, Any]:
    """Return what of the application's data was not looked at, and which of that the baseline was made with."""
    gaps, known = coverage.unread(snapshot), coverage.known_gaps(against.snapshot if against else None)
    profile = subject.profile.name if subject.profile else ""
    accepted = [topic for topic, why in gaps.items() if set(why) <= set(known.get(topic, ()))]
    return {"name": subject.application, "profile": profile, "unread": gaps, "in_baseline": accepted}


def _vault_view(subject: Subject) -> vault_view.VaultView:
    """Return what the vault saw in the newest restore point that it looked into."""
    if not subject.vault:
        return vault_view.VaultView(why=phrase(Seen.NO_VAULT))
    return vault_view.parse(vault.ask(subject.vault, subject.vault_variables, "seen", kept_name(subject.name)))


def scan(subject: Subject, *, check: bool = False) -> ScanResult:
    """Scan the host and keep what was found; with ``check`` the controller's record of the last scan stays as it is.

    Raises:
        UngcuuError: The host could not be read, or its baseline was tampered with.
    """
    started, begun = datetime.now(UTC), time.monotonic()
    against = baseline.load(subject.state, subject.name)
    snapshot = read(subject, against)
    judged = judge(subject, snapshot, against, begun)
    signed = accepted.load(subject.state, subject.name)
    words = accepted.holding(signed, judged.findings, started.date())
    found = [item for item in judged.findings if item.id not in words]
    excused = tuple((item, words[item.id]) for item in judged.findings if item.id in words)
    seconds = round((datetime.now(UTC) - started).total_seconds(), 2)
    taken = against.taken if against else ""
    lost = root_loss.remember(subject.state, subject.target, judged.findings, subject.past.in_incident(), check=check)
    result = ScanResult(
        subject.name,
        now(),
        found,
        taken,
        snapshot.complete,
        seconds,
        first_sign(found),
        judged.checked,
        lost,
        excused,
    )
    if not check:
        put_json(baseline.host_folder(subject.state, subject.name) / "findings.json", result.document())
    return result


def last_scan(state: Path, name: str) -> dict[str, Any]:
    """Return what the last scan of a host or website found, as findings.json holds it; nothing where there was none."""
    try:
        known = json.loads((baseline.host_folder(state, name) / "findings.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and isinstance(known.get("findings"), list) else {}


def first_sign(found: Sequence[Finding]) -> str:
    """Return when the oldest suspicious file last changed, by the host's clock: a hint for choosing a restore point.

    The time of change (ctime) can't be set by a user, yet root can forge it: it is a claim.
    """
    times = [
        item.evidence.get("ctime")
        for item in found
        if item.severity in (Severity.CRITICAL, Severity.HIGH) and item.action.get("do") != Do.PERSON.value
    ]
    known = [time for time in times if isinstance(time, int) and 0 < time < 1 << 36]
    return datetime.fromtimestamp(min(known), UTC).isoformat().replace("+00:00", "Z") if known else ""


@dataclass(frozen=True)
class NewBaseline:
    """Whether the state differs from the baseline before, what speaks against it, and what was not looked at."""

    changed: bool
    doubts: Sequence[Finding]
    application: Mapping[str, Any]


@dataclass(frozen=True)
class Accept:
    """What a person accepts: findings by their ids, each with that person's word."""

    findings: tuple[str, ...] = ()
    word: accepted.Word | None = None


def take_baseline(subject: Subject, accept: Accept | None = None) -> NewBaseline:
    """Sign the host's state as known-good.

    With critical or high findings that need no baseline (code among the uploads, a changed program, a second root)
    nothing is signed, unless a person accepted each of them.

    Raises:
        Refused: A finding that is accepted now is not there, or the host has an open case and was not released.
        UngcuuError: The host could not be read whole, or the baseline before was tampered with.
    """
    accept = accept or Accept()
    refuse_in_case(subject.past, subject.name)
    begun = time.monotonic()
    snapshot = read(subject)
    found, read_of = judge(subject, snapshot, None, begun).findings, application(subject, snapshot, None)
    doubts = [item for item in found if item.severity in (Severity.CRITICAL, Severity.HIGH)]
    if snapshot.complete:
        before = accepted.holding(accepted.load(subject.state, subject.name), doubts, datetime.now(UTC).date())
        now_accepted = _chosen(subject, doubts, accept)
        doubts = [item for item in doubts if item.id not in before and item not in now_accepted]
        if doubts:
            return NewBaseline(False, doubts, read_of)
        if accept.word is not None and now_accepted:
            accepted.add(subject.state, subject.name, now_accepted, accept.word)
    changed = baseline.save(subject.state, subject.name, snapshot)
    if not subject.past.in_incident():
        root_loss.accepted(subject.state, subject.host)
    return NewBaseline(changed, doubts, read_of)


def refuse_in_case(past: Past, name: str) -> None:
    """Refuse a baseline while an incident is worked on: what the intruder left would be known-good from then on.

    Raises:
        Refused: The host has an open case, in which it was neither released nor rebuilt.
    """
    if case := past.barring_case():
        raise Refused(
            _("No baseline of {host} is signed while its case {case} is open and it was not released.").format(
                host=name, case=case
            ),
            _("Nothing was changed."),
            _("Release it (ungcuu release {host}), or close the case: ungcuu case close {case}").format(
                host=name.partition("/")[0], case=case
            ),
        )


def _chosen(subject: Subject, doubts: Sequence[Finding], accept: Accept) -> list[Finding]:
    """Return the findings that a person accepts now.

    Raises:
        Refused: One of the ids names nothing that stands in the way.
    """
    if unknown := sorted(set(accept.findings) - {item.id for item in doubts}):
        raise Refused(
            _("{host} has no finding {id} that keeps a baseline from being signed.").format(
                host=subject.name, id=", ".join(unknown)
            ),
            _("Nothing was changed."),
            f"ungcuu scan {subject.name}",
        )
    return [item for item in doubts if item.id in accept.findings]

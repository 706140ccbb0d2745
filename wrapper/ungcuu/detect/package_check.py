"""Ask the signed archive, and the journal of our own patch runs, about what dpkg on the host claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ungcuu.core.check_phrases import Seen
from ungcuu.core.errors import UngcuuError
from ungcuu.core.phrases import Detail, phrase
from ungcuu.detect import packages_truth
from ungcuu.detect.comparison import Comparison
from ungcuu.detect.findings import Finding
from ungcuu.detect.packages_truth import Claim, Key, Packaged, Truth
from ungcuu.detect.signed_packages import Archive, Listed, archive_of


@dataclass(frozen=True)
class Checked:
    """What came of it: the comparison without false excuses, findings, and what was compared with what."""

    comparison: Comparison
    findings: Sequence[Finding] = ()
    summary: Mapping[str, object] = field(default_factory=dict)


def check(
    state: Path, comparison: Comparison, patched: Callable[[], Iterable[tuple[str, str]]], sources: Sequence[str] = ()
) -> Checked:
    """Compare every claim that would excuse a file with the package itself; without a claim nothing is fetched.

    ``patched`` gives (package, version) of each patch run of ungcuu on this host; it is asked only where the archive
    does not know a version.
    """
    claimed = packages_truth.claims(comparison)
    if not claimed:
        return Checked(comparison, summary={"claims": 0, "source": "baseline"})
    archive = archive_of(state, comparison.now.of("package").values(), sources)
    proven = _truth(archive, claimed, comparison.before is None) if archive else Truth(why=phrase(Seen.UNKNOWN_RELEASE))
    unknown = {claim.key for claim in claimed} - proven.versions.keys()
    if unknown and comparison.before is not None:
        brought = set(patched())
        ours = {key: "patch run" for key in unknown if (key[0], key[2]) in brought}
        proven = Truth({**proven.versions, **ours}, proven.files, proven.others, proven.why)
    after, findings = packages_truth.judged(comparison, proven, claimed)
    document: dict[str, object] = {
        "claims": len(claimed),
        "in_index": sum(source == "signed index" for source in proven.versions.values()),
        "by_patch_run": sum(source == "patch run" for source in proven.versions.values()),
        "packages_compared": len(proven.files),
        "source": "signed index" if proven.versions else "baseline",
        "why": proven.why,
    }
    return Checked(after, findings, document)


def _truth(archive: Archive, claimed: Sequence[Claim], first_time: bool) -> Truth:
    """Ask the archive: which versions exist, and what the packages hold whose files are in question."""
    keys = [claim.key for claim in claimed]
    try:
        known = archive.known(keys)
        asked = {claim.key: known[claim.key] for claim in claimed if claim.rows and claim.key in known}
        files = archive.files(asked)
        others: dict[Key, Mapping[str, Packaged]] = {}
        if first_time:
            near = {key: other for key in keys if key not in known and (other := _nearest(key, known))}
            fetched = archive.files({other: known[other] for other in near.values()})
            others = {key: fetched[other] for key, other in near.items() if other in fetched}
    except (OSError, ValueError, UngcuuError) as error:
        return Truth(why=phrase(Detail.SAID, text=f"{type(error).__name__}: {error}"[:300]))
    return Truth({key: "signed index" for key in keys if key in known}, files, others, archive.why)


def _nearest(key: Key, known: Mapping[Key, Listed]) -> Key | None:
    return next((other for other in known if other[:2] == key[:2]), None)

"""What dpkg says on the host is a claim: it is compared with the packages that Debian signed.

The archive is the real one, at the address of this machine's own apt: without it these tests prove nothing and are
skipped.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_shell import rules

from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]

# Packages of which the archive often has two versions; the first that it has is taken back by one.
CANDIDATES = ("openssh-client openssh-server openssh-sftp-server", "needrestart", "perl-base perl", "tzdata")

# Inert: a copy of `true` with root's right and a job that runs `true`, both claimed by packages, under new versions.
FORGE = """
cd /var/lib/dpkg
cp -a status /root/status; cp -a info /root/info
cp /bin/true /usr/bin/bashbug2; chmod 4755 /usr/bin/bashbug2
echo '0 4 * * * root true' > /etc/cron.d/zz-claimed
claim() {
    echo "$2" >> info/$1.list
    echo "$(md5sum $2 | cut -d' ' -f1)  ${2#/}" >> info/$1.md5sums
    awk -v p="$1" -v v="$3" '/^Package: /{here=($2==p)}
        here && /^Version: /{$0="Version: " (v ? v : $2 "+deb12u99")} {print}' status > new && mv new status
}
"""
UNDO = """
cd /var/lib/dpkg; [ ! -e /root/status ] || { mv /root/status status; rm -rf info; mv /root/info info; }
rm -f /usr/bin/bashbug2 /etc/cron.d/zz-claimed
"""


def do(lab: Lab, script: str) -> str:
    done = lab.exec("web01", ["bash", "-ec", script])
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


def older(lab: Lab) -> list[str]:
    """NAME=VERSION of one set of packages whose installed version has an older one in the archive."""
    do(lab, "apt-get -q update")
    for names in CANDIDATES:
        if lab.exec("web01", ["dpkg", "-s", *names.split()]).returncode:
            continue
        first = names.split()[0]
        said = do(lab, f"apt-cache madison {first} | grep -v Sources | cut -d'|' -f2").split()
        now = do(lab, f"dpkg-query -W -f '${{Version}}' {first}")
        if lower := [version for version in dict.fromkeys(said) if version != now]:
            return [f"{name}={lower[0]}" for name in names.split()]
    pytest.skip("the archive has one version only of each package")


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Iterator[tuple[Lab, list[str]]]:
    """A host with a set of packages one version behind, and its baseline."""
    if subprocess.run(["apt-get", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no apt on this machine")
    lab = fresh("web01", "vault01")
    behind = older(lab)
    do(
        lab,
        "DEBIAN_FRONTEND=noninteractive apt-get -qy --allow-downgrades -o Dpkg::Options::=--force-confold "
        f"install {' '.join(behind)}",
    )
    Path(os.environ["UNGCUU_STATE"], "hosts/web01/baseline.json").unlink(missing_ok=True)
    code, _document, said = ungcuu("baseline", "web01", "--reason", "test")
    assert code == 0, said
    yield lab, behind


@pytest.fixture
def forged(host: tuple[Lab, list[str]]) -> Iterator[Lab]:
    yield host[0]
    do(host[0], UNDO)


def test_a_stock_host_raises_no_alarm(host: tuple[Lab, list[str]], ungcuu: Ungcuu) -> None:
    """With and without a baseline: rights that maintainer scripts give are no forgery."""
    code, document, said = ungcuu("scan", "web01")
    assert (code, document["findings"]) == (0, []), said
    path = Path(os.environ["UNGCUU_STATE"], "hosts/web01/baseline.json")
    away = path.rename(path.with_name("away"))
    try:
        _code, document, said = ungcuu("scan", "web01")
    finally:
        away.rename(path)
    assert set(rules(document)) == {"baseline"}, document["findings"]
    assert document["scans"][0]["checked"]["packages"]["source"] == "signed index"


def test_a_version_that_nobody_signed_excuses_nothing(forged: Lab, ungcuu: Ungcuu) -> None:
    """Forged sums and version: a setuid program and a job were "clean, may be released"; then the intruder was root.

    Seen failing with ``package_check.check`` taken out of ``scan.judge``: exit code 0, one low finding.
    """
    do(forged, FORGE + "claim bash /usr/bin/bashbug2; claim cron /etc/cron.d/zz-claimed")
    code, document, said = ungcuu("scan", "web01")
    found = rules(document)
    assert code == 13, said
    assert "privilege.file" in found["/usr/bin/bashbug2"] or "program.added" in found["/usr/bin/bashbug2"], found
    assert "persistence.cron" in found["/etc/cron.d/zz-claimed"], found
    assert "package.unknown" in found["bash"] & found["cron"], found


def test_a_real_version_with_a_false_file_excuses_nothing(
    forged: Lab, host: tuple[Lab, list[str]], ungcuu: Ungcuu
) -> None:
    """The version exists, and its package has no such file: only the package itself shows that.

    Seen failing with ``package_check.check`` taken out of ``scan.judge``.
    """
    name = host[1][0].partition("=")[0]
    newest = do(forged, f"apt-cache madison {name} | grep -v Sources | cut -d'|' -f2").split()[0]
    do(
        forged,
        FORGE + f"claim {name} /usr/bin/bashbug2 {shlex.quote(newest)}; "
        f"claim {name} /etc/cron.d/zz-claimed {shlex.quote(newest)}",
    )
    code, document, said = ungcuu("scan", "web01")
    found = rules(document)
    assert code == 13, said
    assert "package.forged" in found["/usr/bin/bashbug2"] & found["/etc/cron.d/zz-claimed"], found


def test_no_baseline_is_signed_over_a_forged_claim(forged: Lab, ungcuu: Ungcuu) -> None:
    """A baseline is never looked at again: what it would bless is compared with the packages first.

    Seen failing with ``package_check.check`` taken out of ``scan.judge``: the baseline was signed.
    """
    same = do(forged, "dpkg-query -W -f '${Version}' bash")
    do(forged, FORGE + f"claim bash /usr/bin/bashbug2 {shlex.quote(same)}; rm /etc/cron.d/zz-claimed")
    code, _document, said = ungcuu("baseline", "web01", "--reason", "test")
    assert code != 0
    assert "package.forged /usr/bin/bashbug2" in said


def test_an_upgrade_from_the_archive_is_no_alarm(host: tuple[Lab, list[str]], ungcuu: Ungcuu) -> None:
    """What unattended-upgrades installs by night is compared with the packages, file by file, and passes."""
    lab, behind = host
    names = " ".join(name.partition("=")[0] for name in behind)
    do(
        lab,
        f"DEBIAN_FRONTEND=noninteractive apt-get -qy -o Dpkg::Options::=--force-confold install --only-upgrade {names}",
    )
    code, document, said = ungcuu("scan", "web01")
    assert {row["rule"] for row in document["findings"]} == {"package.changed"}, said
    assert code == 0
    assert document["scans"][0]["checked"]["packages"]["packages_compared"] >= 1
    do(
        lab,
        "DEBIAN_FRONTEND=noninteractive apt-get -qy --allow-downgrades -o Dpkg::Options::=--force-confold "
        f"install {' '.join(behind)}",
    )
    assert ungcuu("scan", "web01")[1]["findings"] == []


def test_our_patch_run_is_no_alarm(host: tuple[Lab, list[str]], ungcuu: Ungcuu) -> None:
    """A patch run of ungcuu changes versions, too; besides its program and the backup's account nothing is named."""
    code, _document, said = ungcuu("patch", "web01", "--all", "--urgent", "--reason", "test")
    assert code == 0, said
    _code, document, said = ungcuu("scan", "web01")
    strange = {row["rule"] for row in document["findings"] if "ungcuu" not in row["path"]}
    assert strange == {"package.changed"}, said
    assert document["scans"][0]["checked"]["packages"]["claims"] >= 1

"""A scan on a host whose Python lies: no cache of bytecode is trusted, and a second reader contradicts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_shell import rules

from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]

# Inert: a page that prints its own text, a job that runs `true`, a copy of `true` with root's right.
HIDDEN = """
W=/var/www/portal/wp-content/uploads
echo '<?php echo htmlspecialchars(system($_GET["x"]));' > $W/zz-hidden.php
echo '0 4 * * * root true' > /etc/cron.d/zz-hidden
cp /bin/true /usr/local/bin/zz-hidden; chmod 4755 /usr/local/bin/zz-hidden
"""
GONE = "rm -f /var/www/portal/wp-content/uploads/zz-hidden.php /etc/cron.d/zz-hidden /usr/local/bin/zz-hidden"
PATHS = {
    "/var/www/portal/wp-content/uploads/zz-hidden.php": "upload.code",
    "/etc/cron.d/zz-hidden": "persistence.cron",
    "/usr/local/bin/zz-hidden": "privilege.file",
}

# A compiled form of `json` that looks unchanged (time and size of its source), and drops lines that name our plants.
POISON = r"""
import importlib.util, marshal, os, struct, sys
source = importlib.util.find_spec("json").origin
info = os.stat(source)
text = open(source).read() + '''
class _Filter:
    def __init__(self, out): self._out = out
    def write(self, text): return len(text) if "zz-hidden" in text else self._out.write(text)
    def __getattr__(self, name): return getattr(self._out, name)
import sys
sys.stdout = _Filter(sys.stdout)
'''
code = compile(text, source, "exec")
head = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(info.st_mtime), info.st_size)
target = importlib.util.cache_from_source(source)
open("/root/json.pyc", "wb").write(open(target, "rb").read() if os.path.exists(target) else b"")
open(target, "wb").write(head + marshal.dumps(code))
print(target)
"""


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Lab:
    lab = fresh("web01", "vault01")
    Path(os.environ["UNGCUU_STATE"], "hosts/web01/baseline.json").unlink(missing_ok=True)
    for verb in ("backup", "baseline"):
        code, _document, said = ungcuu(verb, "web01", "--reason", "test")
        assert code == 0, said
    return lab


@pytest.fixture
def planted(host: Lab) -> Iterator[Lab]:
    do(host, HIDDEN)
    yield host
    do(host, GONE)


def do(lab: Lab, script: str) -> str:
    done = lab.exec("web01", ["bash", "-ec", script])
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_the_vault_contradicts_two_lying_readers(host: Lab, ungcuu: Ungcuu) -> None:
    """Python and `find` both leave out a file that the backup holds, and whose folders have not changed since.

    Stands first: the first file that is written into the website of a container renews the times of the folders above.
    Seen failing with ``vault_view`` taken out of ``scan.judge``.
    """
    hidden = "/var/www/portal/wp-includes/version.php"
    before = ungcuu("scan", "web01")[1]["scans"][0]["checked"]["vault"]
    assert before["compared"] > 1000 and not before["contradictions"], before
    python = '#!/bin/sh\\n/usr/bin/python3.real "$@" | grep -v -e version.php\\n'
    find = '#!/bin/sh\\n/usr/bin/find.real "$@" | grep -zv -e version.php\\n'
    do(
        host,
        f"mv /usr/bin/python3 /usr/bin/python3.real; printf '{python}' > /usr/bin/python3; "
        f"mv /usr/bin/find /usr/bin/find.real; printf '{find}' > /usr/bin/find; "
        "chmod 755 /usr/bin/python3 /usr/bin/find",
    )
    try:
        _code, document, said = ungcuu("scan", "web01")
    finally:
        do(host, "mv /usr/bin/python3.real /usr/bin/python3; mv /usr/bin/find.real /usr/bin/find")
    found = rules(document)
    assert "reader.disagrees" not in found.get(hidden, set()), "the two readers must lie alike"
    assert "reader.vault" in found.get(hidden, set()), said
    assert [path for path, names in found.items() if "reader.vault" in names] == [hidden]


def test_a_poisoned_bytecode_cache_hides_nothing(planted: Lab, ungcuu: Ungcuu) -> None:
    """Root leaves a ``.pyc`` that Python takes for an unchanged module: web shell, job and setuid were unseen.

    Seen failing with ``-X pycache_prefix`` taken out: the first reader said none of the three.
    """
    done = planted.exec("web01", ["/usr/bin/python3", "-"], POISON.encode())
    assert done.returncode == 0, done.stderr.decode()
    target = done.stdout.decode().strip()
    lie = planted.exec("web01", ["/usr/bin/python3", "-"], b"import json; print('zz-hidden'); print('seen')")
    assert lie.stdout.split() == [b"seen"], "the poison must work where nothing is done against it"
    try:
        code, document, said = ungcuu("scan", "web01")
    finally:
        do(planted, f"cp /root/json.pyc {target}; rm /root/json.pyc")
    found = rules(document)
    assert code == 13, said
    assert {path: rule in found.get(path, set()) for path, rule in PATHS.items()} == dict.fromkeys(PATHS, True)
    assert not any("reader.disagrees" in names for names in found.values()), found


def test_the_second_reader_contradicts_a_lying_python(planted: Lab, ungcuu: Ungcuu) -> None:
    """A wrapper in Python's place drops what it likes from the first reader's answer, and shows the rest.

    Seen failing with the second reader taken out of ``scan.judge``: none of the three, though the wrapper itself was.
    """
    wrapper = '#!/bin/sh\\n/usr/bin/python3.real "$@" | grep -v -e zz-hidden -e bin/python3\\n'
    do(
        planted,
        f"mv /usr/bin/python3 /usr/bin/python3.real; printf '{wrapper}' > /usr/bin/python3; chmod 755 /usr/bin/python3",
    )
    try:
        code, document, said = ungcuu("scan", "web01")
    finally:
        do(planted, "mv /usr/bin/python3.real /usr/bin/python3")
    found = rules(document)
    assert code == 13, said
    assert document["clean"] is False
    assert {path for path in PATHS if "reader.disagrees" in found.get(path, set())} == set(PATHS), found
    assert "reader.disagrees" in found.get("/usr/bin/python3", set()), found


def test_silence_of_the_second_reader_is_no_agreement(host: Lab, ungcuu: Ungcuu) -> None:
    """Who takes ``sha256sum`` away must not get a clean scan. Seen failing without the count of the sums."""
    do(host, "mv /usr/bin/sha256sum /usr/bin/sha256sum.away")
    try:
        _code, document, said = ungcuu("scan", "web01")
    finally:
        do(host, "mv /usr/bin/sha256sum.away /usr/bin/sha256sum")
    assert document["clean"] is False, said
    assert "reader.unconfirmed" in rules(document).get("host", set()), document["findings"]


def test_a_changed_standard_library_is_reported(host: Lab, ungcuu: Ungcuu) -> None:
    """The program compares what itself runs on with the baseline, even where dpkg's own sums were forged to fit.

    Seen failing with ``detect.runtime`` taken out.
    """
    source = do(host, "ls /usr/lib/python3.*/json/__init__.py").strip()
    sums = do(host, f"grep -l {source.removeprefix('/')}$ /var/lib/dpkg/info/*.md5sums").strip()
    name = source.removeprefix("/")
    do(
        host,
        f"cp -p {source} /root/source; cp -p {sums} /root/sums; echo '# changed' >> {source}; "
        f'sum=$(md5sum<{source} | cut -c1-32); sed -i "s#^[0-9a-f]*  {name}#$sum  {name}#" {sums}',
    )
    try:
        _code, document, _said = ungcuu("scan", "web01")
    finally:
        do(host, f"cp -p /root/source {source}; cp -p /root/sums {sums}; rm /root/source /root/sums")
    assert "reader.changed" in rules(document).get(source, set()), document["findings"]


def test_a_scan_after_all_that_is_clean(host: Lab, ungcuu: Ungcuu) -> None:
    """An alarm that stays when its cause is gone is switched off soon."""
    code, document, said = ungcuu("scan", "web01")
    assert (code, document["findings"]) == (0, []), said

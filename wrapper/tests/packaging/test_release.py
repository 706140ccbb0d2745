"""What is released: the same tree gives the same bytes, and nothing of this machine is in them.

The package as it is installed on bare hosts: ``wrapper/tests/integration/test_package.py``.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper"))

from release import bill, deb, make, man, wheels  # noqa: E402  (not part of the package)

MOMENT = 1795000000


def wheel(folder: Path, name: str, version: str, *fields: str) -> Path:
    """A wheel that holds nothing but what it says of itself."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields]) + "\n\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}-{version}.dist-info/METADATA"), text)
    return path


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    (tmp_path / "parts").mkdir()
    return [
        wheel(tmp_path / "parts", "one", "1.0", "License-Expression: MIT"),
        wheel(tmp_path / "parts", "two", "2.0", "Classifier: License :: OSI Approved :: BSD License"),
    ]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("python", "core"), [("3.11", "2.19."), ("3.13", "2.21.")])
@pytest.mark.parametrize("machine", wheels.MACHINES)
def test_what_is_locked_holds_for_the_target_and_not_for_this_machine(python: str, core: str, machine: str) -> None:
    """Seen failing with the markers asked of the running Python: Debian 13 lacked the ansible-core that it wants."""
    text = wheels.locked_for(ROOT / "requirements.lock", python, machine)
    assert f"ansible-core=={core}" in text
    assert "colorama" not in text  # Windows alone
    assert "hatchling" not in text  # builds a source tree
    assert ";" not in text
    assert all("--hash=sha256:" in entry for entry in text.split("\n") if entry.startswith("    "))
    assert text.count("==") == sum(1 for line in text.splitlines() if not line.startswith(" "))


def test_there_is_a_manual_page_for_every_verb() -> None:
    from ungcuu.cli import registry

    pages = man.pages(MOMENT)
    assert {f"ungcuu-{name}.1" for name in registry.names()} < set(pages)
    assert "\\-\\-mode" in pages["ungcuu-isolate.1"]
    for name, text in pages.items():
        known = (".TH ", ".SH ", ".nf", ".fi", ".BR ")
        assert [
            line for line in text.splitlines() if line.startswith((".", "'")) and not line.startswith(known)
        ] == [], name


def built(folder: Path, parts: list[Path], umask: int) -> Path:
    """Make a package of small parts, as `make` does of the real ones."""
    before = os.umask(umask)
    try:
        folder.mkdir()
        own = wheel(folder, "ungcuu", "0.1.0", "License-Expression: Apache-2.0")
        payload = make._payload(folder / "payload", own, parts)
        place = folder / "deb"
        deb.tree(ROOT, place, payload, moment=MOMENT)
        return deb.pack(place, folder, version="0.1.0", maintainer="An <an@example.gov.vn>", moment=MOMENT)
    finally:
        os.umask(before)


def test_two_builds_of_the_package_are_the_same_file(tmp_path: Path, parts: list[Path]) -> None:
    """Seen failing without `_settle`: modes followed the umask, times the clock."""
    one, two = built(tmp_path / "one", parts, 0o022), built(tmp_path / "two", parts, 0o077)
    assert sha256(one) == sha256(two)


def test_the_package_is_root_s_and_starts_nothing(tmp_path: Path, parts: list[Path]) -> None:
    package = built(tmp_path / "one", parts, 0o077)
    listing = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    modes = {line.split()[5]: line.split()[0] for line in listing.splitlines()}
    assert modes["./etc/ungcuu/"] == "drwx------"
    assert modes["./usr/bin/ungcuu"] == "-rwxr-xr-x"
    for unit in ("ungcuu-watch.timer", "ungcuu-hold.service"):
        assert modes[f"./usr/lib/systemd/system/{unit}"] == "-rw-r--r--"
    assert not [name for name, mode in modes.items() if mode[5] == "w" or mode[8] == "w"]
    subprocess.run(["dpkg-deb", "-e", package, tmp_path / "control"], check=True)
    scripts = "".join((tmp_path / "control" / name).read_text("utf-8") for name in ("postinst", "prerm"))
    assert "systemctl" not in scripts
    assert "/etc/ungcuu" not in scripts, "a site's own files outlive the package"


def test_the_launcher_says_what_to_do_when_its_python_is_gone(tmp_path: Path, parts: list[Path]) -> None:
    place = built(tmp_path / "one", parts, 0o022).parent / "deb"
    done = subprocess.run(["sh", place / "usr/bin/ungcuu", "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, "dpkg-reconfigure ungcuu" in done.stderr) == (14, True)


def test_two_bundles_are_the_same_file(tmp_path: Path, parts: list[Path]) -> None:
    found = []
    for name, umask in (("one", 0o022), ("two", 0o077)):
        folder = built(tmp_path / name, parts, umask).parent
        make._bundle(folder / "payload", folder / "ungcuu-0.1.0-offline.tar.gz", MOMENT)
        found.append(sha256(folder / "ungcuu-0.1.0-offline.tar.gz"))
    assert found[0] == found[1]


def test_the_bill_names_every_part_with_hash_and_licence(tmp_path: Path, parts: list[Path]) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    own = wheel(tmp_path, "ungcuu", "0.1.0")
    text = bill.bill("0.1.0", own, parts, MOMENT)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == bill.bill("0.1.0", own, parts, MOMENT)
    rows = {row["name"]: row for row in json.loads(text)["components"]}
    assert rows["one"]["hashes"] == [{"alg": "SHA-256", "content": sha256(parts[0])}]
    assert rows["one"]["purl"] == "pkg:pypi/one@1.0"
    assert (
        bill.licences(own, parts)
        == "one 1.0: MIT\ntwo 2.0: BSD License\nungcuu 0.1.0: (states none: see the package)\n"
    )


def test_an_unclean_tree_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    monkeypatch.setattr(make, "_git", lambda *_words: " M README.md")
    done = CliRunner().invoke(make.main, ["--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "README.md" in done.output
    assert not (tmp_path / "out").exists()

"""The bundle, checked as a stranger would: with the commands of its own README, in an empty folder, without ungcuu."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from casebook import Book, clock_of, settings_in, write_case

from ungcuu.case.case import Case
from ungcuu.case.export import export_case
from ungcuu.core.errors import ControllerFault, Tampered
from ungcuu.core.signing import fingerprint, public_key


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(settings_in(tmp_path / "state"))


@pytest.fixture
def bundle(case: Case, tmp_path: Path) -> Path:
    """An unpacked bundle."""
    made = export_case(case, tmp_path / "bundle.tar", to="PA05", purpose="công văn 123/2026")
    (tmp_path / "theirs").mkdir()
    subprocess.run(["tar", "-C", str(tmp_path / "theirs"), "-xf", str(made.path)], check=True)  # as the receiver does
    return tmp_path / "theirs" / case.id


def commands(folder: Path) -> Iterator[str]:
    """The commands that the README gives a third party to run: its indented lines that begin with a program."""
    for line in (folder / "README.txt").read_text().splitlines():
        if re.match(r" {5}(openssl|sha256sum|sh|for) ", line):
            yield line.strip()


def run_readme(folder: Path) -> list[subprocess.CompletedProcess[str]]:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    return [
        subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
        for command in commands(folder)
    ]


def test_the_commands_of_the_readme_prove_the_bundle(case: Case, bundle: Path) -> None:
    """A court's expert has no ungcuu. What the README says must work to the letter."""
    results = run_readme(bundle)
    assert [result.returncode for result in results] == [0] * 5, results
    key = fingerprint(public_key(case.settings.keys))
    assert results[0].stdout.startswith(key) and key in (bundle / "README.txt").read_text()
    assert results[3].stdout == f"journal: {len(case.records())} records, whole\n"


def test_ssh_keygen_reads_the_key(bundle: Path) -> None:
    done = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(bundle / "key.ssh")], capture_output=True, text=True, check=True
    )
    assert "ED25519" in done.stdout


def test_the_hand_over_is_in_the_bundle_that_it_made(case: Case, bundle: Path) -> None:
    """A copy that nobody recorded would break the chain of custody."""
    last = case.records()[-1]
    assert last.kind == "custody" and last.data["to"] == "PA05" and last.data["purpose"] == "công văn 123/2026"
    assert last.hash.encode() in (bundle / "journal.jsonl").read_bytes()


def test_the_list_covers_every_file(bundle: Path) -> None:
    listed = {line.split("  ", 1)[1] for line in (bundle / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()}
    assert there - listed == {"SHA256SUMS", "SHA256SUMS.sig"} and listed <= there


def test_every_changed_file_is_found(bundle: Path) -> None:
    """The signature holds the list, the list holds the files."""
    held = [path for path in bundle.rglob("*") if path.is_file() and path.name not in ("SHA256SUMS", "SHA256SUMS.sig")]
    assert len(held) > 15
    for path in held:
        flip(path)
    step = next(command for command in commands(bundle) if command.startswith("sha256sum"))
    done = subprocess.run(["sh", "-c", step], cwd=bundle, capture_output=True, text=True, check=False)
    assert done.returncode and done.stdout.count("FAILED") == len(held)


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.sig", "key.pem"])
def test_a_changed_list_signature_or_key_is_found(bundle: Path, name: str) -> None:
    flip(bundle / name)
    assert any(result.returncode for result in run_readme(bundle)[1:2])


def flip(path: Path) -> None:
    """Change one bit of the last but one byte."""
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])


@pytest.mark.parametrize("attack", ["first", "middle", "last", "swapped", "changed", "added"])
def test_the_shell_check_finds_what_a_list_made_again_would_hide(bundle: Path, attack: str) -> None:
    """The chain must hold on its own, should someone sign another list."""
    lines = (bundle / "journal.jsonl").read_bytes().splitlines(keepends=True)
    attacked = {
        "first": lines[1:],
        "middle": lines[:4] + lines[5:],
        "last": lines[:-1],
        "swapped": [*lines[:2], lines[3], lines[2], *lines[4:]],
        "changed": [*lines[:3], lines[3].replace(b'"seq":4', b'"seq":4 '), *lines[4:]],
        "added": [*lines, lines[-1]],
    }[attack]
    (bundle / "journal.jsonl").write_bytes(b"".join(attacked))
    done = subprocess.run(["sh", "check-journal.sh"], cwd=bundle, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout.startswith("journal: "), done


def test_a_changed_case_is_not_exported(case: Case, tmp_path: Path) -> None:
    """A signed list over changed evidence would turn a forgery into a proof."""
    victim = sorted(case.evidence.iterdir())[0]
    victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(Tampered):
        export_case(case, tmp_path / "bundle.tar")
    assert not (tmp_path / "bundle.tar").exists()


def test_nothing_is_written_over_and_nothing_half_written_is_left(case: Case, tmp_path: Path) -> None:
    (tmp_path / "bundle.tar").write_text("mine")
    with pytest.raises(ControllerFault):
        export_case(case, tmp_path / "bundle.tar")
    assert (tmp_path / "bundle.tar").read_text() == "mine"
    with pytest.raises(ControllerFault):
        export_case(case, tmp_path / "no" / "such" / "folder.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"state", "bundle.tar"}


def test_a_hostile_name_stays_in_its_cell(tmp_path: Path) -> None:
    case = write_case(settings_in(tmp_path / "state"), close=False)
    with clock_of() as clock:
        Book(case, clock).evidence('=HYPERLINK("http://x")\t1\n\x1b[2J\u202e', b"hostile")
    export_case(case, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as archive:
        member = archive.extractfile(f"{case.id}/evidence.tsv")
        assert member is not None
        row = member.read().decode().splitlines()[-1].split("\t")
    assert len(row) == 5 and row[4].startswith("'=") and "\x1b" not in row[4] and "\u202e" not in row[4]


def test_the_how_to_works_to_the_letter(bundle: Path) -> None:
    """Documentation for a court: each of its commands after the unpacking is run here."""
    text = (Path(__file__).parents[3] / "docs" / "how-to" / "check-a-case-without-ungcuu.md").read_text()
    blocks = [block for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) if not block.startswith("ungcuu")]
    script = "\n".join(block for block in blocks).replace("tar -xf UC-20261122-001.tar\ncd UC-20261122-001\n", "")
    done = subprocess.run(["sh", "-euc", script], cwd=bundle, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    third = (bundle / "journal.jsonl").read_text().splitlines()[2]
    assert re.search(r'"hash":"([0-9a-f]{64})"', third)[1] in done.stdout

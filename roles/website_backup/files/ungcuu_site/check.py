"""Check what was staged, before anything live is touched. Every check runs; the answer lists them all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu.remote import stage_rules
from ungcuu_site import database
from ungcuu_site.common import RESTORE_AREA, RefusedError, database_of, last_words, locked, restore_id, write_json
from ungcuu_site.stage import stage_root
from ungcuu_site.state import load

_MOST_NAMED = 20
# Reads "length name\n" + bytes from standard input and parses each with PHP's own parser; runs nothing of it.
_PARSER = (
    'while (($line = fgets(STDIN)) !== false) { [$length, $name] = explode(" ", rtrim($line, "\\n"), 2);'
    ' $code = ""; while (strlen($code) < (int)$length) { $code .= fread(STDIN, (int)$length - strlen($code)); }'
    " try { token_get_all($code, TOKEN_PARSE); } catch (ParseError $error)"
    ' { echo $name, " line ", $error->getLine(), "\\n"; } }'
)


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Run all checks on a stage and remember the verdict for `swap`."""
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        if state["step"] not in ("staged", "checked"):
            raise RefusedError(f"nothing is staged to be checked: the restore stands at '{state['step']}'")
        site, root = state["site"], stage_root(state["site"], identity)
        proofs = [_counts(state, request.get("expected") or {})]
        if "files" in state["only"]:
            vouched_for = request.get("vouched_for") or {}
            proofs += [
                _links(root, str(site["root"]).rstrip("/"), vouched_for),
                _writable(root, site, vouched_for),
                _odd_modes(root),
                _syntax(root),
            ]
        if "database" in state["only"] and site.get("database"):
            if request.get("make_account"):
                _make_account(identity, site["database"])
            proofs.append(_import(identity, site["database"]))
        if request.get("hashes"):
            proofs += _same_bytes(identity, state, request["hashes"])
        accepted = {stage_rules.ACCEPTABLE.get(name): why for name, why in (request.get("accepted") or {}).items()}
        for proof in proofs:
            if not proof["passed"] and proof["name"] in accepted:
                proof["accepted"] = str(accepted[proof["name"]])
        passed = all(proof["passed"] or proof.get("accepted") for proof in proofs)
        state |= {"step": "checked", "proofs": proofs, "passed": passed}
        write_json(RESTORE_AREA / identity / "state.json", state)
        return {"restore": identity, "passed": state["passed"], "proofs": proofs}


def _proof(name: str, wrong: list[str], right: str) -> dict[str, Any]:
    listed = ", ".join(ascii(item)[1:-1] for item in wrong[:_MOST_NAMED])
    more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
    return {"name": name, "side": "host", "passed": not wrong, "detail": f"{listed}{more}" if wrong else right}


def _counts(state: dict[str, Any], expected: dict[str, int]) -> dict[str, Any]:
    """The number of files in each part is what the vault's own listing says."""
    wrong = [
        f"{part}: {state['counts'][part]} staged, {expected[part]} in the restore point"
        for part in state["only"]
        if part in expected and state["counts"][part] != expected[part]
    ]
    return _proof("manifest", wrong, f"{sum(state['counts'].values())} files as in the restore point")


def _walk(root: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(root) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))


def _links(root: Path, live: str, vouched_for: dict[str, str]) -> dict[str, Any]:
    """A link out of the web root (``live``, where the stage will stand) would publish what lies outside.

    ``vouched_for`` maps paths to targets: Debian's packages link their code into the root, and the baseline has it.
    """
    links = {str(Path(e.path).relative_to(root)): str(Path(e.path).readlink()) for e in _walk(root) if e.is_symlink()}
    out = {name: target for name, target in links.items() if stage_rules.leaves(live, f"{live}/{name}", target)}
    wrong = [name for name, target in out.items() if vouched_for.get(name) != target]
    right = f"none but the {len(out)} that the baseline knows" if out else "no link leaves the web root"
    return _proof(stage_rules.LINKS, wrong, right)


def _writable(root: Path, site: dict[str, Any], vouched_for: dict[str, str]) -> dict[str, Any]:
    """Program code where only content belongs is how a web shell looks.

    ``vouched_for`` maps paths to SHA-256: programs that the application keeps there, for which the vault's baseline,
    or a person, vouches.
    """
    wrong, right = [], 0
    for below in site.get("writable_paths", []):
        folder = root / below
        if folder.is_dir() and not folder.is_symlink():
            for entry in _walk(folder):
                if entry.is_file(follow_symlinks=False) and stage_rules.is_program(entry.name, _head(entry.path)):
                    name = str(Path(entry.path).relative_to(root))
                    vouched = vouched_for.get(name) == _digest(entry.path)
                    right += vouched
                    wrong += [] if vouched else [name]
    return _proof(stage_rules.PROGRAMS, wrong, f"none but the {right} that the baseline knows" if right else "none")


def _head(path: str) -> bytes:
    with Path(path).open("rb") as handle:
        return handle.read(stage_rules.HEAD_BYTES)


def _digest(path: str) -> str:
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _odd_modes(root: Path) -> dict[str, Any]:
    """A file that anyone may write can be turned into a shell by the next weak program."""
    wrong = [
        str(Path(entry.path).relative_to(root))
        for entry in _walk(root)
        if not entry.is_symlink() and stage_rules.anyone_may_write(entry.stat(follow_symlinks=False).st_mode)
    ]
    return _proof(stage_rules.MODES, wrong, "none")


def _syntax(root: Path) -> dict[str, Any]:
    """PHP's own parser reads every program, as nobody and from standard input: nothing of the site runs."""
    programs = [
        Path(entry.path)
        for entry in _walk(root)
        if entry.name.endswith(".php") and entry.is_file(follow_symlinks=False)
    ]
    name = stage_rules.SYNTAX
    if not programs:
        return _proof(name, [], "the site has no PHP")
    command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "php", "-r", _PARSER]
    try:
        parser = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
        )
    except FileNotFoundError:
        return _proof(name, [], "not checked: there is no PHP command here")
    with parser:
        assert parser.stdin is not None
        try:
            for program in programs:
                code = program.read_bytes()
                label = ascii(str(program.relative_to(root)))[1:-1]
                parser.stdin.write(f"{len(code)} {label}\n".encode() + code)
        except BrokenPipeError:
            pass
        output, errors = parser.communicate()
    if parser.returncode:
        return _proof(name, [f"the parser stopped: {last_words(errors)}"], "")
    return _proof(name, output.decode("utf-8", "replace").splitlines(), f"{len(programs)} programs parse")


def _import(identity: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The dump must import whole, with rights on one scratch schema only."""
    folder, scratch = RESTORE_AREA / identity / "database", database_of(identity, "stage")
    name, engine = "database import", database.engine(facts)
    try:
        described = _dump_facts(folder)
        engine.import_beside(folder, scratch, facts["user"], described)
    except RefusedError as refusal:
        return _proof(name, [refusal.reason], "")
    found, wanted = len(engine.tables(scratch)), int(described["tables"])
    wrong = [] if found == wanted else [f"{found} tables, the restore point had {wanted}"]
    return _proof(name, wrong, f"{found} tables in a scratch schema")


def _make_account(identity: str, facts: dict[str, Any]) -> None:
    """On a rebuilt host the website's own database account comes back with its old password."""
    described = json.loads((RESTORE_AREA / identity / "database/site.json").read_text(encoding="utf-8"))["database"]
    database.engine(facts).make_account(facts["user"], str(described.get("account_hash", "")), facts["name"])


def _same_bytes(identity: str, state: dict[str, Any], hashes: dict[str, str]) -> list[dict[str, Any]]:
    """Every file is what the vault holds; the imported tables, dumped once more, give the same dump, row for row."""
    root = stage_root(state["site"], identity)
    found, files = fingerprint(root)
    wrong = [] if found == hashes["files"] else ["the tree differs from the restore point"]
    proofs = [_proof("every file's hash", wrong, f"{files} files as in the vault")]
    facts = state["site"].get("database")
    if "tables" in hashes and facts:
        again = RESTORE_AREA / identity / "again"
        again.mkdir(mode=0o700, exist_ok=True)
        described = _dump_facts(RESTORE_AREA / identity / "database")
        scratch = database_of(identity, "stage")
        same, told = database.engine(facts).same_rows(again, scratch, described, hashes["tables"])
        proofs.append(_proof("every table's rows", [] if same else ["the tables differ from the restore point"], told))
        shutil.rmtree(again)
    return proofs


def fingerprint(root: Path) -> tuple[str, int]:
    """One hash over path and content of every file below `root`, and how many there are."""
    rows = []
    for entry in _walk(root):
        if entry.is_file(follow_symlinks=False):
            digest = _digest(entry.path)
            rows.append(f"{Path(entry.path).relative_to(root)}\0{digest}\n".encode("utf-8", "surrogateescape"))
    return hashlib.sha256(b"".join(sorted(rows))).hexdigest(), len(rows)


def _dump_facts(folder: Path) -> dict[str, Any]:
    """What the restore point says of its own dump."""
    try:
        described: dict[str, Any] = json.loads((folder / "site.json").read_text(encoding="utf-8"))["database"]
        int(described["tables"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"the restore point's own description is unreadable: {error}") from None
    return described

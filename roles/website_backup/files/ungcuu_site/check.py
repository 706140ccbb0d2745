"""Check what was staged, before anything live is touched. Every check runs; the answer lists them all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ungcuu.remote import stage_rules
from ungcuu_site import database
from ungcuu_site.common import RESTORE_AREA, RefusedError, database_of, last_words, locked, restore_id, write_json
from ungcuu_site.stage import stage_root
from ungcuu_site.state import load

_MOST_NAMED = 20
_MOST_SAID = 1 << 20
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


def _proof(name: str, wrong: dict[str, Any] | None, right: dict[str, Any]) -> dict[str, Any]:
    """One proof; what was seen is a phrase of ``ungcuu.core.check_phrases``: a code with its values."""
    return {"name": name, "side": "host", "passed": wrong is None, "detail": right if wrong is None else wrong}


def _named(paths: list[str]) -> dict[str, Any] | None:
    """The files that fail a check; None where there are none."""
    names, more = [ascii(path)[1:-1] for path in paths[:_MOST_NAMED]], len(paths) - _MOST_NAMED
    if more > 0:
        return {"code": "named_of", "names": names, "more": more}
    return {"code": "named", "names": names} if names else None


def _counts(state: dict[str, Any], expected: dict[str, int]) -> dict[str, Any]:
    """The number of files in each part is what the vault's own listing says."""
    wrong = [
        {"code": "files_staged", "part": part, "staged": state["counts"][part], "expected": expected[part]}
        for part in state["only"]
        if part in expected and state["counts"][part] != expected[part]
    ]
    right = {"code": "files_as_in_point", "count": sum(state["counts"].values())}
    return _proof("manifest", {"code": "named", "names": wrong} if wrong else None, right)


def _walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """Every entry below a folder. How deep the tree goes was the host's choice: nothing here calls itself."""
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _links(root: Path, live: str, vouched_for: dict[str, str]) -> dict[str, Any]:
    """A link out of the web root (``live``, where the stage will stand) would publish what lies outside.

    ``vouched_for`` maps paths to targets: Debian's packages link their code into the root, and the baseline has it.
    """
    links = {str(Path(e.path).relative_to(root)): str(Path(e.path).readlink()) for e in _walk(root) if e.is_symlink()}
    out = {name: target for name, target in links.items() if stage_rules.leaves(live, f"{live}/{name}", target)}
    wrong = [name for name, target in out.items() if vouched_for.get(name) != target]
    right = {"code": "links_known", "count": len(out)} if out else {"code": "links_inside"}
    return _proof(stage_rules.LINKS, _named(wrong), right)


def _writable(root: Path, site: dict[str, Any], vouched_for: dict[str, str]) -> dict[str, Any]:
    """Program code where only content belongs is how a web shell looks.

    ``vouched_for`` maps paths to SHA-256: programs that the application keeps there, for which the vault's baseline,
    or a person, vouches. A folder to which a link leads out of the stage is a live one: nothing of it was staged here.
    """
    wrong, right, real = [], 0, os.path.realpath(root)
    for below in site.get("writable_paths", []):
        folder = root / below
        staged = not folder.is_symlink() and os.path.realpath(folder).startswith(real + "/")
        if folder.is_dir() and staged:
            for entry in _walk(folder):
                if entry.is_file(follow_symlinks=False) and stage_rules.is_program(entry.name, _head(entry.path)):
                    name = str(Path(entry.path).relative_to(root))
                    vouched = vouched_for.get(name) == _digest(entry.path)
                    right += vouched
                    wrong += [] if vouched else [name]
    known_alone = {"code": "programs_known", "count": right} if right else {"code": "none"}
    return _proof(stage_rules.PROGRAMS, _named(wrong), known_alone)


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
    return _proof(stage_rules.MODES, _named(wrong), {"code": "none"})


def _syntax(root: Path) -> dict[str, Any]:
    """PHP's own parser reads every program, as nobody and from standard input: nothing of the site runs."""
    programs = [
        Path(entry.path)
        for entry in _walk(root)
        if entry.name.endswith(".php") and entry.is_file(follow_symlinks=False)
    ]
    name = stage_rules.SYNTAX
    if not programs:
        return _proof(name, None, {"code": "no_php"})
    command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "php", "-r", _PARSER]
    # Into files: a parser that waits until somebody reads what it says, and we who wait until it reads on, never end.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            parser = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=errors, cwd="/")
        except FileNotFoundError:
            return _proof(name, None, {"code": "no_php_command"})
        whole = False
        with contextlib.suppress(BrokenPipeError):  # outside: closing its input writes what is left once more
            with parser:
                assert parser.stdin is not None
                for program in programs:
                    _give(program, ascii(str(program.relative_to(root)))[1:-1], parser.stdin)
            whole = True
        output.seek(0)
        errors.seek(0)
        if parser.returncode or not whole:
            return _proof(name, {"code": "parser_stopped", "said": last_words(errors.read(_MOST_SAID))}, {})
        wrong = _named([line.decode("utf-8", "replace").rstrip("\n") for line in output])
        return _proof(name, wrong, {"code": "parsed", "count": len(programs)})


def _give(program: Path, label: str, parser: IO[bytes]) -> None:
    """Hand one program to the parser, piece by piece: a backup may hold one of any size."""
    with program.open("rb") as code:
        parser.write(f"{os.fstat(code.fileno()).st_size} {label}\n".encode())
        shutil.copyfileobj(code, parser)


def _import(identity: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The dump must import whole, with rights on one scratch schema only."""
    folder, scratch = RESTORE_AREA / identity / "database", database_of(identity, "stage")
    name, engine = stage_rules.IMPORT, database.engine(facts)
    try:
        described = _dump_facts(folder)
        engine.import_beside(folder, scratch, facts["user"], described)
    except RefusedError as refusal:
        return _proof(name, {"code": "said", "text": refusal.reason}, {})
    found, wanted = len(engine.tables(scratch)), int(described["tables"])
    wrong = None if found == wanted else {"code": "tables_other", "count": found, "expected": wanted}
    return _proof(name, wrong, {"code": "tables_imported", "count": found})


def _make_account(identity: str, facts: dict[str, Any]) -> None:
    """On a rebuilt host the website's own database account comes back with its old password."""
    described = json.loads((RESTORE_AREA / identity / "database/site.json").read_text(encoding="utf-8"))["database"]
    database.engine(facts).make_account(facts["user"], str(described.get("account_hash", "")), facts["name"])


def _same_bytes(identity: str, state: dict[str, Any], hashes: dict[str, str]) -> list[dict[str, Any]]:
    """Every file is what the vault holds; the imported tables, dumped once more, give the same dump, row for row."""
    root = stage_root(state["site"], identity)
    found, files = fingerprint(root)
    wrong = None if found == hashes["files"] else {"code": "tree_differs"}
    proofs = [_proof("file_hashes", wrong, {"code": "files_as_in_vault", "count": files})]
    facts = state["site"].get("database")
    if "tables" in hashes and facts:
        again = RESTORE_AREA / identity / "again"
        again.mkdir(mode=0o700, exist_ok=True)
        described = _dump_facts(RESTORE_AREA / identity / "database")
        scratch = database_of(identity, "stage")
        same, rows, tables = database.engine(facts).same_rows(again, scratch, described, hashes["tables"])
        seen = {"code": "rows", "count": rows, "tables": tables}
        proofs.append(_proof("table_rows", None if same else {"code": "tables_differ"}, seen))
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

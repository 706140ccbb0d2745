"""What the vault checks of new packs and points, with restic, in folders of its own; no index of a host is used.

1. A repository is made of the config, our key and the new packs alone; restic writes its index from the packs' own
   headers. A pack that is not in it holds no header that our key opens.
2. `check --read-data` on it: each pack hashes to its name, each piece of it opens and hashes to its id.
3. The host's index files may claim nothing but what these packs hold. They are then thrown away.
4. The trusted set, these packs, our index and the new points alone: `check` finds a piece that is missing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ungcuu_vault.arrival import RefusedError
from ungcuu_vault.common import ODD_ANSWER, VaultError, account, ask_restic, last_words, printable, restic
from ungcuu_vault.files import ID, Files, link_files, make_folders, take_file

Claims = dict[str, frozenset[tuple[str, str, int, int]]]  # pack: (kind, id, offset, length) of its pieces
_REBUILD = {True: ("repair", "index"), False: ("rebuild-index",)}


def own_index(packs: Path, password: str, into: Path) -> frozenset[str]:
    """Have restic write the index of a folder of packs; its files, now root's, get a second name in `into`.

    Raises:
        VaultError: restic failed.
    """
    ask_restic(packs, password, *_rebuild(), "--read-all-packs")
    names = frozenset(path.name for path in (packs / "index").iterdir() if ID.fullmatch(path.name))
    into.mkdir(exist_ok=True)
    for name in names:
        if reason := take_file(packs / "index" / name):
            raise VaultError(f"the index that the vault made can't be used: {reason}")
    link_files(packs / "index", into, names)
    return names


def _rebuild() -> tuple[str, ...]:
    """The command has another name from restic 0.16 on."""
    said = subprocess.run(["restic", "version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"restic (\d+)\.(\d+)", said)
    return _REBUILD[bool(found and (int(found[1]), int(found[2])) >= (0, 16))]


def claims(repository: Path, password: str, names: Iterable[str]) -> Claims:
    """What index files say of packs.

    Raises:
        VaultError: one of them can't be opened, or is no index.
    """
    found: Claims = {}
    for name in names:
        try:
            document = json.loads(ask_restic(repository, password, "cat", "index", "--no-lock", name))
            for row in document["packs"] or ():
                pieces = frozenset((b["type"], b["id"], int(b["offset"]), int(b["length"])) for b in row["blobs"])
                found[str(row["id"])] = found.get(str(row["id"]), frozenset()) | pieces
        except ODD_ANSWER as error:
            raise VaultError(f"{name[:8]} is no index: {type(error).__name__}") from None
    return found


def bad_packs(repository: Path, password: str, packs: frozenset[str]) -> frozenset[str]:
    """Read every byte of a repository of these packs; the packs that restic names as damaged.

    Raises:
        VaultError: restic failed and named none.
    """
    with restic(repository, password, ["check", "--no-lock", "--read-data"]) as process:
        output, errors = process.communicate()
    if not process.returncode:
        return frozenset()
    text = (output + errors).decode("utf-8", "replace")
    named = frozenset(re.findall(r"[0-9a-f]{64}", text)) & packs
    if not named:
        raise VaultError(f"the new packs can't be checked: {last_words(errors)}")
    return named


def whole(repository: Path, password: str) -> str:
    """Whether all points of a repository have all their pieces; restic's words where not."""
    with restic(repository, password, ["check", "--no-lock"]) as process:
        output, errors = process.communicate()
    return printable(last_words(output + errors)) if process.returncode else ""


def snapshots(repository: Path, password: str) -> dict[str, dict[str, Any]]:
    """What the points of a repository say of themselves, by id."""
    said = ask_restic(repository, password, "snapshots", "--json", "--no-lock")
    return {str(row["id"]): row for row in json.loads(said or b"[]") or []}


def pack_folder(folder: Path, repository: Path, clone: Path, keys: frozenset[str], packs: frozenset[str]) -> Path:
    """A repository of the config, our keys and these packs of a run, for restic to write an index into."""
    make_folders(folder, writable=False, shards={name[:2] for name in packs})
    for name in ("index", "locks"):
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, account().pw_uid, account().pw_gid)
    link_files(repository, folder, Files(keys).paths())
    link_files(clone, folder, Files(data=packs).paths()[1:])
    return folder


def index_folder(folder: Path, repository: Path, clone: Path, keys: frozenset[str], names: frozenset[str]) -> Path:
    """The config, our keys and the host's new index files: to see what it claims."""
    make_folders(folder, writable=False, shards=())
    link_files(repository, folder, Files(keys).paths())
    link_files(clone, folder, Files(index=names).paths()[1:])
    return folder


def candidate(folder: Path, trusted: tuple[Path, Files], arrived: tuple[Path, Files], made: Path) -> Path:
    """The trusted set without its points, and what is to join it with its points; the index of that lies in `made`."""
    (repository, known), (clone, new) = trusted, arrived
    base = Files(known.keys, known.index, data=known.data)
    make_folders(folder, writable=False, shards={name[:2] for name in base.data | new.data})
    link_files(repository, folder, base.paths())
    link_files(clone, folder, Files(snapshots=new.snapshots, data=new.data).paths()[1:])
    link_files(made, folder / "index", new.index)
    return folder


def compare_claims(theirs: Claims, own: Claims) -> None:
    """The host's index may say of the new packs what is so, and of others nothing.

    Raises:
        RefusedError: it says something else.
    """
    for pack, pieces in theirs.items():
        if pack not in own:
            raise RefusedError(
                "index", f"an index of the host speaks of the pack {pack[:8]}, which this run did not send"
            )
        if not pieces <= own[pack]:
            raise RefusedError("index", f"an index of the host says of the pack {pack[:8]} what it does not hold")


def together(*calls: Any) -> list[Any]:
    """Run these at the same time, and wait for all; the first error is raised then."""
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        started = [pool.submit(call) for call in calls]
    return [one.result() for one in started]

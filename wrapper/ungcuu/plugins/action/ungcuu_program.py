"""Put a Python package of a role onto a host as one executable file, in one transfer.

Copying a package file by file costs a round trip each, which is most of a short playbook's time. The file is a zip
archive that Python runs (PEP 441); it is built from the sources alone, so the same sources give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.hosts import deployed_files
from ungcuu.plugins.differences import difference
from ungcuu.plugins.documented_action import DocumentedAction

_WRAPPER = Path(__file__).resolve().parents[2]
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold


def build(package: Path, shebang: str, modules: Sequence[str] = ()) -> bytes:
    """Bytes of the executable: the package's ``*.py`` files and a ``__main__`` that calls the package's ``main()``.

    ``modules`` of the wrapper (``detect/heuristics``, ``remote/config``) go with it, so that a rule has one source
    alone.
    """
    start = f"import sys\nfrom {package.name}.__main__ import main\nsys.exit(main())\n"
    entries = {"__main__.py": start.encode()}
    entries |= {f"{package.name}/{file.name}": file.read_bytes() for file in sorted(package.glob("*.py"))}
    entries |= _shared(modules)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(entries.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return f"#!{shebang}\n".encode() + buffer.getvalue()


def _shown(done: dict[str, Any], target: str, content: bytes) -> dict[str, Any]:
    """Return the diff: what the copy says of mode and owner, and which program it is; a zip shows nothing itself."""
    if not done.get("changed"):
        return {}
    said = done.get("diff") or []
    after = f"SHA-256 {hashlib.sha256(content).hexdigest()}, root:root, 0755"
    mine = difference(target, ["another content, owner or mode"], [after])["diff"]
    return {"diff": [*(said if isinstance(said, list) else [said]), mine]}


def _shared(modules: Sequence[str]) -> dict[str, bytes]:
    """The sources of these modules of ``ungcuu``, with empty packages around them."""
    entries = {f"ungcuu/{name}.py": (_WRAPPER / f"{name}.py").read_bytes() for name in modules}
    folders = {parent for name in entries for parent in PurePosixPath(name).parents if str(parent) != "."}
    return {f"{folder}/__init__.py": b"" for folder in folders} | entries


class ActionModule(DocumentedAction):
    """``ungcuu_program: {package: x, dest: /sbin/y, modules: [detect/x]}``; `package` is below the role's files."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build the program and hand it to the copy action: changed only when the bytes differ. A scan will know it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        package, target = self.arguments["package"], self.arguments["dest"]
        try:
            folder = Path(self._find_needle("files", package))
        except AnsibleError as error:
            return result | {"failed": True, "msg": f"there is no package {package}: {error}"}
        content = build(folder, "/usr/bin/python3 -IB", self.arguments["modules"])
        descriptor, name = tempfile.mkstemp(prefix="ungcuu-program-", dir=constants.DEFAULT_LOCAL_TMP)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(content)
            done = self._copy(name, str(target), task_vars)
            if not done.get("failed") and not self._task.check_mode:
                self._remember(str(target), content, task_vars or {})
            return result | done | _shown(done, str(target), content)
        finally:
            Path(name).unlink()

    def _remember(self, target: str, content: bytes, variables: dict[str, Any]) -> None:
        """Keep on the controller what was sent, so that no scan calls it an intruder's; see deployed_files.py."""
        if state := str(self._templar.template(variables.get("ungcuu_state", ""))):
            deployed_files.remember(Path(state).expanduser(), str(variables["inventory_hostname"]), {target: content})

    def _copy(self, source: str, target: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        task = self._task.copy()
        task.args = {"src": source, "dest": target, "owner": "root", "group": "root", "mode": "0755"}
        copy = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.copy",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        done: dict[str, Any] = copy.run(task_vars=task_vars)
        return done

"""An environment as AWX has it: ansible-core and what that brings, and no part of ungcuu."""

from __future__ import annotations

import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement


def needed(name: str, found: dict[str, metadata.Distribution]) -> dict[str, metadata.Distribution]:
    """Return a distribution and all that it needs here, by name."""
    if name not in found:
        found[name] = metadata.distribution(name)
        for text in found[name].requires or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                needed(wanted.name.lower(), found)
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that holds ansible-core and no part of ungcuu."""
    folder = tmp_path_factory.mktemp("plain")
    venv.EnvBuilder(symlinks=True).create(folder)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for distribution in needed("ansible-core", {}).values():
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
            (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder / "bin" / "python"

"""An environment as AWX has it: ansible-core and what that brings, and no part of ungcuu."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path

import pytest
from needed_packages import needed


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

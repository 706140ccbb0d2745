"""The suite's own folder, and what it needs of this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]


@pytest.fixture(scope="session", autouse=True)
def able() -> None:
    """A copy of the machine's files needs root, and a kernel that lays folders over each other; a real sshd is used."""
    from host import DAEMON

    if os.geteuid() != 0:
        pytest.skip("needs root: what a command writes is caught in a layer over this machine's files")
    if not Path(DAEMON).exists():
        pytest.skip("needs openssh-server's sshd")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a kernel that gives mount namespaces")

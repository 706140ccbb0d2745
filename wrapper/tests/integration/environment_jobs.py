"""Jobs in the execution environment, called as Semaphore and AWX call them. Neither knows ungcuu's wrapper.

Both have a checkout of the project, an inventory, extra variables as JSON and a folder for the state. Semaphore starts
``ansible-playbook`` with the key as a file; here in a container, under an account that no image knows. AWX hands the
job to ansible-runner, which starts the container itself (``--user=root``) and gives the key to an agent in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner
import yaml

from release import environment
from ungcuu.lab import Lab
from ungcuu.lab.podman import limits

ROOT = Path(__file__).parents[3]
STATE = "/var/lib/ungcuu"
ACCOUNT = 1000690000  # as OpenShift gives them: in no file of accounts, of the group root
_HOW_REACHED = {
    "ungcuu_state": "{{ lookup('ansible.builtin.env', 'UNGCUU_STATE') }}",
    "ungcuu_known_hosts": "{{ inventory_dir }}/known_hosts",
    "ansible_user": "ungcuu",
    "ansible_become": True,
    "ansible_ssh_common_args": '-o UserKnownHostsFile="{{ ungcuu_known_hosts }}" -o GlobalKnownHostsFile=/dev/null',
}


@dataclass(frozen=True)
class Done:
    """How a job ended, and what it printed."""

    returncode: int
    said: str


@dataclass(frozen=True)
class Jobs:
    """Jobs on one lab's hosts; ``folder`` holds project, inventory, key and state."""

    lab: Lab
    folder: Path

    @classmethod
    def make(cls, lab: Lab, folder: Path) -> Jobs:
        """Check this tree out as it stands, and write the inventory of the lab's hosts without the wrapper's values."""
        jobs = cls(lab, folder)
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            target = folder / "project" / name
            if (ROOT / name).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        inventory = folder / "inventory"
        shutil.copytree(ROOT / "inventory/lab", inventory)
        values = _HOW_REACHED | {"lab_slot": lab.slot}
        values["management_addresses"] = [lab.address("controller"), lab.address("controller", 6)]
        (inventory / "group_vars/all.yml").write_text(yaml.safe_dump(values), "utf-8")
        shutil.copyfile(lab.folder / "known_hosts", inventory / "known_hosts")
        (folder / "key").mkdir()
        shutil.copyfile(lab.folder / "id_ed25519", folder / "key/id")
        (folder / "key/id").chmod(0o600)
        jobs.state.mkdir(mode=0o700)
        jobs.give_away()
        return jobs

    @property
    def state(self) -> Path:
        """The folder that is mounted as the state of every job."""
        return self.folder / "state"

    def give_away(self) -> None:
        """Give key and state to the account of the jobs: a job of AWX, or this test, has written there as root."""
        for place in (self.folder / "key", self.state):
            for path in (place, *place.rglob("*")):
                os.chown(path, ACCOUNT, 0, follow_symlinks=False)

    def as_semaphore(
        self, playbook: str, limit: str, *words: str, project: Path | None = None, state: bool = True, **variables: Any
    ) -> Done:
        """``ansible-playbook`` on the checkout, or on another project; ``state=False``: no folder for the state."""
        self.give_away()
        given = self.folder / "variables.json"
        given.write_text(json.dumps(variables), "utf-8")
        given.chmod(0o644)
        names = ("inventory", "key", "variables.json")
        options = [f"--volume={self.folder / name}:/tmp/semaphore/{name}:ro" for name in names]
        options.append(f"--volume={project or self.folder / 'project'}:/tmp/semaphore/project:ro")
        options += [f"--volume={self.state}:{STATE}"] if state else []
        if archive := variables.get("application_update_archive"):
            options.append(f"--volume={archive}:{archive}:ro")
        options += [f"--user={ACCOUNT}:0", "--workdir=/tmp/semaphore/project", "--network=host"]
        command = ["ansible-playbook", "--inventory", "/tmp/semaphore/inventory", "--limit", limit, *words]
        command += ["--private-key", "/tmp/semaphore/key/id", "--extra-vars", "@/tmp/semaphore/variables.json"]
        return in_container(options, [*command, playbook])

    def as_awx(self, playbook: str, limit: str, **variables: Any) -> Done:
        """ansible-runner with process isolation, as a job of AWX on a machine of its own."""
        private = self.folder / "awx"
        shutil.rmtree(private, ignore_errors=True)
        private.mkdir()
        for name in ("project", "inventory"):
            shutil.copytree(self.folder / name, private / name)
        done = ansible_runner.run(
            private_data_dir=str(private),
            playbook=playbook,
            limit=limit,
            extravars=variables,
            ssh_key=(self.folder / "key/id").read_text("utf-8"),
            process_isolation=True,
            process_isolation_executable="podman",
            container_image=environment.IMAGE,
            container_options=["--user=root", "--network=host", *limits()],
            container_volume_mounts=[f"{self.state}:{STATE}"],
            quiet=True,
        )
        return Done(done.rc, done.stdout.read())


def in_container(options: Sequence[str], command: Sequence[str]) -> Done:
    """Run a command in the execution environment, without a terminal."""
    whole = ["podman", "run", "--rm", *limits(), *options, environment.IMAGE, *command]
    done = subprocess.run(whole, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200, check=False)
    return Done(done.returncode, done.stdout + done.stderr)

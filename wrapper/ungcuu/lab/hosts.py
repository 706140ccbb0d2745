"""Start, stop and look at the hosts of one lab."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ungcuu.core.atomic import make_private, put
from ungcuu.core.debian import DEFAULT
from ungcuu.lab import images
from ungcuu.lab.machines import Machine, Seed
from ungcuu.lab.podman import LabError, ensure_installed, find_runtime, inspect, installed, podman, run_options

_NETWORK = ipaddress.ip_network("198.51.100.0/24")  # TEST-NET-2 (RFC 5737): never a real neighbour's address
_SLOTS = 16
_ATTEMPTS = 4


@dataclass(frozen=True)
class LabHost:
    """One kind of host: its image and its place in the lab's network (added to the network's address)."""

    name: str
    image: str
    offset: int


HOSTS = (
    LabHost("web01", "website", 2),
    LabHost("vault01", "base", 3),
    LabHost("intruder01", "base", 4),
    LabHost("spare01", "base", 5),
)
DEFAULT_HOSTS = ("web01", "vault01", "intruder01")


def _quiet(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Lab:
    """A lab in one slot (0 to 15); `folder` holds its keys and pinned host keys, mode 0700."""

    slot: int
    folder: Path

    @classmethod
    def from_environment(cls, state: Path) -> Lab:
        """The lab that UNGCUU_LAB_SLOT names (default 0), its files below the state folder.

        Raises:
            LabError: the slot is not a number from 0 to 15.
        """
        text = os.environ.get("UNGCUU_LAB_SLOT") or "0"
        if not text.isdecimal() or int(text) >= _SLOTS:
            raise LabError(f"UNGCUU_LAB_SLOT must be a number from 0 to {_SLOTS - 1}, not {text!r}.")
        return cls(int(text), state / "lab" / text)

    def container(self, host: str) -> str:
        """Container name of a host."""
        return f"ungcuu{self.slot}-{self.find(host).name}"

    def address(self, host: str, version: int = 4) -> str:
        """The host's IPv4 or IPv6 address; "controller" is the machine that the lab runs on."""
        offset = 1 if host == "controller" else self.find(host).offset
        return str(self._subnet(version).network_address + offset)

    @staticmethod
    def find(host: str) -> LabHost:
        """The host of that name.

        Raises:
            LabError: no such host; the message lists those that exist.
        """
        for candidate in HOSTS:
            if candidate.name == host:
                return candidate
        raise LabError(f"The lab has no host {host!r}; it has {', '.join(known.name for known in HOSTS)}.")

    def up(
        self, hosts: Sequence[str] = DEFAULT_HOSTS, debian: str = DEFAULT, say: Callable[[str], None] = _quiet
    ) -> None:
        """Bring up the hosts; what already runs is left as it is.

        Raises:
            LabError: an image, the network or a host could not be made, or a host runs another Debian version.
        """
        machines = {self.find(name).name for name in os.environ.get("UNGCUU_LAB_MACHINES", "").split()}
        if machines & set(hosts):
            hosts = [*hosts, *({"intruder01"} - machines - set(hosts))]  # a bridge is there while a container is on it
        wanted = [host for host in map(self.find, hosts) if host.name not in machines]
        ensure_installed()
        self._make_keys()
        with FileLock(self.folder.parent / "build.lock"):
            self._make_network()
            kinds = sorted({host.image for host in wanted})
            tags = {kind: images.ensure(kind, debian, self._network_name, say) for kind in kinds}
        runtime: list[str] | None = None
        for host in wanted:
            known = inspect(self.container(host.name))
            if known is None:
                runtime = find_runtime(tags[host.image]) if runtime is None else runtime
                say(f"starting {host.name} (Debian {debian}, {self.address(host.name)})")
                self._create(host, tags[host.image], debian, runtime)
            elif known["Config"]["Labels"].get("ungcuu.debian") != debian:
                runs = known["Config"]["Labels"].get("ungcuu.debian")
                raise LabError(f"{host.name} runs Debian {runs}; take it down first: ungcuu lab down {host.name}")
            podman("start", self.container(host.name))
        self._keep_bridge_address()
        for host in wanted:
            images.wait_for_boot(self.container(host.name))
        for name in machines & set(hosts):
            self._up_machine(self.find(name), debian, say)

    def _up_machine(self, host: LabHost, debian: str, say: Callable[[str], None]) -> None:
        machine = self._machine(host.name)
        with FileLock(self.folder.parent / "build.lock"):
            image = images.ensure(f"{host.image}-machine", debian, self._network_name, say)
            if not machine.exists:
                say(f"starting {host.name} (Debian {debian}, {self.address(host.name)}, a machine of its own)")
                machine.create(image, debian, self._seed(host), say)
        if machine.debian != debian:
            raise LabError(f"{host.name} runs Debian {machine.debian}; take it down first: ungcuu lab down {host.name}")
        machine.start(self._bridge())

    def _machine(self, host: str) -> Machine:
        return Machine(self.slot, self.find(host).name)

    def _bridge(self) -> str:
        network = json.loads(podman("network", "inspect", self._network_name).stdout)[0]
        return str(network["network_interface"])

    def _keep_bridge_address(self) -> None:
        """Give the controller's side one hardware address for good: a bridge takes on that of whichever host is there.

        An isolated host goes on answering to the hardware address that this controller had when it was cut off.
        """
        address = f"02:75:c0:1a:{self.slot:02x}:01"
        command = ["ip", "link", "set", "dev", self._bridge(), "address", address]
        subprocess.run(command, capture_output=True, check=False)  # there is no bridge where all hosts are machines

    def _seed(self, host: LabHost) -> Seed:
        """What makes an image this host: the same as a container gets."""
        versions = (4, 6)
        key = self.folder / f"host_{host.name}"
        files = {
            "etc/ssh/ssh_host_ed25519_key": (0o600, key.read_bytes()),
            "etc/ssh/ssh_host_ed25519_key.pub": (0o644, key.with_suffix(".pub").read_bytes()),
            "home/ungcuu/.ssh/authorized_keys": (0o600, (self.folder / "id_ed25519.pub").read_bytes()),
        }
        addresses = [f"{self.address(host.name, v)}/{self._subnet(v).prefixlen}" for v in versions]
        return Seed(host.name, self._hardware_address(host), addresses, self.address("controller"), files)

    def down(self, hosts: Sequence[str] = ()) -> None:
        """Remove the hosts (all of the lab by default, its network too); images and keys stay."""
        if not installed():  # a drill on a fresh machine clears the ground before anything is there
            return
        for host in hosts or [known.name for known in HOSTS]:
            if (machine := self._machine(host)).exists:
                machine.remove()
            podman("rm", "-f", "-t", "0", "-v", self.container(host), check=False)
        if not hosts:
            podman("network", "rm", "-f", self._network_name, check=False)

    def replace(self, host: str, debian: str = DEFAULT, say: Callable[[str], None] = _quiet) -> None:
        """A new machine in the host's place: bare Debian, an empty disk, and a new host key that nobody has pinned.

        Raises:
            LabError: the image or the host could not be made.
        """
        self.down([host])
        for old in (self.folder / f"host_{host}", self.folder / f"host_{host}.pub"):
            old.unlink(missing_ok=True)
        self._make_key(f"host_{host}")
        with FileLock(self.folder.parent / "build.lock"):
            image = images.ensure("base", debian, self._network_name, say)
        self._create(self.find(host), image, debian, find_runtime(image))
        images.wait_for_boot(self.container(host))

    def _kept(self, host: str) -> str:
        return f"localhost/{self.container(host)}-kept"

    def keep(self, hosts: Sequence[str]) -> None:
        """Keep the disks of hosts as images of this lab; the hosts are stopped for it, so that each file is whole."""
        for host in hosts:
            podman("stop", "-t", "30", self.container(host))
            podman("commit", "-q", self.container(host), self._kept(host))
            podman("start", self.container(host))
        self._keep_bridge_address()
        for host in hosts:
            images.wait_for_boot(self.container(host))

    def put_back(self, hosts: Sequence[str], debian: str = DEFAULT) -> None:
        """Make hosts again from their kept disks, with the addresses and keys that they had.

        Raises:
            LabError: a host was not kept, or could not be made.
        """
        for host in hosts:
            self._remove(host)
        runtime = find_runtime(self._kept(hosts[0]))
        for host in hosts:
            self._create(self.find(host), self._kept(host), debian, runtime)
        self._keep_bridge_address()
        for host in hosts:
            images.wait_for_boot(self.container(host))

    def _remove(self, host: str) -> None:
        """Remove a host's container; on a busy machine podman was seen to fail at that once and to succeed then.

        Raises:
            LabError: it is still there.
        """
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt)
            podman("rm", "-f", "-t", "0", "-v", self.container(host), check=False)
            if inspect(self.container(host)) is None:
                return
        raise LabError(f"{self.container(host)} could not be removed: podman rm -f {self.container(host)}")

    def drop_kept(self, hosts: Sequence[str]) -> None:
        """Remove the kept disks."""
        for host in hosts:
            podman("image", "rm", "-f", self._kept(host), check=False)

    def restart(self, host: str) -> None:
        """Stop and start a host: what stands for a reboot here."""
        if (machine := self._machine(host)).exists:
            machine.restart()
            return
        podman("restart", "-t", "10", self.container(host))
        self._keep_bridge_address()
        images.wait_for_boot(self.container(host))

    def status(self) -> dict[str, dict[str, str]]:
        """Each host's state ("absent", "running", …), address and Debian version."""
        rows = {}
        for host in HOSTS:
            known, machine = inspect(self.container(host.name)), self._machine(host.name)
            rows[host.name] = {
                "state": known["State"]["Status"] if known else "absent",
                "address": self.address(host.name),
                "debian": known["Config"]["Labels"].get("ungcuu.debian", "") if known else "",
            }
            if machine.exists:
                rows[host.name] |= {"state": "running" if machine.running else "exited", "debian": machine.debian}
        return rows

    def exec(self, host: str, command: Sequence[str], stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the host as root, by the lab's back door: also when the host is cut off."""
        if (machine := self._machine(host)).exists:
            return machine.exec(command, stdin)
        return podman("exec", "-i", self.container(host), *command, stdin=stdin, check=False)

    def _hardware_address(self, host: LabHost) -> str:
        """A locally administered one that stays: after a restart, neighbours would go on asking for the old one."""
        return f"02:75:c0:1a:{self.slot:02x}:{host.offset:02x}"

    @property
    def _network_name(self) -> str:
        return f"ungcuu{self.slot}"

    def _subnet(self, version: int) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        if version == 4:
            return ipaddress.ip_network((int(_NETWORK.network_address) + 16 * self.slot, 28))
        return ipaddress.ip_network(f"fd5a:75c0:1ab:{self.slot:x}::/64")

    def _make_network(self) -> None:
        if podman("network", "exists", self._network_name, check=False).returncode == 0:
            return
        subnets = [f"--subnet={self._subnet(version)}" for version in (4, 6)]
        podman("network", "create", "--disable-dns", "--ipv6", *subnets, self._network_name)

    def _make_keys(self) -> None:
        """A login key for the lab and a host key for each host, pinned before anything starts."""
        make_private(self.folder)
        with FileLock(self.folder / "keys.lock"):
            lines = []
            for name in ("id_ed25519", *(f"host_{host.name}" for host in HOSTS)):
                self._make_key(name)
            for host in HOSTS:
                public = (self.folder / f"host_{host.name}.pub").read_text(encoding="ascii").split()[:2]
                names = (host.name, self.address(host.name), self.address(host.name, 6))
                lines.append(f"{','.join(names)} {' '.join(public)}\n")
            put(self.folder / "known_hosts", "".join(lines))

    def _make_key(self, name: str) -> None:
        key = self.folder / name
        if not key.exists():
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"ungcuu-lab-{name}"]
            subprocess.run([*make, "-f", str(key)], check=True, stdin=subprocess.DEVNULL)

    def _create(self, host: LabHost, image: str, debian: str, runtime: list[str]) -> None:
        container = self.container(host.name)
        podman(
            *runtime,
            "create",
            "--name",
            container,
            "--hostname",
            host.name,
            "--network",
            self._network_name,
            "--ip",
            self.address(host.name),
            "--ip6",
            self.address(host.name, 6),
            "--mac-address",
            self._hardware_address(host),
            "--label",
            f"ungcuu.debian={debian}",
            "--add-host",
            "portal.lab.test:127.0.0.1",
            *run_options([]),
            image,
            "/sbin/init",
        )
        key, public = self.folder / f"host_{host.name}", self.folder / f"host_{host.name}.pub"
        podman("cp", str(key), f"{container}:/etc/ssh/ssh_host_ed25519_key")
        podman("cp", str(public), f"{container}:/etc/ssh/ssh_host_ed25519_key.pub")
        podman("start", container)
        login = (self.folder / "id_ed25519.pub").read_bytes()
        script = (
            "umask 077; chown root:root /etc/ssh/ssh_host_*; chmod 600 /etc/ssh/ssh_host_ed25519_key;"
            "cat > /home/ungcuu/.ssh/authorized_keys; chown ungcuu:ungcuu /home/ungcuu/.ssh/authorized_keys"
        )
        podman("exec", "-i", container, "sh", "-ec", script, stdin=login)

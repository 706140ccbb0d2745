"""Lab hosts as virtual machines (QEMU): for what a container can't show.

A machine boots its own kernel, so a reboot, kernel settings, audit rules, AppArmor and clocks are real. It is the same
image as the container with a kernel added, has the same name, address and keys, and hangs on the same network.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu.lab.podman import LabError, ensure_installed, podman

STORE = Path("/var/lib/ungcuu-lab")  # disks; slots are of this machine, as the containers' names are
_PACKAGES = ("qemu-system-x86", "qemu-utils", "e2fsprogs", "iproute2")
_PROGRAMS = ("qemu-system-x86_64", "qemu-img", "mke2fs", "ip")
_DISK, _MEMORY_MIB, _CORES = "12G", 2048, 2
_BOOT_SECONDS = 600  # without KVM everything is computed
_PROBE_SECONDS = 30
_AGENT_SECONDS = 30
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Seed:
    """What makes an image this host: name, addresses with prefix, gateway, and files by path (no leading slash)."""

    name: str
    hardware: str
    addresses: Sequence[str]
    gateway: str
    files: Mapping[str, tuple[int, bytes]]


class Machine:
    """One machine of one slot. Nothing is kept in memory: another process can go on with it."""

    def __init__(self, slot: int, host: str) -> None:
        self._host = host
        self._tap = f"uc{slot}{host[:9]}"
        self._folder = STORE / str(slot) / host

    @property
    def exists(self) -> bool:
        """Whether this host was made as a machine."""
        return (self._folder / "disk.qcow2").exists()

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process() is not None

    @property
    def debian(self) -> str:
        """Debian release that it was made with."""
        return (self._folder / "debian").read_text("ascii")

    def create(self, image: str, debian: str, seed: Seed, say: Callable[[str], None]) -> None:
        """Lay its disk over the image's, and write what makes it this host.

        Raises:
            LabError: QEMU is missing and can't be installed, or the image can't be built.
        """
        ensure_installed(_PROGRAMS, _PACKAGES)
        base = _ensure_disk(image, say)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        (self._folder / "debian").write_text(debian, "ascii")
        (self._folder / "seed.tar").write_bytes(_archive(seed))
        (self._folder / "mac").write_text(seed.hardware, "ascii")
        (self._folder / "base").symlink_to(base)
        _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(base / "disk.raw"), str(self._disk))

    def start(self, bridge: str) -> None:
        """Start it on the lab's network, unless it runs, and wait until it has booted."""
        if not self.running:
            self._unplug()
            _run("ip", "tuntap", "add", self._tap, "mode", "tap")
            _run("ip", "link", "set", self._tap, "master", bridge, "up")
            _run(*self._command())
        self.wait()

    def wait(self, unlike: str = "") -> None:
        """Wait until it has booted, with another boot id than `unlike`.

        Raises:
            LabError: not up in time; its console's last lines say why.
        """
        deadline = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(LabError, OSError, ValueError):
                if self._boot_id() != unlike:
                    state = self.exec(["systemctl", "is-system-running"]).stdout.strip()
                    if state in (b"running", b"degraded"):
                        return
            time.sleep(0.5)
        console = (self._folder / "console").read_text("utf-8", "replace")[-800:]
        raise LabError(f"{self._host} did not boot in {_BOOT_SECONDS} s: {console}")

    def restart(self) -> None:
        """Reboot it, as its own systemd does."""
        before = self._boot_id()
        with contextlib.suppress(LabError, OSError, ValueError):  # the agent is ended with everything else
            self.exec(["systemctl", "reboot"])
        self.wait(unlike=before)

    def remove(self) -> None:
        """Switch it off and remove its disk."""
        process = self._process()
        if process is not None:
            os.kill(process, signal.SIGKILL)
            while self.running:
                time.sleep(_POLL_SECONDS)
        self._unplug()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _unplug(self) -> None:
        if Path("/sys/class/net", self._tap).exists():
            _run("ip", "link", "delete", self._tap)  # works while a killed machine still lets go of it, unlike tuntap's

    def exec(self, command: Sequence[str], stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root by the guest agent, which needs no network. Its output is kept up to 16 MiB.

        Raises:
            LabError: the agent does not answer, or knows no such program.
        """
        order: dict[str, Any] = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        if stdin is not None:
            order["input-data"] = base64.b64encode(stdin).decode()
        started = self._ask("guest-exec", order)
        while not (state := self._ask("guest-exec-status", {"pid": started["pid"]}))["exited"]:
            time.sleep(_POLL_SECONDS)
        said = [base64.b64decode(state.get(name, "")) for name in ("out-data", "err-data")]
        return subprocess.CompletedProcess(list(command), state.get("exitcode", 128 + state.get("signal", 0)), *said)

    @property
    def _disk(self) -> Path:
        return self._folder / "disk.qcow2"

    def _boot_id(self) -> str:
        return self.exec(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.decode()

    def _process(self) -> int | None:
        """Id of its process; a number that another program has by now does not count."""
        try:
            number = int((self._folder / "pid").read_text("ascii"))
            line = Path(f"/proc/{number}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return number if str(self._disk).encode() in line else None

    def _ask(self, what: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """One question a connection: the agent talks with one caller at a time, and a command may run for long."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_AGENT_SECONDS)
            line.connect(str(self._folder / "agent"))
            return _Agent(line, self._host).ask(what, arguments)

    def _command(self) -> list[str]:
        base, folder = self._folder / "base", self._folder
        accelerator, processor = _accelerator(base)
        options = {
            "display": "none",
            "pidfile": folder / "pid",
            "accel": accelerator,
            "cpu": processor,
            "m": _MEMORY_MIB,
            "smp": _CORES,
            "serial": f"file:{folder / 'console'}",
            "kernel": base / "vmlinuz",
            "initrd": base / "initrd.img",
            "append": "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet",
            "netdev": f"tap,id=lab,ifname={self._tap},script=no,downscript=no",
            "chardev": f"socket,id=agent,path={folder / 'agent'},server=on,wait=off",
        }
        drives = [
            f"file={self._disk},if=virtio,discard=unmap,cache=unsafe",
            f"file={folder / 'seed.tar'},if=virtio,format=raw,readonly=on",
        ]
        devices = [
            "virtio-rng-pci",
            f"virtio-net-pci,netdev=lab,mac={(folder / 'mac').read_text('ascii')}",
            "virtio-serial-pci",
            "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        ]
        command = ["qemu-system-x86_64", "-nodefaults", "-daemonize"]
        command += [word for name, value in options.items() for word in (f"-{name}", str(value))]
        command += [word for drive in drives for word in ("-drive", drive)]
        return command + [word for device in devices for word in ("-device", device)]


class _Agent:
    """The QEMU guest agent's protocol: a line of JSON each way."""

    def __init__(self, line: socket.socket, host: str) -> None:
        self._line, self._host, self._rest = line, host, b""
        # What an earlier, interrupted talk left in the line is passed over up to the answer to this number.
        number = time.monotonic_ns() & 0x7FFFFFFF
        self._send("guest-sync", {"id": number})
        while self._read() != {"return": number}:
            pass

    def ask(self, what: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one question.

        Raises:
            LabError: the agent refuses, with its own words.
        """
        self._send(what, arguments)
        answer = self._read()
        if "return" not in answer:
            raise LabError(f"{self._host}: {answer.get('error', {}).get('desc', 'the guest agent gave no answer')}")
        return dict(answer["return"])

    def _send(self, what: str, arguments: Mapping[str, Any]) -> None:
        self._line.sendall(json.dumps({"execute": what, "arguments": arguments}).encode() + b"\n")

    def _read(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            block = self._line.recv(2**20)
            if not block:
                raise LabError(f"{self._host}: the guest agent is gone")
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))


def _ensure_disk(image: str, say: Callable[[str], None]) -> Path:
    """Folder with disk, kernel and initial file system of a container image that has a kernel; made once."""
    folder = STORE / "images" / image.rpartition("/")[2].replace(":", "-")
    if (folder / "disk.raw").exists():
        return folder
    say("making a machine's disk (about 20 s, once)")
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(podman("image", "mount", image).stdout.decode().strip())
    try:
        for kind in ("vmlinuz", "initrd.img"):
            shutil.copyfile(root / (root / kind).readlink(), folder / kind)
        fresh = folder / "disk.new"
        fresh.unlink(missing_ok=True)
        _run("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(fresh), _DISK)
    finally:
        podman("image", "umount", image, check=False)
    fresh.rename(folder / "disk.raw")
    return folder


def _accelerator(base: Path) -> tuple[str, str]:
    """Accelerator and processor model that boot a kernel here: KVM, else computed (10 to 20 times slower).

    A machine that is itself virtual may have a /dev/kvm on which guests hang, so it is tried rather than guessed: a
    kernel that finds no root panics, and leaves.
    """
    fast, slow = ("kvm", "host,arch-capabilities=off"), ("tcg", "max")
    known = STORE / "accelerator"
    if not known.exists():
        command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-m", "512"]
        command += ["-accel", fast[0], "-cpu", fast[1], "-kernel", str(base / "vmlinuz"), "-append", "panic=-1"]
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False)
            known.write_text(fast[0] if done.returncode == 0 else slow[0], "ascii")
        if not known.exists():
            known.write_text(slow[0], "ascii")
    return fast if known.read_text("ascii") == fast[0] else slow


def _archive(seed: Seed) -> bytes:
    """The seed as a tar archive, which the machine's first boot unpacks."""
    network = [f"[Match]\nMACAddress={seed.hardware}\n[Network]\nGateway={seed.gateway}\nIPv6AcceptRA=no\n"]
    network += [f"Address={address}\n" for address in seed.addresses]
    own = {
        "etc/hostname": (0o644, f"{seed.name}\n".encode()),
        "etc/hosts": (0o644, f"127.0.0.1 localhost portal.lab.test\n127.0.1.1 {seed.name}\n::1 localhost\n".encode()),
        "etc/resolv.conf": (0o644, Path("/etc/resolv.conf").read_bytes()),
        "etc/systemd/network/10-lab.network": (0o644, "".join(network).encode()),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (mode, content) in {**own, **seed.files}.items():
            entry = tarfile.TarInfo(path)
            entry.mode, entry.size = mode, len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{command[0]} failed: {done.stderr.strip()[-400:]}")

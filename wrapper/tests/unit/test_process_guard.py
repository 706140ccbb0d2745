"""A run's processes are weighed all the time, so that must cost little and miss nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from ungcuu.core import process_guard

_MIB = 1 << 20
_GROWS = "import sys; held = []\nfor line in sys.stdin: held.append(b'x' * int(line)); print(flush=True)"


@pytest.fixture
def start() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """A process that takes as many bytes as it is told."""
    running: list[subprocess.Popen[str]] = []

    def make() -> subprocess.Popen[str]:
        command = [sys.executable, "-I", "-c", _GROWS]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        take(running[-1], 1)
        return running[-1]

    yield make
    for process in running:
        process.kill()
        process.communicate()


def take(process: subprocess.Popen[str], size: int) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{size}\n")
    process.stdin.flush()
    process.stdout.readline()


def test_growth_is_noticed_whoever_grows(start: Callable[[], subprocess.Popen[str]]) -> None:
    """Each alone stays below the limit. Seen failing where growth counts from the look before, not the exact one."""
    processes = [start(), start()]
    pids, scale = [process.pid for process in processes], process_guard.Scale()
    most = process_guard.memory(pids) + 30 * _MIB
    for number in range(20):
        over = scale.is_over(pids, most)
        assert over is (process_guard.memory(pids) > most), number
        take(processes[number % 2], 3 * _MIB)
    assert over


def test_a_new_process_is_weighed(start: Callable[[], subprocess.Popen[str]]) -> None:
    """Seen failing with a scale that knows only the processes of its first look."""
    first, scale = start(), process_guard.Scale()
    most = process_guard.memory([first.pid]) + 30 * _MIB
    assert scale.is_over([first.pid], 0), "an exact look"
    assert not scale.is_over([first.pid], most)
    second = start()
    take(second, 60 * _MIB)
    assert scale.is_over([first.pid, second.pid], most)


def test_what_stays_as_it_is_is_read_once(
    start: Callable[[], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exact look holds a process still for milliseconds: a playbook's dozen cost a twentieth of a processor."""
    process, scale, exact = start(), process_guard.Scale(), []
    take(process, 40 * _MIB)
    weigh = process_guard.memory
    monkeypatch.setattr(process_guard, "memory", lambda pids: exact.append(1) or weigh(pids))
    for _ in range(10):
        assert not scale.is_over([process.pid, process.pid + 1_000_000], 45 * _MIB + 30 * _MIB)
    assert len(exact) <= 1


def test_workers_are_distinguished_from_what_they_start(start: Callable[[], subprocess.Popen[str]]) -> None:
    """Where the controller is the vault, apt runs below a worker, and reads much. Seen failing: `backup` stopped."""
    main, worker = start(), start()  # the same command line, as after a fork
    other = subprocess.Popen(["sleep", "60"])
    try:
        assert process_guard.forks(main.pid, [main.pid, worker.pid, other.pid, 2**22 + 1]) == [worker.pid]
    finally:
        other.kill()
        other.wait()
    assert process_guard.forks(0, [main.pid]) == []


def test_what_an_ended_child_read_is_not_what_its_parent_read() -> None:
    """apt on a controller that is the vault reads more than any host may answer: the first backup was stopped for it.

    Seen failing where the process's own sum is read: the kernel adds a child's to it as soon as that has ended.
    """
    worker = (
        "import subprocess, sys\n"
        "subprocess.run(['head', '-c', '40000000', '/dev/zero'], stdout=subprocess.DEVNULL, check=True)\n"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        parent.stdout.readline()
        assert process_guard.most_read([parent.pid]) < 30 * _MIB


def test_what_a_process_itself_reads_counts() -> None:
    """An endless answer still ends the run."""
    worker = "import sys\nopen('/dev/zero', 'rb').read(40_000_000)\nprint(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout
        reader.stdout.readline()
        assert process_guard.most_read([reader.pid]) > 30 * _MIB

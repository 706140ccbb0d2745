"""What a quiet round of the watch costs, in CPU seconds (medians): ``python wrapper/bench/watch.py [FILES] [LINES]``.

The quick look is compared with a bare ``find -printf`` of the same tree; the lines of a log with nothing.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from statistics import median

from ungcuu.hosts import profiles
from ungcuu.watch import quick_look
from ungcuu.watch.logs import judge
from ungcuu.watch.logs.lines import lines
from ungcuu.watch.logs.memory import Memory

_LINE = (
    '203.0.113.{who} - - [28/Nov/2026:12:00:00 +0000] "GET /tin-tuc/bai-{number}?trang={number} HTTP/1.1" 200 {size} '
    '"https://www.example.gov.vn/" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0"\n'
)


def main(files: int, count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:  # noqa: S108 - a disk, not memory
        for number in range(files):
            path = Path(name, f"d{number // 100}", f"file{number}.php")
            path.parent.mkdir(exist_ok=True)
            path.touch()
        form = "%p %m %U %G %i %n %s %T@ %C@\\n"
        bare = child(["find", name, "-printf", form])
        feed = resources.files("ungcuu.remote").joinpath("tree_marks.sh").read_bytes()
        look = child(quick_look.arguments([name], [f"{name}/d0"]), feed)
        print(f"find -printf of {files} files {bare:8.3f} s")
        print(f"quick look                    {look:8.3f} s  ({look / bare:.2f} times)")
    data = "".join(_LINE.format(who=n % 250, number=n % 500, size=20_000 + n % 99) for n in range(count)).encode()
    site = judge.Site("web01", profiles.load("wordpress").login, ("wp-content/uploads",))

    def read() -> None:
        judge.judge(site, judge.Batch([one for one in lines(data) if one], {}), Memory())

    print(f"{count} lines of a log judged {here(read):8.3f} s")


def child(words: Sequence[str], feed: bytes = b"") -> float:
    """The CPU time of a program and of what it starts."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, input=feed, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    once()
    return median(once() for _ in range(7))


def here(work: Callable[[], object]) -> float:
    """The CPU time of something in this process."""
    found = []
    for _ in range(3):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return median(found)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    main(*given, *(20_000, 50_000)[len(given) :])

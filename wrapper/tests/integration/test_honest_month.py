"""A month of honest work on two applications, looked at by the watch: nobody is woken for it.

Its days follow each other without their nights: what the watch counts within an hour, as wrong logins, is here the sum
of the month.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conformance.course import Course
from conformance.editors import EDITORS
from conformance.site import stacks

from ungcuu.lab import Lab

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(5400)]

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
ROOT = Path(__file__).parents[3]
DAYS, DAYS_OF_A_WEEK = 22, 5
# Programs that an administrator of the host installs, one a week.
PACKAGES = ("tree", "htop", "ncdu", "pv", "jq")
VISITORS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)
# A small change of its looks, as the office's own technician makes one; where its files are.
LOOKS = {"wordpress": "/var/www/portal/wp-content/themes", "dokuwiki": "/usr/share/dokuwiki/lib/tpl"}


@pytest.mark.parametrize("name", ["wordpress-nginx-mariadb", "dokuwiki-apache"])
def test_a_month_of_honest_work_wakes_nobody(
    name: str,
    fresh: Callable[..., Lab],
    ungcuu_on: Callable[[str | Path], Ungcuu],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No critical alert, and at most one a week."""
    stack = stacks()[name]
    lab = fresh(stack.host, "vault01")
    monkeypatch.setenv("UNGCUU_STATE", str(tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o700)
    course = Course(lab, stack, tmp_path / "inventory", ungcuu_on)
    assert course.play("backup").failed == []
    month = Month(course, ungcuu_on(tmp_path / "inventory"))
    month.verb("watch", "approve", stack.host)
    month.look("before")
    assert month.alerts == [], "an alert of the first look is no fault of honest work"
    for day in range(1, DAYS + 1):
        month.work(day)
        month.look(f"day {day}")
    found = Counter(row["severity"] for _day, row in month.alerts)
    rows = [f"{day}: {row['severity']} {row['rule']} {row['place']}" for day, row in month.alerts]
    report = {"site": name, "days": DAYS, "alerts": rows, "explained": sorted(month.explained)}
    folder = Path(os.environ.get("UNGCUU_HONEST_MONTH", ROOT / ".check" / "honest_month"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert found["critical"] == 0, rows
    assert sum(found.values()) <= DAYS / DAYS_OF_A_WEEK, rows


class Month:
    """What people do, and what the watch says about it."""

    def __init__(self, course: Course, ungcuu: Ungcuu) -> None:
        self.course, self.host, self.name = course, course.host, course.stack.host
        self.ungcuu = ungcuu
        self.alerts: list[tuple[str, dict[str, Any]]] = []
        self.explained: set[str] = set()

    def verb(self, *words: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        code, document, said = self.ungcuu(*words)
        assert code in codes, f"{words}: {code} {document} {said}"
        return document

    def look(self, day: str) -> None:
        """One round, as the timer's."""
        for alert in self.verb("watch", "round", self.name, codes=(0, 13))["raised"]:
            sight = alert["sight"]
            if sight["explained"]:
                self.explained.add(f"{sight['rule']} {sight['place']}")
            else:
                self.alerts.append((day, sight))

    def work(self, day: int) -> None:
        """One day of the office."""
        self.course.editor.work()  # logs in, writes, uploads
        self.visit()
        if day % 2:
            self.mistype()
        if day % DAYS_OF_A_WEEK == 1:
            self.host.run(f"DEBIAN_FRONTEND=noninteractive apt-get install -y -qq {PACKAGES[day // DAYS_OF_A_WEEK]}")
        if day % DAYS_OF_A_WEEK == 3:
            self.host.run("logrotate -f /etc/logrotate.conf 2>/dev/null || true")
        if day % DAYS_OF_A_WEEK == 0:
            self.verb("backup", self.name)
        if day == DAYS // 2:
            self.change_looks()

    def visit(self) -> None:
        """Strangers read, also what is not there."""
        for agent in VISITORS:
            for path in ("/", "/index.php", "/robots.txt", "/favicon.ico", "/gioi-thieu"):
                self.course.editor.ask("GET", path, headers={"User-Agent": agent})

    def mistype(self) -> None:
        """The editor's second try is right."""
        stack = self.course.stack
        wrong = EDITORS[stack.application](self.host.address, stack.facts["website_name"], "sai-roi")
        with pytest.raises(AssertionError):
            wrong.log_in()

    def change_looks(self) -> None:
        """Announced, done, and signed when it is done."""
        self.verb("watch", "deployment", self.name, "--minutes", "30", "--reason", "a new colour")
        self.host.run(f"for css in $(find {LOOKS[self.course.stack.application]} -name '*.css' | head -3); do "
                      "echo '/* xanh */' >>$css; done")  # fmt: skip # a script
        self.look("the new looks")
        self.verb("baseline", self.name, "--reason", "a new colour")

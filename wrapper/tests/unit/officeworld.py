"""An office with a bit of everything on its board and in its letters: two units, cases, drills, updates, an audit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from casebook import write_case
from preparedness_world import NOW, World, at

from ungcuu.case import lessons
from ungcuu.case.case import Case, find, open_case

ROOT = Path(__file__).resolve().parents[3]
HOSTS = """\
all:
  children:
    website:
      hosts:
        web01: {ansible_host: 192.0.2.10}
        web02: {ansible_host: 192.0.2.11}
"""
PATCHED: Mapping[str, Any] = {
    "name": "patch_result",
    "packages": 14,
    "exposure_days": {"CVE-2026-1111": 12, "CVE-2026-2222": 3},
    "longest_exposure_days": 12,
    "unread_changelogs": [],
    "kept_back": [{"package": "php8.4-fpm", "why": "held by a person", "to": "8.4.12", "cves": []}],
    "still_open": [{"id": "CVE-2026-3333", "fix": False}],
    "reboot": ["the kernel was replaced"],
}
AUDIT: Mapping[str, Any] = {
    "host": "web01",
    "time": "2026-11-20T08:15:00+00:00",
    "score": 93,
    "of": 70,
    "counts": {"pass": 65, "fail": 2, "waived": 1, "not assessed": 2, "not applicable": 6, "off": 1},
    "controls": [
        {"id": "ssh_password_login", "title": "t", "status": "fail", "detail": "PasswordAuthentication yes"},
        {"id": "time_sync", "title": "t", "status": "not assessed", "detail": "its check did not run"},
        {
            "id": "waf",
            "title": "t",
            "status": "waived",
            "owner": "Lê Bình",
            "reason": "nhà thầu đang sửa biểu mẫu",
            "expires": "2027-01-31",
        },
        {"id": "log_retention", "title": "t", "status": "pass"},
    ],
    "previous": "2026-05-20T08:15:00+00:00",
    "drift": [{"id": "ssh_password_login", "before": "pass", "now": "fail"}],
    "application": None,
}
DRILL = {
    "scenario": "webshell",
    "outcome": "DONE",
    "case": "UC-20261125-001",
    "seconds_to_detect": 14.2,
    "seconds_to_contain": 3.4,
    "seconds_to_recover": 212.0,
}


class Office(World):
    """The world of the register's tests with a past of half a year, up to :data:`NOW`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.inventory / "hosts.yml").write_text(HOSTS, "utf-8")
        (self.inventory / "reporting").mkdir()
        example = ROOT / "inventory/example/reporting/site.yml"
        (self.inventory / "reporting" / "site.yml").write_bytes(example.read_bytes())
        self.settings = replace(self.settings, inventory=self.inventory)
        self._register()
        self._work()
        self.incident = self._incidents()
        self._drills()

    def _register(self) -> None:
        people = ["Nguyễn An", "Lê Bình", "Trần Cúc"]
        self.add("unit", "unit-qltt", title="Chi cục Quản lý thị trường", hosts=["web02"])
        self.add("awareness", title="Mật khẩu và lừa đảo qua thư điện tử", date="2026-10-02", attendees=people)
        self.add("awareness", title="Luật An ninh mạng", due="2026-12-10", owner="Lê Bình")
        self.add("training", title="An toàn thông tin cơ bản", date="2026-03-01", until="2028-03-01", person="Lê Bình")
        self.add("review", title="Rà soát tài khoản quý 4", date="2026-11-05", subject="accounts", owner="Lê Bình")
        self.add("approval", title="Kế hoạch cập nhật tháng 11", date="2026-11-03", subject="change", approved_by="GĐ")
        self.add("meeting", title="Họp Ban chỉ đạo", date="2026-10-15", minutes="biên bản 14/BB-VP")
        self.add(
            "contact", title="Đội ứng cứu sự cố tỉnh", date="2026-11-02", phone="0200 000 004", role="response-team"
        )

    def _work(self) -> None:
        for ago in (30, 3):
            for host in ("web01", "web02"):
                self.run("scan", host, ago)
        self.patch("web01", 20)
        self.run("patch", "web02", 20, outcome="NOT DONE")
        self.run("audit", "web01", 8)
        folder = self.settings.host_dir("web01")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audit.json").write_text(json.dumps(AUDIT), "utf-8")

    def patch(self, host: str, ago: float) -> None:
        self.runs += 1
        about = {"run": f"r{self.runs}", "verb": "patch", "hosts": [host]}
        with at(ago):
            journal = self.operations()
            journal.append("run_started", {**about, "options": {}, "inventory": str(self.inventory)})
            journal.append("snapshot", {"host": host, "data": dict(PATCHED)})
            journal.append("run_finished", {**about, "outcome": "DONE", "outcomes": {host: "DONE"}, "seconds": 140.0})

    def _incidents(self) -> Case:
        closed = write_case(self.settings)
        lessons.record(closed, "upload", "biểu mẫu hỏi đáp nhận tệp PHP", "cô lập trong 6 giây", "chưa có người trực")
        closed.add_task("gỡ biểu mẫu tải tệp", datetime(2026, 12, 15, tzinfo=UTC), "Lê Bình")
        facts = {"reporting": ["vn-2026", "vn-pdp"], "personal_data": "unknown", "detected_way": "notice-from-others"}
        with at(0.6):
            found = open_case(
                self.settings,
                ["web01"],
                "Chèn liên kết cờ bạc trên trang chủ",
                severity="critical",
                detected_at=NOW - timedelta(days=0.7),
                facts=facts,
            )
            self.run("isolate", ago=0.5, journal=found.journal())
        return found

    def _drills(self) -> None:
        apart = replace(self.settings, state=self.settings.state / "drill")
        self.played = write_case(apart)
        for ago, seconds, outcome in ((95, 9.1, "DONE"), (60, None, "NOT DONE"), (3, 3.4, "DONE")):
            with at(ago):
                data = {**DRILL, "case": self.played.id, "outcome": outcome, "seconds_to_contain": seconds}
                self.operations().append("drill", {name: value for name, value in data.items() if value is not None})
        with at(2):
            exercise = open_case(self.settings, ["web02"], "Diễn tập trên giấy: trang bị thay đổi", drill=True)
            find(self.settings, exercise.id).close("đã xong")

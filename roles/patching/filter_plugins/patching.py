"""Read what a host said about its packages, and decide on the controller whether an upgrade may go on.

The host is distrusted: every field is rebuilt from characters that it may consist of, nothing is passed on as it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

MAX_ANSWER = 8 * 1024 * 1024
MAX_ROWS = 5000
NAME = re.compile(r"[a-z0-9][a-z0-9+.:-]{0,120}")
VERSION = re.compile(r"[A-Za-z0-9.+:~-]{0,120}")
UNIT = re.compile(r"[A-Za-z0-9:@_.\\-]{1,120}\.service")
CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)?")
RUN_ID = re.compile(r"\d{8}T\d{6}Z")
CODE = re.compile(r"[a-z_]{1,40}")
WORDS = 700
MOST_NAMED = 50  # differences from a plan
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d{2}):(\d{2})-(\d{2}):(\d{2})")
STAGES = {"started", "checking", "repairing", "fetching", "saving", "upgrading", "restarting", "waiting", "going back"}
STAGES |= {"finished"}
OUTCOMES = {"", "done", "failed", "rolled_back", "rollback_failed"}


def words(value: object) -> str:
    """Text for people: printable ASCII without braces, so that it can neither move a cursor nor be a template."""
    if not isinstance(value, str):
        return ""
    return re.sub(r"[^\x20-\x7e]", "?", value[:WORDS]).replace("{", "(").replace("}", ")")


def exactly(pattern: re.Pattern[str], value: object) -> str:
    """The value if it is text that matches whole, else an empty text."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def whole(value: object) -> int:
    """The value if it is a sane count, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def rows(value: object) -> list[Any]:
    """The value if it is a list, cut to a sane length."""
    return value[:MAX_ROWS] if isinstance(value, list) else []


def mappings(value: object) -> list[dict[str, Any]]:
    """The mappings in a list."""
    return [row for row in rows(value) if isinstance(row, dict)]


def matching(pattern: re.Pattern[str], value: object) -> list[str]:
    """The texts in a list that match whole."""
    return [text for text in rows(value) if exactly(pattern, text)]


def document(answer: object) -> dict[str, Any]:
    """The mapping that a host answered, or the JSON object in its text; else an empty mapping."""
    if isinstance(answer, Mapping):
        return dict(answer)
    text = answer if isinstance(answer, str) else ""
    try:
        data = json.loads(text) if len(text) <= MAX_ANSWER else {}
    except (ValueError, RecursionError):
        data = {}
    return data if isinstance(data, dict) else {}


def fault(value: object) -> dict[str, str]:
    """A fault as the program on the host records it; empty where there is none."""
    if not isinstance(value, dict):
        return {}
    return {"code": exactly(CODE, value.get("code")) or "unknown", "words": words(value.get("words"))}


def cve(row: Mapping[str, Any]) -> dict[str, str]:
    """One vulnerability that an upgrade closes."""
    return {
        "id": exactly(CVE, row.get("id")),
        "version": exactly(VERSION, row.get("version")),
        "published": exactly(MOMENT, row.get("published")),
    }


def package(row: Mapping[str, Any]) -> dict[str, Any]:
    """One package of the plan."""
    return {
        "name": exactly(NAME, row.get("name")),
        "from": exactly(VERSION, row.get("from")),
        "to": exactly(VERSION, row.get("to")),
        "security": row.get("security") is True,
        "why": words(row.get("why"))[:200],
        "source": exactly(NAME, row.get("source")),
        "bytes": whole(row.get("bytes")),
        "changelog": row.get("changelog") is True,
        "cves": [entry for entry in map(cve, mappings(row.get("cves"))) if entry["id"]],
    }


def patching_plan(answer: object) -> dict[str, Any]:
    """The plan that a host made, rebuilt; with ``fault`` set where it made none."""
    data = document(answer)
    data = data["plan"] if isinstance(data.get("plan"), dict) else data
    unread = {"code": "no_answer", "words": "the host gave no readable plan"}
    return {
        "fault": {} if "packages" in data else fault(data.get("fault")) or unread,
        "made": exactly(MOMENT, data.get("made")),
        "installed": len(rows(data.get("installed"))),
        "packages": [row for row in map(package, mappings(data.get("packages"))) if row["name"] and row["to"]],
        "kept_back": [row for row in map(package, mappings(data.get("kept_back"))) if row["name"]],
        "restarts": matching(UNIT, data.get("restarts")),
        "reboot": [words(reason) for reason in rows(data.get("reboot"))],
        "download_bytes": whole(data.get("download_bytes")),
        "unfinished": [words(name) for name in rows(data.get("unfinished"))],
        "lock": words(data.get("lock")),
        "shortages": [
            {"path": words(row.get("path")), "needed": whole(row.get("needed")), "free": whole(row.get("free"))}
            for row in mappings(data.get("shortages"))
        ],
        "broken_configurations": [words(text) for text in rows(data.get("broken_configurations"))],
    }


def patching_state(answer: object) -> dict[str, Any]:
    """The state of the unit on the host, rebuilt."""
    data = document(answer)
    raw = data.get("state")
    state: dict[str, Any] = raw if isinstance(raw, dict) else {}
    return {
        "running": data.get("running") is True,
        "action": exactly(CODE, data.get("action")),
        "unanswered": data.get("unanswered") is True,
        "fault": fault(state.get("fault")) or fault(data.get("fault")),
        "id": exactly(RUN_ID, state.get("id")),
        "stage": state.get("stage") if state.get("stage") in STAGES else "",
        "outcome": state.get("outcome") if state.get("outcome") in OUTCOMES else "",
        "changed": [
            {
                "name": exactly(NAME, row.get("name")),
                "from": exactly(VERSION, row.get("from")),
                "to": exactly(VERSION, row.get("to")),
            }
            for row in mappings(state.get("changed"))
        ],
        "saved": [
            {
                "name": exactly(NAME, row.get("name")),
                "version": exactly(VERSION, row.get("version")),
                "origin": exactly(CODE, row.get("origin")),
            }
            for row in mappings(state.get("saved"))
        ],
        "restarted": matching(UNIT, state.get("restarted")),
        "set_aside": [words(path) for path in rows(state.get("set_aside"))],
        "reboot": [words(reason) for reason in rows(state.get("reboot"))],
        "repaired": [words(name) for name in rows(state.get("repaired"))],
        "went_back": words(state.get("went_back")),
    }


def in_window(window: str, moment: datetime) -> bool:
    """Whether a moment lies in a window such as ``sat-sun 22:00-04:00``;
    past midnight it still belongs to its first day.

    Raises:
        ValueError: the window is not written that way.
    """
    match = WINDOW.fullmatch(window.strip().lower())
    if not match or match[1] not in DAYS or (match[2] or match[1]) not in DAYS:
        raise ValueError(f"not a maintenance window: {window!r} (expected: sat-sun 22:00-04:00)")
    first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
    days = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    start, end = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
    minute, day = moment.hour * 60 + moment.minute, moment.weekday()
    if start < end:
        return day in days and start <= minute < end
    return (day in days and minute >= start) or ((day - 1) % 7 in days and minute < end)


def patching_not_now(
    window: Sequence[str], freeze: Sequence[Mapping[str, Any]], timezone: str, now: str | None = None
) -> list[str]:
    """Why this is no moment for an upgrade; empty when it is. ``now`` is an ISO 8601 moment for tests."""
    zone = ZoneInfo(timezone)
    moment = (datetime.fromisoformat(now) if now else datetime.now(zone)).astimezone(zone)
    reasons = []
    if window and not any(in_window(text, moment) for text in window):
        reasons.append(f"outside the maintenance window ({', '.join(window)} {timezone}; now {moment:%a %H:%M})")
    for period in freeze:
        first, last = date.fromisoformat(str(period["from"])), date.fromisoformat(str(period["to"]))
        if first <= moment.date() <= last:
            reasons.append(f"changes are frozen from {first} to {last} ({period.get('reason') or 'no reason given'})")
    return reasons


def mebibytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1048576:.0f} MiB"


def patching_refusals(plan: Mapping[str, Any]) -> list[str]:
    """What in the host's state forbids an upgrade, each with its fix; all of it, not the first alone."""
    reasons = [
        f"{row['path']} has {mebibytes(row['free'])} free and needs {mebibytes(row['needed'])}: make room there"
        for row in plan["shortages"]
    ]
    return reasons + [
        f"{text}: it runs, but its configuration would not let it come back after a restart: fix that first"
        for text in plan["broken_configurations"]
    ]


def patching_changes(plan: Mapping[str, Any], state: Mapping[str, Any], now: str | None = None) -> list[dict[str, Any]]:
    """``change`` records, one a package: versions before and after as measured, and exposure in days by CVE."""
    moment = datetime.fromisoformat(now) if now else datetime.now(ZoneInfo("UTC"))
    planned = {row["name"]: row for row in plan["packages"]}
    found = []
    for row in state["changed"]:
        wanted = planned.get(row["name"])
        if wanted is None or row["to"] == row["from"]:
            continue
        closed = [
            {"id": entry["id"], "published": entry["published"], "exposure_days": exposure(entry["published"], moment)}
            for entry in wanted["cves"]
        ]
        found.append(
            {
                "action": "upgrade" if row["from"] else "install",
                "package": row["name"],
                "from": row["from"],
                "to": row["to"],
                "security": wanted["security"],
                "cves": closed,
            }
        )
    return found


def exposure(published: str, moment: datetime) -> int | None:
    """Whole days between a fix's publication and its installation."""
    return max(0, (moment - datetime.fromisoformat(published)).days) if published else None


def differences(plan: Mapping[str, Any], state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where what happened differs from the plan, as phrases, item by item; empty when it does not."""
    planned = {row["name"]: row["to"] for row in plan["packages"]}
    done = {row["name"]: row["to"] for row in state["changed"]}
    nothing = {"code": "nothing"}
    found = [
        {
            "code": "planned_other",
            "package": name,
            "planned": planned.get(name, nothing),
            "found": done.get(name, nothing),
        }
        for name in sorted({*planned, *done})
        if planned.get(name) != done.get(name)
    ]
    missed = [unit for unit in plan["restarts"] if unit not in state["restarted"]]
    return found + [{"code": "planned_restart", "unit": unit} for unit in missed]


def patching_kept_to(plan: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """``proof`` record: what was measured after the upgrade against the plan."""
    found = differences(plan, state)
    right = {"code": "as_planned", "packages": len(plan["packages"]), "restarts": len(plan["restarts"])}
    return {"name": "patch_plan_kept", "side": "host", "passed": not found, "detail": found[:MOST_NAMED] or right}


def patching_result(
    plan: Mapping[str, Any], state: Mapping[str, Any], listed: Sequence[Mapping[str, Any]], now: str | None = None
) -> dict[str, Any]:
    """``snapshot`` record: what was closed and how long it had stood open, what is still open, what is due."""
    changes = patching_changes(plan, state, now)
    days: dict[str, int | None] = {}
    for entry in (entry for change in changes for entry in change["cves"]):
        days[entry["id"]] = entry["exposure_days"]
    known = [value for value in days.values() if value is not None]
    kept = [row for row in plan["kept_back"] if row["security"]]
    reboot = state["reboot"] if state["outcome"] == "done" else plan["reboot"]
    return {
        "name": "patch_result",
        "packages": len(changes),
        "exposure_days": dict(sorted(days.items())),
        "longest_exposure_days": max(known, default=0),
        "unread_changelogs": [row["name"] for row in plan["packages"] if row["from"] and not row["changelog"]],
        "kept_back": [
            {"package": row["name"], "why": row["why"], "to": row["to"], "cves": [entry["id"] for entry in row["cves"]]}
            for row in kept
        ],
        "still_open": list(listed),
        "restarted": state["restarted"],
        "kept_configurations": state["set_aside"],
        "repaired": state["repaired"],
        "kept_packages": state["saved"],
        "reboot": reboot,
    }


def patching_backup_age(text: object, now: str | None = None) -> float:
    """Age in hours of the newest restore point in the vault's list, or -1 where there is none to rely on."""
    moment = datetime.fromisoformat(now) if now else datetime.now(ZoneInfo("UTC"))
    points = mappings(document(text).get("points"))
    good = [point for point in points if not point.get("missing") and not point.get("skewed")]
    times = [exactly(MOMENT, point.get("arrived")) for point in good]
    ages = [(moment - datetime.fromisoformat(time)).total_seconds() / 3600 for time in times if time]
    return round(min((age for age in ages if age >= 0), default=-1.0), 1)


def patching_request(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the unit is asked to do: exactly the plan's packages in the plan's versions."""
    keys = ("name", "from", "to", "why")
    packages = [{key: row[key] for key in keys} for row in plan["packages"]]
    return {"action": "upgrade", "packages": packages, "restarts": plan["restarts"], "plan": dict(plan)}


def patching_verdict(state: Mapping[str, Any], name: str) -> str:
    """What failed, the host's state now, and the next command."""
    words = state["fault"].get("words", "the unit on the host gave no readable state").rstrip(".")
    again = f"Next: ungcuu patch {name}"
    if state["outcome"] == "rolled_back":
        return f"{words}. The packages before were put back and are configured. {again} --plan"
    if state["outcome"] == "rollback_failed":
        return (
            f"{words}. Going back did not work: {state['went_back']}. The host is between two versions. "
            f"Next: ungcuu restore {name}"
        )
    if state["outcome"] == "failed":
        return f"{words}. {again}"
    if state["running"]:
        return f"the upgrade still runs on the host (stage: {state['stage']}). {again} follows it to its end"
    return f"the unit ended without a result (stage: {state['stage'] or 'none'}): {words}. {again}"


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {
            name: globals()[name]
            for name in (
                "patching_plan",
                "patching_state",
                "patching_not_now",
                "patching_refusals",
                "patching_changes",
                "patching_kept_to",
                "patching_result",
                "patching_request",
                "patching_verdict",
                "patching_backup_age",
            )
        }

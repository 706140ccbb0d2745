"""The change itself, run by systemd as one named unit: it outlives the connection, and it can't be started twice.

1. Refuse on a state that an upgrade would make worse; repair what dpkg itself can finish.
2. Fetch every new package and keep every old one before the first is unpacked.
3. Do exactly what the plan says: apt's own simulation must name the same packages in the same versions.
4. Restart what uses replaced code; see that sshd answers.
5. Wait for the controller's decision over a new connection; without it, or on a refusal, restore the versions before.

The stage is on disk before each step, so that whoever comes later knows what happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ungcuu_patch import host, packages, saved, services
from ungcuu_patch.packages import Apt, errors_of
from ungcuu_patch.system import HOME, Fault, read_json, run, tail, write_json

STATE = HOME / "state.json"
REQUEST = HOME / "request.json"
ANSWER = HOME / "answer"
UNTOUCHED = "No package was changed"
POLL_SECONDS = 0.5
DPKG_OPTIONS = [
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
    "-o",
    "APT::Install-Recommends=false",
    "-o",
    "DPkg::Lock::Timeout=60",
]


def now() -> str:
    """The present moment in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Run:
    """One run of the unit: the request, and the state that is kept on disk."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.rows: list[dict[str, Any]] = request["packages"]
        self.folder = HOME / request["id"]
        self.state: dict[str, Any] = {
            "id": request["id"],
            "stage": "started",
            "outcome": "",
            "started": now(),
            "finished": "",
            "fault": None,
            "saved": [],
            "changed": [],
            "restarted": [],
            "set_aside": [],
            "reboot": [],
            "repaired": [],
            "went_back": "",
        }

    def at(self, stage: str, **more: Any) -> None:
        """Note the stage on disk."""
        self.state |= {"stage": stage, **more}
        write_json(STATE, self.state)

    def finish(self, outcome: str, fault: Fault | None = None) -> None:
        """Note the end on disk, and keep a copy with the run's own folder."""
        if fault:
            self.state["fault"] = fault.record()
        self.at("finished", outcome=outcome, finished=now())
        write_json(self.folder / "state.json", self.state)


def main() -> int:
    """Carry out the request on disk."""
    request = read_json(REQUEST)
    work = Run(request)
    work.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ANSWER.unlink(missing_ok=True)
    actions: dict[str, Callable[[Run], None]] = {"upgrade": upgrade, "repair": repair_only, "rollback": undo}
    try:
        actions[request["action"]](work)
    except Fault as fault:
        work.finish("failed", fault)
    except Exception as error:  # the state on disk is all that the controller will ever see
        work.finish("failed", Fault("internal", f"{type(error).__name__}: {error}"))
    return 0


def upgrade(work: Run) -> None:
    """From the checks to the controller's word."""
    prepare(work)
    before, aside = services.active(), host.set_aside()
    apt = Apt()
    work.at("saving")
    work.state["saved"] = saved.save(apt, work.rows, work.folder / "debs")
    work.at("upgrading")
    try:
        install(apt, work)
        found = host.set_aside()
        work.at("restarting", set_aside=sorted(path for path in found if aside.get(path) != found[path]))
        restart_services(work, before)
        services.check_ssh()
    except Fault as fault:
        go_back(work, fault)
        return
    except Exception as error:  # a mistake of ungcuu must not leave the host between two versions
        go_back(work, Fault("internal", f"{type(error).__name__}: {error}"))
        return
    work.state["changed"] = changed(work)
    wait_for_word(work)


def prepare(work: Run) -> None:
    """Lists, dpkg's state and every new package on disk: whatever fails here has changed no package."""
    work.at("checking")
    holder = host.wait_for_lock(work.request["lock_seconds"])
    if holder:
        raise Fault("lock_held", f"{holder}; waited {work.request['lock_seconds']} s. {UNTOUCHED}")
    repair(work)
    work.at("fetching")
    apt = Apt()
    apt.update()
    wanted = {(row["name"], row["to"]) for row in work.rows}
    actions, error = packages.simulate(apt, [f"{name}={version}" for name, version in sorted(wanted)])
    would = {(action.name, action.new) for action in actions}
    if error or would != wanted:
        odd = ", ".join(sorted(name for name, _ in would ^ wanted))
        raise Fault("plan_changed", f"apt would no longer do what the plan says: {error or odd}. {UNTOUCHED}")
    code, _, err = apt.get("-y", "-d", *DPKG_OPTIONS, "install", *arguments(work))
    if code:
        raise Fault("mirror_unreachable", f"not every package could be fetched: {errors_of(err)}. {UNTOUCHED}")


def arguments(work: Run) -> list[str]:
    """apt's words for the plan's packages."""
    return [f"{row['name']}={row['to']}" for row in work.rows]


def repair(work: Run) -> None:
    """Finish what an earlier dpkg run left half-done.

    Raises:
        Fault: ``dpkg_broken``, with the packages that are still half-done.
    """
    broken = packages.unfinished(packages.installed().values())
    if not broken:
        return
    work.at("repairing")
    said = run(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], timeout=3600)
    still = packages.unfinished(packages.installed().values())
    if still:
        raise Fault("dpkg_broken", f"dpkg can't finish {', '.join(still)}: {tail(said.stderr)}. {UNTOUCHED}")
    work.state["repaired"] = broken


def repair_only(work: Run) -> None:
    """The action ``repair``."""
    holder = host.wait_for_lock(work.request["lock_seconds"])
    if holder:
        raise Fault("lock_held", f"{holder}. {UNTOUCHED}")
    repair(work)
    work.finish("done")


def install(apt: Apt, work: Run) -> None:
    """Unpack and configure; one more try for what only failed on the order.

    Raises:
        Fault: ``package_failed``, with the packages that dpkg could not finish.
    """
    code, _, err = apt.get("-y", *DPKG_OPTIONS, "install", *arguments(work), timeout=work.request["package_seconds"])
    if code == 0:
        return
    again = run(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], timeout=3600)
    still = packages.unfinished(packages.installed().values())
    wrong = [row["name"] for row in work.rows if saved.version_of(row["name"]) != row["to"]]
    if still or wrong:
        words = "\n".join(line for line in (err + again.stderr).splitlines() if "error" in line.lower()) or err
        raise Fault("package_failed", f"{', '.join(sorted({*still, *wrong}))} could not be installed: {tail(words)}")


def restart_services(work: Run, before: dict[str, str]) -> None:
    """Restart what still runs old code, and note everything that was restarted since ``before``."""
    stale, kernel = services.outdated()
    now_running = services.invocations(before)
    untouched = {unit for unit in work.request["restarts"] if unit in before and now_running.get(unit) == before[unit]}
    wanted = {unit for unit in stale | untouched if not services.NEVER.match(unit)}
    services.restart(wanted)
    after = services.invocations(before)
    gone = sorted(unit for unit in before if unit not in after and not services.NEVER.match(unit))
    if gone:
        services.restart(gone)
        after = services.invocations(before)
    waiting = sorted(unit for unit in stale if services.NEVER.match(unit))
    work.state["restarted"] = sorted(unit for unit, start in before.items() if after.get(unit) != start)
    work.state["reboot"] = services.reboot_reasons(waiting, kernel)


def changed(work: Run) -> list[dict[str, str]]:
    """What is installed now of what the plan named: measured, not assumed."""
    return [{"name": row["name"], "from": row["from"], "to": saved.version_of(row["name"])} for row in work.rows]


def wait_for_word(work: Run) -> None:
    """Wait until the controller has looked at the host over a new connection and says keep or go back."""
    write_json(work.folder / "state.json", work.state)
    work.at("waiting")
    deadline = time.monotonic() + work.request["confirm_seconds"]
    word = ""
    while not word and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        word = ANSWER.read_text(encoding="ascii").strip() if ANSWER.exists() else ""
    if word == "keep":
        saved.forget_old(HOME)
        work.finish("done")
    elif word == "back":
        go_back(work, Fault("unhealthy", "the website did not work after the upgrade"))
    else:
        go_back(work, Fault("unconfirmed", f"nobody confirmed the upgrade within {work.request['confirm_seconds']} s"))


def go_back(work: Run, reason: Fault) -> None:
    """Restore the earlier versions and note whether that worked."""
    work.at("going back", fault=reason.record())
    try:
        before = services.active()
        saved.put_back(work.rows, work.state["saved"], work.folder / "debs")
        stale, _ = services.outdated()
        running = services.invocations(before)
        wanted = {unit for unit in {*work.request["restarts"], *stale} if not services.NEVER.match(unit)}
        services.restart(unit for unit in wanted if running.get(unit, "") == before.get(unit, ""))
        services.check_ssh()
    except Fault as fault:
        work.state["went_back"] = fault.words
        work.finish("rollback_failed", reason)
        return
    work.state["changed"] = changed(work)
    work.finish("rolled_back", reason)


def undo(work: Run) -> None:
    """The action ``rollback``: back to the versions before an earlier run that was kept."""
    earlier, old = read_json(work.folder / "state.json"), read_json(work.folder / "request.json")
    if not earlier.get("saved"):
        raise Fault("no_way_back", "that run kept no packages here. No package was changed")
    work.rows, work.request["restarts"] = old["packages"], old["restarts"]
    work.state["saved"] = earlier["saved"]
    go_back(work, Fault("asked", "the operator asked for it"))

"""Entry points: ``plan``, ``status``, ``start``, ``follow``, ``answer`` and ``unit``; each prints one JSON document."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from ungcuu_patch import planning, upgrade
from ungcuu_patch.system import HOME, UNIT, Fault, read_json, run, write_json

RUNNING = ("active", "activating", "deactivating")
PROGRAM = "/usr/local/sbin/ungcuu-patch"
HEAD = """usage: ungcuu-patch ACTION [QUESTION]

Upgrades the packages of this host for ungcuu. QUESTION is a JSON object; without it standard input is read.
Each action prints one JSON object. `ungcuu-patch ACTION --help` describes one action.

Actions:"""
HELP = {
    "plan": "Show what an upgrade would change. Nothing is changed. Keys: everything, tools.",
    "status": "Show which upgrade runs or ran last, with its plan. No keys.",
    "start": "Start an upgrade, a repair or a rollback in a unit of systemd. Keys: action and the plan's own.",
    "follow": "Wait until the upgrade has ended or waits for an answer. Keys: seconds, finished.",
    "answer": "Keep the upgrade, or go back to the packages before. Key: word, which is keep or back.",
    "unit": "Do the work. Only the unit that start has made runs this.",
}


def unit_state() -> str:
    """systemd's word for the unit: active, activating, inactive, failed."""
    return run(["systemctl", "show", "-p", "ActiveState", "--value", f"{UNIT}.service"]).stdout.strip()


def plan(question: dict[str, Any]) -> dict[str, Any]:
    """The plan; what apt has fetched for it is gone again afterwards."""
    return planning.make(question["everything"], question["tools"])


def status(_question: dict[str, Any]) -> dict[str, Any]:
    """What runs or ran last, with the plan it was given: for whoever comes back after a lost connection."""
    state, request = read_json(upgrade.STATE), read_json(upgrade.REQUEST)
    running = unit_state() in RUNNING
    unanswered = request.get("action") == "upgrade" and state.get("stage") == "waiting"
    action = request.get("action", "")
    return {
        "running": running,
        "action": action,
        "unanswered": unanswered,
        "state": state,
        "plan": request.get("plan", {}),
    }


def start(question: dict[str, Any]) -> dict[str, Any]:
    """Start the unit with a request, unless it runs already: then that run is what there is to follow."""
    state = read_json(upgrade.STATE)
    if unit_state() in RUNNING or (question["action"] == "upgrade" and state.get("stage") == "waiting"):
        return {"started": False, "state": state}
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    request = {**question, "id": question.get("id") or moment}
    HOME.mkdir(parents=True, exist_ok=True, mode=0o755)
    (HOME / request["id"]).mkdir(exist_ok=True, mode=0o755)
    write_json(upgrade.REQUEST, request)
    if request["action"] != "rollback":
        write_json(HOME / request["id"] / "request.json", request)
    upgrade.Run(request).at("started")
    run(["systemctl", "reset-failed", f"{UNIT}.service"])
    # --collect lets a failed unit go, so that its name is free for the next run.
    started = run(
        [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={UNIT}",
            "--description=ungcuu: upgrade of packages",
            "--property=KillMode=mixed",
            "--property=OOMScoreAdjust=-500",
            PROGRAM,
            "unit",
        ]
    )
    if started.returncode:
        raise Fault("unit_not_started", f"systemd did not start the unit: {started.stderr.strip()[:200]}")
    return {"started": True, "state": read_json(upgrade.STATE)}


def follow(question: dict[str, Any]) -> dict[str, Any]:
    """The state, as soon as the unit waits for a word or has ended; at the latest after ``seconds``."""
    deadline = time.monotonic() + question["seconds"]
    while True:
        running = unit_state() in RUNNING
        state = read_json(upgrade.STATE)
        settled = state.get("stage") == "finished" or (state.get("stage") == "waiting" and not question["finished"])
        if settled or not running or time.monotonic() > deadline:
            return {"running": running, "state": read_json(upgrade.STATE)}
        time.sleep(0.5)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Send the decision to the unit: ``keep`` or ``back``. A reboot may have ended the unit while it waited."""
    if unit_state() in RUNNING:
        partial = upgrade.ANSWER.with_suffix(".partial")
        partial.write_text(question["word"], encoding="ascii")
        partial.rename(upgrade.ANSWER)
        return {"running": True}
    request = read_json(upgrade.REQUEST)
    if question["word"] == "back":
        return start({**request, "action": "rollback"})
    if (state := read_json(upgrade.STATE)).get("stage") == "waiting":
        work = upgrade.Run(request)
        work.state = state
        work.finish("done")
    return {"running": False}


def help_text(words: list[str]) -> str:
    """The help of one action, or of all of them."""
    if words and words[0] in HELP:
        return f"usage: ungcuu-patch {words[0]} [QUESTION]\n\n{HELP[words[0]]}"
    return "\n".join([HEAD, *(f"  {name:<7} {text}" for name, text in HELP.items())])


def main() -> int:
    """Do what argv asks."""
    words = sys.argv[1:]
    if not words or words[0] not in HELP or set(words) & {"-h", "--help"}:
        asked = bool({"-h", "--help", "help"} & set(words))
        print(help_text(words), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    if sys.argv[1] == "unit":
        return upgrade.main()
    question = json.loads(sys.argv[2]) if len(sys.argv) > 2 else json.load(sys.stdin)
    print(json.dumps(answer_to(sys.argv[1], question)))
    return 0


def answer_to(action: str, question: dict[str, Any]) -> dict[str, Any]:
    """Return what an action gives; a fault is an answer too."""
    verbs = {"plan": plan, "status": status, "start": start, "follow": follow, "answer": answer}
    try:
        return verbs[action](question)
    except Fault as fault:
        return {"fault": fault.record()}

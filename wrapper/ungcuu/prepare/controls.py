"""The control catalogue: what a hardened host must be like, and which of it a site enforces.

``roles/controls/catalogue.yml`` is the only copy; harden, audit, the tests and docs/reference/controls.md read it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

STATES = ("off", "audit", "enforce")
SCOPES = ("host", "pool", "unit", "site")
DEFAULT_LEVEL = 3  # as in roles/controls/defaults; a test compares the two


@dataclass(frozen=True)
class Control:
    """One entry of the catalogue; its head comment says what each field means."""

    id: str
    title: str
    title_vi: str
    why: str
    level: int
    default: str
    role: str
    check: str
    mapping: Mapping[str, str]
    needs: Sequence[str] = ()
    packages: Sequence[str] = ()
    website: bool = False
    scope: str = "host"

    @property
    def test(self) -> str:
        """Name of the test function that proves it."""
        return self.check.partition("::")[2]


@cache
def load(roles: Path) -> tuple[Control, ...]:
    """Read the catalogue below the roles folder, once: each of the roles' tests asks for it."""
    import yaml

    rows: Sequence[dict[str, Any]] = yaml.safe_load((roles / "controls" / "catalogue.yml").read_text("utf-8"))
    return tuple(Control(**row) for row in rows)


def decide(
    catalogue: Sequence[Control], overrides: Mapping[str, object], level: int, has: Collection[str]
) -> dict[str, str]:
    """State of each control: off, audit, enforce, or "absent" where what it is about is not installed.

    Raises:
        ValueError: An override of an unknown control, or an unknown state.
    """
    known = {control.id for control in catalogue}
    # YAML reads a bare off as false.
    states = {name: "off" if state is False else str(state) for name, state in overrides.items()}
    if wrong := sorted(name for name, state in states.items() if name not in known or state not in STATES):
        raise ValueError(f"controls_states: unknown control or state: {', '.join(wrong)}")
    decided = {}
    for control in catalogue:
        default = "audit" if control.level > level and control.default == "enforce" else control.default
        state = states.get(control.id, default)
        decided[control.id] = state if set(control.needs) <= set(has) else "absent"
    return decided


def wanted(catalogue: Sequence[Control], variables: Mapping[str, Any]) -> dict[str, str]:
    """State of each control as a host's inventory variables ask for it, whatever is installed there."""
    overrides = variables.get("controls_states") or {}
    level = int(variables.get("controls_level", DEFAULT_LEVEL))
    return decide(catalogue, overrides, level, {name for control in catalogue for name in control.needs})


def reference(catalogue: Sequence[Control]) -> str:
    """Return docs/reference/controls.md; ``python -m ungcuu.prepare.controls`` prints it, a test compares the two."""
    lines = [
        "# Controls",
        "",
        "Made from `roles/controls/catalogue.yml` by `python -m ungcuu.prepare.controls`; do not edit. A control is",
        "off, audit (checked only) or enforce: `controls_states` in the inventory overrides the default given here.",
        "`controls_level` (2 or 3, cấp độ) is the level from which a control is demanded.",
        "",
        "Its scope is the whole host, the PHP-FPM pools that the website has for itself, the unit that runs PHP, or",
        "the website (site) alone. What belongs to a pool or such a unit is not applicable where it also runs the code",
        "of another website.",
        "",
        "CIS is the CIS Debian Linux 12 Benchmark v1.1.0. dev-sec names the checks of its baselines on the same",
        "subject; its numbers may differ from these (password age, for example).",
        "",
        "TCVN 14423:2026 gives the clauses on the same subject: 4.x is level 2, 5.x is level 3. The standard is sold,",
        "not published. The numbers come from public summaries that were compared with it (September 2026) and agree",
        "with each other: check them against the standard before they go into a file that somebody signs. A clause is",
        "named where the control serves it; no single control fulfils one.",
        "",
    ]
    for role in dict.fromkeys(control.role for control in catalogue):
        lines += [f"## {role}", ""]
        for control in (item for item in catalogue if item.role == role):
            lines += _entry(control)
    return "\n".join(lines).rstrip() + "\n"


def _entry(control: Control) -> list[str]:
    names = {"cis_debian12": "CIS Debian 12", "devsec": "dev-sec", "tcvn_14423": "TCVN 14423:2026"}
    mapped = "; ".join(f"{names[key]} {value}" for key, value in control.mapping.items() if value)
    rows = [f"level {control.level}", f"default {control.default}", f"scope {control.scope}"]
    rows += [f"needs {', '.join(control.needs)}"] if control.needs else []
    rows += [f"packages {', '.join(control.packages)}"] if control.packages else []
    rows += ["reverted when it breaks the website"] if control.website else []
    return [
        f"### {control.id}",
        "",
        f"**{control.title}** · {control.title_vi}",
        "",
        control.why,
        "",
        f"- {'; '.join(rows)}",
        *([f"- {mapped}"] if mapped else []),
        f"- check: `{control.check}`",
        "",
    ]


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference(load(Path(__file__).resolve().parents[3] / "roles")))

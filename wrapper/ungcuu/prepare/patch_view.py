"""What a plan and a result of patching say, as rows for people. Pure: everything comes from the playbook's records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ungcuu.core.i18n import _

_MEBIBYTE = 1 << 20
_MOST_CVES = 6


def find(records: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the last ``snapshot`` record of that name."""
    found = [record for record in records if record.get("name") == name]
    return found[-1] if found else None


def details(host: str, plan: Mapping[str, Any]) -> dict[str, object]:
    """Return what a plan says of one host, by title: rows of packages, then lines."""
    found: dict[str, object] = {_("{host}: packages").format(host=host): package_rows(plan["packages"])}
    if plan["kept_back"]:
        found[_("{host}: kept back").format(host=host)] = [
            {
                "package": row["name"],
                "to": row["to"],
                "why": row["why"],
                "cves": shortened([cve["id"] for cve in row["cves"]]),
            }
            for row in plan["kept_back"]
        ]
    found[_("{host}: afterwards").format(host=host)] = {
        _("restarts"): plan["restarts"],
        _("reboot"): plan["reboot"] or _("not due"),
        _("download"): _("{size:.1f} MiB").format(size=plan["download_bytes"] / _MEBIBYTE),
    }
    if obstacles := obstacles_of(plan):
        found[_("{host}: obstacles").format(host=host)] = obstacles
    return found


def package_rows(packages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return one row a package."""
    return [
        {
            "package": row["name"],
            "from": row["from"] or "–",
            "to": row["to"],
            "security": _("yes") if row["security"] else _("no"),
            "cves": shortened([cve["id"] for cve in row["cves"]])
            if row["changelog"] or not row["from"]
            else _("unknown"),
        }
        for row in packages
    ]


def shortened(names: Sequence[str]) -> str:
    """Return CVE ids in one cell: the first few and how many more."""
    shown = ", ".join(names[:_MOST_CVES])
    more = len(names) - _MOST_CVES
    return shown + (_(" and {count} more").format(count=more) if more > 0 else "") or "–"


def obstacles_of(plan: Mapping[str, Any]) -> list[str]:
    """Return what would stop the run, or be repaired by it first."""
    found = [
        _("{path} needs {needed} MiB and has {free} MiB").format(
            path=row["path"], needed=row["needed"] // _MEBIBYTE, free=row["free"] // _MEBIBYTE
        )
        for row in plan["shortages"]
    ]
    found += [_("a broken configuration: {unit}").format(unit=text) for text in plan["broken_configurations"]]
    if plan["lock"]:
        found.append(_("another package run: {holder}").format(holder=plan["lock"]))
    if plan["unfinished"]:
        found.append(_("half-installed, to be repaired first: {names}").format(names=", ".join(plan["unfinished"])))
    waits = _("the run is refused at this moment: {why} (--urgent goes on regardless)")
    return found + [waits.format(why=why) for why in plan.get("not_now", [])]


def summary(host: str, result: Mapping[str, Any]) -> list[str]:
    """Return what became of one host, in lines: closed, open, kept files, reboot."""
    days = [value for value in result["exposure_days"].values() if value is not None]
    lines = [
        _("{host}: {packages} packages changed, {cves} known vulnerabilities fixed").format(
            host=host, packages=result["packages"], cves=len(result["exposure_days"])
        )
    ]
    if days:
        lines.append(_("  open before that: up to {most} days").format(most=max(days)))
    for row in result["kept_back"]:
        lines.append(_("  still open: {package}, {why}").format(package=row["package"], why=row["why"]))
    if result["still_open"]:
        fixable = sum(1 for row in result["still_open"] if row["fix"])
        lines.append(
            _("  still open by debsecan's data: {count}, {fixable} of them with a fix").format(
                count=len(result["still_open"]), fixable=fixable
            )
        )
    for path in result["kept_configurations"]:
        lines.append(_("  your configuration was kept; the package's own is {path}").format(path=path))
    for reason in result["reboot"]:
        lines.append(_("  reboot due: {reason}").format(reason=reason))
    return lines

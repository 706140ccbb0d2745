"""Check an application's release, and compare it with the website's tree; see prepare/release_archive.py.

Nothing is changed on the host. Outside check mode the files that the host lacks are packed for it on the controller.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.errors import Refused, UngcuuError
from ungcuu.core.i18n import _
from ungcuu.hosts import profile_form, profiles
from ungcuu.hosts.site import plain
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host
from ungcuu.plugins.refusal import refusal
from ungcuu.prepare import release_archive
from ungcuu.prepare.release_archive import Release
from ungcuu.prepare.versions import compare

_LISTS = ("changed", "added", "same", "removed")


class ActionModule(DocumentedAction):
    """See the documentation in ``plugins/modules``."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return versions, what differs, ``request`` for the program on the host, and ``files`` for the baseline."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return result | self._compared(str((task_vars or {})["inventory_hostname"]))
        except UngcuuError as error:
            raise refusal(error) from error

    def _compared(self, host: str) -> dict[str, Any]:
        args = self.arguments
        profile = self._profile(host)
        release = release_archive.opened(Path(str(args["archive"])).expanduser(), profile, str(args["sha256"] or ""))
        rules = _rules(profile, [str(path) for path in args["writable"]], str(args["root"]))
        core = release_archive.core_of(profile)
        place = {"file": core.files[0], "pattern": core.version} if core else {}
        found = run_on_host(
            self,
            "release_tree",
            {"root": args["root"], "files": dict(release.files), "version": place, **rules},
        )
        if found.get("failed"):
            return {"failed": True, "msg": f"{host}: {found.get('msg')}. Nothing was changed."}
        seen = {name: [str(path) for path in found[name] if path in release.files] for name in _LISTS[:3]}
        seen["removed"] = [str(path) for path in found["removed"] if str(path).isprintable()]
        joined = _joined(args["updates"], release)
        if args["installed"]:
            _refuse_other(host, found, release, profile)
        elif not joined:
            _refuse(host, found, release, profile)
        return self._result(release, profile, seen, joined) | {"version_before": str(found["version"])[:60]}

    def _profile(self, host: str) -> profiles.Profile:
        """Return the profile of the site's application, which has to say how a release is put in place."""
        application = str(self.arguments["application"] or "")
        profile = profiles.of_site(application, plain(self.arguments["profile_facts"] or {}))
        if profile is None or profile.release is None:
            raise Refused(
                _("{host}: no profile says how a release of {name} is put in place.").format(
                    host=host, name=profile.title if profile else application or "–"
                ),
                _("Nothing was changed."),
                _("docs/how-to/patch-application.md lists the applications; a site of your own is php."),
            )
        return profile

    def _result(
        self, release: Release, profile: profiles.Profile, seen: dict[str, list[str]], joined: str
    ) -> dict[str, Any]:
        args = self.arguments
        root, wanted = str(args["root"]).rstrip("/"), {*seen["changed"], *seen["added"]}
        standing = {f"{root}/{name}": release.files[name] for name in (*wanted, *seen["same"])}
        if args["installed"]:
            standing = {f"{root}/{name}": release.files[name] for name in seen["same"]}
        own = profile.release or profile_form.Release()
        found = {
            "archive_sha256": release.sha256,
            "version": release.version,
            "joined": joined,
            "differing": sorted(wanted),
            "leftover": seen["removed"],
            "files": standing,
            "folders": [f"{root}/{name}" for name in own.replaces],
            "replaces": list(own.replaces),
            "upgrade": {"command": list(own.command), "program": own.program},
        }
        if args["installed"] or joined:
            return found | {"changed": False}
        lines = [f"{name}: {path}" for name in ("changed", "added", "removed") for path in seen[name]]
        return found | {"changed": False, "lines": lines} | self._payload(release, wanted)

    def _payload(self, release: Release, wanted: set[str]) -> dict[str, Any]:
        """Pack what the host needs into Ansible's own scratch folder, which goes with the run."""
        if self._task.check_mode:
            return {"payload": ""}
        descriptor, name = tempfile.mkstemp(prefix="ungcuu-release-", suffix=".tar", dir=constants.DEFAULT_LOCAL_TMP)
        with os.fdopen(descriptor, "wb") as handle:
            release_archive.write_payload(release, wanted.__contains__, handle)
        return {"payload": name}


def _rules(profile: profiles.Profile, writable: list[str], root: str) -> dict[str, list[str]]:
    """Return what a release replaces whole, what it leaves alone, and what it must not bring back."""
    own = profile.release or profile_form.Release()
    config = [path.removeprefix(f"{root.rstrip('/')}/") for path in (profile.config.paths if profile.config else ())]
    kept = [*own.keeps, *profile.writable.media, *profile.writable.code, *profile.generated, *writable, *config]
    return {
        "replaces": list(own.replaces),
        "keeps": sorted({path.strip("/") for path in kept if not path.startswith(("/", ".."))}),
        "may_be_missing": list(profile.remove_after_install),
    }


def _joined(updates: Mapping[str, Any], release: Release) -> str:
    """Return the update that stands in place of this very archive and waits for its trials."""
    rows = updates.get("updates") if isinstance(updates, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("step") == "updated" and row.get("archive") == release.sha256:
            return str(row["update"])
    return ""


def _refuse_other(host: str, found: Mapping[str, Any], release: Release, profile: profiles.Profile) -> None:
    """Refuse to note a release that is not the one that stands there."""
    if found["version"] != release.version:
        words = {"host": host, "title": profile.title, "now": found["version"] or "–", "new": release.version}
        raise Refused(
            _("{host}: the archive is {title} {new}; what stands there is {now}.").format(**words),
            _("Nothing was changed."),
            _("Give the archive of the release that was put in place."),
        )


def _refuse(host: str, found: Mapping[str, Any], release: Release, profile: profiles.Profile) -> None:
    """Refuse what a package brought, and a release that is not newer."""
    core = release_archive.core_of(profile)
    order = compare(release.version, str(found["version"]), core.scheme if core else "php")
    words = {"host": host, "title": profile.title, "now": found["version"] or "–", "new": release.version}
    if package := str(found.get("package") or ""):
        what = _("{host}: {title} comes from the Debian package {package}.").format(**words, package=ascii(package))
        raise Refused(what, _("Nothing was changed."), f"ungcuu patch {host}")
    if order == 1:
        return
    if order is None:
        what = _("{host}: whether {title} {new} is newer than {now} can't be said.").format(**words)
    else:
        what = _("{host}: {title} {new} is not newer than {now}, which stands there.").format(**words)
    raise Refused(
        what,
        _("Nothing was changed."),
        _("An update of the last days is undone with: ungcuu patch {host} --rollback ID").format(host=host),
    )

"""What is refused before a release is put in place, and what a site of its own states of its release."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import plugin_runs
import pytest
from ansible.errors import AnsibleActionFail

from ungcuu.cli.commands.patch import VERB
from ungcuu.core.errors import UsageFault
from ungcuu.run.verb import Context

FACTS = {
    "components": [{"kind": "core", "name": "portal", "files": ["VERSION"], "version": "^([0-9.]+)"}],
    "release": {"replaces": ["lib"], "keeps": ["config"], "command": ["bin/upgrade.php", "--yes"]},
}
SITE = {"application": "php", "profile_facts": FACTS, "root": "/var/www/portal", "writable": ["uploads"]}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "portal.zip"
    with zipfile.ZipFile(path, "w") as release:
        for name, text in {
            "index.php": "<?php",
            "VERSION": "1.10\n",
            "config/db.php": "theirs",
            "lib/a.php": "a",
        }.items():
            release.writestr(f"portal-1.10/{name}", text)
    return path


def answered(
    archive: Path, *, check: bool = True, arguments: dict[str, Any] | None = None, **found: Any
) -> dict[str, Any]:
    """Return the plugin's result, for a host that says this of its tree."""
    said = {"changed": ["VERSION"], "added": ["lib/a.php"], "same": ["index.php"], "removed": ["lib/old.php"]}
    said |= {"version": "1.9", "package": ""} | found
    orders: list[bytes] = []

    def host(_command: str, program: bytes) -> dict[str, Any]:
        orders.append(program)
        return {"stdout": "UNGCUU-RESULT " + json.dumps(said)}

    given = {"archive": str(archive), **SITE, **(arguments or {})}
    return plugin_runs.run("ungcuu_release", given, host, check=True) | {"order": orders[0].decode()}


def test_a_site_of_its_own_says_how_its_release_is_put_in_place(archive: Path) -> None:
    """Its command, its folders, and what is its own: configuration and uploads are never sent."""
    result = answered(archive)
    assert (result["version_before"], result["version"]) == ("1.9", "1.10")
    assert result["lines"] == ["changed: VERSION", "added: lib/a.php", "removed: lib/old.php"]
    assert result["upgrade"] == {"command": ["bin/upgrade.php", "--yes"], "program": ""}
    assert sorted(result["files"]) == [f"/var/www/portal/{name}" for name in ("VERSION", "index.php", "lib/a.php")]
    assert result["folders"] == ["/var/www/portal/lib"]
    assert '"config", "uploads"' in result["order"].replace("\\", "")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"version": "1.10"}, "is not newer than"),
        ({"version": "1.11"}, "is not newer than"),
        ({"version": ""}, "can't be said"),
        ({"package": "mediawiki"}, "comes from the Debian package"),
    ],
)
def test_what_is_not_newer_or_is_a_package_s_is_refused(archive: Path, found: dict[str, str], why: str) -> None:
    """1.10 is newer than 1.9, and older than 1.11: by number, not by text."""
    with pytest.raises(AnsibleActionFail, match=why):
        answered(archive, **found)


def test_an_application_whose_releases_nobody_described_is_refused(archive: Path) -> None:
    """A guess would overwrite what belongs to the site."""
    with pytest.raises(AnsibleActionFail, match="no profile says"):
        answered(archive, arguments={"application": "joomla", "profile_facts": {}})


def test_an_update_that_waits_for_its_trials_is_joined(archive: Path) -> None:
    """Only that of this very archive, and only one that is in place."""
    sum_ = answered(archive)["archive_sha256"]
    row = {"update": "20260101T000000Z-0123abcd", "step": "updated", "archive": sum_}
    joined = answered(archive, arguments={"updates": {"updates": [row]}}, version="1.10")
    assert joined["joined"] == row["update"]
    for other in (row | {"step": "kept"}, row | {"archive": "0" * 64}):
        with pytest.raises(AnsibleActionFail, match="is not newer"):
            answered(archive, arguments={"updates": {"updates": [other]}}, version="1.10")


def test_a_release_that_people_put_in_place_has_to_be_that_one(archive: Path) -> None:
    """Another release's sums would call every file changed."""
    noted = answered(archive, arguments={"installed": True}, version="1.10")
    assert list(noted["files"]) == ["/var/www/portal/index.php"]
    assert noted["differing"] == ["VERSION", "lib/a.php"]
    with pytest.raises(AnsibleActionFail, match="what stands there is"):
        answered(archive, arguments={"installed": True}, version="1.9")


NOTHING = dict.fromkeys(("all", "urgent", "rollback", "debsecan", "backup_hours", "application", "sha256")) | {
    "accept_failing": []
}


@pytest.mark.parametrize(
    ("options", "playbook"),
    [
        ({}, "patch"),
        ({"rollback": "last"}, "patch"),
        ({"rollback": "20261122T194510Z"}, "patch"),
        ({"rollback": "20261122T194510Z-0123abcd"}, "patch_application"),
        ({"application": "x.zip"}, "patch_application"),
    ],
)
def test_the_options_say_which_playbook_is_meant(options: dict[str, str], playbook: str) -> None:
    """The id of an update of the application has a part that a run of packages has not."""
    assert VERB.playbook_for is not None
    assert VERB.playbook_for(NOTHING | options) == playbook


@pytest.mark.parametrize(
    "options",
    [
        {"sha256": "0" * 64},
        {"application": "absent.zip"},
        {"application": __file__, "all": True},
        {"application": __file__, "sha256": "abc"},
        {"application": __file__, "rollback": "20261122T194510Z-0123abcd"},
    ],
)
def test_options_that_mean_nothing_together_are_refused(options: dict[str, Any]) -> None:
    """Passed over in silence, the run would be another one than was asked for."""
    assert VERB.check is not None
    context = Context(None, VERB, None, hosts=("web01",), options=NOTHING | options)
    with pytest.raises(UsageFault):
        VERB.check(context)

"""What an editor does, tried on really installed applications by the data of their profiles: MediaWiki and DokuWiki.

WordPress's trial is tried by test_harden.py, with the firewall's rules.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import mediawiki_host
import pytest
from dokuwiki_site import DOKUWIKI
from mediawiki_host import HOST, run

from ungcuu.hosts import profiles
from ungcuu.hosts.remote_program import answer_in, python_command, question
from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly  # an installation, and a dozen trials of half a minute
PLACES = {
    "mediawiki": ("wiki.lab.test", "/var/lib/mediawiki", "/index.php/Main_Page"),
    "dokuwiki": ("doku.lab.test", "/usr/share/dokuwiki", "/doku.php"),
}
PARTS = ["account", "login", "upload 3 KB", "media page", "upload 2 MB", "post", "rich text", "delete", "clean-up"]
# What an application counts by itself, and what is computed again.
LEFT = "objectcache|l10n_cache|AUTO_INCREMENT|module_deps|change_tag_def|`job`|querycache_info|ENGINE=|`comment`"
DOKUWIKI_FILES = "cd /var/lib/dokuwiki; find acl data -type f -size +0 ! -path '*/cache/*' ! -path '*/tmp/*' "
SNAPSHOTS = {
    "mediawiki": "find /var/lib/mediawiki/images/ -type f ! -name index.html | sort | xargs -r md5sum; mariadb-dump "
    f"--skip-dump-date --skip-extended-insert wiki | grep -vE '{LEFT}'",
    "dokuwiki": DOKUWIKI_FILES + "! -name '_htcookiesalt*' ! -path '*/log/*' | sort | xargs md5sum",
}


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One host with both, on Apache."""
    lab = fresh(HOST)
    mediawiki_host.install(lab, "mariadb", tmp_path_factory.mktemp("wiki"))
    run(lab, DOKUWIKI)
    run(lab, "sed -i 's/wgEnableUploads = false/wgEnableUploads = true/' /etc/mediawiki/LocalSettings.php")
    return lab


def tried(lab: Lab, name: str) -> dict[str, Any]:
    """The trials of one website, by their names."""
    site, root, path = PLACES[name]
    profile = profiles.load(name)
    assert profile.trial is not None
    order = {
        "name": site,
        "root": root,
        "user": "www-data",
        "path": path,
        "text": "",
        "ports": [80],
        "application": name,
        "deep": True,
        "only": ["login"],
        "trial": dataclasses.asdict(profile.trial),
        "markers": profile.detect.markers,
    }
    done = lab.exec(HOST, python_command(), question("website_probe", order))
    assert done.returncode == 0, done.stderr.decode()
    return answer_in(done.stdout.decode())


def failing(result: dict[str, Any]) -> dict[str, str]:
    """The trials that failed, each with why."""
    return {name: row["detail"] for name, row in result["results"].items() if not row["passed"]}


@pytest.mark.parametrize("name", PLACES)
def test_an_editor_works_and_leaves_nothing(host: Lab, name: str) -> None:
    """A trial that changed the site would be an incident of its own, at each hardening."""
    tried(host, name)  # the first writes what the application makes when it is used at all
    before = run(host, SNAPSHOTS[name])
    result = tried(host, name)
    assert (failing(result), result["off"]) == ({}, [])
    assert [part.replace("900 KB", "2 MB") for part in result["results"]] == PARTS
    assert run(host, SNAPSHOTS[name]) == before


@pytest.mark.parametrize(
    ("name", "broken", "fixed", "fails"),
    [
        ("mediawiki", "chmod 555 /var/lib/mediawiki/images/", "chmod 755 /var/lib/mediawiki/images/", "upload 3 KB"),
        (
            "mediawiki",
            "mariadb wiki -e 'RENAME TABLE text TO text_x'",
            "mariadb wiki -e 'RENAME TABLE text_x TO text'",
            "post",
        ),
        # DokuWiki serves nobody while one of its folders can't be written: not even the account is made.
        ("dokuwiki", "chmod 500 /var/lib/dokuwiki/data/media", "chmod 700 /var/lib/dokuwiki/data/media", "account"),
        ("dokuwiki", "chmod 500 /var/lib/dokuwiki/data/pages", "chmod 700 /var/lib/dokuwiki/data/pages", "account"),
    ],
)
def test_what_is_broken_fails_by_its_name(host: Lab, name: str, broken: str, fixed: str, fails: str) -> None:
    """A trial that passes whatever happens would keep the control that broke the site."""
    run(host, broken)
    try:
        assert fails in failing(tried(host, name))
    finally:
        run(host, fixed)
    assert failing(tried(host, name)) == {}


def test_what_is_turned_off_is_said_and_is_no_failure(host: Lab) -> None:
    """Debian's MediaWiki takes no upload: a site must not be refused for what it never offered."""
    run(host, "sed -i 's/wgEnableUploads = true/wgEnableUploads = false/' /etc/mediawiki/LocalSettings.php; sleep 3")
    result = tried(host, "mediawiki")
    assert (failing(result), result["off"]) == ({}, ["upload 3 KB"])

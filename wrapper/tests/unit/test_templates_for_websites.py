"""Templates of roles on a host with several websites: each of them is covered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

ROLES = Path(__file__).parents[3] / "roles"


def rendered(template: str, websites: list[dict[str, Any]], **given: Any) -> str:
    """A role's template as Ansible renders it, with what a survey says of the websites."""
    environment = jinja2.Environment(  # noqa: S701  (no page)
        loader=jinja2.FileSystemLoader(ROLES), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "regex_replace": lambda value, pattern, new: re.sub(pattern, new, value),
        "regex_escape": re.escape,
        "intersect": lambda one, other: [item for item in one if item in other],
    }
    survey = {
        "websites": websites,
        "enforced": ["sandbox-php", "apache-no-php-in-uploads"],
        "has": [],
        "shared_units": {},
        "suffix": "-a",
    }
    return environment.get_template(template).render(controls_survey=survey, **given)


def test_the_sandbox_opens_what_each_website_writes() -> None:
    """systemd reads an empty ReadWritePaths= as a reset: on a real host, uploads of the first website failed by it."""
    sites = [
        {"website_root": f"/srv/{name}", "website_writable_paths": paths}
        for name, paths in (("a", ["up", "tmp"]), ("b", []), ("c", ["media"]))
    ]
    about: dict[str, Any] = {"__service_sandbox_control": "sandbox-php", "__service_sandbox_unit": "php8.2-fpm.service"}
    text = rendered(
        "service_sandbox/templates/sandbox.conf.j2", sites, service_sandbox_php_writable=["/run/php"], **about
    )
    lines = [line for line in text.splitlines() if line.startswith("ReadWritePaths=")]
    assert lines == [
        "ReadWritePaths=-/srv/a/up -/srv/a/tmp",
        "ReadWritePaths=-/srv/c/media",
        "ReadWritePaths=-/run/php",
    ]


def test_rules_of_the_host_cover_each_website() -> None:
    """With the first one's facts alone, a web shell of the second leaves no trace."""
    sites = [
        {"website_root": f"/srv/{name}", "website_user": user, "website_writable_paths": ["up"]}
        for name, user in (("a", "a"), ("b", "www-data"), ("c", "a"))
    ]
    rules = rendered("audit_logging/templates/audit.rules.j2", sites)
    assert [f"-w /srv/{name} -p wa" in rules for name in "abc"] == [True] * 3
    assert rules.count("-F euid=a ") == 2, "one pair of rules for each account"
    compared = rendered("audit_logging/templates/aide.conf.j2", sites)
    assert [f"!/srv/{name}/up\n" in compared and f"/srv/{name} Known" in compared for name in "abc"] == [True] * 3


def test_apache_adds_up_what_several_websites_close_below_one_path() -> None:
    """Seen on a real Apache without AuthMerging: the last section alone counts, and the first website's uploads run."""
    sites = [{"website_root": "/srv/a"}]
    given = {"website_root": "/srv/a", "website_writable_paths": ["up"], "__web_hardening_code": "php"}
    text = rendered("web_hardening/templates/apache_site.conf.j2", sites, **given)
    assert re.search(r"<LocationMatch [^>]+>\n    AuthMerging And\n    Require expr", text)

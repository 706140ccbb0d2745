"""Several websites on one host: the list is judged, facts are laid over, and each verb says which website it means."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ungcuu.case.facts import Facts
from ungcuu.case.journal import read_records
from ungcuu.cli import registry
from ungcuu.contain import card, isolation_state
from ungcuu.core.atomic import make_private
from ungcuu.core.errors import Exit, InventoryError, Locked, Refused, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import baseline
from ungcuu.hosts import inventory_files, website_facts, websites
from ungcuu.hosts.site import Site
from ungcuu.plugins.subject import neighbour_roots
from ungcuu.run import flow, locks, website_runs
from ungcuu.run.verb import Context, Phase, Result, Verb, Websites

ROOT = Path(__file__).resolve().parents[3]
PORTAL: dict[str, Any] = {
    "name": "portal",
    "website_name": "portal.example.gov.vn",
    "website_root": "/var/www/portal",
    "website_user": "portal",
    "website_health_path": "/",
    "website_health_text": "Sở Công Thương",
    "website_application": "wordpress",
    "website_database_engine": "mariadb",
    "website_database_name": "portal",
    "website_database_user": "portal",
}
PRICES: dict[str, Any] = {
    "name": "gia-ca",
    "website_name": "gia.example.gov.vn",
    "website_root": "/var/www/gia",
    "website_user": "gia",
    "website_health_path": "/",
    "website_health_text": "Bảng giá {{ ngày }}",
}
Make = Callable[..., Site]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """The example's inventory, whose web01 has this list of websites."""
    inventory = Path(shutil.copytree(ROOT / "inventory" / "example", tmp_path / "site"))

    def make(*entries: Mapping[str, Any], **variables: object) -> Site:
        (inventory / "host_vars").mkdir(exist_ok=True)
        text = yaml.safe_dump({"websites": [dict(entry) for entry in entries], **variables}, allow_unicode=True)
        (inventory / "host_vars/web01.yml").write_text(text.replace("{{ ngày }}", "{{ '{{ ngày }}' }}"), "utf-8")
        return Site.load(Settings(state=tmp_path / "state", content=ROOT, operator="an", inventory=inventory))

    return make


def test_a_host_without_a_list_is_one_website(made: Make) -> None:
    site = made()
    assert websites.of_host(site, "web01") == ()
    with pytest.raises(InventoryError, match="it is one website"):
        websites.laid_over(site, "web01", "portal")


def test_the_facts_of_one_website_stand_over_those_of_its_host(made: Make) -> None:
    """What belongs to the host is the host's; a site without a database does not get its neighbour's."""
    site = made(PORTAL, PRICES)
    seen = websites.laid_over(site, "web01", "gia-ca").variables("web01")
    assert seen["website_root"] == "/var/www/gia"
    assert seen["website_target"] == "web01/gia-ca"
    assert seen["website_vault_host"] == "controller"
    assert (seen["website_database_engine"], seen["website_database_name"]) == ("none", "")
    assert seen["website_writable_paths"] == [] and seen["website_application"] == ""
    for verb in ("backup", "scan", "restore", "rotate"):
        assert website_facts.problems(websites.laid_over(site, "web01", "gia-ca"), "web01", verb) == []


def test_ansible_reads_them_with_the_precedence_of_an_inventory(made: Make, tmp_path: Path) -> None:
    """Above group_vars and the site's own host_vars, and never as a template: a page's text may hold braces."""
    site = made(PORTAL, PRICES, website_root="/var/www/flat")
    facts = websites.of_host(site, "web01")[1].variables("web01")
    (tmp_path / "over").mkdir()
    over = websites.write_inventory(tmp_path / "over", "web01", facts)
    asked = "{{ website_root }}|{{ website_health_text }}|{{ website_vault_host }}"
    command = [str(Path(sys.executable).with_name("ansible")), "web01", "-m", "ansible.builtin.debug"]
    command += ["-i", str(site.inventory), "-i", str(over), "-a", f"msg='{asked}'"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert json.loads(done.stdout.partition("=>")[2])["msg"] == "/var/www/gia|Bảng giá {{ ngày }}|controller", (
        done.stdout
    )
    assert "WARNING" not in done.stderr


def test_what_is_about_the_host_is_made_of_the_hosts_own_facts(made: Make) -> None:
    """A containment card of one website's ports would close its neighbour's."""
    site = made(PORTAL, {**PRICES, "website_ports": [8080]})
    seen = websites.laid_over(site, "web01", "gia-ca")
    assert seen.variables("web01")["website_ports"] == [8080]
    assert seen.own_variables("web01")["website_ports"] == [80, 443]
    assert card.build(seen, "web01").public_ports == card.build(site, "web01").public_ports
    again = websites.laid_over(seen, "web01", "portal")
    assert again.variables("web01")["website_ports"] == [80, 443]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "portal"}, "the same name: portal"),
        ({"name": "Giá cả"}, "lower-case letters"),
        ({"name": "a--b"}, "lower-case letters"),
        ({"name": ""}, "name is missing"),
        ({"website_name": ""}, "website_name is missing"),
        ({"website_name": "portal.example.gov.vn"}, "the same website_name"),
        ({"website_root": "/var/www/portal/"}, "one website_root is or holds the other"),
        ({"website_root": "/var/www/portal/gia"}, "one website_root is or holds the other"),
        ({"website_root": "var/www/gia"}, "an absolute path"),
        ({"website_rooot": "/var/www/gia"}, "nothing reads website_rooot; did you mean website_root?"),
        ({"ansible_user": "root"}, "nothing reads ansible_user"),
        ({"website_database_engine": "mariadb", "website_database_name": "portal"}, "the same database portal"),
    ],
)
def test_a_bad_list_is_refused_with_its_place_and_fix(made: Make, change: dict[str, Any], told: str) -> None:
    """Two entries that share a root or a database would be restored over each other."""
    site = made(PORTAL, {**PRICES, **change})
    with pytest.raises(InventoryError) as refusal:
        websites.of_host(site, "web01")
    assert told in refusal.value.what
    assert "host_vars/web01.yml:" in refusal.value.what
    assert "website_root" in refusal.value.fix


def test_a_fault_is_shown_where_that_entry_has_it(made: Make) -> None:
    """Each entry sets the same variables: the line of another one would lead a person astray."""
    site = made({**PORTAL, "website_health_text": "Sở"}, {**PRICES, "website_profile_facts": {"x": 1}})
    lines = (site.inventory / "host_vars/web01.yml").read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines, 1) if "website_profile_facts" in line)
    place = inventory_files.place_in_entry(site.inventory, "gia-ca", "website_profile_facts")
    assert place == f"{site.inventory / 'host_vars/web01.yml'}:{at}"
    first, second = (
        inventory_files.place_in_entry(site.inventory, name, "website_root") for name in ("portal", "gia-ca")
    )
    assert first and second and first != second
    seen = websites.laid_over(site, "web01", "gia-ca")
    (wrong,) = website_facts.problems(seen, "web01", "scan")
    assert place in wrong


def test_what_is_no_list_is_refused(made: Make) -> None:
    site = made(PORTAL)
    broken = dataclasses.replace(site, hosts={**site.hosts, "web01": {"websites": {"portal": PORTAL}}})
    with pytest.raises(InventoryError, match="has to be a list"):
        websites.of_host(broken, "web01")


def test_a_host_under_whose_name_records_would_be_kept_is_refused(made: Make) -> None:
    site = made(PORTAL, PRICES)
    taken = dataclasses.replace(site, hosts={**site.hosts, "web01--portal": {}})
    with pytest.raises(InventoryError, match="rename one of them"):
        websites.of_host(taken, "web01")


def test_an_unknown_website_is_refused_with_those_that_there_are(made: Make) -> None:
    with pytest.raises(InventoryError) as refusal:
        websites.laid_over(made(PORTAL, PRICES), "web01", "portla")
    assert "Did you mean web01/portal?" in refusal.value.what
    assert refusal.value.fix == "Name one of: web01/portal, web01/gia-ca"


def note(ctx: Context) -> Result:
    ctx.record("change", {"root": ctx.site.variables(ctx.host)["website_root"], "over": len(ctx.laid_over)})
    return Result(message="noted", code=Exit.FOUND if ctx.website == "gia-ca" else None)


NOTE = Verb("note", Phase.PREPARE, "Note", run=note, websites=Websites.EACH)


def execute(site: Site, verb: Verb, *names: str, confirm: Any = lambda _verb, _names: None) -> flow.Report:
    return flow.execute(flow.Request(verb, names), dataclasses.replace(site.settings), Screen(io.StringIO()), confirm)


def test_a_host_alone_means_each_of_its_websites_in_turn(made: Make) -> None:
    """Each is a run of its own, is recorded under its own name, and has its outcome said."""
    site = made(PORTAL, PRICES)
    report = execute(site, NOTE, "web01")
    assert report.code is Exit.FOUND and report.document["outcome"] == "DONE"
    assert list(report.document["hosts"]) == ["web01/portal", "web01/gia-ca"]
    records = list(read_records(site.settings.operations))
    changes = [row.data for row in records if row.kind == "change"]
    assert [data["root"] for data in changes] == ["/var/www/portal", "/var/www/gia"]
    assert [row.data["hosts"] for row in records if row.kind == "run_started"] == [["web01/portal"], ["web01/gia-ca"]]
    assert {data["host"] for data in changes} == {"web01/portal", "web01/gia-ca"}


def test_one_website_can_be_named(made: Make) -> None:
    report = execute(made(PORTAL, PRICES), NOTE, "web01/portal")
    assert list(report.document["hosts"]) == ["web01/portal"]
    assert not report.parts


def test_a_verb_that_changes_one_website_wants_its_name(made: Make) -> None:
    site = made(PORTAL, PRICES)
    verb = dataclasses.replace(NOTE, websites=Websites.ONE, dangerous=True)
    refused = execute(site, verb, "web01")
    assert isinstance(refused.error, Refused)
    assert "web01/portal, web01/gia-ca" in refused.error.what
    assert not site.settings.operations.exists()
    asked: list[Sequence[str]] = []
    execute(site, verb, "web01/portal", confirm=lambda _verb, names: asked.append(names))
    assert asked == [("web01/portal",)]


def test_a_restore_of_one_website_leaves_the_hosts_configuration_alone(made: Make) -> None:
    """A point holds /etc/nginx as a whole: put back, it would undo what a neighbour's vhost has become since."""
    site = made(PORTAL, PRICES)
    verb = registry.find_verb(["restore"])
    ctx = Context(site.settings, verb, Screen(io.StringIO()), ("web01",))
    for website, wanted in (("portal", ["files", "database"]), ("", ["files", "database", "config"])):
        ctx.website, ctx.options = website, registry.with_defaults(verb, {})
        assert verb.check is not None and verb.variables is not None
        verb.check(ctx)
        assert verb.variables(ctx.options)["website_restore_only"] == wanted


def test_a_verb_that_works_on_the_first_one_names_what_it_leaves_alone(made: Make) -> None:
    """Such a run is about the host: its records are the host's. A person must not think that all were hardened."""
    site = made(PORTAL, PRICES)
    verb = dataclasses.replace(NOTE, websites=Websites.FIRST)
    report = execute(site, verb, "web01")
    (warning,) = report.document["warnings"]
    assert warning == "web01/gia-ca: left alone. note works on the first website of the host, web01/portal, only."
    assert list(report.document["hosts"]) == ["web01"]
    (change,) = [row.data for row in read_records(site.settings.operations) if row.kind == "change"]
    assert (change["root"], change["host"]) == ("/var/www/portal", "web01")
    assert execute(site, verb, "web01/portal").code is Exit.OK
    refused = execute(site, verb, "web01/gia-ca")
    assert isinstance(refused.error, Refused) and "web01/portal, not on web01/gia-ca" in refused.error.what


def test_a_verb_for_the_whole_host_does_its_part_once_and_then_each_other_website(made: Make) -> None:
    """The second website's run must not set the host's controls again, nor the first one's run leave it out."""
    site = made(PORTAL, PRICES)
    verb = registry.find_verb(["harden"])
    host, other = website_runs.parts(verb, ["web01"], lambda: site)
    assert (host.first, host.website, host.left, host.shown) == (True, "portal", (), ("web01",))
    assert (other.first, other.website, other.shown) == (False, "gia-ca", ("web01/gia-ca",))
    assert website_runs.parts(verb, ["web01/portal"], lambda: site) == (website_runs.Part(("web01",), "portal"),)
    played: list[str | None] = []

    def run(context: Context) -> Result:
        played.append(context.verb.playbook)
        return Result()

    both = dataclasses.replace(NOTE, websites=Websites.WHOLE, playbook="scan", run=run)
    both = dataclasses.replace(both, website_playbook="harden_website")
    assert execute(site, both, "web01").code is Exit.OK
    assert played == ["scan", "harden_website"]
    assert "warnings" not in execute(site, both, "web01").parts[0].document


def test_a_case_asks_for_the_restore_points_of_websites() -> None:
    """None is kept under the host's own name: the report would say that it has no backup."""
    facts = Facts(hosts=("web01", "web01/portal", "web02"))
    assert facts.backed_up == ("web01/portal", "web02")


def test_a_scan_of_one_website_leaves_its_neighbours_files_to_their_own() -> None:
    """Seen on a real host: an upload of one website was a critical finding in the scan of the other."""
    known = {"websites": [PORTAL, PRICES], "website_target": "web01/gia-ca"}
    assert neighbour_roots(known) == ("/var/www/portal",)
    assert neighbour_roots({"websites": [PORTAL, PRICES]}) == ()


def test_a_release_wants_every_website_re_assessed(tmp_path: Path) -> None:
    """The isolation ends for all of them: one that nobody looked at may have been the way in."""
    now, folder = datetime.now(UTC), make_private(tmp_path / "hosts/web01")
    entry = {"closed": True, "text": "upload form removed", "by": "an"}
    document = {"format": 1, "time": now.isoformat(), "outcome": "clean", "entry": entry}
    kept = make_private(tmp_path / "hosts/web01--portal") / isolation_state.REASSESSMENT
    baseline.sign(kept, {**document, "host": "web01/portal"}, tmp_path / "keys")
    against = isolation_state.against_release(folder, "web01", now, "", ["portal", "gia-ca"])
    assert against == ["web01/gia-ca: it has not been re-assessed"]
    assert isolation_state.against_release(folder, "web01", now, "", ["portal"]) == []
    assert isolation_state.against_release(folder, "web01", now) == ["it has not been re-assessed"]


def test_a_verb_about_hosts_takes_no_website(made: Make) -> None:
    refused = execute(made(PORTAL), dataclasses.replace(NOTE, websites=Websites.HOST), "web01/portal")
    assert isinstance(refused.error, UsageFault)
    assert refused.error.fix == "ungcuu note web01"


@pytest.mark.parametrize("name", ["web01", "web01/portal"])
def test_a_verb_that_can_not_work_on_such_a_host_says_so(made: Make, name: str) -> None:
    refused = execute(made(PORTAL, PRICES), dataclasses.replace(NOTE, websites=Websites.NONE), name)
    assert isinstance(refused.error, Refused) and "several websites: web01" in refused.error.what


def test_a_run_on_a_website_holds_the_lock_of_its_host(made: Make) -> None:
    site = made(PORTAL, PRICES)
    with locks.hold(site.settings, ["web01"], "patch", ""):
        report = execute(site, NOTE, "web01/portal")
        with pytest.raises(Locked), locks.hold(site.settings, ["web01/portal"], "resume", ""):
            pass
    assert report.code is Exit.LOCKED


def test_what_was_not_begun_after_a_stop_is_not_done() -> None:
    """Ctrl-C in the first website's run ends the command: the second was not started, and the report says so."""
    asked = [website_runs.Part(("web01",), name) for name in ("portal", "gia-ca")]
    stopped = {"outcome": "UNKNOWN", "hosts": {"web01/portal": {"outcome": "UNKNOWN"}}}
    results = list(website_runs.outcomes(asked, lambda _part: (stopped, Exit.INTERRUPTED)))
    document, code = website_runs.summary(results)
    assert code is Exit.INTERRUPTED and document["outcome"] == "UNKNOWN"
    assert document["hosts"] == {
        "web01/portal": {"outcome": "UNKNOWN"},
        "web01/gia-ca": {"outcome": "NOT DONE", "problem": "not started"},
    }

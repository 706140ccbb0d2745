"""Patching against what goes wrong on real hosts. Each test leaves the host as the next one needs it.

The program runs on web01 as the role runs it; its packages come from a repository of our own on that host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from patch_host import Package, PatchHost

from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab]) -> PatchHost:
    """One fresh host for the module."""
    return PatchHost(fresh("web01"))


@pytest.fixture
def demo(web: PatchHost) -> Iterator[str]:
    """A package installed in version 1.0, with a security update to 2.0 on offer."""
    web.install(Package("demo", "1.0", files={"/usr/share/demo/version": "1.0"}))
    web.publish(Package("demo", "2.0", cves=("CVE-2026-1111",), files={"/usr/share/demo/version": "2.0"}))
    yield "demo"
    web.sh("apt-mark unhold demo; rm -f /etc/apt/preferences.d/demo; systemctl stop ungcuu-patch", check=False)
    web.withdraw("demo")


def names(plan: dict[str, list[dict[str, str]]], part: str = "packages") -> list[str]:
    return [row["name"] for row in plan[part]]


def test_the_plan_names_versions_and_holes(web: PatchHost, demo: str) -> None:
    """The operator decides on the plan: what it leaves out, nobody looks at."""
    plan = web.plan()
    (row,) = plan["packages"]
    assert (row["name"], row["from"], row["to"], row["security"]) == ("demo", "1.0", "2.0", True)
    assert [cve["id"] for cve in row["cves"]] == ["CVE-2026-1111"]
    assert row["cves"][0]["published"] == "2026-11-02T08:00:00Z"


def test_a_plan_changes_nothing(web: PatchHost, demo: str) -> None:
    """A look that changed the host would be no plan; apt's own lists count as the host too."""
    look = (
        "find /etc /var/lib/apt /var/lib/dpkg /var/cache/apt /var/lib/ungcuu /run/ungcuu* /var/tmp -type f "
        "-printf '%p %s %T@ %C@\\n' 2>/dev/null | sort; dpkg-query -W"
    )
    before = web.sh(look, check=False).splitlines()
    web.plan()
    assert web.sh(look, check=False).splitlines() == before


def test_what_happens_is_what_was_planned(web: PatchHost, demo: str) -> None:
    """An upgrade that does more than its plan was never approved."""
    before = web.sh("dpkg-query -W")
    plan = web.plan()
    state = web.upgrade(plan)
    after = web.sh("dpkg-query -W")
    changed = {line.split("\t")[0]: line.split("\t")[1] for line in set(after.split("\n")) - set(before.split("\n"))}
    assert state["outcome"] == "done", state
    assert changed == {row["name"]: row["to"] for row in plan["packages"]}
    assert web.plan()["packages"] == []


def test_only_security_unless_asked(web: PatchHost, demo: str) -> None:
    """An operator who asked for security fixes did not ask for new behaviour."""
    web.install(Package("plain", "1.0", suite="stable"))
    web.publish(Package("plain", "2.0", suite="stable"))
    try:
        assert names(web.plan()) == ["demo"]
        assert names(web.plan(everything=True)) == ["demo", "plain"]
    finally:
        web.withdraw("plain")


def test_a_held_package_stays_and_is_reported(web: PatchHost, demo: str) -> None:
    """A hold is the operator's word; a hole left open by it must stand in the report."""
    web.sh("apt-mark hold demo")
    plan = web.plan()
    (row,) = plan["kept_back"]
    assert plan["packages"] == []
    assert (row["name"], row["why"], row["security"]) == ("demo", "held", True)
    assert [cve["id"] for cve in row["cves"]] == ["CVE-2026-1111"]


def test_a_pinned_package_stays_and_is_reported(web: PatchHost, demo: str) -> None:
    """A pin is a hold in other words."""
    web.write("/etc/apt/preferences.d/demo", "Package: demo\nPin: version 1.0\nPin-Priority: 1001\n")
    plan = web.plan()
    assert (plan["packages"], [row["why"] for row in plan["kept_back"]]) == ([], ["pinned"])


def test_a_pin_below_the_security_version_holds(web: PatchHost, demo: str) -> None:
    """A pin to a version in between must not be overruled because a newer one carries the security label."""
    web.publish(Package("demo", "1.5", suite="stable"))
    web.write("/etc/apt/preferences.d/demo", "Package: demo\nPin: version 1.5\nPin-Priority: 1001\n")
    plan = web.plan()
    assert (plan["packages"], [row["why"] for row in plan["kept_back"]]) == ([], ["pinned"])


def test_an_upgrade_that_would_remove_a_package_is_kept_back(web: PatchHost, demo: str) -> None:
    """Two well-known role sets lost the database server that way."""
    web.install(Package("bystander", "1.0"))
    web.publish(Package("demo", "2.0", fields={"Conflicts": "bystander"}))
    try:
        plan = web.plan()
        assert plan["packages"] == []
        assert "would remove bystander" in plan["kept_back"][0]["why"]
    finally:
        web.withdraw("bystander")


def test_a_broken_package_script_is_undone(web: PatchHost, demo: str) -> None:
    """A package that can't be configured would block every later security update."""
    web.publish(Package("demo", "2.0", scripts={"postinst": "exit 1"}))
    state = web.upgrade(web.plan())
    assert (state["outcome"], state["fault"]["code"]) == ("rolled_back", "package_failed"), state
    assert "demo" in state["fault"]["words"]
    assert web.version("demo") == "ii  1.0"
    assert web.sh("dpkg --audit") == ""


def test_a_hanging_package_script_is_stopped_and_undone(web: PatchHost, demo: str) -> None:
    """A script that waits for an answer would hold dpkg's lock forever."""
    web.publish(Package("demo", "2.0", scripts={"postinst": '[ "$1" != configure ] || sleep 900'}))
    state = web.upgrade(web.plan(), package_seconds=5)
    assert state["outcome"] == "rolled_back", state
    assert web.version("demo") == "ii  1.0"
    assert web.sh("pgrep -x sleep", check=False) == ""


def test_a_way_back_that_fails_is_reported_as_such(web: PatchHost, demo: str) -> None:
    """Saying "undone" of a host between two versions would send the operator home."""
    web.publish(Package("demo", "2.0", scripts={"postinst": "exit 1", "prerm": "exit 1", "preinst": "exit 0"}))
    web.publish(Package("demo", "1.0", scripts={"prerm": "exit 1", "preinst": '[ "$1" != upgrade ] || exit 1'}))
    state = web.upgrade(web.plan())
    assert state["outcome"] in ("rollback_failed", "rolled_back"), state
    assert (state["outcome"] == "rolled_back") == (web.version("demo") == "ii  1.0")


def test_a_half_configured_dpkg_is_repaired_first(web: PatchHost, demo: str) -> None:
    """Upgrading over a half-configured package mixes two faults into one."""
    web.install(Package("half", "1.0", scripts={"postinst": "[ ! -e /run/half ]"}))
    web.sh(
        "touch /run/half; dpkg-reconfigure half || true; dpkg --unpack /srv/fixture/pool/half_1.0_all.deb", check=False
    )
    try:
        assert web.plan()["unfinished"] == ["half"]
        web.sh("rm /run/half")
        state = web.upgrade(web.plan())
        assert (state["outcome"], state["repaired"]) == ("done", ["half"]), state
        assert web.version("half") == "ii  1.0"
    finally:
        web.withdraw("half")


def test_a_dpkg_that_cannot_be_repaired_stops_everything(web: PatchHost, demo: str) -> None:
    """Nothing may be upgraded on top of a package that dpkg can't finish."""
    web.install(Package("half", "1.0", scripts={"postinst": "[ ! -e /run/half ]"}))
    web.sh("touch /run/half; dpkg --unpack /srv/fixture/pool/half_1.0_all.deb")
    try:
        state = web.upgrade(web.plan())
        assert (state["outcome"], state["fault"]["code"]) == ("failed", "dpkg_broken"), state
        assert "half" in state["fault"]["words"] and "No package was" in state["fault"]["words"]
        assert web.version("demo") == "ii  1.0"
    finally:
        web.sh("rm -f /run/half")
        web.withdraw("half")


LOCKER = (
    "import fcntl, os, time; f = os.open('/var/lib/dpkg/lock-frontend', os.O_RDWR | os.O_CREAT);"
    "fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
)


def test_a_held_lock_is_named(web: PatchHost, demo: str) -> None:
    """ "Could not get lock" sends people to delete lock files; the holder's name sends them to wait."""
    plan = web.plan()
    web.sh(f'systemd-run --quiet --unit=locker python3 -c "{LOCKER}"; sleep 1')
    try:
        assert "python3" in web.plan()["lock"]
        state = web.upgrade(plan)
    finally:
        web.sh("systemctl stop locker", check=False)
    assert (state["outcome"], state["fault"]["code"]) == ("failed", "lock_held"), state
    assert "python3" in state["fault"]["words"] and "lock-frontend" in state["fault"]["words"]
    assert web.version("demo") == "ii  1.0"


def test_a_full_disk_is_refused_by_the_plan(web: PatchHost, demo: str) -> None:
    """A disk that fills up in the middle of unpacking leaves a host that neither runs nor upgrades."""
    web.sh("mkdir -p /var/cache/apt/archives/partial; mount -t tmpfs -o size=1m tmpfs /var/cache/apt/archives")
    try:
        (row,) = web.plan()["shortages"]
        assert row["path"] == "/var/cache/apt/archives" and row["needed"] > row["free"]
    finally:
        web.sh("umount /var/cache/apt/archives")
    assert web.plan()["shortages"] == []


def test_an_unreachable_mirror_is_found_before_anything_changes(web: PatchHost, demo: str) -> None:
    """apt itself goes on with old lists and says so in a warning nobody reads."""
    plan = web.plan()
    web.sh("sed -i.kept 's#file:/srv/fixture#http://127.0.0.1:9/fixture#' /etc/apt/sources.list")
    try:
        assert web.plan()["fault"]["code"] == "mirror_unreachable"
        state = web.upgrade(plan)
    finally:
        web.sh("mv /etc/apt/sources.list.kept /etc/apt/sources.list")
    assert (state["outcome"], state["fault"]["code"]) == ("failed", "mirror_unreachable"), state
    assert web.version("demo") == "ii  1.0"


def test_a_package_that_vanished_from_the_mirror_stops_the_run(web: PatchHost, demo: str) -> None:
    """Half of the packages fetched is no reason to install that half."""
    plan = web.plan()
    web.sh("rm /srv/fixture/pool/demo_2.0_all.deb")
    state = web.upgrade(plan)
    assert (state["outcome"], state["fault"]["code"]) == ("failed", "mirror_unreachable"), state
    assert web.version("demo") == "ii  1.0"


def test_a_plan_that_apt_would_no_longer_follow_is_refused(web: PatchHost, demo: str) -> None:
    """What was approved an hour ago is not what apt would do now."""
    plan = web.plan()
    web.publish(Package("demo", "2.0", fields={"Depends": "demo-new"}), Package("demo-new", "1.0"))
    try:
        state = web.upgrade(plan)
        assert (state["outcome"], state["fault"]["code"]) == ("failed", "plan_changed"), state
        assert "demo-new" in state["fault"]["words"]
        assert web.version("demo") == "ii  1.0"
    finally:
        web.withdraw("demo-new")


def test_the_package_before_is_repacked_where_no_mirror_has_it(web: PatchHost, demo: str) -> None:
    """Intermediate security builds vanish from the mirrors: without the file there is no way back.

    The tool for it stands in the plan, with what it needs, and stays when the upgrade is undone.
    """
    web.published = [package for package in web.published if package.version != "1.0"]
    web.publish(
        Package(
            "dpkg-repack", "1.0", "stable", files={"/usr/bin/dpkg-repack": REPACK}, fields={"Depends": "repack-lib"}
        ),
        Package("repack-lib", "1.0", "stable"),
    )
    try:
        plan = web.plan()
        state = web.upgrade(plan, word="back")
        assert names(plan) == ["demo", "dpkg-repack", "repack-lib"]
        assert [row["origin"] for row in state["saved"]] == ["repacked"], state
        assert (state["outcome"], web.version("demo")) == ("rolled_back", "ii  1.0")
        assert web.sh("cat /usr/share/demo/version") == "1.0"
        assert web.version("repack-lib") == web.version("dpkg-repack") == "ii  1.0"
    finally:
        web.withdraw("dpkg-repack", "repack-lib")


# Stands for dpkg-repack, which the lab's own repository can't offer with its Perl libraries.
REPACK = """#!/bin/sh
set -e
name=$1; tree=$(mktemp -d); mkdir "$tree/DEBIAN"
dpkg-query -s "$name" | grep -v '^Status:' > "$tree/DEBIAN/control"
dpkg-query -L "$name" | while read -r path; do
  if [ -d "$path" ]; then mkdir -p "$tree$path"; else cp -a --parents "$path" "$tree"; fi
done
dpkg-deb -b "$tree" .
"""


def test_without_a_way_back_nothing_is_changed(web: PatchHost, demo: str) -> None:
    """An upgrade that can't be undone is not ours to start."""
    web.published = [package for package in web.published if package.version != "1.0"]
    web.publish()
    state = web.upgrade(web.plan())
    assert (state["outcome"], state["fault"]["code"]) == ("failed", "no_way_back"), state
    assert web.version("demo") == "ii  1.0"


def test_configuration_files_are_kept_and_listed(web: PatchHost) -> None:
    """A configuration that the package replaces is a site that stops working; one set aside unseen is a hole."""
    web.install(Package("conf", "1.0", files={"/etc/conf-demo": "default 1\n"}, conffiles=("/etc/conf-demo",)))
    web.sh("echo ours > /etc/conf-demo")
    web.publish(Package("conf", "2.0", files={"/etc/conf-demo": "default 2\n"}, conffiles=("/etc/conf-demo",)))
    try:
        state = web.upgrade(web.plan())
        assert (state["outcome"], state["set_aside"]) == ("done", ["/etc/conf-demo.dpkg-dist"]), state
        assert web.sh("cat /etc/conf-demo") == "ours\n"
    finally:
        web.withdraw("conf")
        web.sh("rm -f /etc/conf-demo*")


def test_a_refused_upgrade_goes_back_with_what_it_added(web: PatchHost, demo: str) -> None:
    """ "The versions before" means the whole set: a new dependency was not there either."""
    web.publish(Package("demo", "2.0", fields={"Depends": "demo-new"}), Package("demo-new", "1.0"))
    before = web.sh("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'")
    try:
        state = web.upgrade(web.plan(), word="back")
        assert (state["outcome"], state["fault"]["code"]) == ("rolled_back", "unhealthy"), state
        assert web.sh("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n'") == before
    finally:
        web.withdraw("demo-new")


def test_without_a_word_the_host_goes_back_by_itself(web: PatchHost, demo: str) -> None:
    """An upgrade that cut the controller off must not last."""
    state = web.upgrade(web.plan(), word="", confirm_seconds=2)
    assert state["stage"] == "waiting", state
    state = web.ask("follow", seconds=60, finished=True)["state"]
    assert (state["outcome"], state["fault"]["code"]) == ("rolled_back", "unconfirmed"), state
    assert web.version("demo") == "ii  1.0"


def test_a_second_start_joins_the_first(web: PatchHost, demo: str) -> None:
    """Two upgrades at once corrupt what both believe to know."""
    plan = web.plan()
    first = web.start(plan)
    second = web.start(plan)
    assert (first["started"], second["started"]) == (True, False)
    assert second["state"]["id"] == first["state"]["id"]
    assert web.ask("follow", seconds=60, finished=False)["state"]["stage"] == "waiting"
    found = web.ask("status")
    assert found["unanswered"] and found["plan"]["packages"][0]["name"] == "demo"
    web.ask("answer", word="keep")
    assert web.ask("follow", seconds=60, finished=True)["state"]["outcome"] == "done"


def test_a_restart_of_the_host_while_it_waits_loses_nothing(web: PatchHost, demo: str) -> None:
    """The unit dies with the reboot; whoever comes back still keeps or undoes that upgrade."""
    state = web.upgrade(web.plan(), word="")
    assert state["stage"] == "waiting"
    web.sh("systemctl kill -s KILL ungcuu-patch; sleep 1", check=False)
    assert web.ask("status")["unanswered"]
    web.ask("answer", word="back")
    state = web.ask("follow", seconds=60, finished=True)["state"]
    assert (state["outcome"], web.version("demo")) == ("rolled_back", "ii  1.0")


def test_a_kept_upgrade_can_still_be_undone_later(web: PatchHost, demo: str) -> None:
    """The fault that an upgrade brings often shows a day later."""
    state = web.upgrade(web.plan())
    assert (state["outcome"], web.version("demo")) == ("done", "ii  2.0")
    web.ask(
        "start",
        action="rollback",
        id=state["id"],
        packages=[],
        restarts=[],
        lock_seconds=2,
        confirm_seconds=60,
        package_seconds=60,
    )
    state = web.ask("follow", seconds=60, finished=True)["state"]
    assert (state["outcome"], web.version("demo")) == ("rolled_back", "ii  1.0"), state


def test_an_upgrade_ended_by_a_power_cut_is_finished_later(web: PatchHost, demo: str) -> None:
    """The host comes up with half-configured packages and no unit: the next run must not take that for health."""
    web.publish(Package("demo", "2.0", scripts={"postinst": "[ -e /run/cut ] || { touch /run/cut; sleep 60; }"}))
    web.start(web.plan())
    web.sh(
        "for _ in $(seq 60); do [ -e /run/cut ] && break; sleep 1; done; systemctl kill -s KILL ungcuu-patch; sleep 1"
    )
    assert web.ask("status")["running"] is False
    assert "demo" in web.plan()["unfinished"]
    more = {"lock_seconds": 2, "confirm_seconds": 60, "package_seconds": 60}
    web.ask("start", action="repair", packages=[], restarts=[], **more)
    state = web.ask("follow", seconds=60, finished=True)["state"]
    assert (state["outcome"], web.version("demo")) == ("done", "ii  2.0") and "demo" in state["repaired"], state
    assert web.plan()["unfinished"] == []


UNIT = "[Service]\nExecStart=/usr/bin/demo-daemon\n[Install]\nWantedBy=multi-user.target\n"


def test_services_that_use_replaced_code_are_restarted_as_planned(web: PatchHost) -> None:
    """A patched library does nothing for a daemon that still maps the old one."""
    files = {
        "/usr/lib/systemd/system/demo-daemon.service": UNIT,
        "/usr/bin/demo-daemon": "#!/bin/sh\nexec sleep 9999\n",
    }
    web.install(Package("demo-daemon", "1.0", files=files))
    web.sh("systemctl daemon-reload; systemctl start demo-daemon")
    start = web.sh("systemctl show -p InvocationID demo-daemon")
    web.publish(Package("demo-daemon", "2.0", files=files | {"/usr/share/demo-daemon/x": "2"}))
    try:
        plan = web.plan()
        state = web.upgrade(plan)
        assert plan["restarts"] == state["restarted"] == ["demo-daemon.service"], (plan, state)
        assert web.sh("systemctl show -p InvocationID demo-daemon") != start
    finally:
        web.sh("systemctl stop demo-daemon", check=False)
        web.withdraw("demo-daemon")


def test_a_service_on_old_code_is_restarted_without_any_package(web: PatchHost) -> None:
    """Unattended upgrades replace libraries and restart nothing: the hole stays open in memory."""
    start = web.sh("systemctl show -p InvocationID cron")
    state = web.upgrade({"packages": [], "restarts": ["cron.service"]})
    assert (state["outcome"], state["restarted"]) == ("done", ["cron.service"]), state
    assert web.sh("systemctl show -p InvocationID cron") != start


@pytest.mark.parametrize("lasts", [0, 2], ids=["at-once", "soon"])
def test_a_service_that_does_not_stay_undoes_the_upgrade(web: PatchHost, lasts: int) -> None:
    """A stopped service found on Monday is an outage of a weekend.

    One that ends soon after its start counts as active at first: seen kept when nobody looked a second time.
    """
    files = {
        "/usr/lib/systemd/system/demo-daemon.service": UNIT,
        "/usr/bin/demo-daemon": "#!/bin/sh\nexec sleep 9999\n",
    }
    web.install(Package("demo-daemon", "1.0", files=files))
    web.sh("systemctl daemon-reload; systemctl start demo-daemon")
    web.publish(
        Package("demo-daemon", "2.0", files=files | {"/usr/bin/demo-daemon": f"#!/bin/sh\nsleep {lasts}\nexit 3\n"})
    )
    try:
        state = web.upgrade(web.plan())
        assert (state["outcome"], (state["fault"] or {}).get("code")) == ("rolled_back", "service_down"), state
        assert web.version("demo-daemon") == "ii  1.0"
        assert web.sh("systemctl is-active demo-daemon", check=False).strip() == "active"
    finally:
        web.sh("systemctl stop demo-daemon", check=False)
        web.withdraw("demo-daemon")


def test_an_sshd_left_stopped_by_a_package_is_started_again(web: PatchHost) -> None:
    """A glibc upgrade has been seen to leave sshd stopped: nobody could have logged in to fix it."""
    web.install(Package("demo-ssh", "1.0"))
    web.publish(Package("demo-ssh", "2.0", scripts={"postinst": "systemctl stop ssh"}))
    try:
        state = web.upgrade(web.plan())
        assert state["outcome"] == "done", state
        assert web.sh("systemctl is-active ssh").strip() == "active"
    finally:
        web.sh("systemctl start ssh", check=False)
        web.withdraw("demo-ssh")


def test_a_service_whose_configuration_is_broken_is_named_before(web: PatchHost, demo: str) -> None:
    """nginx runs on with a broken file for months; the restart of the upgrade would take the site down."""
    web.sh("echo 'nonsense;' > /etc/nginx/conf.d/broken.conf")
    try:
        (found,) = web.plan()["broken_configurations"]
        assert found.startswith("nginx.service")
    finally:
        web.sh("rm /etc/nginx/conf.d/broken.conf")


def test_a_killed_controller_leaves_the_upgrade_at_work(web: PatchHost, demo: str) -> None:
    """The unit belongs to systemd: whoever started it may die."""
    web.publish(Package("demo", "2.0", scripts={"postinst": "sleep 3"}))
    assert web.start(web.plan())["started"]
    time.sleep(1)  # nobody follows it
    assert web.ask("follow", seconds=60, finished=False)["state"]["stage"] == "waiting"
    assert web.version("demo") == "ii  2.0"
    web.ask("answer", word="keep")
    web.ask("follow", seconds=60, finished=True)

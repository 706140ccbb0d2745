"""`doctor`: everything that would make a verb fail later, gathered and reported at once, with the fix. Reads only."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ungcuu.cli.commands._doctor_controller import controller, entry
from ungcuu.core.errors import Exit, Outcome, UngcuuError
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.hosts.enrolment import Check
    from ungcuu.hosts.profiles import Profile

CARD_DAYS = 30
LEVELS = {"good": N_("good"), "warn": N_("warn"), "bad": N_("bad")}


def _run(context: Context) -> Result:
    from ungcuu.core import process_guard
    from ungcuu.run.failures import as_typed

    hosts = context.hosts or tuple(context.site.groups.get("website", ()))
    found: dict[str, list[Check]] = {"controller": controller(context)}
    for host in hosts:
        context.site.variables(host)  # unknown hosts are reported before anything is asked
    context.doing(_("Log in and inspect the host"), host=", ".join(hosts))
    stopped = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        try:
            looks = pool.map(lambda host: _host(context, host, stopped), hosts)
            for host, checks in zip(hosts, looks, strict=True):
                found[host] = checks
        except BaseException:  # Ctrl-C does not wait until a host that is not there has been given up
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            process_guard.kill(process_guard.started_by(os.getpid()))
            raise
    typed = context.settings.typed_inventory
    found = {
        place: [replace(check, fix=as_typed(check.fix, typed)) for check in checks] for place, checks in found.items()
    }
    rows = [(place, check) for place, checks in found.items() for check in checks]
    width = max(len(_(word)) for word in LEVELS.values())
    for place, checks in found.items():
        context.out.line(_("this controller") if place == "controller" else context.name_of(place), "strong")
        for check in sorted(checks, key=lambda check: ("bad", "warn", "good").index(check.level)):
            style = {"bad": "bad", "warn": "warn", "good": ""}[check.level]
            level, text = f"{_(LEVELS[check.level]):{width}}", f"{check.subject}: {check.text}"
            context.out.entry(level, text, style)
            if check.fix and check.level != "good":
                # A sentence is wrapped; a command is not, so that it can be copied.
                show = context.out.prose if check.fix.endswith(".") else context.out.line
                show(" " * (width + 4) + f"→ {check.fix}")
    bad = sum(check.level == "bad" for _place, check in rows)
    warned = sum(check.level == "warn" for _place, check in rows)
    message = _("errors: {bad}, warnings: {warned}").format(bad=bad, warned=warned)
    data = {"checks": [{"place": context.name_of(place), **vars(check)} for place, check in rows]}
    return Result(Outcome.DONE, message, data, Exit.FOUND if bad else None)


# --- one host -----------------------------------------------------------------------------------------------------


def _host(context: Context, host: str, stopped: threading.Event) -> list[Check]:
    """Run every look until it is stopped; a look that fails in itself is a finding too."""
    looks: list[Callable[[Context, str], list[Check]]] = [
        _variables,
        _allow_list,
        _login,
        _card,
        _containment,
        _vantage,
        _blocks,
        _lock,
        _baseline,
        _application,
        _backup,
        _vault,
        _watch,
    ]
    checks: list[Check] = []
    for look in looks:
        if stopped.is_set():
            break
        try:
            checks += look(context, host)
        except Exception as error:  # also a fault of ungcuu: the looks at other hosts must not be lost with it
            text = str(error) if isinstance(error, OSError | ValueError | UngcuuError) else repr(error)
            checks.append(entry(look.__name__.strip("_"), "bad", text))
    return checks


def _variables(context: Context, host: str) -> list[Check]:
    from ungcuu.hosts import website_facts

    if host not in context.site.groups.get("website", ()):
        return []
    wrong = website_facts.problems(context.site, host)
    if not wrong:
        return [entry(_("inventory"), "good", _("complete"))]
    return [entry(_("inventory"), "bad", text, website_facts.where_to_fix(context.site)) for text in wrong]


def _allow_list(context: Context, host: str) -> list[Check]:
    from ungcuu.contain import allowlist, card

    try:
        allowed = allowlist.allow_list(card.management(context.site.variables(host)))
    except allowlist.Unresolved as gap:
        message = _("the name {name} resolves to no address; isolate would refuse").format(name=gap.name)
        return [entry(_("allow-list"), "bad", message, _("Put the address into management_addresses."))]
    wide = [net for net in (*allowed.ipv4, *allowed.ipv6) if net.endswith("/0")]
    if wide:
        message = _("it lets everybody in: {nets}").format(nets=", ".join(wide))
        return [entry(_("allow-list"), "bad", message, _("Name the responders' addresses only."))]
    return []


def _login(context: Context, host: str) -> list[Check]:
    """Log in over the pinned key and look at everything that verbs need there."""
    from ungcuu.contain import allowlist, card
    from ungcuu.hosts import enrolment
    from ungcuu.hosts.discovery import comparison

    target = context.site.target(host)
    if not enrolment.pinned_keys(target.known_hosts, host):
        return [entry(_("host key"), "bad", _("none is pinned"), f"ungcuu enrol {host}")]
    rules = ""
    try:
        draft = card.build(context.site, host)
        rules = draft.rules_for("full", draft.allow)
    except allowlist.Unresolved:
        pass
    checks, said = enrolment.survey(target, rules)
    seen = allowlist.parse_address(said.get("seen", [""])[0])
    if seen is not None:
        checks += _seen(context, host, str(seen))
    live, marked = "isolated" in said, _isolated_since(context, host) is not None
    if said and live != marked:
        message = _("it says that it is isolated, but this controller did not do it")
        if marked:
            message = _("it says that the rules of its isolation are gone")
        checks.append(entry(_("isolation"), "bad" if marked else "warn", message, f"ungcuu isolate {host}"))
    return [*checks, *(comparison.checks(context.site, host) if said else ())]


def _seen(context: Context, host: str, seen: str) -> list[Check]:
    from ungcuu.contain import card

    try:
        kept = card.load(context.settings, host)
    except card.NoCard:
        return []
    if kept.allow.holds(seen):
        return []
    text = _("it sees this controller as {seen}, which the card does not allow; isolate would refuse").format(seen=seen)
    return [entry(_("allow-list"), "bad", text, f"ungcuu enrol {host}")]


def _card(context: Context, host: str) -> list[Check]:
    """Report what is wrong with the containment card, and make it again where the host answers."""
    from ungcuu.contain import allowlist, card
    from ungcuu.hosts import ssh

    wrong = _card_fault(context, host)
    if not wrong:
        return [entry(_("containment card"), "good", _("fresh"))]
    try:
        card.refresh(context.site, host)
    except (OSError, allowlist.Unresolved, ssh.HostKeyRefused):
        return [entry(_("containment card"), "bad", wrong, f"ungcuu enrol {host}")]
    return [entry(_("containment card"), "warn", _("{wrong}; it was recreated").format(wrong=wrong))]


def _card_fault(context: Context, host: str) -> str:
    from ungcuu.contain import card

    try:
        kept = card.load(context.settings, host)
    except card.NoCard:
        return _("there is none; isolate would lose seconds on making it")
    if kept.source != card.fingerprint(context.site, host):
        return _("outdated: the inventory, the pinned key or the rules have changed since {when}").format(
            when=kept.written
        )
    age = datetime.now(UTC) - datetime.fromisoformat(kept.written)
    if age.days >= CARD_DAYS:
        return _("{days} days old; names in it may resolve to other addresses now").format(days=age.days)
    return ""


def _isolated_since(context: Context, host: str) -> datetime | None:
    from ungcuu.contain import isolation_state

    return isolation_state.isolated_since(context.settings.host_dir(host))


def _containment(context: Context, host: str) -> list[Check]:
    """Ask from outside whether an isolated host still is; its own word, and a file here, count for nothing."""
    from ungcuu.run import isolation_watch

    found = isolation_watch.check(context, host)
    if found is None:
        return []
    isolation_watch.record_change(context.settings, host, found.look)
    return [entry(_("isolation"), isolation_watch.STYLES[found.look.state], found.text, found.next)]


def _vantage(context: Context, host: str) -> list[Check]:
    """Ask for a second machine that can look from outside, and for the way to cut the host off without its help."""
    if host not in context.site.groups.get("website", ()):
        return []
    from ungcuu.contain import vantage_point
    from ungcuu.hosts.website_facts import where_to_fix

    checks = []
    name = vantage_point.vantage_of(context.site, host)
    if not name:
        message = _("no second machine can look at an isolated host from outside")
        fix = _("Name one as isolation_vantage; the vault can be one where it is not this controller.")
        checks.append(entry(_("vantage"), "warn", message, fix))
    elif name == context.site.variables(host).get("website_vault_host"):
        message = _("{name}, the vault; it may log in, so it can't see whether SSH is closed to others")
        checks.append(entry(_("vantage"), "good", message.format(name=name)))
    else:
        checks.append(entry(_("vantage"), "good", name))
    if not context.site.variables(host).get("isolation_switch_note"):
        message = _("no note says where to cut the host off without its help")
        checks.append(entry(_("switch"), "warn", f"isolation_switch_note: {message}", where_to_fix(context.site)))
    return checks


def _blocks(context: Context, host: str) -> list[Check]:
    from ungcuu.contain import blocks

    over = [row.network for row in blocks.load(context.settings.host_dir(host)) if row.over(datetime.now(UTC))]
    if not over:
        return []
    message = _("time to decide about {networks}; they stay blocked until then").format(networks=", ".join(over))
    return [entry(_("blocks"), "warn", message, f"ungcuu unblock {host} {' '.join(over)}")]


def _lock(context: Context, host: str) -> list[Check]:
    """Name who holds the host now, and the runs whose outcome nobody knows; a killed run leaves its mark behind."""
    from ungcuu.run import locks
    from ungcuu.run.resume import open_runs

    found = [run for run in open_runs(context.settings, [host]) if not run.alive]
    checks = [
        entry(
            _("open run"),
            "warn",
            _("{verb}, begun {started}: its outcome is unknown").format(verb=run.verb, started=run.started),
            f"ungcuu resume {host}",
        )
        for run in found
    ]
    holder = locks.holder(context.settings, host)
    if holder is None:
        return checks
    message = _("held by {user} since {since}: {verb}").format(
        user=holder.get("user"), since=holder.get("since"), verb=holder.get("verb")
    )
    return [*checks, entry(_("lock"), "warn", message, _("Wait for it, or ask who holds it."))]


def _baseline(context: Context, host: str) -> list[Check]:
    if host not in context.site.groups.get("website", ()):
        return []
    from ungcuu.detect import baseline

    known = baseline.load(context.settings.state, context.name_of(host))
    if known is None:
        message = _("there is none; scan has nothing to compare with")
        return [entry(_("baseline"), "warn", message, f"ungcuu baseline {context.name_of(host)}")]
    return [entry(_("baseline"), "good", _("signed, taken {when}").format(when=known.taken))]


def _application(context: Context, host: str) -> list[Check]:
    """Say what a scan can't read of the site's application: by its profile, and as the baseline was made."""
    if host not in context.site.groups.get("website", ()):
        return []
    from ungcuu.detect import baseline, coverage
    from ungcuu.hosts import profiles
    from ungcuu.hosts.website_facts import where_to_fix

    known = context.site.variables(host)
    name = str(known.get("website_application") or "")
    if profiles.fault_of(name, known.get("website_profile_facts")):
        return []  # the look at the inventory names it
    profile = profiles.of_site(name, known.get("website_profile_facts"))
    if profile is None:
        message = _("there is no profile for {name}: scan does not look into its data").format(name=name)
        if not name:
            message = _("website_application is not set: scan does not look into the application's data")
        return [entry(_("application"), "warn", message, where_to_fix(context.site))]
    by_hand = _by_hand(profile, bool(known.get("website_database_name")))
    taken = baseline.load(context.settings.state, context.name_of(host))
    gaps = coverage.sentences(coverage.known_gaps(taken.snapshot)) if taken else coverage.sentences(profile.gaps())
    if gaps:
        message = _("scan does not look at: {what}").format(what="; ".join(gaps))
        return [entry(_("application"), "warn", message, _("A person has to look at it before a release.")), *by_hand]
    message = _("scan reads its data by the profile of {title}").format(title=profile.title)
    return [entry(_("application"), "good", message), *by_hand]


def _by_hand(profile: Profile, database: bool) -> list[Check]:
    """Say what else a profile can't do: replace credentials, try what an editor does."""
    from ungcuu.core.sentences import shown

    rows = []
    if left := profile.unrotated(database):
        message = _("rotate does not replace: {what}").format(what="; ".join(map(shown, left)))
        rows.append(entry(_("credentials"), "warn", message, _("A person has to do it before a release.")))
    if profile.trial is None:
        message = _("the profile does not say how an editor works: harden and patch try reading alone")
        rows.append(entry(_("editor"), "warn", message, _("Log in and save a page after each change.")))
    return rows


def _backup(context: Context, host: str) -> list[Check]:
    """Ask the vault what it holds, since its own timer starts most backups; what it last said, where it is silent."""
    if host not in context.site.groups.get("website", ()):
        return []
    from ungcuu.recover import restore_points

    name = context.name_of(host)
    folder = context.settings.host_dir(name)
    restore_points.refresh(context.site, name, folder)
    if wrong := restore_points.alerts(folder):
        levels = {"high": "bad"}
        return [
            entry(_("backup"), levels.get(alert.severity, "warn"), alert.text, f"ungcuu {alert.verb} {name}")
            for alert in wrong
        ]
    point, proven = restore_points.newest(folder), restore_points.last_proven(folder)
    message = _("newest restore point: {time}; last proven restore: {proven}")
    said = "; ".join(
        [message.format(time=point.time if point else "–", proven=proven), *(point.judged() if point else ())]
    )
    return [entry(_("backup"), "good", said)]


def _watch(context: Context, host: str) -> list[Check]:
    """Report a watch that stopped, and alerts that wait for somebody: silence must not look like a quiet day."""
    if host not in context.site.groups.get("website", ()):
        return []
    from ungcuu.watch import health

    found = health.troubles(context.settings, host)
    rows = [entry(_("watch"), trouble.level, trouble.text, trouble.command) for trouble in found]
    return rows or [entry(_("watch"), "good", _("it looks; no alert waits for anybody"))]


def _vault(context: Context, host: str) -> list[Check]:
    """See that the vault answers, has room and keeps time."""
    from ungcuu.hosts import enrolment

    vault = context.site.variables(host).get("website_vault_host")
    if not vault or vault not in context.site.hosts:
        return []
    if context.site.variables(str(vault)).get("ansible_connection") == "local":
        return [_own_vault()]
    target = context.site.target(str(vault))
    if not enrolment.pinned_keys(target.known_hosts, str(vault)):
        return [entry(_("vault"), "bad", _("its key is not pinned"), f"ungcuu enrol {vault}")]
    checks, _said = enrolment.survey(target)
    bad = [
        entry(_("vault {subject}").format(subject=check.subject), "bad", check.text, check.fix)
        for check in checks
        if check.level == "bad" and check.subject != "nft"
    ]
    return bad or [entry(_("vault"), "good", _("{vault} answers").format(vault=vault))]


def _own_vault() -> Check:
    """Where the controller is the vault, the account that runs this must be able to become root on it."""
    import subprocess

    if os.geteuid() == 0 or subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return entry(_("vault"), "good", _("it is this controller"))
    message = _("it is this controller, where this account can't become root without a password")
    return entry(_("vault"), "bad", message, _("Add a file to /etc/sudoers.d: USER ALL=(root) NOPASSWD: ALL"))


VERB = Verb(
    name="doctor",
    phase=Phase.PREPARE,
    websites=Websites.EACH,
    summary=N_("Find everything that would make a verb fail later, with the fix for each"),
    description=N_(
        "Looks at this controller, each host and the vault: pinned keys, login, sudo, Python, nft, disks, clocks, "
        "containment card, lock, journal, baseline, backup, watch, inventory. Changes nothing on a host; an outdated "
        "containment card is recreated here. Without a host, all websites."
    ),
    hosts=Hosts.ANY,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(
        N_("Look at this controller: programs, state folder, journal, disk"),
        N_("Look at the inventory and the containment card"),
        N_("Log in and look at sudo, Python, nft, disk and clock"),
        N_("Compare each fact of the website that the inventory states with the host"),
        N_("Look at baseline, backup, vault and watch"),
    ),
    run=_run,
    examples=("ungcuu doctor", "ungcuu doctor web01 web02 --json"),
)

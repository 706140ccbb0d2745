"""`profile`: the reporting profiles, and what a site states for its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.errors import Exit
from ungcuu.core.i18n import N_, _, ngettext
from ungcuu.run.verb import Argument, Context, Hosts, Outcome, Phase, Result, Verb

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from ungcuu.case.reporting_profile import Profile
    from ungcuu.hosts.reporting_site import ReportingSite


def _check(context: Context) -> Result:
    """Read all profiles, and the site's contacts; name every fault, then show what each profile asks."""
    from datetime import UTC, datetime

    from ungcuu.case.clocks import today
    from ungcuu.core.errors import UngcuuError
    from ungcuu.hosts.reporting_site import ReportingSite, folder_of, load

    folder, faults, site = folder_of(context.settings), [], ReportingSite()
    try:
        site = load(context.settings)
    except UngcuuError as error:
        faults.append(error.what)
    day = today(datetime.now(UTC))
    profiles, more = _profiles(context, site.profiles, folder)
    faults += more
    for profile in profiles:
        _show(context, profile, [_("in use")] if profile.name in site.profiles else [])
        for doubt in profile.doubts(day):
            context.out.item("  ! " + doubt, "warn")
        for text in profile.unverified:
            context.out.item(f"  ? {text}", "quiet")
    used = [profile for profile in profiles if profile.name in site.profiles]
    if (keys := [stage.key for profile in used for stage in profile.stages]) != list(dict.fromkeys(keys)):
        faults.append(_("Two profiles in use name the same stage; each name may stand once."))
    lacking = _contacts(context, used, site, day)
    for fault in faults:
        context.out.item("✗ " + fault, "bad")
    message = ngettext("{count} fault", "{count} faults", len(faults)).format(count=len(faults))
    data = {"profiles": [profile.name for profile in profiles], "faults": faults, "contacts_in_doubt": lacking}
    if faults:
        return Result(Outcome.NOT_DONE, message, data, Exit.NOT_VERIFIED)
    return Result(message=message, data=data)


def _profiles(context: Context, used: tuple[str, ...], folder: Path | None) -> tuple[list[Profile], list[str]]:
    """The profiles that were named by file, else all shipped ones and the site's own; and what is wrong with them."""
    from pathlib import Path

    from ungcuu.case.reporting_profile import load, read_profile, shipped
    from ungcuu.core.errors import UngcuuError
    from ungcuu.hosts.reporting_site import FILE

    files = [Path(name) for name in context.options["file"]]
    names = [] if files else list(shipped())
    if not files and folder is not None:
        files = sorted(path for path in folder.glob("*.yml") if path.name != FILE)
        names = [name for name in names if name not in {path.stem for path in files}]
    names += [name for name in used if name not in names and name not in {path.stem for path in files}]
    found, faults = [], []
    for name in names:
        try:
            found.append(load(name, folder))
        except UngcuuError as error:
            faults.append(error.what)
    for path in files:
        try:
            found.append(read_profile(path))
        except UngcuuError as error:
            faults.append(error.what)
    return found, faults


def _show(context: Context, profile: Profile, marks: list[str]) -> None:
    from ungcuu.hosts.reporting_site import ROLES
    from ungcuu.report.response_plan import Paper

    until = f"{profile.valid_to:%d/%m/%Y}" if profile.valid_to else "…"
    span = f"{profile.valid_from:%d/%m/%Y} – {until}"
    context.out.item("  ".join([profile.name, str(profile.title), span, *marks]), "strong")
    for stage in profile.stages:
        to = ", ".join(_(ROLES[role]) for role in stage.recipients)
        context.out.item(f"  {stage.key}: {stage.title}")
        context.out.item(f"      {Paper(profile.name, stage, uncertain=False).due} → {to}", "quiet")


def _contacts(context: Context, profiles: list[Profile], site: ReportingSite, day: date) -> list[str]:
    """Name each recipient of the profiles in use for whom the inventory has no contact, or a doubtful one."""
    from ungcuu.hosts.reporting_site import ROLES

    doubtful: list[str] = []
    for role in dict.fromkeys(role for profile in profiles for stage in profile.stages for role in stage.recipients):
        contact = site.of(role)
        why = contact.doubt(day) if contact else _("the inventory names no contact")
        if contact and not why and contact.deputy is None:
            why = _("no deputy is named")
        if why:
            doubtful.append(role)
            context.out.item(f"! {_(ROLES[role])}: {why}", "warn")
    return doubtful


VERB = Verb(
    name="profile",
    phase=Phase.REVIEW,
    summary=N_("Check the reporting profiles and the contacts"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="check",
            phase=Phase.REVIEW,
            summary=N_("Check reporting profiles: what is due when, in which form, to whom; and the contacts"),
            hosts=Hosts.NONE,
            arguments=(Argument("file", required=False, many=True),),
            run=_check,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(
                N_("Read the profiles and the site's contacts; name each fault with file and line"),
                N_("Show each profile's stages, and whether it is in force and was compared with the law"),
                N_("Name each recipient without a contact, without a deputy, or not checked for half a year"),
            ),
            examples=("ungcuu profile check", "ungcuu profile check inventory/site/reporting/our-rules.yml"),
        ),
    ),
)

"""What the letters to the authorities ask, filled in with what the journal and the site's own file prove.

Initial and closing report have the fields of Mẫu 03 and Mẫu 04 (Thông tư 20/2017/TT-BTTTT): no official form under
Nghị định 331/2026 was found by October 2026. The notice on personal data has those of Mẫu 08 (Nghị định 356/2025).
The software fills in what is proven; a blank is a person's work, and so are the signature and the sending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ungcuu.case.clocks import Book
from ungcuu.case.facts import Facts, payload
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import N_, _
from ungcuu.hosts.reporting_site import ROLES, ReportingSite, System
from ungcuu.report.format import mapping, shown_time, word, zone_name
from ungcuu.report.runs import RunRecords, by_run

_MEASURES = {
    "isolate": N_("host cut off from the network"),
    "collect": N_("evidence collected"),
    "eradicate": N_("malicious code moved to quarantine"),
    "restore": N_("website restored from a backup"),
    "rotate": N_("passwords and keys replaced"),
    "reassess": N_("host re-assessed"),
    "release": N_("returned to service"),
}
_WAYS = {
    "detection-system": N_("by a detection system"),
    "stored-data": N_("by a check of stored data"),
    "notice-from-others": N_("by a notice from others"),
    "other": N_("in another way"),
}


@dataclass(frozen=True)
class Field:
    """One field: its name for templates, its label as in the form, whether it is mandatory, and what is known."""

    key: str
    label: str
    needed: bool = False
    value: str = ""


@dataclass(frozen=True)
class Form:
    """One letter's content. ``source`` names the official form whose fields these are; empty where there is none."""

    name: str
    kind: str
    subject: str
    source: str
    fields: tuple[Field, ...]

    @property
    def lacking(self) -> list[Field]:
        """Mandatory fields that a person has to fill in."""
        return [field for field in self.fields if field.needed and not field.value]


@dataclass(frozen=True)
class Material:
    """Everything that the fields are filled in from."""

    records: Sequence[Record]
    facts: Facts
    site: ReportingSite
    clocks: Book
    present: datetime

    @property
    def system(self) -> System:
        """The system that the case is about: what the inventory says of it, under the name that the case states."""
        return self.site.system_of(self.facts.hosts) or System(self.facts.system)

    @property
    def runs(self) -> list[RunRecords]:
        """The runs of the case with their records."""
        return list(by_run(self.records, self.facts))


def form(name: str, material: Material) -> Form:
    """Return a form, filled in, in the language in use."""
    return _FORMS[name](material)


def _initial(known: Material) -> Form:
    fields = (
        *reporter(known.site, "1. "),
        *_contact(known, "2. "),
        *_system(known, "3. "),
        Field("description", _("4. Preliminary description of the incident"), True, _description(known.facts)),
        Field("detected", _("5. Day and time of detection"), True, _time(known.facts.detected)),
        Field("state", _("6. State of the incident"), True, _state(known.facts)),
        Field("way", _("7. Way of detection"), True, _way(known.facts)),
        Field("notified", _("8. Already notified"), True, _notified(known)),
        Field("software", _("9. Operating system and version; services of the system")),
        Field("measures", _("Security measures in place")),
        Field("purpose", _("Main purpose of the system"), False, known.system.purpose),
        Field("attached", _("Information attached")),
        Field("secret", _("Keep the information of this report secret (yes/no)")),
        Field("request", _("10. Proposals, support asked for")),
        Field("drawn_up", _("11. Time of this report"), True, _time(format_time(known.present))),
    )
    source = _("With the fields of form 03, Circular 20/2017/TT-BTTTT")
    return Form("initial", _("REPORT"), _("Initial report on a network security incident"), source, fields)


def _progress(known: Material) -> Form:
    fields = (
        *reporter(known.site, "1. "),
        *_contact(known, "2. "),
        *_system(known, "3. "),
        Field("description", _("4. Description of the incident"), True, _description(known.facts)),
        Field("detected", _("5. Day and time of detection"), True, _time(known.facts.detected)),
        Field("state", _("6. State of the incident"), True, _state(known.facts)),
        Field("cause", _("7. Cause"), True, _cause(known)),
        Field("extent", _("8. Extent"), True, _extent(known.facts)),
        Field("measures", _("9. Measures taken"), True, _measures(known)),
        Field("next", _("10. Next measures, and until when")),
        Field("request", _("11. Proposals, support asked for")),
        Field("drawn_up", _("12. Time of this report"), True, _time(format_time(known.present))),
    )
    return Form("progress", _("REPORT"), _("Cause, extent and measures of a network security incident"), "", fields)


def _closing(known: Material) -> Form:
    fields = (
        *reporter(known.site, ""),
        Field("initial_report", _("Number and day of the initial report"), True),
        *_system(known, ""),
        Field("description", _("Name and description of the incident"), True, _description(known.facts)),
        Field("detected", _("Day and time of detection"), True, _time(known.facts.detected)),
        Field("happened", _("Result: what happened"), True, _extent(known.facts)),
        Field("measures", _("Result: how it was solved"), True, _measures(known)),
        Field("state", _("State of the incident"), True, _state(known.facts)),
        Field("cause", _("Cause"), True, _cause(known)),
        Field("request", _("Proposals")),
        Field(
            "attached",
            _("Documents attached"),
            False,
            _("Journal and evidence of case {case}").format(case=known.facts.case),
        ),
    )
    source = _("With the fields of form 04, Circular 20/2017/TT-BTTTT")
    return Form("closing", _("REPORT"), _("Closing report on the response to an incident"), source, fields)


def _personal_data(known: Material) -> Form:
    contact = known.site.contact
    since = known.facts.personal_data_at if known.facts.personal_data == "yes" else ""
    fields = (
        *reporter(known.site, "1. "),
        Field("detected", _("2. The breach: when"), True, _time(since)),
        Field("place", _("Where"), True, _where(known)),
        Field("conduct", _("What was done"), True, _description(known.facts)),
        Field("involved", _("Organisations and persons involved")),
        Field("kinds", _("Kinds of personal data"), True),
        Field("count", _("How many records, of how many persons"), True),
        Field("officer", _("Officer in charge: name"), True, contact.name),
        Field("officer_title", _("Position"), True, contact.title),
        Field("officer_phone", _("Telephone"), True, contact.phone),
        Field("officer_email", _("E-mail"), True, contact.email),
        Field("consequences", _("Consequences, harm that may follow"), True),
        Field("measures", _("Measures taken"), True, _measures(known)),
        Field("attached", _("3. Documents attached")),
        Field("commitment", _("4. Commitment"), True, _("The organisation answers for what is stated here.")),
    )
    source = _("With the fields of form 08, Decree 356/2025/NĐ-CP")
    return Form("personal-data", _("NOTICE"), _("Breach of the protection of personal data"), source, fields)


_FORMS: dict[str, Callable[[Material], Form]] = {
    "initial": _initial,
    "progress": _progress,
    "closing": _closing,
    "personal-data": _personal_data,
}
NAMES = tuple(_FORMS)


def reporter(site: ReportingSite, number: str = "") -> tuple[Field, ...]:
    """Return the fields that say who reports."""
    own = site.organisation
    return (
        Field("organisation", number + _("Reporting organisation: name"), True, own.name),
        Field("address", _("Address"), True, own.address),
        Field("phone", _("Telephone"), True, own.phone),
        Field("email", _("E-mail"), True, own.email),
    )


def _contact(known: Material, number: str) -> tuple[Field, ...]:
    who = known.site.contact
    return (
        Field("contact", number + _("Contact: name"), True, who.name),
        Field("contact_title", _("Position"), False, who.title),
        Field("contact_phone", _("Telephone"), True, who.phone),
        Field("contact_email", _("E-mail"), True, who.email),
    )


def _system(known: Material, number: str) -> tuple[Field, ...]:
    level = known.facts.system_level or known.system.level
    providers = "; ".join(text for text in (known.system.security_provider, known.system.provider) if text)
    return (
        Field("operator", number + _("System concerned: operating unit"), True, known.system.operator),
        Field("owner", _("Governing body"), False, known.site.organisation.above),
        Field("system", _("Name of the system (domain names, addresses)"), False, _where(known)),
        Field("level", _("Level of the system (1–5)"), False, str(level or "")),
        Field("providers", _("Provider of security services; Internet provider"), False, providers),
    )


def _where(known: Material) -> str:
    """The system and its hosts, each with the address that evidence was taken from."""
    rows = [payload(record) for record in known.records if record.kind == "custody"]
    addresses = {str(row.get("from")): str(row.get("address")) for row in rows if row.get("address")}
    hosts = (f"{host} ({addresses[host]})" if host in addresses else host for host in known.facts.hosts)
    name = known.facts.system or known.system.name
    return ": ".join(text for text in (name, ", ".join(hosts)) if text)


def _time(text: str) -> str:
    """A time with its zone: who reads the form does not know where it was drawn up."""
    return f"{shown_time(text)} ({zone_name()})" if text else ""


def _description(facts: Facts) -> str:
    return _("{title}. Severity: {severity}. Case: {case}.").format(
        title=facts.title, severity=word(facts.severity), case=facts.case
    )


def _way(facts: Facts) -> str:
    way = _(_WAYS[facts.detected_way]) if facts.detected_way in _WAYS else ""
    return ": ".join(text for text in (way, facts.detected_by) if text)


def _state(facts: Facts) -> str:
    """Only what the journal proves; nothing here calls an incident solved because a case was closed by force."""
    left = _("findings still open: {count}").format(count=len(facts.open_findings))
    if facts.isolated:
        return _("Not solved; cut off from the network: {hosts}").format(hosts=", ".join(facts.isolated))
    if facts.recovered:
        return _("In service again since {time}").format(time=_time(facts.recovered)) + f"; {left}"
    return _("Not solved") + f"; {left}"


def _notified(known: Material) -> str:
    roles = dict.fromkeys(role for clock in known.clocks.clocks for role in clock.to)
    return ", ".join(contact.name if (contact := known.site.of(role)) else _(ROLES[role]) for role in roles)


def _extent(facts: Facts) -> str:
    parts = [
        _("hosts: {hosts}").format(hosts=", ".join(facts.hosts)),
        _("findings: {count}").format(count=len(facts.findings)),
    ]
    if facts.first_sign:
        doubt = " " + _("(by file times on the host, which an intruder may have set)")
        first = _("first sign of compromise {time}").format(time=_time(facts.first_sign))
        parts.append(first + (doubt if facts.first_sign_by == "host" else ""))
    if facts.contained:
        parts.append(_("cut off from the network {time}").format(time=_time(facts.contained)))
    parts.append(_("personal data leaked: {known}").format(known=word(facts.personal_data)))
    return "; ".join(parts)


def _measures(known: Material) -> str:
    done = (one.run for one in known.runs if one.run.outcome == "DONE" and one.run.verb in _MEASURES)
    return "\n".join(f"{shown_time(run.started)} {_(_MEASURES[run.verb])} ({', '.join(run.hosts)})" for run in done)


def _cause(known: Material) -> str:
    """What a person stated as the cause at the last re-assessment."""
    stated = [mapping(row.get("entry")).get("how") for one in known.runs for row in one.of("reassessment")]
    return str(stated[-1] or "") if stated else ""

"""`rotate`: new credentials for the website and the people of its host, the old ones proven dead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.run.verb import Context, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    accounts = options["account"]
    given: dict[str, object] = {"credential_rotation_local": not options["website_only"]}
    if isinstance(accounts, tuple | list) and accounts:
        given["credential_rotation_accounts"] = list(accounts)
    return given


def _preflight(context: Context) -> None:
    """Refuse on a host whose database is stopped: it has to take the new password."""
    from ungcuu.contain.isolation_state import refuse_in_maintenance

    for host in context.hosts:
        refuse_in_maintenance(context.settings.host_dir(host), host, "rotate")


def _plan_details(context: Context) -> Mapping[str, object]:
    """Ask the hosts what would get a new secret; none is made."""
    from ungcuu.run import foretold

    return foretold.changes(context, _variables(context.options))


def _after(context: Context, result: RunResult) -> Result | None:
    """Report what was changed and where the new secrets are; never a secret."""
    from ungcuu.core.errors import Outcome
    from ungcuu.core.sentences import shown

    if result.outcome is not Outcome.DONE:
        return None
    lines = []
    for host in context.hosts:
        rows = [data for data in result.data_of("change", host) if data.get("action") == Change.ROTATE]
        names = [str(name) for data in rows for name in _list(data.get("what"))]
        for what in (what for data in rows for what in _list(data.get("left"))):
            context.out.line(_("{host}: left as it is: {what}").format(host=host, what=shown(what)), "warn")
        for what in (what for data in rows for what in _list(data.get("breaks"))):
            context.out.line(_("{host}: from now on: {what}").format(host=host, what=shown(what)))
        if not names:
            lines.append(_("{host}: no password and no key was replaced.").format(host=host))
            continue
        words = _("{host}: new secrets: {names}. They are in {path}; open it with: ansible-vault view")
        folders = [context.settings.host_dir(context.name_of(host))]
        if context.website and not context.options["website_only"]:
            folders.append(context.settings.host_dir(host))  # local accounts belong to the host
        path = ", ".join(str(folder / "secrets.yml") for folder in folders)
        lines.append(words.format(host=context.name_of(host), names=", ".join(names), path=path))
    return Result(message="\n".join(lines))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


VERB = Verb(
    name="rotate",
    phase=Phase.RECOVER,
    websites=Websites.ONE,
    summary=N_("Give the website and its host new credentials; the old ones are proven dead"),
    description=N_(
        "Database password and application keys, so that every session ends; passwords of the application's "
        "administrators; passwords and SSH keys of local accounts, each where there was one, but for the account that "
        "manages the host. The new ones are kept in an ansible-vault file in the state folder, and are never shown."
    ),
    playbook="rotate",
    dangerous=True,
    options=(
        Option("--account", N_("Only this local account, beside the website"), multiple=True, metavar="NAME"),
        Option("--website-only", N_("Leave local accounts alone"), kind="flag", default=False),
    ),
    variables=_variables,
    preflight=_preflight,
    plan_details=_plan_details,
    after=_after,
    examples=("ungcuu rotate web01", "ungcuu rotate web01 --website-only"),
)

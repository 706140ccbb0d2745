"""`case scope`: how far the intruder came, as the evidence says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ungcuu.cli.commands.case.management import chosen
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

MOST = 12  # lines of each list on the screen


def scope(context: Context) -> Result:
    """Report it in lines; --json holds the lists, up to 500 rows each."""
    from ungcuu.case.extent import as_data, scope_of_case
    from ungcuu.report.extent import section

    case = chosen(context)
    found = scope_of_case(case)
    shown = section(found)
    lines = [line for host in shown["hosts"] for line in _host(host)]
    if not lines:
        lines = [_("No evidence of this case shows how far the intruder got; collect it with the profile triage.")]
    lines += ["", f"{_('Read from the evidence,')} {shown['since']}.", *shown["limits"]]
    return Result(message="\n".join(lines), data={"case": case.id, **as_data(found)})


def _host(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"== {one['host']}"
    if one["lacking"]:
        yield f"! {_('The case does not hold:')} {one['lacking']}"
    yield from _list(
        _("Addresses seen with findings"),
        [
            f"{row['address']} · {row['why']} · {row['requests']} × · {row['sent']} · {row['first']} → {row['last']}"
            for row in one["addresses"]
        ],
        one["more_addresses"],
    )
    accounts = [f"{row['account']} · {row['acts']} · {row['count']} × · {row['first']}" for row in one["accounts"]]
    yield from _list(_("Accounts used or changed"), accounts)
    if one["altered"]:
        message = _("Files of ungcuu that hold something else than it wrote, or that others may use:")
        yield from _list(f"! {message}", one["altered"])
    shown = ((_("Files changed"), "changed"), (_("Files that ungcuu itself wrote"), "ours"), (_("Files read"), "read"))
    for title, name in shown:
        yield from _list(f"{title}: {one[name]['count']}", one[name]["paths"], one[name]["more"])
    yield from _list(
        f"{_('Data that may have left')}: {one['left']}",
        [f"{row['time']} · {row['address']} · {row['path']} · {row['size']}" for row in one["responses"]],
        one["more_responses"],
    )


def _list(title: str, rows: list[str], more: int = 0) -> Iterator[str]:
    yield title
    yield from (f"  {row}" for row in rows[:MOST])
    if left := more + max(0, len(rows) - MOST):
        yield "  " + _("and {count} more: --json, or the report").format(count=left)

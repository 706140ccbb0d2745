"""`known-good`: signed lists of the files of application releases, which no detector needs to judge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ungcuu.prepare.release_archive import Sums

_SUFFIX = re.compile(r"\.(?:zip|tar(?:\.\w+)?|tgz|txz|tbz2?)\Z", re.IGNORECASE)
_MOST_BYTES = 64 << 20


def _make(context: Context) -> Result:
    """Check the archive, compare it with what its publisher states, and sign the sums of its files."""
    from ungcuu.detect import known_good
    from ungcuu.prepare import release_archive

    path = Path(str(context.options["archive"]))
    name = str(context.options["name"] or _SUFFIX.sub("", path.name).lower())
    if not known_good.NAME.fullmatch(name):
        raise UsageFault(
            _("{name} is no name for a list: small letters, digits, dots and dashes.").format(name=name),
            _("Nothing was changed."),
            f"ungcuu known-good make {path} --name wordpress-6.8.3",
        )
    digest, found = release_archive.sums(path, str(context.options["sha256"] or ""))
    listed = str(context.options["checksums"] or "")
    if listed:
        _compare(path, found, Path(listed))
    known_good.save(context.settings.state, name, digest, [one.sha256 for one in found.values()], bool(listed))
    message = _(
        "The list {name} is signed: scans pass over the content of {count} files. Code among uploads stays a finding."
    )
    return Result(
        message=message.format(name=name, count=len(found)), data={"list": name, "files": len(found), "archive": digest}
    )


def _compare(path: Path, found: Mapping[str, Sums], listed: Path) -> None:
    """Refuse an archive that is not what its publisher's checksums say, file by file.

    Raises:
        Refused: It is not, or the checksums can't be read.
    """
    wanted = _published(listed)
    first = {name.partition("/")[0] for name in found}
    top = f"{first.pop()}/" if len(first) == 1 else ""
    known = {name.removeprefix(top): sums for name, sums in found.items()}
    if len(known.keys() & wanted.keys()) < len(known) // 2:
        known = dict(found)  # the checksums name the folder too
    other = [name for name, sums in known.items() if not wanted.get(name, frozenset()) & {sums.sha256, sums.md5}]
    if other:
        raise Refused(
            _("{count} files of {path} are not as {list} says, or not in it: {names}.").format(
                count=len(other), path=path, list=listed, names=", ".join(map(ascii, sorted(other)[:5]))
            ),
            _("Nothing was changed."),
            _("Get archive and checksums of the same version and language from the publisher."),
        )


def _published(listed: Path) -> dict[str, frozenset[str]]:
    """The sums of each file in a publisher's list: WordPress's JSON (core, plugin), or lines of `sha256sum`."""
    try:
        with listed.open("rb") as handle:
            raw = handle.read(_MOST_BYTES)
        return _of_json(json.loads(raw)) if raw.lstrip()[:1] == b"{" else _of_lines(raw.decode("utf-8"))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(
            _("{path} can't be read: {why}").format(path=listed, why=error),
            _("Nothing was changed."),
            _("Give the list as its publisher states it: WordPress's JSON of checksums, or lines of sha256sum."),
        ) from error


def _of_json(document: dict[str, object]) -> dict[str, frozenset[str]]:
    rows = document.get("checksums") or document.get("files")
    if not isinstance(rows, dict) or not rows:
        raise ValueError(_("it has no checksums"))
    if all(isinstance(value, dict) for value in rows.values()) and "checksums" in document:
        rows = next(iter(rows.values()))  # of one version, as a request that names it is answered
    return {str(name): frozenset(_texts(value)) for name, value in rows.items()}


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key in ("sha256", "md5") for text in _texts(value.get(key, []))]
    return [one for item in value for one in _texts(item)] if isinstance(value, list) else [str(value).lower()]


def _of_lines(text: str) -> dict[str, frozenset[str]]:
    rows = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return {name.lstrip("*").removeprefix("./"): frozenset([digest.lower()]) for digest, name in rows}


def _list(context: Context) -> Result:
    """Name each list, how many files it vouches for, and whether a publisher's checksums were compared."""
    from ungcuu.detect import known_good

    lists = known_good.load_all(context.settings.state)
    rows = [(_("list"), _("files"), _("made"), _("compared with the publisher's checksums"))]
    for one in lists:
        rows.append((one.name, str(len(one.sums)), one.made[:19], _("yes") if one.published else _("no")))
    context.out.table(rows)
    data = [{"name": one.name, "files": len(one.sums), "made": one.made, "archive": one.archive} for one in lists]
    return Result(message=_("{count} lists").format(count=len(lists)), data={"lists": data})


def _forget(context: Context) -> Result:
    """Remove a list: its files are judged again."""
    from ungcuu.detect import known_good

    name = str(context.options["name"])
    if not known_good.forget(context.settings.state, name):
        raise UsageFault(
            _("There is no list {name}.").format(name=name), _("Nothing was changed."), "ungcuu known-good list"
        )
    return Result(message=_("The list {name} is removed: its files are judged again.").format(name=name))


VERB = Verb(
    name="known-good",
    phase=Phase.PREPARE,
    summary=N_("Keep signed lists of the files of application releases"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="make",
            phase=Phase.PREPARE,
            summary=N_("Sign the sums of the files of a release's archive: scans don't judge their content"),
            hosts=Hosts.NONE,
            read_only=True,
            takes_lock=False,
            arguments=(Argument("archive"),),
            options=(
                Option("--sha256", N_("SHA-256 that the archive must have, as its publisher states it"), metavar="HEX"),
                Option(
                    "--checksums",
                    N_("File with the publisher's checksums: each file of the archive must be as it says"),
                    kind="path",
                ),
                Option("--name", N_("Name of the list, else the archive's")),
            ),
            steps_before=(
                N_("Read the archive whole; nothing is unpacked"),
                N_("Compare it with the publisher's checksums, where they are given"),
                N_("Sign the list and keep it on this controller"),
            ),
            run=_make,
            examples=(
                "ungcuu known-good make wordpress-6.8.3.zip --sha256 HEX",
                "ungcuu known-good make wordpress-6.8.3.zip --checksums checksums.json",
            ),
        ),
        Verb(
            name="list",
            phase=Phase.PREPARE,
            summary=N_("Show the signed lists"),
            hosts=Hosts.NONE,
            read_only=True,
            takes_lock=False,
            journaled=False,
            run=_list,
        ),
        Verb(
            name="forget",
            phase=Phase.PREPARE,
            summary=N_("Remove a list: its files are judged again"),
            hosts=Hosts.NONE,
            read_only=True,
            takes_lock=False,
            arguments=(Argument("name"),),
            steps_before=(N_("Remove the list and its signature"),),
            run=_forget,
        ),
    ),
)

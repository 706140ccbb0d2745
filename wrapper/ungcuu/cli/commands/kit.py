"""`kit`: what makes another machine the controller when this one is lost: made here, opened there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.errors import ControllerFault, Exit, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.prepare.kit.unpacking import Kit, Places

_PASSPHRASE_FILE = Option(
    "--passphrase-file",
    N_("File whose first line is the passphrase; else it is asked for"),
    metavar="FILE",
)


def _passphrase(context: Context, *, twice: bool) -> str:
    """The passphrase: of a file, or asked for on the terminal without being shown.

    Raises:
        ControllerFault: The file can't be read.
        UsageFault: There is no terminal to ask on, or what was typed twice differs.
    """
    from ungcuu.core.asking import ask_secret

    if wanted := context.options["passphrase_file"]:
        try:
            lines = Path(wanted).expanduser().read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ControllerFault(
                _("{path} can't be read: {error}").format(path=wanted, error=error), _("Nothing was written.")
            ) from error
        return lines[0].strip() if lines else ""
    typed = ask_secret(context.out, _("Passphrase of the kit"), _("Nothing was written."))
    if twice and ask_secret(context.out, _("The same passphrase again"), _("Nothing was written.")) != typed:
        raise UsageFault(_("The two passphrases differ."), _("Nothing was written."), "ungcuu kit make --out FILE")
    return typed


def _make(context: Context) -> Result:
    """Gather, seal, write; the sheets beside it."""
    import hashlib

    from ungcuu.case.journal import Journal
    from ungcuu.core.atomic import put, put_new
    from ungcuu.prepare.kit import contents, sealed, standing
    from ungcuu.report.kit_sheet import sheets

    settings, path = context.settings, Path(context.options["out"]).expanduser().absolute()
    if path.exists():
        raise UsageFault(
            _("{path} exists already; a kit is never written over another file.").format(path=path),
            _("Nothing was written."),
            _("Name a new file, with the day in its name: ungcuu kit make --out FILE"),
        )
    journal = Journal.open(settings.operations, settings.keys, settings.heads)
    found = contents.gather(context.site, settings, Path.home())
    whole = sealed.seal(contents.pack(found), _passphrase(context, twice=True))
    digest = hashlib.sha256(whole).hexdigest()
    pages = {
        path.with_name(f"{path.name}.{code}.html"): text
        for code, text in sheets(context.site, settings, found, path, digest).items()
    }
    try:
        for page, text in pages.items():
            put(page, text)
        put_new(path, whole)
        standing.note(settings, found, path, digest)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=error.filename or path, error=error.strerror),
            _("There is no new kit."),
            _("Name a file in a folder that exists and that you may write to: ungcuu kit make --out FILE"),
        ) from error
    journal.append("kit_made", {"file": path.name, "sha256": digest, "operator": settings.operator})
    for one in found.lacks:
        context.out.line("! " + _("The kit does not bring back {what}").format(what=one), "warn")
    message = _("{file}: {count} files, {size} KiB; print {sheets} and keep both away from this machine").format(
        file=path, count=len(found.files), size=len(whole) >> 10, sheets=", ".join(page.name for page in pages)
    )
    data = {"file": str(path), "sha256": digest, "files": len(found.files), "lacks": list(found.lacks)}
    return Result(
        message=message, data=data | {"sheets": [str(page) for page in pages]}, code=Exit.FOUND if found.lacks else None
    )


def _open(context: Context) -> Result:
    """Unseal, check every name, put all of it in place; then say what a person still has to do."""
    from ungcuu.case.journal import Journal
    from ungcuu.prepare.kit import sealed, unpacking

    settings, path = context.settings, Path(context.options["file"]).expanduser()
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=path, error=error.strerror), _("Nothing was unpacked.")
        ) from error
    kit = unpacking.read(sealed.unseal(whole, _passphrase(context, twice=False), path.name))
    places = unpacking.Places(settings.state, _inventory(context), Path.home())
    unpacking.unpack(kit, places)
    journal = Journal.open(settings.operations, settings.keys, settings.heads)
    journal.append("kit_opened", {"file": path.name, "made": str(kit.about.get("time")), "operator": settings.operator})
    _make_cards(context, kit, places)
    for line in _left_to_do(kit, places):
        context.out.line(line)
    message = _("This machine is the controller of {hosts} now; inventory: {folder}").format(
        hosts=", ".join(map(str, kit.about.get("hosts", ()))), folder=places.inventory
    )
    data = {"inventory": str(places.inventory), "state": str(places.state), "made": kit.about.get("time")}
    return Result(message=message, data=data | {"files": len(kit.files)})


def _make_cards(context: Context, kit: Kit, places: Places) -> None:
    """Make the containment cards of the hosts that had one: a cut must not wait for the inventory to be read."""
    from dataclasses import replace

    from ungcuu.contain import card
    from ungcuu.contain.allowlist import Unresolved
    from ungcuu.core.errors import InventoryError
    from ungcuu.hosts.site import Site

    settings = replace(context.settings, inventory=places.inventory)
    try:
        site = Site.load(settings)
        for host in (host for host in kit.about.get("cards", ()) if host in site.hosts):
            card.write(settings, card.build(site, host))
    except (InventoryError, Unresolved, OSError) as error:
        message = _("Containment cards could not be made; isolate makes each when it is needed: {why}")
        context.out.line("! " + message.format(why=error), "warn")


def _inventory(context: Context) -> Path:
    """Where the inventory goes: where the verbs look for it, unless a folder was named."""
    from ungcuu.hosts.site import INSTALLED

    if chosen := context.options["into"]:
        return Path(chosen).expanduser().absolute()
    return INSTALLED / "inventory" if INSTALLED.is_dir() else Path("inventory/site").absolute()


def _left_to_do(kit: Kit, places: Places) -> list[str]:
    """What the new controller needs that no file brings, in the order of doing it."""
    bases = {"state": places.state, "inventory": places.inventory, "home": places.home, "root": places.root}
    lines = []
    for name in kit.about.get("vault_passwords", ()):
        place, _separator, rest = str(name).partition("/")
        if place in bases:
            lines.append(f"export ANSIBLE_VAULT_PASSWORD_FILE={bases[place] / rest}")
    lines.append(f"ungcuu -i {places.inventory} doctor")
    return lines


VERB = Verb(
    name="kit",
    phase=Phase.PREPARE,
    summary=N_("Make another machine the controller when this one is lost"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="make",
            phase=Phase.PREPARE,
            summary=N_(
                "Put keys, inventory, pinned host keys and journals into one encrypted file, with a sheet to print"
            ),
            description=N_(
                "Evidence stays here: it is large, and its hashes are in the journals. The sheet names hosts, "
                "fingerprints, telephone numbers and what to type on a bare machine; no secret stands on it. Exit "
                "code 13: the kit was made, and lacks something that is named."
            ),
            hosts=Hosts.NONE,
            options=(
                Option("--out", N_("File to write; it must not exist"), metavar="FILE", required=True),
                _PASSPHRASE_FILE,
            ),
            run=_make,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(
                N_("Gather the state without evidence, the inventory, and the keys that it names"),
                N_("Encrypt all of it with the passphrase, and write the file"),
                N_("Write the sheet to print, in English and Vietnamese, and record the kit in the journal"),
            ),
            examples=("ungcuu kit make --out /media/usb/ungcuu-2026-11-29.kit",),
        ),
        Verb(
            name="open",
            phase=Phase.PREPARE,
            summary=N_("Make this machine the controller, from a kit"),
            description=N_(
                "All files are put in place, or none; nothing that is there is overwritten. Keys are readable by you "
                "alone. Open only a kit that you made: its inventory is run by Ansible."
            ),
            hosts=Hosts.NONE,
            arguments=(Argument("file"),),
            options=(
                Option("--into", N_("Folder for the inventory; else where the verbs look for it"), metavar="FOLDER"),
                _PASSPHRASE_FILE,
            ),
            run=_open,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(
                N_("Decrypt the kit, and check the name of each file in it"),
                N_("Refuse where something else stands in a file's place"),
                N_("Put everything in place, and record it in the journal"),
            ),
            examples=("ungcuu kit open ungcuu-2026-11-29.kit",),
        ),
    ),
)

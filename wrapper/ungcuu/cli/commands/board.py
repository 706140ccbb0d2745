"""`board`: posture, open cases, what is due, as pages to look at: a folder for any web server, or on the loopback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.errors import ControllerFault, Refused, Terminated, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT = 8377


def _check(context: Context) -> None:
    out, serve = context.options["out"], context.options["serve"]
    if bool(out) == bool(serve):
        raise UsageFault(
            _("Give one of --out FOLDER and --serve."), _("Nothing was written."), "ungcuu board --out FOLDER"
        )
    if not 0 <= context.options["port"] <= 65535:
        raise UsageFault(_("There is no port {port}.").format(port=context.options["port"]), _("Nothing was written."))


def _run(context: Context) -> Result:
    if context.options["serve"]:
        return _serve(context)
    folder = Path(context.options["out"]).absolute()
    stale = _stale(folder)
    pages = _pages(context)
    _write(folder, pages)
    for path in stale - {folder / name for name in pages}:
        path.unlink(missing_ok=True)
    message = _("Board: {file}").format(file=folder / "index.html")
    return Result(message=message, data={"folder": str(folder), "pages": sorted(pages)})


def _pages(context: Context, *, quiet: bool = False) -> Mapping[str, str]:
    from ungcuu.cli.commands.register.reading import view_of
    from ungcuu.core.i18n import language
    from ungcuu.report import board

    return board.pages(view_of(context, quiet=quiet), context.settings, language())


def _stale(folder: Path) -> set[Path]:
    """The pages of an earlier board in this folder.

    Raises:
        Refused: The folder holds something else: nothing of anybody is overwritten or removed.
        ControllerFault: It can't be read.
    """
    from ungcuu.core.i18n import LANGUAGES

    try:
        found = [path for path in folder.rglob("*") if not path.is_dir()] if folder.exists() else []
        inner = {folder / language for language in LANGUAGES}
        strange = [p for p in found if p.suffix != ".html" or (p.parent not in inner and p != folder / "index.html")]
        if strange or (found and not _is_board(folder / "index.html")):
            raise Refused(
                _("{folder} holds something other than a board: {path}").format(
                    folder=folder, path=(strange or found)[0]
                ),
                _("Nothing was written."),
                _("Name an empty or new folder with --out."),
            )
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=folder, error=error.strerror), _("Nothing was written.")
        ) from error
    return set(found)


def _is_board(index: Path) -> bool:
    return index.is_file() and "· ungcuu " in index.read_text("utf-8", "replace")


def _write(folder: Path, pages: Mapping[str, str]) -> None:
    """Write each page whole, the entrance last; any web server may read them."""
    from ungcuu.core.atomic import put

    try:
        for name in sorted(pages, key=lambda name: (name.count("/") == 0, name.endswith("index.html"), name)):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            put(path, pages[name].encode("utf-8", "backslashreplace"), 0o644)
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=folder, error=error.strerror),
            _("Each page there is whole: the old one or the new one."),
            _("Free space on this machine, or name another folder with --out."),
        ) from error


def _serve(context: Context) -> Result:
    """Serve until Ctrl-C or SIGTERM; each look at the journals is at most some seconds old."""
    import contextlib

    from ungcuu.report.board_server import BoardServer

    _pages(context)  # what can't be read is an error now, not a blank page later
    try:
        server = BoardServer(lambda: _pages(context, quiet=True), context.options["port"])
    except OSError as error:
        raise ControllerFault(
            _("The port {port} can't be used: {error}").format(port=context.options["port"], error=error.strerror),
            _("Nothing is served."),
            "ungcuu board --serve --port 0",
        ) from error
    context.out.line(_("The board, until Ctrl-C: {url}").format(url=server.url), "strong")
    with server, contextlib.suppress(KeyboardInterrupt, Terminated):
        server.serve_forever()
    return Result(message=_("The board is no longer served."))


VERB = Verb(
    name="board",
    phase=Phase.REVIEW,
    summary=N_("Show posture, open cases and what is due as pages, for a wall screen or a web server"),
    description=N_(
        "In English and Vietnamese. Nothing can be started from it, it holds no script, and it shows no detail of a "
        "finding. --serve is read only, on this machine's loopback alone, under an address that is shown once."
    ),
    hosts=Hosts.NONE,
    options=(
        Option("--out", N_("Folder to write; an earlier board there is replaced"), kind="path", metavar="FOLDER"),
        Option("--serve", N_("Serve it on 127.0.0.1 until Ctrl-C"), kind="flag", default=False),
        Option("--port", N_("Port of --serve; 0 takes a free one"), kind="int", default=_PORT, metavar="PORT"),
    ),
    check=_check,
    run=_run,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(N_("Read the register, every journal, and what the vault last reported"), N_("Draw the pages")),
    examples=("ungcuu board --out /srv/board", "ungcuu board --serve"),
)

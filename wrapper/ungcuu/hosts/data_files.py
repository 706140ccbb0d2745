"""YAML files that people write, read into dataclasses: what does not fit is refused with file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts.typed_data import Mismatch, build, line_of

GUIDE = "docs/how-to/report-an-incident.md"  # what such files hold, unless the caller names another page
DEEPEST = 32  # of lists and mappings in each other: libyaml's composer ends the whole process on some ten thousand
MOST_BYTES = 1 << 20
Kind = TypeVar("Kind")


def read_file(kind: type[Kind], path: Path) -> Kind:
    """Return a file as an instance of a dataclass.

    Raises:
        ControllerFault: It can't be read, is too large, or does not fit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise _refused(path, _("can't be read: {error}").format(error=error.strerror)) from error
    except UnicodeDecodeError as error:
        raise _refused(path, _("is not UTF-8 text")) from error
    if len(data) > MOST_BYTES:
        raise _refused(path, _("is larger than {size} bytes").format(size=MOST_BYTES))
    return read_text(kind, text, str(path))


def read_text(kind: type[Kind], text: str, place: str, guide: str = GUIDE) -> Kind:
    """Return a text as an instance of a dataclass; ``place`` names the file where it is refused, ``guide`` its page.

    Raises:
        ControllerFault: It does not fit.
    """
    import yaml

    tree = None
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        if line := _too_deep(text, loader):
            raise _refused(
                f"{place}:{line}", _("lists and mappings stand more than {most} deep").format(most=DEEPEST), guide
            )
        tree = yaml.compose(text, Loader=loader)
        made: Kind = build(kind, yaml.load(text, Loader=loader))  # noqa: S506  (a safe loader)
    except Mismatch as error:
        at = ".".join(error.at)
        raise _refused(
            f"{place}:{line_of(tree, error.at)}", f"{at}: {error.why}" if at else error.why, guide
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _refused(f"{place}:{mark.line + 1 if mark else 1}", " ".join(str(error).split()), guide) from error
    except (ValueError, RecursionError) as error:  # 2026-02-30 is a date to YAML, and none to the calendar
        raise _refused(place, str(error), guide) from error
    return made


def _too_deep(text: str, loader: Any) -> int:
    """Return the line at which a text nests deeper than any file of ungcuu; 0 where none does. Events need no depth."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return int(event.start_mark.line) + 1 if event.start_mark else 1
    return 0


def _refused(place: object, why: str, guide: str = GUIDE) -> ControllerFault:
    return ControllerFault(
        _("{place}: {why}").format(place=place, why=clean(why, 400)),
        _("The file was not used."),
        _("Correct the file; {guide} shows what it may hold.").format(guide=guide),
    )

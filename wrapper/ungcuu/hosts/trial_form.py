"""The form of a trial in a profile: what an editor of the application does, as steps of HTTP that one program takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ungcuu.core.i18n import _
from ungcuu.hosts.typed_data import Mismatch, Words

MOST_STEPS = 8


@dataclass(frozen=True)
class Step:
    """One request of the editor. ``{login}``, ``{password}``, ``{file}`` (the name of the file that is uploaded), and
    what earlier steps took, stand for their values in ``path``, ``fields`` and ``headers``.

    ``form``: the name of a field in a form of the answer before: the form's hidden fields are sent too. ``file``: the
    field that carries the file. ``holds``: text that the answer has to hold; ``lacks``: must not. ``wanted``: text
    without which the website has this turned off, and the trial is not taken. ``take``: name → pattern whose first
    group it is. ``cookie``: how the name of a cookie begins that the editor has to have afterwards. ``stranger``: asked
    without the editor's cookies.
    """

    path: str
    method: Literal["GET", "POST", "DELETE"] = "GET"
    send: Literal["form", "json"] = "form"
    fields: Mapping[str, str] = field(default_factory=dict)
    form: str = ""
    file: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: tuple[int, ...] = (200,)
    type: str = ""
    holds: str = ""
    lacks: str = ""
    wanted: str = ""
    take: Mapping[str, str] = field(default_factory=dict)
    cookie: str = ""
    stranger: bool = False

    def __post_init__(self) -> None:
        """Refuse a path that leads elsewhere, and patterns that are none."""
        if not re.fullmatch(r"/[!-~]{0,300}|\{[a-z]+\}", self.path):
            raise Mismatch(("path",), _("has to be a path on the website"))
        for name, pattern in self.take.items():
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise Mismatch(("take", name), str(error)) from error
            if groups != 1 or not re.fullmatch(r"[a-z]{1,20}", name):
                raise Mismatch(("take", name), _("has to be a pattern with one group"))


@dataclass(frozen=True)
class Trial:
    """What an editor does, each part a trial of its own that ends where one of its steps fails.

    ``account``: a program in PHP, run as the website's account, that reads ``name``, ``root``, ``prefix``, ``login``
    and ``password`` as JSON from its standard input. It removes every account whose name begins with ``prefix``, with
    all that it made; then, where a password is given, it makes the account. ``large``: the kind of the large upload.
    """

    account: str
    login: tuple[Step, ...]
    administration: tuple[Step, ...] = ()
    upload: tuple[Step, ...] = ()
    media: tuple[Step, ...] = ()
    post: tuple[Step, ...] = ()
    rich_text: tuple[Step, ...] = ()
    delete: tuple[Step, ...] = ()
    large: Literal["picture", "text"] = "picture"

    @property
    def parts(self) -> dict[str, tuple[Step, ...]]:
        """The parts by name, in the order in which they are taken."""
        names: Words = ("login", "administration", "upload", "media", "post", "rich_text", "delete")
        return {name: getattr(self, name) for name in names}

    def __post_init__(self) -> None:
        """Refuse more steps than a trial may take."""
        for name, steps in self.parts.items():
            if len(steps) > MOST_STEPS:
                raise Mismatch((name,), _("has more than {count} steps").format(count=MOST_STEPS))

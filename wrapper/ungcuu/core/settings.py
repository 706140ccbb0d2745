"""Where things are on the controller: one frozen ``Settings``, read once from the environment."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def content_dir() -> Path:
    """Return the folder with ansible.cfg, playbooks and roles: the wheel's copy, the collection, the source tree."""
    bundled = (PACKAGE / "content", PACKAGE)
    return next((place for place in bundled if (place / "ansible.cfg").is_file()), PACKAGE.parents[1])


def state_dir(environment: Mapping[str, str]) -> Path:
    """Return the state folder: UNGCUU_STATE, else XDG's place for state."""
    if chosen := environment.get("UNGCUU_STATE"):
        return Path(chosen).expanduser().absolute()
    base = environment.get("XDG_STATE_HOME")
    return (Path(base) if base else Path("~/.local/state").expanduser()) / "ungcuu"


def operator_name(environment: Mapping[str, str]) -> str:
    """Return who runs this, for the journal and the lock: through sudo, the person behind it."""
    names = (environment.get(name) for name in ("SUDO_USER", "LOGNAME", "USER"))
    if name := next(filter(None, names), None):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def kept_name(name: str) -> str:
    """Return under which name the controller and the vault keep a host (``web01``) or one of its websites.

    ``web01/portal`` is what people type; a slash can't stand in a file's name.
    """
    return name.replace("/", "--")


def typed_name(kept: str) -> str:
    """Return what people type for the name under which a host or website is kept: ``web01/portal``."""
    return kept.replace("--", "/", 1)


def machine_of(name: str) -> str:
    """Return the host of ``web01/portal``; a host's own name as it is."""
    return name.partition("/")[0]


def host_folder(state: Path, name: str) -> Path:
    """Return the folder of one host, or of one website of a host that has several (``web01/portal``)."""
    return state / "hosts" / kept_name(name)


@dataclass(frozen=True)
class Settings:
    """What every module may know about this controller; nothing in it is secret."""

    state: Path
    content: Path
    operator: str
    inventory: Path | None = None
    typed_inventory: str = ""  # as it stood after -i: what we advise to type next carries it too
    verbosity: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the environment (by default this process's own)."""
        env = os.environ if environment is None else environment
        return cls(state=state_dir(env), content=content_dir(), operator=operator_name(env))

    @property
    def playbooks(self) -> Path:
        """Folder of playbooks."""
        return self.content / "playbooks"

    @property
    def roles(self) -> Path:
        """Folder of roles."""
        return self.content / "roles"

    @property
    def action_plugins(self) -> Path:
        """Folder of our action plugins: always inside the package, also in a wheel."""
        return PACKAGE / "plugins" / "action"

    @property
    def callback_plugins(self) -> Path:
        """Folder of our callback plugins."""
        return PACKAGE / "plugins" / "callback"

    @property
    def filter_plugins(self) -> Path:
        """Folder of our filters for every role."""
        return PACKAGE / "plugins" / "filter"

    @property
    def keys(self) -> Path:
        """Keys that sign journals and baselines."""
        return self.state / "keys"

    @property
    def heads(self) -> Path:
        """Signed head of each journal, outside the case folder."""
        return self.state / "heads"

    @property
    def cases(self) -> Path:
        """Case folders."""
        return self.state / "cases"

    @property
    def operations(self) -> Path:
        """Journal of the runs that belong to no case."""
        return self.state / "operations"

    @property
    def locks(self) -> Path:
        """One lock file a host."""
        return self.state / "locks"

    def host_dir(self, host: str) -> Path:
        """Folder of one host: containment card, baseline, findings; see :func:`host_folder`."""
        return host_folder(self.state, host)

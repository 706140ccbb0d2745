"""Files without which the website is down: code of an intruder in one of them is a restore's work, not quarantine's.

A changed configuration that is moved away leaves an error page, and every later step then meets a broken website. A
person may still name such a finding.
"""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass

from ungcuu.core.check_phrases import Left
from ungcuu.core.phrases import Coded, phrase
from ungcuu.detect import comparison
from ungcuu.detect.baseline import Snapshot
from ungcuu.hosts.profiles import Profile


@dataclass(frozen=True)
class OwnFiles:
    """What the inventory and the application's profile say of one website: patterns and folders, all absolute."""

    root: str = ""
    writable: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    code: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: str, writable: tuple[str, ...], profile: Profile | None) -> OwnFiles:
        """Gather it; an application without a profile has no patterns."""
        root = root.rstrip("/")

        def below(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(posixpath.normpath(posixpath.join(root, name)) for name in names)

        if profile is None:
            return cls(root, below(writable))
        config = profile.config.paths if profile.config else ()
        return cls(root, below(writable), below((*config, *profile.needed)), below(profile.writable.code))

    def behind_links(self, known: Snapshot | None) -> OwnFiles:
        """Return the same with each place also by the path behind the links that the baseline knows in it."""
        if known is None:
            return self

        def both(paths: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(dict.fromkeys((*paths, *(comparison.behind_links(path, known) for path in paths))))

        return OwnFiles(self.root, both(self.writable), both(self.needed), both(self.code))

    def why_kept(self, path: str, known: Snapshot | None) -> Coded:
        """Why a file is not moved away unless a person names it; an empty phrase for one that may go."""
        fits = [pattern for pattern in self.needed if fnmatch.fnmatchcase(path, pattern)]
        # Where only a pattern, or the folder above, allows it, an intruder may have chosen it: a baseline knows.
        here = any("*" not in pattern and pattern.startswith(self.root + "/") for pattern in fits)
        if fits and (here or known is None or known.file(path) is not None):
            return phrase(Left.CONFIGURATION)
        if known is None:
            inside = bool(self.root) and path.startswith(self.root + "/")
            return phrase(Left.UNJUDGED) if inside and not _below(path, self.writable) else {}
        return phrase(Left.KEPT_CODE) if _below(path, self.code) and known.file(path) is not None else {}


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path.startswith(folder + "/") for folder in folders)

"""The website's database, whichever kind it is. Each kind is a module with the same functions.

`dump`, `account`, `make_account`, `import_beside`, `tables`, `same_rows`, `swap_in`, `put_back`, `exists`, `compare`,
`drop`: see ungcuu_site/mariadb.py, where each says what it does.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ungcuu_site import mariadb, postgres
from ungcuu_site.common import RefusedError

_KINDS = {"mariadb": mariadb, "postgresql": postgres}


def engine(facts: dict[str, Any]) -> ModuleType:
    """The module for a site's database.

    Raises:
        RefusedError: a kind that nobody taught us.
    """
    kind = _KINDS.get(str(facts.get("engine")))
    if kind is None:
        raise RefusedError(f"databases of the kind {facts.get('engine')!a} can't be saved yet")
    return kind

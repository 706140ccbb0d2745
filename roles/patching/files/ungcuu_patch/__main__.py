"""Where the program starts: installed, with words; or sent to a host that does not have it, with one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ungcuu_patch import commandline


def main(order: Mapping[str, Any] | None = None) -> Any:
    """Do what the command line asks for and return the exit code; or do the order and return the answer."""
    if order is None:
        return commandline.main()
    return commandline.answer_to(str(order["do"]), dict(order))

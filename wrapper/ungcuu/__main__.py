"""Where every start of ``ungcuu`` begins: a cut is under way before the command line's own code is imported."""

import sys
from typing import NoReturn

from ungcuu.core import start_interrupt

start_interrupt.keep()  # before anything else is imported: that takes a second on a slow machine

from ungcuu.contain import early  # noqa: E402


def main() -> NoReturn:
    """Start a cut if the words plainly ask for one, then run the command line."""
    if sys.argv[1:] == ["--node-worker"]:  # typed by no person: a controller has this machine run a playbook
        from ungcuu.run import node_worker

        sys.exit(node_worker.main())
    early.begin(sys.argv[1:])
    from ungcuu.contain import fast_cut

    fast_cut.begin(sys.argv[1:])
    from ungcuu.cli.main import main as run

    run()


if __name__ == "__main__":
    main()

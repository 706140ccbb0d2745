"""Report the state of this host, one JSON object a line, and change nothing.

Runs on the managed host as ``python3 -I -S -`` with all its modules on standard input: nothing of it lies on the
host's disks. What it prints is a claim: the host may be under an intruder's hand. The controller checks every field.

Order matters: what an intruder changes most is read first, so that an exhausted time budget (a ``limit`` record)
costs the least. Files are opened with ``O_NOFOLLOW`` and ``O_NOATIME``; directories are never left through a link.
"""

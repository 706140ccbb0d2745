"""Take things out of use on this host, each with what is needed to put it back. Nothing is deleted.

Runs on the managed host as ``python3 -I -S -`` as root, from standard input. It prints one JSON object an action.

What holds:

1. A path is walked from ``/`` one folder at a time with ``O_NOFOLLOW``: no link leads out of it, none is followed.
2. The manifest is on disk before the thing moves; a run that breaks off is finished or undone by the next one.
3. A file that is what the baseline says is left alone, whatever the order was.
4. Nothing goes through a shell.
"""

"""`python -m ungcuu.lab up|down|status|exec|restart`: the lab alone, for Molecule and for work on the roles."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ungcuu.core.debian import DEFAULT, SUPPORTED
from ungcuu.lab.hosts import DEFAULT_HOSTS, Lab
from ungcuu.lab.podman import LabError


def _lab() -> Lab:
    default = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "ungcuu"
    return Lab.from_environment(Path(os.environ.get("UNGCUU_STATE") or default))


@click.group()
def main() -> None:
    """Disposable systemd hosts in containers."""


@main.command()
@click.option("--debian", type=click.Choice(SUPPORTED), default=DEFAULT, show_default=True)
@click.argument("hosts", nargs=-1)
def up(debian: str, hosts: tuple[str, ...]) -> None:
    """Bring up HOSTS (default: web01 vault01 intruder01)."""
    _lab().up(hosts or DEFAULT_HOSTS, debian, lambda text: click.echo(text, err=True))


@main.command()
@click.argument("hosts", nargs=-1)
def down(hosts: tuple[str, ...]) -> None:
    """Remove HOSTS (default: the whole lab)."""
    _lab().down(hosts)


@main.command()
@click.argument("host")
def restart(host: str) -> None:
    """Restart HOST: stands for a reboot."""
    _lab().restart(host)


@main.command()
def status() -> None:
    """Show each host's state."""
    for name, row in _lab().status().items():
        system = f"Debian {row['debian']}" if row["debian"] else ""
        click.echo(f"{name:12} {row['state']:10} {row['address']:16} {system}".rstrip())


@main.command(name="exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("host")
@click.argument("command", nargs=-1, required=True)
def execute(host: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on HOST as root."""
    given = None if sys.stdin.isatty() else sys.stdin.buffer.read()
    done = _lab().exec(host, command[1:] if command[0] == "--" else command, given)
    sys.stdout.buffer.write(done.stdout)
    sys.stderr.buffer.write(done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        click.echo(f"lab: {error}", err=True)
        sys.exit(1)

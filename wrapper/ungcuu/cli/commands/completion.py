"""``ungcuu completion SHELL``: print the script that completes verbs, options and host names."""

from __future__ import annotations

from ungcuu.core.i18n import N_
from ungcuu.run.verb import Argument, Context, Hosts, Phase, Result, Verb


def run(ctx: Context) -> Result:
    """Print click's own script for the shell."""
    from click.shell_completion import get_completion_class

    from ungcuu.cli.main import invoke
    from ungcuu.cli.parser import Root

    shell = str(ctx.options["shell"])
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  (the argument allows only shells that click knows)
    script = found(Root(invoke), {}, "ungcuu", "_UNGCUU_COMPLETE").source()
    ctx.out.block(script)
    return Result(data={"shell": shell, "script": script})


VERB = Verb(
    name="completion",
    phase=Phase.TOOL,
    summary=N_("Print the completion script of a shell"),
    read_only=True,
    takes_lock=False,
    journaled=False,
    hosts=Hosts.NONE,
    arguments=(Argument("shell", choices=("bash", "zsh", "fish")),),
    run=run,
    examples=('eval "$(ungcuu completion bash)"',),
)

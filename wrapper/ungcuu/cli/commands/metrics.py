"""`metrics`: what this controller knows of its hosts, as a file for a monitoring system."""

from __future__ import annotations

from pathlib import Path

from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb


def _run(context: Context) -> Result:
    """Print the metrics, or put them into a file in one step."""
    from datetime import UTC, datetime

    from ungcuu.core.atomic import put
    from ungcuu.report.metrics import text

    metrics = text(context.settings, datetime.now(UTC))
    wanted = context.options["out"]
    if not wanted:
        context.out.block(metrics)
        return Result(data={"metrics": metrics})
    path = Path(str(wanted)).expanduser()
    try:
        put(path, metrics, 0o644)  # the monitoring system reads it under an account of its own
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=path, error=error.strerror or error),
            _("The file that was there, if any, stands as it was."),
            _("Name a file in a folder that exists and that you may write to: ungcuu metrics --out FILE"),
        ) from error
    return Result(message=_("written to {path}").format(path=path), data={"file": str(path)})


VERB = Verb(
    name="metrics",
    phase=Phase.REVIEW,
    summary=N_("Write what is known of all hosts as metrics for a monitoring system (OpenMetrics)"),
    hosts=Hosts.NONE,
    options=(Option("--out", N_("File to put them into in one step; else they are printed"), metavar="FILE"),),
    run=_run,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(N_("Read what this controller recorded of its hosts and cases; no host is asked"),),
    examples=("ungcuu metrics --out /var/lib/prometheus/node-exporter/ungcuu.prom",),
)

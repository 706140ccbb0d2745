"""The metrics say what was recorded, and have no sample for what is not known."""

from __future__ import annotations

import io
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from casebook import Book, clock_of, settings_in
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from ungcuu.case.case import open_case
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core.errors import Exit
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.report import metrics
from ungcuu.run import flow

PRESENT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(settings: Settings) -> Samples:
    return samples(metrics.text(settings, PRESENT))


def keep(settings: Settings, host: str, name: str, document: object) -> None:
    settings.host_dir(host).mkdir(parents=True, exist_ok=True)
    (settings.host_dir(host) / name).write_text(json.dumps(document), "utf-8")


def test_moments_and_counts_are_those_on_record(settings: Settings) -> None:
    keep(settings, "web01", "audit.json", {"score": 87, "time": "2026-11-20T10:00:00+00:00"})
    keep(settings, "web01", "findings.json", {"complete": False, "counts": {"high": 2, "low": 1}, "time": 1795000000})
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        with Book(case, clock).run("patch"):
            pass
        with Book(case, clock).run("restore", outcome="UNKNOWN"):
            pass
    found = of(settings)
    assert found["ungcuu_audit_timestamp_seconds", ("web01",)] == datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
    assert found["ungcuu_audit_score_ratio", ("web01",)] == 0.87
    assert found["ungcuu_scan_timestamp_seconds", ("web01",)] == 1795000000
    assert found["ungcuu_findings", ("web01",)] == 3
    assert found["ungcuu_scan_complete", ("web01",)] == 0
    assert found["ungcuu_open_cases", ("web01",)] == 1
    assert found["ungcuu_run_outcome", ("web01", "DONE", "patch")] == 1
    assert found["ungcuu_run_outcome", ("web01", "DONE", "restore")] == 0
    assert found["ungcuu_run_outcome", ("web01", "UNKNOWN", "restore")] == 1
    assert (
        found["ungcuu_patch_timestamp_seconds", ("web01",)] == found["ungcuu_run_timestamp_seconds", ("web01", "patch")]
    )


def test_what_is_not_known_has_no_sample(settings: Settings) -> None:
    """A zero for "never" would be the year 1970 on a chart, and a score of nothing an alarm."""
    keep(settings, "web01", "audit.json", ["no", "audit"])
    hosts = {name for name, labels in of(settings) if labels == ("web01",)}
    assert hosts == {"ungcuu_open_cases"}


def test_a_host_can_not_claim_a_run(settings: Settings) -> None:
    """Seen failing without `from_host`: the host's own record stood as a run."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        forged = {"kind": "run_finished", "verb": "restore", "hosts": ["web01"], "outcome": "DONE"}
        Book(case, clock).report("run_finished", forged)
    assert not [name for name, _labels in of(settings) if name.startswith("ungcuu_run")]


def test_the_last_run_counts_over_all_journals(settings: Settings) -> None:
    with clock_of() as clock:
        for outcome in ("DONE", "NOT DONE"):
            case = open_case(settings, ["web01"], outcome)
            with Book(case, clock).run("backup", outcome=outcome):
                pass
            case.close("x")
    found = of(settings)
    assert found["ungcuu_run_outcome", ("web01", "NOT DONE", "backup")] == 1
    assert found["ungcuu_run_outcome", ("web01", "DONE", "backup")] == 0


def test_both_text_formats_take_it(settings: Settings) -> None:
    """node_exporter reads the older one."""
    keep(settings, "web01/portal", "audit.json", {"score": 87, "time": "2026-11-20T10:00:00+00:00"})
    text = metrics.text(settings, PRESENT)
    names = {family.name for family in text_string_to_metric_families(text) if family.samples}
    assert names == {family.name for family in plain_families(text) if family.samples}
    assert 'ungcuu_audit_score_ratio{host="web01/portal"} 0.87' in text


def run(settings: Settings, path: Path) -> flow.Report:
    verb = find_verb(["metrics"])
    request = flow.Request(verb, (), with_defaults(verb, {"out": str(path)}))
    return flow.execute(request, settings, Screen(io.StringIO()), lambda *_: None)


def test_the_file_is_put_in_place_in_one_step_for_others_to_read(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "ungcuu.prom"
    path.write_text("old", "utf-8")
    assert run(settings, path).code == Exit.OK
    assert samples(path.read_text("utf-8"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("ungcuu")] == ["ungcuu.prom"]


def test_a_place_that_can_not_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    report = run(settings, tmp_path / "no" / "ungcuu.prom")
    assert report.code == Exit.CONTROLLER
    assert str(tmp_path / "no" / "ungcuu.prom") in str(report.document["error"])

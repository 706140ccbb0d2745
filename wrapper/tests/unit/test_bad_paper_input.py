"""Whatever papers are made of: a clear error, nothing lost, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from casebook import settings_in, write_case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_clocks import GOOD

from ungcuu.case.case import find
from ungcuu.case.integrity import check
from ungcuu.case.reporting_profile import Profile, load, shipped
from ungcuu.core.errors import ControllerFault, JournalError
from ungcuu.hosts.data_files import read_text
from ungcuu.hosts.reporting_site import ReportingSite
from ungcuu.prepare.register.entry import Entry, Unreadable, as_yaml, parse
from ungcuu.prepare.register.kinds import KINDS, Unfit, fields_of, read
from ungcuu.report.document import print_pdf, write_report

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=40)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
NAMES = st.sampled_from(sorted({name for kind in KINDS for name in fields_of(kind)})) | st.text(min_size=1, max_size=9)
STAGES = [stage for name in shipped() for stage in load(name).stages]

# Any moment, and often one about the turn of a month, where the zones have different ones.
MOMENTS = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2035, 1, 1)) | st.builds(
    lambda year, month, hours: datetime(year, month, 1) + timedelta(hours=hours),
    st.integers(2024, 2034),
    st.integers(1, 12),
    st.integers(-80, 26),
)


def refused_or_read(kind: type[Any], text: str) -> None:
    """Read a text: what comes of it is the thing itself or an error that names the file."""
    try:
        assert isinstance(read_text(kind, text, "x.yml"), kind)
    except ControllerFault as fault:
        assert "x.yml" in fault.what


@QUICK
@given(st.text(max_size=300))
def test_any_text_is_a_profile_or_an_error_with_its_place(text: str) -> None:
    refused_or_read(Profile, text)
    refused_or_read(ReportingSite, text)


@QUICK
@given(st.sampled_from(sorted(yaml.safe_load(GOOD))), TREES)
def test_a_profile_with_anything_in_one_place(key: str, value: object) -> None:
    """Each key of a good profile in turn holds something else."""
    refused_or_read(Profile, yaml.safe_dump({**yaml.safe_load(GOOD), key: value}, allow_unicode=True))


@QUICK
@given(st.integers(0, len(GOOD) - 1), st.text(max_size=6))
def test_a_profile_with_a_slip_of_the_hand(at: int, typed: str) -> None:
    refused_or_read(Profile, GOOD[:at] + typed + GOOD[at + len(typed) :])


@pytest.mark.parametrize("kind", ["Profile", "ReportingSite"])
def test_a_nested_file_does_not_end_the_program(kind: str) -> None:
    """libyaml's composer ends the whole process: seen failing (exit -11) without the look at the depth."""
    code = (
        "from ungcuu.case.reporting_profile import Profile\nfrom ungcuu.hosts.reporting_site import ReportingSite\n"
        "from ungcuu.core.errors import ControllerFault\nfrom ungcuu.hosts.data_files import read_text\n"
        f"try:\n    read_text({kind}, 'name: ' + '[' * 300000, 'x.yml')\n"
        "except ControllerFault as fault:\n    print(fault.what)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0 and "x.yml:1" in done.stdout, (done.returncode, done.stderr)


@QUICK
@given(
    st.sampled_from([*STAGES, *9 * [stage for stage in STAGES if "month" in stage.due]]),
    MOMENTS,
    st.integers(-14 * 60, 14 * 60),
)
def test_a_due_time_is_the_same_moment_in_every_zone(stage: Any, moment: datetime, minutes: int) -> None:
    """Property over all shipped stages; seen failing with months counted in the zone of the start."""
    start = moment.replace(tzinfo=UTC)
    there = start.astimezone(timezone(timedelta(minutes=minutes)))
    assert stage.due_after(there) == stage.due_after(start)
    due = stage.due_after(start)
    assert due is None or due >= start


@QUICK
@given(st.sampled_from(sorted(KINDS)), st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3)))
def test_any_record_of_the_register_is_one_or_an_error_that_names_the_field(kind: str, raw: dict[str, Any]) -> None:
    texts = {key: str(value) if not isinstance(value, list) else [str(v) for v in value] for key, value in raw.items()}
    try:
        values = read(kind, {"title": "x", "due": "2026-12-01", **texts})
    except Unfit as refused:
        assert refused.field and str(refused)
        return
    entry = Entry(f"{kind}-001", values)
    assert parse(entry.id, as_yaml(entry).encode()) == entry


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes_are_a_record_or_an_error(data: bytes) -> None:
    try:
        parse("awareness-001", data)
    except Unreadable as refused:
        assert str(refused)


def test_a_note_of_ten_megabytes_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    """Neither the journal nor the register takes it; the case is whole, and its report is drawn up as before."""
    case = write_case(settings_in(tmp_path), close=False)
    before = case.records()
    with pytest.raises(JournalError, match="too large"):
        case.note("x" * 10_000_000)
    fresh = find(case.settings, case.id)
    assert fresh.records() == before and check(fresh).ok
    case.note("Đã báo PA05")
    assert write_report(find(case.settings, case.id))[0].stat().st_size > 10_000
    with pytest.raises(Unfit):
        read("awareness", {"title": "x", "date": "2026-10-02", "notes": "x" * 10_000_000})


def test_a_machine_without_fonts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """weasyprint ends with a crash there. Seen failing without the look at the fonts: "died with SIGSEGV" was said."""
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><cachedir>{tmp_path}</cachedir>'
        "</fontconfig>",
        "utf-8",
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(configuration))
    if subprocess.run(["sh", "-c", "command -v weasyprint && command -v fc-list"], check=False).returncode:
        pytest.skip("weasyprint or fc-list is not installed: ./check installs them")
    with pytest.raises(ControllerFault) as refused:
        print_pdf("<p>xin chào</p>")
    assert "Vietnamese letters" in refused.value.what and refused.value.fix == "apt install fonts-liberation"

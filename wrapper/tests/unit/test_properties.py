"""Properties of what stands between a host and this machine, on examples that Hypothesis makes.

500 examples each in an ordinary run; 10,000 with ``HYPOTHESIS_PROFILE=nightly``, as ``./check nightly`` sets it.
"""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from property_data import SCALARS, TEXTS, all_texts, line, rows, shows, trees

from ungcuu.case.evidence import frames
from ungcuu.contain import blocks
from ungcuu.core.errors import ControllerFault
from ungcuu.core.settings import kept_name, typed_name
from ungcuu.core.signing import canonical
from ungcuu.core.terminal import LIMIT, clean, clean_lines
from ungcuu.detect import baseline, records, sweep, vault_view
from ungcuu.hosts import data_files, remote_program
from ungcuu.hosts.reporting_site import ReportingSite
from ungcuu.recover import restore_points
from ungcuu.remote.host_state.reading import escaped
from ungcuu.run import events

# --- output gate ----------------------------------------------------------------------------------------------------


@given(TEXTS | st.binary(max_size=60) | trees(), st.none() | st.integers(0, 40))
def test_the_gate_lets_nothing_act(value: object, limit: int | None) -> None:
    """Seen failing with characters of format left out of the table, and with the carriage return kept."""
    assert shows(clean(value, limit))
    assert shows(clean_lines(value, limit), lines=True)
    assert clean(value, limit).isprintable()


@given(TEXTS)
def test_the_gate_is_idempotent(text: str) -> None:
    """What is cleaned when it is recorded is cleaned again when it is shown: twice must change nothing."""
    once = clean(text, None)
    assert clean(once, None) == once
    block = clean_lines(text, None)
    assert clean_lines(block, None) == block


@given(TEXTS, st.integers(0, 50))
def test_the_gate_keeps_to_its_limit_and_says_what_it_cut(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert (f"(+{len(text) - limit})" in shown) == (len(text) > limit)


# --- path mapper ----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=80) | TEXTS.map(lambda text: text.encode("utf-8", "replace")))
def test_every_path_of_a_host_comes_back_as_it_was(raw: bytes) -> None:
    """What is quarantined or restored is the file that was found, whatever bytes its name has."""
    text = escaped(raw)
    assert text.isprintable()
    assert baseline.path_bytes(text) == raw


@given(TEXTS)
def test_no_text_of_a_host_makes_the_path_mapper_fail(text: str) -> None:
    assert isinstance(baseline.path_bytes(text.encode("utf-8", "replace").decode()), bytes)


NAMES = st.from_regex(r"[a-z0-9](?:[a-z0-9.]|-(?!-)){0,20}", fullmatch=True)


@given(NAMES, NAMES)
def test_a_name_of_a_website_has_one_place(host: str, website: str) -> None:
    kept = kept_name(f"{host}/{website}")
    assert "/" not in kept and kept not in (".", "..")
    assert typed_name(kept) == f"{host}/{website}" or host.endswith("-")


# --- configuration loader -------------------------------------------------------------------------------------------

FIELDS = st.sampled_from(sorted(ReportingSite.__dataclass_fields__)) | TEXTS
YAML = TEXTS | trees(FIELDS).map(yaml.safe_dump)


@given(YAML)
def test_a_file_of_a_person_is_read_or_refused_by_its_place(text: str) -> None:
    """Neither a traceback nor a half-read file."""
    try:
        made = data_files.read_text(ReportingSite, text, "here.yml")
    except ControllerFault as refused:
        assert "here.yml" in refused.what and shows(clean(refused.what))
    else:
        assert isinstance(made, ReportingSite)


BLOCK = rows({"network": TEXTS, "owner": TEXTS, "reason": TEXTS, "since": TEXTS, "until": TEXTS})


@given(st.lists(BLOCK, max_size=3).map(json.dumps) | trees().map(json.dumps) | st.text(max_size=60))
def test_a_list_of_blocks_is_read_or_refused(text: str) -> None:
    """Guessing would open or close the wrong doors."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, blocks.FILE).write_text(text, "utf-8", "surrogatepass")
        try:
            made = blocks.load(Path(folder))
        except ValueError:
            return
    assert all(isinstance(block, blocks.Block) and isinstance(block.network, str) for block in made)


# --- event parser ---------------------------------------------------------------------------------------------------

RESULT = rows(
    {
        "msg": TEXTS,
        "changed": st.booleans(),
        "failed": st.booleans(),
        "rc": st.integers(-9, 255),
        "stderr": TEXTS,
        "_ansible_no_log": st.booleans(),
        "ungcuu_unknown": st.booleans(),
        "exception": TEXTS,
        "results": st.lists(trees(st.sampled_from(["msg", "ungcuu", "failed", "rc", "diff"])), max_size=3),
        "ungcuu": st.lists(rows({"kind": TEXTS, "data": trees(TEXTS | st.just("password"))}), max_size=3),
        "diff": rows({"before": TEXTS, "after": TEXTS, "after_header": TEXTS}),
    }
)
RAW = st.fixed_dictionaries(
    {"event": st.sampled_from(sorted(events._KINDS))},
    optional={
        "stdout": TEXTS,
        "event_data": rows(
            {
                "host": TEXTS,
                "task": TEXTS,
                "role": TEXTS,
                "play": TEXTS,
                "task_path": TEXTS,
                "res": RESULT,
                "ignore_errors": st.booleans(),
                "task_action": st.sampled_from([*sorted(events.REPORTERS), "command"]),
            }
        ),
    },
)


def reported(result: dict[str, Any]) -> dict[str, Any]:
    return {"event": "runner_on_ok", "event_data": {"task_action": "ungcuu_report", "res": result}}


@example(reported({"ungcuu": [{"kind": "x", "data": {"a": math.inf}}]}))
@example(reported({"results": 1.0}))
@given(RAW)
def test_an_event_is_plain_bounded_and_fit_for_the_journal(raw: dict[str, Any]) -> None:
    """Seen failing: Infinity in a report passed here, and ended the run when the journal refused it; a result whose
    ``results`` is a number ended it here.
    """
    event = events.parse(raw)
    assert event is not None
    for text in (event.host, event.task, event.role, event.play, event.place, event.delegate):
        assert shows(text)
    assert shows(event.message, lines=True) and len(event.message) <= events.MESSAGE_LIMIT + 40
    for report in event.reports:
        assert all(shows(text, lines=True) for text in all_texts(report.data))
        assert len(canonical(report.data)) < 1 << 20
    data = raw.get("event_data")
    if not isinstance(data, dict) or str(data.get("task_action")) not in events.REPORTERS:
        assert not event.reports, "a module's result is the host's own word"


@given(st.dictionaries(st.sampled_from(["password", "db_password", "api_key", "token", "x"]), TEXTS, min_size=1))
def test_what_a_key_names_as_secret_is_gone(data: dict[str, str]) -> None:
    kept = events.redact({"a": [{"b": data}]})
    assert isinstance(kept, dict)
    shown = kept["a"][0]["b"]
    assert all(shown[name] in (events.HIDDEN, "") for name in data if name != "x")


# --- parsers of what hosts and vaults answer --------------------------------------------------------------------------

STATE_ROW = st.one_of(
    [rows({"k": st.just(kind), **dict.fromkeys(schema, TEXTS | SCALARS)}) for kind, schema in records.SCHEMA.items()]
)


@given(st.lists(STATE_ROW.map(line) | st.binary(max_size=80), max_size=12))
@example([b'{"k": "end", "seconds": 1' + b"0" * 400 + b', "time": 1}'])  # a scan broke down: no float holds it
@example([b'{"k": "end", "seconds": Infinity, "time": 1}'])
def test_a_reading_of_a_host_holds_only_what_may_be_shown(lines: list[bytes]) -> None:
    snapshot = baseline.parse(lines)
    for kind in snapshot.rows.values():
        for row in kind.values():
            assert all(text.isprintable() for text in all_texts(row))
    assert not snapshot.complete or any(b'"end"' in one for one in lines)


@given(st.text(max_size=200) | TEXTS | trees().map(lambda tree: f"\nUNGCUU-RESULT {json.dumps(tree)}\n"))
def test_an_answer_is_a_mapping_or_none(text: str) -> None:
    with contextlib.suppress(remote_program.BadAnswer):
        assert isinstance(remote_program.answer_in(text), dict)


VAULT = rows(
    {
        "outcome": st.just("DONE"),
        "point": rows({"id": TEXTS, "time": TEXTS}),
        "root": TEXTS,
        "schedule": trees(),
        "rows": st.lists(st.lists(TEXTS, max_size=4), max_size=4),
        "points": st.lists(rows({"id": TEXTS, "time": st.just("2026-01-01T00:00:00Z"), "bytes": st.integers()})),
    }
)


@given(VAULT)
def test_an_answer_of_a_vault_is_read_or_left_out(answer: dict[str, Any]) -> None:
    view = vault_view.parse(answer)
    assert view.why or view.point
    for point in restore_points.parse(answer):
        assert restore_points.parse_time(point.time)


SWEEP_ROW = rows(
    {"point": TEXTS, "time": st.just("2026-01-01T00:00:00Z"), "damaged": st.booleans(), "verdict": TEXTS,
     "suspects": st.lists(st.tuples(TEXTS, TEXTS), max_size=2), "read": st.just("whole"), "file": TEXTS,
     "sha256": TEXTS, "gone": TEXTS, "failed": TEXTS, "end": TEXTS, "files": st.integers(), "bytes": st.integers(0, 9),
     "outcome": st.sampled_from(["DONE", "NOT DONE"]), "points": st.integers(0, 2)}
)  # fmt: skip # a table


@given(st.lists(SWEEP_ROW.map(lambda row: line(row) + b"\n") | st.binary(max_size=30), max_size=10), st.integers(1, 40))
def test_a_sweep_takes_a_stream_apart_or_refuses_it(pieces: list[bytes], step: int) -> None:
    seen = sweep.Sweep()
    parts = sweep.Frames(seen.take)
    data = b"".join(pieces)
    try:
        for start in range(0, len(data), step):
            parts.push(data[start : start + step])
    except sweep.StrangeAnswerError:
        return
    if seen.outcome == "DONE":
        assert any(b'"points": ' in piece for piece in pieces)
    assert all(isinstance(trace.brief(), dict) for trace in seen.traces)


MARK = "a" * 48
FRAME = st.binary(max_size=30) | st.sampled_from(
    [
        f"\n{MARK}\n".encode(),
        f"\n{MARK}.\n".encode(),
        b"\nrc 0\n",
        b"\nrc 999\n",
        b"\nrc \xd9\xa3\n",
        b"\n",
        MARK.encode(),
    ]
)


@given(st.lists(FRAME, max_size=12), st.integers(1, 60), st.integers(0, 40))
def test_a_collection_is_taken_apart_alike_however_it_arrives(pieces: list[bytes], step: int, limit: int) -> None:
    """The pieces in which bytes arrive are chance; what is kept as evidence must not be."""
    data = b"".join(pieces)

    def taken(step: int) -> tuple[bytes, list[frames.Trailer], str]:
        written, ended, why = bytearray(), list[frames.Trailer](), ""
        parts = frames.Splitter(MARK, lambda: limit, written.extend, ended.append)
        try:
            for start in range(0, len(data), step):
                parts.feed(data[start : start + step])
            parts.flush()
        except (frames.OverLimit, frames.Broken) as error:
            why = type(error).__name__
        return bytes(written), ended, why

    assert taken(step) == taken(max(1, len(data)))
    written, ended, _why = taken(step)
    assert len(written) <= limit * (len(ended) + 1)
    assert LIMIT > 0

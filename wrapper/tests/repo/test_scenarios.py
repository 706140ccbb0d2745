"""Response plans can be relied on under stress: each command can be typed, and each name in them exists."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest
import reporting_schema
import scenario_pages
import test_documented_commands as documented
import test_glossary as glossary
import test_plain_words as plain
import yaml

from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.i18n import Words
from ungcuu.drill import scenario
from ungcuu.drill.techniques import TECHNIQUES
from ungcuu.hosts.data_files import read_text

ROOT = documented.ROOT
FOLDER = ROOT / "wrapper" / "ungcuu" / "drill"
THIRTEEN = {
    "defacement",
    "webshell",
    "seo_links",
    "brute_force",
    "flood",
    "ransomware",
    "sql_injection",
    "vulnerable_component",
    "persistence",
    "miner",
    "poisoned_backup",
    "lost_management",
    "two_websites",
}
NAMES = scenario.names()


def texts(part: Any) -> Iterator[Words]:
    """Each text of a scenario, in both languages."""
    if isinstance(part, Words):
        yield part
    elif dataclasses.is_dataclass(part):
        for item in dataclasses.fields(part):
            yield from texts(getattr(part, item.name))
    elif isinstance(part, tuple):
        for item in part:
            yield from texts(item)


def steps(name: str) -> Iterator[scenario.Step]:
    for taken in scenario.load(name).plan.phases.values():
        yield from taken


@cache
def rules() -> set[str]:
    """Every rule of a finding that a page explains."""
    pages = [ROOT / "docs/reference/findings.md", ROOT / "docs/how-to/watch.md"]
    return {rule for page in pages for rule in re.findall(r"`([a-z]+\.[a-z-]+)`", page.read_text("utf-8"))}


def test_the_thirteen_are_there_under_their_own_names() -> None:
    assert set(NAMES) == THIRTEEN
    assert all(scenario.load(name).id == name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_fits_the_schema_that_editors_use(name: str) -> None:
    document = yaml.safe_load((FOLDER / name / "scenario.yml").read_text("utf-8"))
    jsonschema.validate(document, json.loads(reporting_schema.page("scenario.schema.json")))


@pytest.mark.parametrize("name", NAMES)
def test_each_command_of_a_plan_can_be_typed(name: str) -> None:
    """A plan that was approved and can't be typed is found out in the worst hour. Seen failing with an option misspelt,
    with a verb without its host, and with a choice that there is not.
    """
    wrong = [
        f"{command}   ({why})"
        for step in steps(name)
        for command in step.commands
        if (why := documented.fault(documented.words(command), whole=True))
    ]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_each_command_confirms_the_very_name_that_it_is_about(name: str) -> None:
    """A verb about one website is confirmed by that website's name. Seen failing with two_websites as it was."""
    typed = [documented.words(command) for step in steps(name) for command in step.commands]
    for words in typed:
        if "--confirm-host" in words:
            assert words[words.index("--confirm-host") + 1] == words[1], words


@pytest.mark.parametrize(
    "command", ["ungcuu isolate web01 --mode ful", "ungcuu collect", "ungcuu restore web01 --clen"]
)
def test_a_command_that_cant_be_typed_is_seen(command: str) -> None:
    assert documented.fault(documented.words(command), whole=True)


@pytest.mark.parametrize("name", NAMES)
def test_findings_and_other_scenarios_that_it_names_exist(name: str) -> None:
    known = scenario.load(name)
    named = {rule for sign in known.signs for rule in sign.findings}
    assert named <= rules(), "no page explains these"
    for text in texts(known):
        others = re.findall(r"\bscenario (?!that )(\w+)", text.en)
        assert set(others) <= set(NAMES)
        assert all(other in text.vi for other in others), text.vi


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_law_is_kept(name: str) -> None:
    """Evidence before anything is changed; a clean re-assessment before the release; somebody signs what is sent."""
    plan = scenario.load(name).plan
    before = [
        command for phase in ("notice", "notify", "contain") for step in plan.phases[phase] for command in step.commands
    ]
    assert not [command for command in before if re.match(r"ungcuu (eradicate|restore|rotate|rebuild|patch) ", command)]
    assert any("case form CASE initial" in command for step in plan.notify for command in step.commands)
    assert any("case form CASE closing" in command for step in plan.report for command in step.commands)
    typed = [command for step in steps(name) for command in step.commands]
    released = [number for number, command in enumerate(typed) if command.startswith("ungcuu release")]
    judged = [number for number, command in enumerate(typed) if command.startswith("ungcuu reassess")]
    assert not released or (judged and max(judged) < min(released))
    isolated = any(command.startswith("ungcuu isolate") for command in typed)
    assert isolated == bool(released), "what is cut off has to be released, and nothing else"


@pytest.mark.parametrize("name", NAMES)
def test_a_leak_of_personal_data_has_its_notice(name: str) -> None:
    """Its clock runs apart from the incident's. Seen failing with the step left out of sql_injection."""
    noticed = any("case form CASE personal-data" in command for step in steps(name) for command in step.commands)
    assert noticed == (scenario.load(name).personal_data == "yes")


def test_nothing_stands_there_that_no_plan_uses() -> None:
    used = set()
    for name in NAMES:
        raw = yaml.safe_load((FOLDER / name / "scenario.yml").read_text("utf-8"))["plan"]
        used |= {step["use"] for taken in raw.values() for step in taken if "use" in step}
    assert used == set(scenario.shared_steps())
    assert {technique for name in NAMES for technique in scenario.load(name).techniques} == set(TECHNIQUES)


@pytest.mark.parametrize("name", NAMES)
def test_texts_use_the_glossary_s_words(name: str) -> None:
    """A plan that calls one thing by two names is misread."""
    for text in texts(scenario.load(name)):
        assert plain.found_in(name, text.en) == []
        words = glossary._words(text.en, text.vi)
        bad = [
            term.english[0] for term in glossary.terms() if term.pattern.search(words) and glossary.wrong(term, text.vi)
        ]
        assert bad == [], f"{text.en!r} → {text.vi!r}"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("severity: critical", "severity: terrible", "severity"),
        ("techniques: [T1190", "techniques: [T119", "techniques.0"),
        ("use: isolate", "use: isolat", "plan.contain.0.use"),
        ("who: supplier", "who: nobody", "plan.reassess.0.who"),
        ("detect: 15", "detect: 0", "targets.detect"),
        ("stop:", "halt:", "halt"),
    ],
)
def test_a_scenario_with_a_mistake_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    text = (FOLDER / "webshell" / "scenario.yml").read_text("utf-8")
    assert old in text
    with pytest.raises(ControllerFault) as refused:
        read_text(scenario.Scenario, text.replace(old, new, 1), "scenario.yml", scenario.GUIDE)
    assert re.match(rf"scenario\.yml:\d+: {re.escape(says)}: ", refused.value.what)


def test_a_scenario_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageFault) as refused:
        scenario.load("../../etc")
    assert "webshell" in refused.value.what


def test_the_pages_are_in_step() -> None:
    """Who has the printed plan in hand relies on it."""
    there = {path.name: path.read_text("utf-8") for path in scenario_pages.FOLDER.iterdir()}
    assert there == scenario_pages.pages(), "run: python wrapper/tests/tools/scenario_pages.py update"

"""Writes docs/reference/scenarios/ from the scenarios: ``python wrapper/tests/tools/scenario_pages.py update``.

Each scenario has a page in English and one in Vietnamese, which prints as the response plan that a superior approves.
A test compares the pages with the scenarios.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ungcuu.case.reporting_profile import DEFAULTS
from ungcuu.case.reporting_profile import load as load_profile
from ungcuu.core.i18n import in_language
from ungcuu.drill import scenario
from ungcuu.report import response_plan

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference" / "scenarios"
_MADE = "Written by `python wrapper/tests/tools/scenario_pages.py update`; do not edit."


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    made = {"README.md": "\n".join(_index())}
    for name in scenario.names():
        for language, ending in (("en", ".md"), ("vi", ".vi.md")):
            with in_language(language):
                made[name + ending] = "\n".join(_page(scenario.load(name), language))
    return made


def _index() -> Iterator[str]:
    yield f"# Scenarios\n\n{_MADE} How to use a plan: [response plans](../response-plans.md).\n"
    yield "| scenario | incident | phương án ứng cứu |"
    yield "| --- | --- | --- |"
    for name in scenario.names():
        known = scenario.load(name)
        yield f"| `{name}` | [{known.title.en}]({name}.md) | [{known.title.vi}]({name}.vi.md) |"
    yield ""


def _page(known: scenario.Scenario, language: str) -> Iterator[str]:
    profiles = [load_profile(name) for name in DEFAULTS]
    yield f"# {known.title}\n"
    if language == "vi":
        yield f"<!-- {_MADE} -->\n"
        yield f"Phương án ứng cứu sự cố `{known.id}` · [English]({known.id}.md) · [mục lục](README.md)\n"
        yield "| Người lập | Người phê duyệt | Ngày phê duyệt | Có giá trị đến |"
    else:
        yield f"<!-- {_MADE} -->\n"
        yield f"Response plan `{known.id}` · [tiếng Việt]({known.id}.vi.md) · [all plans](README.md)\n"
        yield "| Drawn up by | Approved by | Approved on | Valid until |"
    yield "| --- | --- | --- | --- |\n| &nbsp; | | | |\n"
    for part in response_plan.parts(known, response_plan.papers(known, profiles)):
        yield f"## {part.title}\n"
        for number, line in enumerate(part.lines, 1):
            yield f"{number}. {line.text}"
            if line.commands:
                commands = "\n   ".join(line.commands)
                yield f"\n   ```sh\n   {commands}\n   ```\n"
        yield ""


def update() -> None:
    """Write all pages, and remove those of scenarios that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.iterdir():
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(f"usage: {sys.argv[0]} update")
    update()

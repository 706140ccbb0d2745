"""The documentation as a site: the pages of this repository as they stand, in the order of docs/README.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs" / "README.md"
SAMPLES_HERE = "<!-- samples -->"  # where the index names the samples, which only the site has

project = "ungcuu"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/**/*.md", "roles/*/README.md"]
exclude_patterns = [".venv", ".check", "dist", ".git"]
myst_heading_anchors = 3
# Shortened records (…) are no valid JSON; they are shown as text.
suppress_warnings = ["misc.highlighting_failure"]
highlight_language = "none"
html_theme = "furo"
html_title = "ungcuu"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

# Heading in the side bar: the folder whose pages stand below it.
PARTS = {
    "Tutorials": "docs/tutorial",
    "How to": "docs/how-to",
    "Look up": "docs/reference",
    "Response plans": "docs/reference/scenarios",
    "Understand": "docs/explanation",
    "Decisions": "docs/decisions",
    "Roles": "roles",
}


def _pages(folder: str) -> list[str]:
    """The pages of a folder: first those that the index names, in its order, then the others by name."""
    named = re.findall(r"\]\(([\w/-]+)\.md\)", INDEX.read_text("utf-8"))
    order = [f"docs/{name}" for name in named]
    pattern = "*/README.md" if folder == "roles" else "*.md"
    found = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / folder).glob(pattern))
    return sorted(found, key=lambda page: order.index(page) if page in order else len(order))


def _contents() -> str:
    """The table of contents, hidden in the home page: a page of the repository needs no directive for it."""
    parts = {
        "": ["docs/README", "Tiếng Việt <README.vi>"],
        **{title: _pages(folder) for title, folder in PARTS.items()},
    }
    parts["Project"] = ["CONTRIBUTING", "SECURITY", "CHANGELOG"]
    return "".join(
        "\n\n```{toctree}\n:hidden:\n"
        + (f":caption: {title}\n:maxdepth: 1\n" if title else "")
        + "\n".join(["", *pages, "```\n"])
        for title, pages in parts.items()
    )


def _read(_app: Any, docname: str, source: list[str]) -> None:
    if docname == root_doc:
        source[0] += _contents()
    elif docname == "docs/README":
        source[0] = source[0].replace(
            SAMPLES_HERE,
            '<p>Samples, made of an invented incident: <a href="../sample/report.en.html">a report</a> '
            '(<a href="../sample/report.vi.html">tiếng Việt</a>), '
            '<a href="../sample/board/index.html">a board</a>.</p>',
        )
    # A folder has no page of its own in the site; its pages stand in the side bar.
    source[0] = re.sub(r"\[([^\]]+)\]\((?![a-z]+:)[^)\s]*/\)", r"\1", source[0])


def _home(app: Any, fault: Exception | None) -> None:
    """Web servers show index.html of a folder: it is the home page."""
    if fault is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("build-finished", _home)

"""Build the documentation as a site, with a sample report and board, and check that every link in it leads somewhere.

`python wrapper/site/build.py [FOLDER]`, by default `.check/site`. `./check docs` sets up what it needs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SPHINX = ROOT / ".check" / "docs" / "bin" / "sphinx-build"


def write_samples(folder: Path) -> None:
    """A report and a board as the product writes them, of the invented office that its tests use."""
    sys.path.insert(0, str(ROOT / "wrapper" / "tests" / "unit"))
    from officeworld import Office

    from ungcuu.core.i18n import set_language
    from ungcuu.report import board, document

    with TemporaryDirectory() as scratch:
        set_language("en")
        office = Office(Path(scratch) / "office")
        for name, text in board.pages(office.view(), office.settings, "en").items():
            path = folder / "board" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        for language in ("en", "vi"):
            set_language(language)
            written = document.write_report(office.played, language)
            shutil.copyfile(written[0], folder / f"report.{language}.html")


@cache
def _targets(page: Path) -> frozenset[str]:
    """What a fragment may name in a page."""
    tree = LexborHTMLParser(page.read_text("utf-8"))
    return frozenset(str(node.attributes[key]) for key in ("id", "name") for node in tree.css(f"[{key}]"))


def broken(site: Path) -> Iterator[str]:
    """Yield each link, picture or style sheet of a page that leads nowhere. Addresses of other sites are not asked."""
    for page in sorted(site.rglob("*.html")):
        tree = LexborHTMLParser(page.read_text("utf-8"))
        links = {str(node.attributes[key]) for key in ("href", "src") for node in tree.css(f"[{key}]")}
        for link in sorted(links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            fragment = unquote(parts.fragment)
            if not target.is_relative_to(site.resolve()) or not target.is_file():
                yield f"{page.relative_to(site)}: {link}: no such file"
            elif fragment and target.suffix == ".html" and fragment not in _targets(target):
                yield f"{page.relative_to(site)}: {link}: no such place in that page"


def main(words: list[str]) -> int:
    """Build into a folder; 0 where every page was made and every link leads somewhere."""
    site = Path(words[0]) if words else ROOT / ".check" / "site"
    if not SPHINX.is_file():
        print(f"{SPHINX} is missing: ./check docs installs it", file=sys.stderr)
        return 1
    shutil.rmtree(site, ignore_errors=True)
    build = [SPHINX, "--fail-on-warning", "--keep-going", "--quiet", "-b", "html", "-d", ROOT / ".check" / "doctrees"]
    if subprocess.run([*build, "-c", HERE, ROOT, site], check=False).returncode:
        return 1
    write_samples(site / "sample")
    faults = list(broken(site))
    print("\n".join(faults) or f"{site}: {sum(1 for _ in site.rglob('*.html'))} pages", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

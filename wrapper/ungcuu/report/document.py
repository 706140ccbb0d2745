"""From a case to its files: HTML, and PDF when asked for."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ungcuu.case.case import Case
from ungcuu.case.extent import scope_of_case
from ungcuu.case.integrity import check
from ungcuu.core.atomic import sync_folder, write_beside
from ungcuu.core.errors import ControllerFault
from ungcuu.core.i18n import _
from ungcuu.core.scratch import private_folder
from ungcuu.core.signing import fingerprint, public_key
from ungcuu.core.templates import html_environment
from ungcuu.hosts.reporting_site import folder_of
from ungcuu.recover.restore_points import known_backups
from ungcuu.report.model import build

PDF_SECONDS = 120


def render(context: Mapping[str, Any], template: str = "report.html.j2") -> str:
    """Return the HTML document."""
    return html_environment().get_template(template).render(context)


def write_report(case: Case, lang: str = "en", *, pdf: bool = False) -> list[Path]:
    """Write the report beside the journal, record its hash, and return the files: HTML, then PDF when asked for.

    Raises:
        ControllerFault: a PDF was asked for and the program that makes it is missing or failed.
        Tampered: the journal can't be read.
        JournalError: the journal can't be written.
    """
    suffix = "" if lang == "en" else f".{lang}"
    key = fingerprint(public_key(case.settings.keys))
    known = [known_backups(host, case.settings.host_dir(host)) for host in case.facts.backed_up]
    own = folder_of(case.settings)
    text = render(build(case.records(), check(case), key, reach=scope_of_case(case), known=known, folder=own))
    files = {f"report{suffix}.html": text.encode("utf-8", "backslashreplace")}
    if pdf:
        files[f"report{suffix}.pdf"] = print_pdf(text)
    return _put_recorded(case, files)


def _put_recorded(case: Case, files: Mapping[str, bytes]) -> list[Path]:
    """Write files beside the journal, each together with its record: until both are there, the old file stands.

    The drafts are whole and on disk, then the hashes are recorded, then the drafts take their names. A check at any
    moment finds a file whose hash is recorded.
    """
    drafts: dict[Path, Path] = {}
    try:
        for name, data in files.items():
            drafts[case.folder / name] = write_beside(case.folder / name, data, 0o600)
        journal = case.journal()
        for path, data in zip(drafts, files.values(), strict=True):
            digest = hashlib.sha256(data).hexdigest()
            journal.append("report", {"file": path.name, "sha256": digest, "operator": case.settings.operator})
        for path, draft in drafts.items():
            draft.replace(path)
        sync_folder(case.folder)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    return list(drafts)


def print_pdf(text: str) -> bytes:
    """Turn the document into a PDF with Debian's ``weasyprint``, in a folder of its own.

    Raises:
        ControllerFault: The program or a font with Vietnamese letters is missing, or the program failed.
    """
    program = shutil.which("weasyprint")
    if program is None:
        raise ControllerFault(
            _("A PDF needs the program weasyprint"), _("The HTML report prints well too."), "apt install weasyprint"
        )
    if _lacks_fonts():
        raise ControllerFault(
            _("A PDF needs a font with Vietnamese letters, and this machine has none"),
            _("The HTML report prints well too."),
            "apt install fonts-liberation",
        )
    with private_folder() as folder:
        source, target = folder / "report.html", folder / "report.pdf"
        source.write_text(text, encoding="utf-8", errors="backslashreplace")
        return _printed([program, "-q", str(source), str(target)], target)


def print_docx(letter: bytes) -> bytes | None:
    """Turn a DOCX into a PDF with LibreOffice, in a folder of its own; None where that is not installed.

    Raises:
        ControllerFault: The program failed.
    """
    program = shutil.which("soffice")
    if program is None:
        return None
    with private_folder() as folder:
        source, target = folder / "letter.docx", folder / "letter.pdf"
        source.write_bytes(letter)
        # A profile of its own: the one of the person may be in use, and says what opens beside the document.
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = [program, profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(source)]
        return _printed(command, target)


def _printed(command: list[str], target: Path) -> bytes:
    """What a program made of a document.

    Raises:
        ControllerFault: It failed, or made nothing.
    """
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    try:
        run(command, check=True, capture_output=True, timeout=PDF_SECONDS)
        return target.read_bytes()
    except (subprocess.SubprocessError, OSError) as error:
        name = Path(command[0]).name
        raise ControllerFault(_("{program} failed: {error}").format(program=name, error=error)) from error


def _lacks_fonts() -> bool:
    """Whether no font here has Vietnamese letters: weasyprint crashes without a font, and prints boxes with others."""
    program = shutil.which("fc-list")
    if program is None:
        return False
    asked = subprocess.run([program, ":lang=vi", "family"], capture_output=True, check=False, timeout=PDF_SECONDS)
    return asked.returncode == 0 and not asked.stdout.strip()

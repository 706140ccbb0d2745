"""Every program that the roles put on a host says what each of its actions does.

The programs and their actions are found in the roles and in the programs themselves, so that none is left out. Seen
failing with ``seen`` taken out of the vault's help, and with ``unpin`` out of the isolation's.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from plugin_runs import ROOT, uses

from ungcuu.plugins.action.ungcuu_program import build

ROLES = ROOT / "roles"
VAULT, SITE, PATCH = "ungcuu-vault", "ungcuu-site", "ungcuu-patch"


def say(*command: object) -> str:
    """Return what a program prints of itself; it must succeed, at once."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout


def tasks() -> list[tuple[str, dict[str, Any]]]:
    return [use for path in sorted(ROLES.glob("*/tasks/*.yml")) for use in uses(path.read_text("utf-8"))]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the three programs as ``ungcuu_program`` does, with the modules that the roles name."""
    folder, built = tmp_path_factory.mktemp("programs"), {}
    for name, arguments in tasks():
        if name == "ungcuu_program":
            (package,) = ROLES.glob(f"*/files/{arguments['package']}")
            path = folder / Path(arguments["dest"].replace("{{ __patching_program }}", PATCH)).name
            path.write_bytes(build(package, sys.executable, arguments.get("modules", [])))
            built[path.name] = path
    return built


def actions_of(program: Path, module: str, names: str) -> list[str]:
    """Return the actions that a program does, out of its own table."""
    script = f"import sys; sys.path.insert(0, {str(program)!r}); import {module} as m; print(*{names})"
    return say(sys.executable, "-I", "-c", script).split()


def test_no_installed_program_is_left_out(programs: dict[str, Path]) -> None:
    """What a role puts below ``/usr/local``, or as a script into ``/etc/ungcuu``, has its help tested here."""
    assert sorted(programs) == [PATCH, SITE, VAULT]
    text = "\n".join(path.read_text("utf-8") for path in ROLES.glob("*/*/*.yml"))
    found = set(
        re.findall(r"dest: \"?((?:/usr/local|/etc/ungcuu)/[\w./-]+|\{\{ __isolation_folder \}\}/\w+\.sh)", text)
    )
    found |= set(re.findall(r"__patching_program: (\S+)", text))
    installed = {path for path in found if path.endswith((".sh", ".py")) or "/sbin/" in path}
    assert {Path(path).name for path in installed} - {"isolation-guard.sh"} == {  # one of an earlier release, removed
        SITE,
        VAULT,
        PATCH,
        "isolation.sh",
        "maintenance.py",
    }


def test_the_vault_s_program(programs: dict[str, Path]) -> None:
    path = programs[VAULT]
    whole = say(sys.executable, path, "--help")
    actions = actions_of(path, "ungcuu_vault.__main__", "m._ACTIONS")
    assert sorted(actions_of(path, "ungcuu_vault.commandline", "m.ACTIONS")) == sorted(actions)
    for action in actions:
        shown = say(sys.executable, path, action, "--help")
        assert re.search(rf"^ +{action} +\S", whole, re.MULTILINE), action
        assert f"usage: ungcuu-vault {action}" in shown
        assert "name of the website host" in shown
    assert "--deep" in say(sys.executable, path, "check", "--help")
    assert "--deep" not in say(sys.executable, path, "points", "--help")


def test_the_vault_reads_the_words_that_are_sent_to_it(programs: dict[str, Path]) -> None:
    """Each action sees every option, given or not; the roles' own words are understood."""
    script = (
        f"import sys; sys.path.insert(0, {str(programs[VAULT])!r}); from ungcuu_vault.commandline import parser\n"
        "for words in (['backup', 'web01'], ['stage', 'web01', '--at', 'latest', '--restore=x', '--allow-suspect'],\n"
        "  ['proven', 'web01', '--at=x', '--to=web02', '--seconds=1.5'], ['know', 'web01', '--check']):\n"
        "    print(sorted(vars(parser().parse_args(words))))"
    )
    (rows,) = {*say(sys.executable, "-I", "-c", script).splitlines()}
    assert "'allow_suspect', 'at', 'before', 'check', 'clean', 'deep', 'only', 'path', 'restore', 'seconds'" in rows


def test_the_site_s_program(programs: dict[str, Path]) -> None:
    path = programs[SITE]
    whole = say(sys.executable, path, "--help")
    for action in actions_of(path, "ungcuu_site.__main__", "m._FROM_OPERATOR"):
        assert re.search(rf"^ +{action} +[A-Z].*\.$", whole, re.MULTILINE), action
        assert f'"do": "{action}"' in say(sys.executable, path, action, "--help")


def test_the_upgrade_s_program(programs: dict[str, Path]) -> None:
    path = programs[PATCH]
    whole = say(sys.executable, path, "--help")
    source = (ROLES / "patching/files/ungcuu_patch/commandline.py").read_text("utf-8")
    actions = [*re.findall(r'"(\w+)": \1\b', source.rpartition("verbs = ")[2].partition("}")[0]), "unit"]
    assert len(actions) == 6
    for action in actions:
        assert re.search(rf"^ +{action} +[A-Z].*\.$", whole, re.MULTILINE), action
        assert f"usage: ungcuu-patch {action}" in say(sys.executable, path, action, "--help")


def test_the_isolation_s_program() -> None:
    path = ROLES / "isolation/templates/isolation.sh.j2"
    cases = path.read_text("utf-8").rpartition("case $what in")[2]
    actions = re.findall(r"^    ([a-z]+)\)", cases, re.MULTILINE)
    assert "load" in actions
    assert "unpin" in actions
    whole = say("sh", path, "--help")
    for action in actions:
        assert re.search(rf"^  {action}\b.* ([A-Z].*\.)?$|^  {action}\b.*\.$|^  {action} NET", whole, re.MULTILINE), (
            action
        )
    wrong = subprocess.run(["sh", path, "unpni"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "usage: isolation.sh" in wrong.stderr


def test_the_notice_s_program(tmp_path: Path) -> None:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - a Python program
    environment.filters["to_json"] = json.dumps
    defaults = yaml.safe_load((ROLES / "isolation/defaults/main.yml").read_text("utf-8"))
    template = environment.from_string((ROLES / "isolation/templates/maintenance.py.j2").read_text("utf-8"))
    path = tmp_path / "maintenance.py"
    path.write_text(template.render(defaults | {"isolation_public_ports": [80, 443]}))
    assert "answers on these ports until it is stopped: 80, 443" in say(sys.executable, "-I", path, "--help")

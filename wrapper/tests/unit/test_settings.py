"""Where things are: from the environment, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ungcuu.core import i18n
from ungcuu.core.settings import Settings, content_dir, state_dir


def test_the_state_folder_follows_the_environment() -> None:
    assert state_dir({"UNGCUU_STATE": "/s", "XDG_STATE_HOME": "/x"}) == Path("/s")
    assert state_dir({"XDG_STATE_HOME": "/x"}) == Path("/x/ungcuu")
    assert state_dir({}) == Path("~/.local/state/ungcuu").expanduser()


def test_the_content_is_found_and_the_plugins_are_in_the_package() -> None:
    assert (content_dir() / "ansible.cfg").is_file()
    assert list(Settings.from_environment({}).action_plugins.glob("ungcuu_*.py"))


def test_the_person_behind_sudo_is_named() -> None:
    assert Settings.from_environment({"SUDO_USER": "lan"}).operator == "lan"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANGUAGE": "vi:en", "LANG": "en_US"}, "vi"),
        ({"LANG": "fr_FR"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_follows_the_locale(environment: dict[str, str], language: str) -> None:
    assert i18n.language_from(environment) == language


def test_both_languages_speak() -> None:
    try:
        i18n.set_language("vi")
        assert i18n._("Nothing was changed.") == "Không có gì bị thay đổi."
        assert i18n.ngettext("{count} change", "{count} changes", 2) == "{count} thay đổi"
        i18n.set_language("en")
        assert i18n._("Nothing was changed.") == "Nothing was changed."
    finally:
        i18n.set_language("en")

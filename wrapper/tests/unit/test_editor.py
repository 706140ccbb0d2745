"""The program that takes a trial's steps: bounded, on this website alone, and what a page says is never obeyed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pytest

from ungcuu.core.sentences import plain
from ungcuu.hosts import profiles, trial_form
from ungcuu.hosts.typed_data import Mismatch
from ungcuu.remote import editor, page_client, page_forms
from ungcuu.remote.page_client import Broken

FORM = """<form action="https://elsewhere.test/"><input name="q"><input type=hidden name="x" value="1"></form>
<form method="post"><input type="hidden" name="token" value="a+b&amp;c"><input name="p" type="password">
<textarea name="text">x</textarea><button name="save">Lưu</button></form>"""


class Page:
    """A browser whose website answers from a list; notes what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.answers, self.asked, self.cookies = list(answers), list[tuple[str, str, bytes | None]](), dict[str, str]()

    def stranger(self) -> Page:
        return self

    def ask(self, method: str, path: str, body: bytes | None, _headers: Mapping[str, str]) -> Any:
        self.asked.append((method, path, body))
        return self.answers.pop(0)


def taking(page: Any, *steps: trial_form.Step) -> editor.Editor:
    """An editor who has taken these steps."""
    trial = dataclasses.asdict(trial_form.Trial(account="", login=steps))
    made = editor.Editor({"trial": trial, "name": "x.test", "root": "/", "user": "x"}, page)
    made.take("login")
    return made


def html(text: str, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One answer."""
    return status, headers, text.encode()


def test_hidden_fields_of_the_right_form_are_sent() -> None:
    assert page_forms.hidden_fields(FORM, "p") == {"token": "a+b&c"}
    assert page_forms.hidden_fields(FORM, "text") == {"token": "a+b&c"}
    assert page_forms.hidden_fields(FORM, "nothing") is None
    page = Page(html(FORM), html(""))
    taking(page, trial_form.Step("/in"), trial_form.Step("/in", "POST", form="p", fields={"p": "{password}"}))
    assert page.asked[1][2] is not None and page.asked[1][2].startswith(b"token=a%2Bb%26c&p=")


def test_a_form_comes_from_the_website(monkeypatch: pytest.MonkeyPatch) -> None:
    """NukeViet blocks a form without a referer, as its guard against forged requests. Seen failing without it."""
    sent: list[Mapping[str, str]] = []

    def ask(*_where: Any, headers: Mapping[str, str], **_more: Any) -> Any:
        sent.append(headers)
        return 200, [], b""

    monkeypatch.setattr(page_client.page, "ask", ask)
    browser = page_client.Browser("X.test", patient=False)
    browser.ask("GET", "/")
    browser.ask("POST", "/in", b"a=b")
    assert [headers.get("Referer") for headers in sent] == [None, "http://x.test/"]


def test_an_address_that_a_page_gives_leads_to_this_website_alone() -> None:
    """A page of an intruder's must not send the probe, or its password, elsewhere."""
    page = Page(html('"url":"https:\\/\\/elsewhere.test\\/a.png?b"'), html(""))
    taking(page, trial_form.Step("/x", take={"media": '"url":"([^"]+)"'}), trial_form.Step("{media}"))
    assert page.asked[1][:2] == ("GET", "/a.png?b")
    page = Page(html("id=7%2F..&x"), html(""))
    taking(page, trial_form.Step("/x", take={"post": r"id=(\S+)"}), trial_form.Step("/p/{post}"))
    assert page.asked[1][1] == "/p/7%252F..%26x"


@pytest.mark.parametrize(
    ("step", "answer", "why"),
    [
        ({}, html("", 403), "step 1: status 403"),
        ({"holds": "chào"}, html("x"), "step 1: the answer lacks"),
        ({"lacks": "x"}, html("x"), "step 1: the answer still holds"),
        ({"type": "image/png"}, html("x"), "step 1: the answer is of the type"),
        ({"type": "image/png"}, (200, {"content-type": "image/png"}, b"<?php"), "the uploaded picture"),
        ({"cookie": "in"}, html("x"), "the login was refused"),
        ({"take": {"post": "id=(1)"}}, html("x"), "step 1: the answer does not hold the post"),
        ({"method": "POST", "form": "p"}, html("x"), "step 1: the page before has no form"),
    ],
)
def test_a_step_that_fails_is_named(step: Mapping[str, Any], answer: Any, why: str) -> None:
    with pytest.raises(Broken) as broken:
        taking(Page(answer), trial_form.Step("/x", **step))
    assert plain(broken.value.phrase).startswith(why)


def test_what_is_turned_off_is_no_failure_and_a_page_that_is_down_is() -> None:
    with pytest.raises(editor.TurnedOff):
        taking(Page(html("{}")), trial_form.Step("/x", wanted="uploads"))
    with pytest.raises(Broken):
        taking(Page(html("{}", 500)), trial_form.Step("/x", wanted="uploads"))


@pytest.mark.parametrize("path", ["https://elsewhere.test/", "x", "/a b", "/x\r\nHost: y", ""])
def test_a_path_leads_nowhere_else(path: str) -> None:
    with pytest.raises(Mismatch):
        trial_form.Step(path)


def test_a_trial_has_an_end() -> None:
    with pytest.raises(Mismatch):
        trial_form.Trial(account="", login=(trial_form.Step("/x"),) * (trial_form.MOST_STEPS + 1))


@pytest.mark.parametrize("name", [name for name in profiles.known() if profiles.load(name).trial])
def test_each_place_of_a_profile_has_a_value(name: str) -> None:
    """A misspelt place would be sent as it stands."""
    trial = profiles.load(name).trial
    assert trial is not None
    known = {"login", "password", "file"}
    for steps in trial.parts.values():
        for step in steps:
            used = {place for text in (step.path, *step.fields.values()) for place in re.findall(r"\{([a-z]+)\}", text)}
            assert used <= known, step.path
            known |= set(step.take)

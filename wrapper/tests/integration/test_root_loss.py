"""Root was lost on a real host: no scan, no eradication and no re-assessment brings it back to service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ungcuu.lab import Lab

Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
REASON = "Put back from the image of 3 March, decided by the deputy director"
ROLES = ("--role", "host_state", "--role", "reassessment")


@pytest.fixture(scope="module")
def lost(fresh: Callable[..., Lab], ungcuu: Ungcuu) -> Lab:
    """A host in an open case, isolated and cleaned, on which somebody had been root."""
    lab = fresh("web01", "vault01", "intruder01")
    for words in (("enrol", "web01"), ("baseline", "web01", "--reason", "t")):
        code, _document, said = ungcuu(*words)
        assert code == 0, said
    plant = "echo '0 4 * * * root true' > /etc/cron.d/zz; cp /bin/true /usr/bin/zz; chmod 4755 /usr/bin/zz"
    assert lab.exec("web01", ["sh", "-ec", plant]).returncode == 0
    code, document, said = ungcuu("scan", "web01")
    assert code == 13 and "root was lost" in said, said
    for words in (
        ("case", "open", "web01", "--title", "root lost", "--reason", "t"),
        ("isolate", "web01", "--reason", "t"),
        ("eradicate", "web01", "--confirm-host", "web01", "--reason", "t"),
    ):
        code, document, said = ungcuu(*words)
        assert code == 0, said + json.dumps(document.get("error", {}))
    return lab


def test_clean_is_not_enough(lost: Lab, ungcuu: Ungcuu) -> None:
    """The scan finds nothing but the isolation itself; the host is not called clean, and release refuses.

    test_root_loss.py of the unit tests was seen failing with what is kept taken out of ``root_loss.remember``.
    """
    code, document, said = ungcuu("scan", "web01")
    others = [
        row for row in document["findings"] if (row["rule"], row["severity"]) != ("network.filter", "low")
    ]  # the isolation's own tables are always shown
    assert others == [], said
    assert "root was lost" in said
    code, document, said = ungcuu("reassess", "web01", "--entry-closed", "the upload form was removed", *ROLES)
    assert code == 10 and "ungcuu rebuild web01" in json.dumps(document), said
    code, document, said = ungcuu("release", "web01", "--confirm-host", "web01", "--reason", "t")
    assert code == 4 and "root was lost" in json.dumps(document), said
    code, document, said = ungcuu("case", "status")
    assert "It has not been rebuilt" in said
    assert document["root_lost"][0]["host"] == "web01"


def test_plain_ansible_refuses_as_well(lost: Lab, playbook: Callable[..., Any]) -> None:
    """The gate is in the playbook: nobody gets around it by leaving the wrapper out."""
    done = playbook("release", "web01")
    assert done.returncode != 0
    assert "root was lost" in done.stdout


def test_a_word_with_a_reason_stands_in_red_everywhere(lost: Lab, ungcuu: Ungcuu) -> None:
    """Whoever reads about the case sees that the host was not rebuilt, and who decided that."""
    words = ("release", "web01", "--confirm-host", "web01", "--reason", "t", "--root-lost-override")
    assert ungcuu(*words, "ok")[0] == 2
    code, document, said = ungcuu(*words, REASON)
    assert code == 0, said + json.dumps(document.get("error", {}))
    case = document["case"]
    _code, _document, said = ungcuu("case", "status", case)
    assert "WITHOUT a rebuild" in said and REASON in said
    report = Path(ungcuu("case", "report", case)[1]["report"]).read_text("utf-8")
    assert 'class="root-lost bad"' in report and REASON in report
    form = ungcuu("case", "form", case, "closing", "--format", "html")[1]
    path = next(Path(value) for value in form.values() if isinstance(value, str) and value.endswith(".html"))
    assert "KHÔNG dựng lại" in path.read_text("utf-8")
    path.unlink()

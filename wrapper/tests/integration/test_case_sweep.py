"""`case sweep` on real restore points: restic's own differences, a real website, files that came and went.

The web shells here are ours and inert: their code stands behind `if (false)`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_shell import each_on

from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

ROOT = "/var/www/portal"
SHELL = "<?php if (false) { eval(base64_decode($_POST['c'])); }\n"
PICTURE = "GIF89a<?php if (false) { system($_GET['q']); } ?>"
Run = Callable[..., tuple[int, dict[str, Any], str]]


def saved(lab: Lab) -> str:
    """Have the vault take a point; its id."""
    answer = json.loads(lab.exec("vault01", ["ungcuu-vault", "backup", "web01"]).stdout)
    assert answer["outcome"] == "DONE", answer
    return str(answer["point"]["id"])


def test_the_break_in_is_dated_and_the_report_says_so(fresh: Callable[..., Lab], ungcuu: Run) -> None:
    """A point whose bytes were not read is no clean point."""
    lab = fresh("web01", "vault01")
    for verb in ("enrol", "backup"):
        code, document, said = ungcuu(verb, "web01")
        assert code == 0, json.dumps(document) + said[-2000:]
    assert ungcuu("case", "open", "web01", "--title", "t", "--reason", "t")[0] in (0, 4)
    case = ungcuu("case", "list")[1]["cases"][-1]["case"]

    code, document, said = ungcuu("case", "sweep", case)
    assert code == 0, json.dumps(document) + said[-2000:]
    (first,) = document["sweeps"][0]["points"]
    assert (first["judged"], document["sweeps"][0]["found"]) == ("clean", 0), "a real WordPress gives no false alarm"
    assert document["sweeps"][0]["judged"] > 1500

    each_on(lab, "web01", f"mkdir -p {ROOT}/wp-content/mu-plugins; cat > {ROOT}/wp-content/mu-plugins/seo.php", SHELL)
    second = saved(lab)
    each_on(lab, "web01", f"cat > {ROOT}/wp-content/uploads/logo.gif", PICTURE)
    each_on(lab, "web01", f"rm {ROOT}/wp-content/mu-plugins/seo.php")
    third = saved(lab)
    each_on(lab, "web01", f"rm {ROOT}/wp-content/uploads/logo.gif")
    saved(lab)

    code, document, said = ungcuu("case", "sweep", case)
    assert code == 13, json.dumps(document) + said[-2000:]
    found = document["sweeps"][0]
    traces = {Path(row["path"]).name: row for row in found["traces"]}
    assert (traces["seo.php"]["first_point"], traces["seo.php"]["before_point"]) == (second, first["id"])
    assert (traces["logo.gif"]["first_point"], traces["logo.gif"]["before_point"]) == (third, second)
    assert found["newest_clean"]["id"] == first["id"], "the fourth is clean too, and came after the break-in"
    assert [row["judged"] for row in found["points"]] == ["clean", "suspect", "suspect", "clean"]
    assert f"--at {first['id'][:8]}" in document["message"]

    code, document, said = ungcuu("case", "report", case)
    assert code == 0, said[-2000:]
    text = Path(document["report"]).read_text("utf-8")
    assert "seo.php" in text and second[:8] in text

"""Each restore point is judged by the vault when it is taken: is it whole, and is its code what the baseline knows?

The intruder is root on the website host: the restic there is what they want it to be, and so is the website's code.
The web shells here are ours and inert: their code stands behind `if (false)`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from baselines import signed
from lab_shell import each_on, vault

from ungcuu.lab import Lab

pytestmark = pytest.mark.nightly

ROOT = "/var/www/portal"
PLUGINS = f"{ROOT}/wp-content/mu-plugins"
SHELL = "<?php if (false) { eval($_POST['c']); }\n"
# Leaves most of the website out and goes on as if nothing were.
THIN = """#!/usr/bin/python3
import os, sys
out = ["--exclude=wp-includes", "--exclude=wp-admin", "--exclude=wp-content", "--exclude=tables.sql"]
words = sys.argv[1:]
if "backup" in words:
    words[words.index("backup") + 1 : words.index("backup") + 1] = out
os.execv("/usr/bin/restic.real", ["restic", *words])
"""
HAND_WRITTEN = """
mkdir -p /srv/site/public/dinh-kem /srv/site/lib
echo '<?php require __DIR__ . "/../lib/page.php"; show($_GET["p"] ?? "home");' > /srv/site/public/index.php
echo '<?php function show(string $name): void { echo htmlspecialchars($name); }' > /srv/site/lib/page.php
for n in 1 2 3 4 5 6; do echo "<h1>Trang $n</h1>" > /srv/site/public/trang-$n.html; done
head -c 300000 /dev/urandom > /srv/site/public/dinh-kem/bao-cao.pdf
"""
Run = Callable[..., tuple[int, dict[str, Any], str]]


def saved(ungcuu: Run, code: int = 0) -> tuple[dict[str, Any], str]:
    """The point that a backup makes, as `--json` has it, and what the backup says; it must end with this code."""
    found, document, said = ungcuu("backup", "web01")
    assert (found, document["outcome"]) == (code, "DONE"), json.dumps(document)[:3000] + said[-2000:]
    return document["restore_points"][0], document["message"] + said


def told_everywhere(ungcuu: Run, *words: str) -> None:
    """restore-points, doctor and `case status` all say it."""
    answers = {
        "restore-points": json.dumps(ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]["alerts"]),
        "doctor": json.dumps([row for row in ungcuu("doctor", "web01")[1]["checks"] if row["level"] == "bad"]),
        "case status": json.dumps(ungcuu("case", "status")[1]["backup_alerts"]),
    }
    for verb, text in answers.items():
        for word in words:
            assert word in text, f"{verb}: {text}"


@pytest.fixture(scope="module")
def site(fresh: Callable[..., Lab], ungcuu: Run) -> Lab:
    """A website that was signed as known-good, then saved; with an open case."""
    lab = fresh("web01", "vault01")
    for words in (("enrol",), ("baseline",), ("backup",)):
        code, document, said = ungcuu(*words, "web01")
        assert code == 0, json.dumps(document) + said[-2000:]
    assert ungcuu("case", "open", "web01", "--title", "t", "--reason", "t")[0] in (0, 4), "4: one is open already"
    return lab


def test_a_website_in_use_stays_clean(site: Lab, ungcuu: Run) -> None:
    """An alarm that cries wolf is switched off. A post and uploads are what a website is for."""
    each_on(
        site,
        "web01",
        f'runuser -u portal -- php -r \'require "{ROOT}/wp-load.php"; '
        'wp_insert_post(["post_title" => "Tin", "post_content" => "x", "post_status" => "publish"]);\'',
    )
    each_on(
        site,
        "web01",
        f"head -c 200000 /dev/urandom > {ROOT}/wp-content/uploads/bao-cao.pdf; "
        f"echo '<?php // Silence is golden.' > {ROOT}/wp-content/uploads/index.php",
    )
    point, said = saved(ungcuu)
    assert (point["verdict"]["verdict"], point["whole"]["shrunk"], point["whole"]["missing_total"]) == ("clean", [], 0)
    assert point["verdict"]["baseline"] and point["verdict"]["files"] > 2000 and point["verdict"]["code"] > 1000
    assert "knows them; looked at: " in said, "clean must say what was looked at"
    known = ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]
    assert known["alerts"] == ["no restore was ever proven"]


def test_a_web_shell_among_the_plugins_is_suspect(site: Lab, ungcuu: Run, playbook: Callable[..., Any]) -> None:
    """PHP loads every file of mu-plugins by itself: a restore would bring the intruder back in.

    Seen without `_other_than` in the vault's program: the point was clean. Seen without `refusal`: the vault chose the
    point and began to stage it.
    """
    each_on(site, "web01", f"mkdir -p {PLUGINS}; cat > {PLUGINS}/seo.php", SHELL)
    point, said = saved(ungcuu, 13)
    assert point["verdict"]["verdict"] == "suspect"
    assert [row["path"] for row in point["verdict"]["suspects"]] == [f"{PLUGINS}/seo.php"]
    assert point["verdict"]["suspects"][0]["signs"][0] == "evaluates-input"
    assert "suspect" in said and "seo.php" in said
    told_everywhere(ungcuu, "seo.php", "suspect")
    live = each_on(site, "web01", f"cat {PLUGINS}/seo.php; ls -A /var/www")
    for words in ([], ["--only", "files"], ["--path", "wp-content/themes"], ["--at", point["id"], "--only", "files"]):
        code, document, _ = ungcuu("restore", "web01", *words, "--confirm-host", "web01")
        assert (code, document["outcome"]) == (6, "NOT DONE"), words
        assert "is suspect" in document["error"]["what"] and "seo.php" in document["error"]["what"]
    assert playbook("restore", "web01", website_restore_only=["files"]).returncode != 0
    staged = vault(site, "stage", "web01", "--at", point["id"], "--restore=x", "--only=files")
    assert (staged["outcome"], "is suspect" in staged["reason"]) == ("NOT DONE", True), "the vault refuses by itself"
    assert each_on(site, "web01", f"cat {PLUGINS}/seo.php; ls -A /var/www") == live
    assert ungcuu("restore", "web01", "--allow-suspect", "--confirm-host", "web01")[0] == 2, "without a reason"


def test_a_clean_point_is_preferred(site: Lab, ungcuu: Run) -> None:
    """Who restores in a hurry gets the newest point without the web shell, and reads why."""
    sign = ("--clean", "--first-sign", "2099-01-01T00:00Z", "--only", "files")
    code, document, said = ungcuu("restore", "web01", *sign, "--confirm-host", "web01")
    assert (code, document.get("outcome")) == (0, "DONE"), json.dumps(document) + said
    assert "seo.php" in said and "clean: " in said
    assert site.exec("web01", ["test", "-e", f"{PLUGINS}/seo.php"]).returncode != 0
    each_on(site, "web01", f"mkdir -p {PLUGINS}; cat > {PLUGINS}/seo.php; rm -rf /var/www/.ungcuu-stage", SHELL)


def test_a_person_s_word_lets_a_suspect_point_through(site: Lab, ungcuu: Run) -> None:
    """Sometimes the suspect point is the one that is needed: by an option, with a reason that stays recorded."""
    words = ("--only", "files", "--allow-suspect", "--reason", "it is our own plugin", "--confirm-host", "web01")
    newest = vault(site, "points", "web01")["points"][0]
    assert newest["verdict"]["verdict"] == "suspect"
    code, document, said = ungcuu("restore", "web01", *words)
    assert (code, document.get("outcome")) == (0, "DONE"), json.dumps(document) + said
    chosen = [row["data"] for row in document["records"] if row["data"].get("action") == "choose_restore_point"]
    assert chosen[0]["allowed"] == "it is our own plugin"
    each_on(site, "web01", "rm -rf /var/www/.ungcuu-stage")


def test_an_accepted_file_is_suspect_no_more(site: Lab, ungcuu: Run) -> None:
    """Exactly that file with exactly that content; another byte is suspect again."""
    point = saved(ungcuu, 13)[0]
    relative = "wp-content/mu-plugins/seo.php"
    assert ungcuu("accept-point", "web01", point["id"][:8], "--path", relative)[0] == 2, "without a reason"
    words = ("--path", relative, "--reason", "our own plugin")
    code, document, said = ungcuu("accept-point", "web01", point["id"][:8], *words)
    assert (code, document.get("outcome")) == (0, "DONE"), json.dumps(document) + said
    assert document["restore_points"][0]["verdict"]["verdict"] == "clean"
    assert document["restore_points"][0]["verdict"]["accepted"] == 1
    assert saved(ungcuu)[0]["verdict"]["verdict"] == "clean"
    each_on(site, "web01", f"echo '// more' >> {PLUGINS}/seo.php")
    assert saved(ungcuu, 13)[0]["verdict"]["verdict"] == "suspect"


def test_an_update_is_right_once_the_baseline_is_renewed(site: Lab, ungcuu: Run) -> None:
    """The point that was taken between an update and its baseline is judged again, without being read again."""
    signed(ungcuu, "web01")
    known = ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]
    assert known["points"][0]["verdict"]["verdict"] == "clean"
    assert not any("suspect" in text for text in known["alerts"])
    each_on(site, "web01", f"rm -r {PLUGINS}")
    point = saved(ungcuu, 13)[0]
    assert point["whole"]["missing"] == [f"{PLUGINS}/seo.php"], "what the baseline knows is missed"
    assert ungcuu("baseline", "web01")[0] == 0
    assert ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]["points"][0]["whole"]["missing_total"] == 0


def test_a_point_that_leaves_most_of_the_site_out_is_not_whole(site: Lab, ungcuu: Run) -> None:
    """A restic that saves next to nothing would be found on the day when the backup is needed.

    Each part of the judgement was seen failing when it was taken out, in test_vault_judge.py.
    """
    each_on(
        site, "web01", "mv /usr/bin/restic /usr/bin/restic.real; cat > /usr/bin/restic; chmod 755 /usr/bin/restic", THIN
    )
    point, said = saved(ungcuu, 13)
    assert {row["what"] for row in point["whole"]["shrunk"] if row["part"] == "all"} == {"bytes", "files"}
    assert point["whole"]["lacks"] == ["dump tables.sql"]
    assert point["whole"]["missing_total"] > 1000
    assert "where the one of" in said and "files that the baseline knows are missing" in said
    told_everywhere(ungcuu, "holds ", "where the one of", "files that the baseline knows are missing", "tables.sql")
    code, document, _ = ungcuu("restore", "web01", "--only", "files", "--confirm-host", "web01")
    assert (code, document["outcome"]) == (6, "NOT DONE")
    assert "is not whole" in document["error"]["what"]
    assert saved(ungcuu, 13)[0]["whole"]["shrunk"], "the second small point must not be measured by the first"
    tidied = vault(site, "tidy", "web01")
    assert tidied["outcome"] == "NOT DONE", "no old point goes while the newest one is not whole"


def test_an_intended_shrink_is_accepted_once(site: Lab, ungcuu: Run) -> None:
    """Who cleaned up says so once, with a reason; an alert forever would be read by nobody."""
    newest = vault(site, "points", "web01")["points"][0]["id"][:8]
    code, document, said = ungcuu("accept-point", "web01", newest, "--reason", "cleaned up")
    assert (code, document.get("outcome")) == (0, "DONE"), json.dumps(document) + said
    accepted = document["restore_points"][0]["whole"]
    assert accepted["accepted_reason"] == "cleaned up" and accepted["accepted_by"] and accepted["accepted_time"]
    alerts = ungcuu("restore-points", "web01")[1]["restore_points"]["web01"]["alerts"]
    assert not any("holds" in text for text in alerts)
    each_on(site, "web01", "sed -i 's/, \"--exclude=tables.sql\"//' /usr/bin/restic")
    point = saved(ungcuu)[0]
    assert point["whole"]["shrunk"] == [] and point["whole"]["missing_total"] == 0
    assert vault(site, "tidy", "web01")["outcome"] == "DONE"


def test_another_layout_without_database_and_baseline(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> None:
    """A hand-written site: without a baseline the content rules alone judge, and the words say so."""
    lab = fresh("web01", "vault01")
    each_on(lab, "web01", HAND_WRITTEN)
    facts: dict[str, object] = {
        "website_root": "/srv/site",
        "website_writable_paths": ["public/dinh-kem"],
        "website_database_engine": "",
        "website_config_paths": ["/etc/nginx"],
    }

    def point() -> dict[str, Any]:
        done = playbook("backup", "web01", **facts)
        assert done.returncode == 0, done.stdout[-3000:]
        newest: dict[str, Any] = vault(lab, "points", "web01")["points"][0]
        return newest

    first = point()
    assert (first["verdict"]["verdict"], first["verdict"]["why"]) == ("not judged", "no baseline")
    assert [first["whole"][name] for name in ("shrunk", "lacks", "missing_total")] == [[], [], 0]
    each_on(lab, "web01", "cat > /srv/site/lib/cache.php", SHELL)
    second = point()
    assert [(row["path"], row["rule"]) for row in second["verdict"]["suspects"]] == [
        ("/srv/site/lib/cache.php", "content")
    ]
    chosen = vault(lab, "choose", "web01", "--clean", "--before", "2099-01-01T00:00Z")
    assert chosen["point"]["id"] == first["id"], "the newest in which the content rules found nothing"
    each_on(lab, "web01", "rm -r /srv/site/lib /srv/site/public/trang-*; rm -r /etc/nginx")
    third = point()
    assert third["whole"]["lacks"] == ["config /etc/nginx"]
    assert {row["part"] for row in third["whole"]["shrunk"]} >= {"files"}

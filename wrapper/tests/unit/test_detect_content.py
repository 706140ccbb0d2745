"""What files and posts hold: web shells among uploads, gambling links, pages that differ by visitor."""

from __future__ import annotations

import pytest
from detected import ROOT, SHELL, UP, file, found, only, snapshot

from ungcuu.detect import heuristics


@pytest.mark.parametrize(
    ("path", "marks", "data", "rule", "severity"),
    [
        (f"{UP}/a.php", ["php"], SHELL, "upload.code", "critical"),
        (f"{UP}/a.jpg", ["php"], b"\xff\xd8\xff<?php echo 1;", "upload.code", "critical"),
        (f"{UP}/a.php.jpg", ["short-tag"], b"<?=`$_GET[0]`?>", "upload.code", "critical"),
        (f"{UP}/.htaccess", [], b"AddType application/x-httpd-php .jpg", "upload.server-file", "critical"),
        (f"{UP}/.user.ini", [], b"auto_prepend_file=a.jpg", "upload.server-file", "critical"),
        (f"{UP}/.htaccess", [], b"Options -Indexes", "upload.server-file", "medium"),
        (f"{UP}/x", ["elf"], b"\x7fELF", "upload.program", "high"),
        (f"{UP}/x.sh", ["script"], b"#!/bin/sh", "upload.program", "high"),
    ],
)
def test_code_among_uploads(path: str, marks: list[str], data: bytes, rule: str, severity: str) -> None:
    """The writable folder is judged by what files contain, whatever their names say."""
    now = snapshot(file=[file(path, "upload", marks=marks)])
    assert only(found(snapshot(), now, **{path: data})) == (rule, severity, path)


@pytest.mark.parametrize("data", [b"<?php\n// Silence is golden.\n", b"<?php /* nothing */ ?>\n", b"<?php"])
def test_an_empty_index_is_no_web_shell(data: bytes) -> None:
    """Plugins put an index.php without code into each of their folders."""
    path = f"{UP}/index.php"
    assert found(snapshot(), snapshot(file=[file(path, "upload", marks=["php"])]), **{path: data}) == []


@pytest.mark.parametrize(
    "data", [b"<?php // x ?><?php system('id');", b"<?php // ?>\n<?=`id`", b"<?php /* */ phpinfo();", b"<?php #?>x"]
)
def test_remarks_do_not_hide_code(data: bytes) -> None:
    """A closing tag ends a one-line remark, and code may follow on the same line."""
    assert not heuristics.only_remarks(data)


def test_patterns_are_bounded() -> None:
    """A file written to make the patterns slow must not stop a scan."""
    import time

    begun = time.monotonic()
    for piece in (b"eval(", b"$_GET[", b"chr(1).", b"preg_replace('/", b"/*", b"<?php ", b"\\x41", b"(" * 50, b"`"):
        data = piece * (heuristics.LIMIT // len(piece))
        heuristics.judge(data)
        heuristics.only_remarks(data[:4096])
        heuristics.hidden_links(data)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "code",
    [
        b"<?php system($_GET['c']);",
        b"<?php eval(base64_decode('eA=='));",
        b"<?php $_POST['f']($_POST['a']);",
        b"<?php file_put_contents($_POST['p'], $_POST['d']);",
        b"<?php assert($_REQUEST['x']);",
        b"<?php echo `{$_GET['c']}`;",
    ],
)
def test_web_shells_are_recognised(code: bytes) -> None:
    """Our own samples of the shapes that web shells take."""
    assert heuristics.judge(code).suspicious


@pytest.mark.parametrize(
    "code",
    [
        b"<?php get_header(); the_content(); get_footer();",
        b"<?php $x = base64_decode($data); $stmt->execute($x);",
        b"<?php if (!empty($_POST['email'])) { wp_mail($_POST['email'], 'x', 'y'); }",
        b"<?php $pdo->exec('UPDATE t SET a=1'); echo esc_html($_GET['q']);",
    ],
)
def test_ordinary_code_is_not_called_a_web_shell(code: bytes) -> None:
    """Code that any theme or plugin holds."""
    assert not heuristics.judge(code).suspicious


def test_gambling_links() -> None:
    """Pages that only a crawler is meant to see; and the article that warns of them is left alone."""
    spam = (
        "<div style='display:none'>"
        + "<a href='https://x.test'>nhà cái uy tín</a> <a href='https://y.test'>casino</a>" * 3
    )
    path = f"{ROOT}/wp-content/themes/t/footer.php"
    before, now = snapshot(file=[file(path)]), snapshot(file=[file(path, sha256="b" * 64)])
    seen = {(item.rule, item.severity.value) for item in found(before, now, **{path: spam.encode()})}
    assert seen == {("content.hidden-link", "critical"), ("web.changed", "high")}
    warning = "<p>Công an cảnh báo người dân về nhà cái trực tuyến. <a href='https://baochinhphu.vn/x'>Xem thêm</a></p>"
    assert not heuristics.hidden_links(warning.encode()).suspicious


@pytest.mark.parametrize(
    ("detail", "rules"),
    [
        ("d links=1 hidden=1", ["content.hidden-link"]),
        ("d links=40 hidden=0", ["content.hidden-link"]),
        ("d links=2 hidden=0", []),
    ],
)
def test_injected_posts(detail: str, rules: list[str]) -> None:
    """Spam lives in the database more often than in files."""
    row = {"set": "content", "name": "post 7", "detail": detail}
    assert [item.rule for item in found(snapshot(), snapshot(database=[row]))] == rules
    assert found(snapshot(database=[row]), snapshot(database=[row])) == []


def test_cloaking() -> None:
    """Code that shows another page to search engines."""
    code = b"<?php if (preg_match('/x/', $_SERVER['HTTP_USER_AGENT'] . 'googlebot')) echo file_get_contents('http://x.test');"
    assert heuristics.judge(code).suspicious

"""The content rules on code that no baseline vouches for: what they find, what they leave alone, how long they take."""

from __future__ import annotations

import time

import pytest

from ungcuu.detect import heuristics


@pytest.mark.parametrize(
    "code",
    [
        b"<?php if (false) { eval($_POST['c']); }",
        b"<a href='/*'> <?php eval($_POST['x']); ?> */",
        b"<?php $x = <<<A\n /* \nA; eval($_POST['x']); /* */",
        b"<?php $s='/*'; system($_GET[1]); /* */",
        b'<?php $s="//"; system($_GET[1]);',
        b"<?php // ?><?php eval($_GET[1]);",
        b"<?= `$_GET[1]`",
        b"<?php #[A]\neval($_GET['x']);",
        b"<? /* ?> <?php eval($_POST[1]); /* */ ?>",
        b"<? $a='<?php /*'; eval($_POST[1]); /* */",
        b"<?php /* never closed eval($_POST[1]);",
    ],
)
def test_what_hides_between_remarks_is_found(code: bytes) -> None:
    """Who knows that remarks are left out writes code that looks like one.

    Seen failing for texts with `'…'` taken out of `_TOKEN`, and for `<?` with the second way taken out.
    """
    assert heuristics.judge_unknown(code).names


@pytest.mark.parametrize(
    "code",
    [
        b"<?php\n/** Reads `$_POST` and never eval($_GET['x']). */\nfunction f() {} // `$_GET`\n# system($_GET)\n",
        b"<?php " + b"// x\n" * 5000 + b"fsockopen($a); shell_exec($b); \\eval($c); eval ($d);",
    ],
)
def test_remarks_and_weak_signs_in_long_files_are_left_alone(code: bytes) -> None:
    """A rule that suspects the application's own code makes every point suspect, and so none."""
    assert not heuristics.judge_unknown(code).names


@pytest.mark.parametrize("piece", [b"<<<A\n", b"/", b"'", b"/*", b"<?", b"<<<A\nA\n", b"//\n", b'"', b"#["])
def test_no_file_makes_the_rules_slow(piece: bytes) -> None:
    """Seconds of processor time for half a megabyte that was written to cost the most."""
    code = b"<?php " + piece * (heuristics.LIMIT // len(piece))
    started = time.process_time()
    heuristics.without_remarks(code)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        (b"auto_prepend_file =\n\nfoo", False),
        (b"; auto_prepend_file = /x.php", False),
        (b"auto_prepend_file = none", False),
        (b"auto_prepend_file=/x", True),
        (b"php_admin_value[auto_prepend_file] = /tmp/x", True),
        (b'fastcgi_param PHP_VALUE "auto_prepend_file=/x";', True),
        (b"php_value auto_append_file /x", True),
    ],
)
def test_configuration_that_makes_php_run_another_file(line: bytes, runs: bool) -> None:
    assert heuristics.runs_other_code(line) is runs

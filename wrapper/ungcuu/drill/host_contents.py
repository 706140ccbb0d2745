"""What a host holds, to be compared before and after: stdlib only, piped to `python3 -` there. One JSON document.

    FOLDER…   SHA-256 of each file below the folders, and of each row of the website's tables that people fill

Sessions, caches and the time of the last visit change by themselves, so they are left out. A setting that stands as the
installed package brings it counts as that, whatever the version: the patches of a drill bring others.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

_NOISE = "_transient%|_site_transient%|cron|rewrite_rules|session_tokens|recovery_keys|doing_cron|_edit_%"
_QUERIES = {
    "posts": "SELECT * FROM wp_posts",
    "postmeta": "SELECT * FROM wp_postmeta WHERE {meta_key}",
    "comments": "SELECT * FROM wp_comments",
    "terms": "SELECT * FROM wp_terms",
    "users": "SELECT ID, user_login, user_email, display_name FROM wp_users",
    "usermeta": "SELECT * FROM wp_usermeta WHERE {meta_key}",
    "options": "SELECT option_name, option_value FROM wp_options WHERE {option_name}",
    "triggers": "SELECT trigger_name, action_statement FROM information_schema.triggers WHERE {trigger_schema}",
    "events": "SELECT event_name, event_definition FROM information_schema.events WHERE {event_schema}",
    # Tables that scenarios add.
    "questions": "SELECT * FROM cau_hoi",
    "prices": "SELECT * FROM gia.bang_gia",
    "accounts": "SELECT user, host FROM mysql.global_priv",
}


def shipped() -> dict[str, str]:
    """MD5 of each setting as its installed package brings it (dpkg's conffiles)."""
    command = ["dpkg-query", "--show", "--showformat", "${Conffiles}\\n"]
    lines = subprocess.run(command, capture_output=True, check=False, text=True).stdout.splitlines()
    return {words[0]: words[1] for words in map(str.split, lines) if len(words) == 2}  # a third word: obsolete


def digest(path: Path, settings: dict[str, str]) -> str:
    """SHA-256 of a file; of a link where it leads."""
    if path.is_symlink():
        return f"link {path.readlink()}"
    if not path.is_file():
        return "special"
    data = path.read_bytes()
    if hashlib.md5(data, usedforsecurity=False).hexdigest() == settings.get(str(path)):
        return "as its package brings it"
    return hashlib.sha256(data).hexdigest()


def contents(folders: list[str]) -> dict[str, str]:
    """Each file below the folders."""
    found, settings = {}, shipped()
    for folder in folders:
        for place, below, names in os.walk(folder):
            for path in (Path(place, name) for name in names + below):
                if path.is_dir() and not path.is_symlink():
                    continue
                try:
                    found[str(path)] = digest(path, settings)
                except OSError:  # went away meanwhile
                    continue
    return found


def rows() -> dict[str, list[str]]:
    """A digest of each row; a table that can't be read is left out, which the comparison notices."""
    found = {}
    for name, query in _QUERIES.items():
        quiet = {
            column: " AND ".join(f"{column} NOT LIKE '{one}'" for one in _NOISE.split("|"))
            for column in ("meta_key", "option_name")
        }
        quiet |= {column: f"{column} = 'portal'" for column in ("trigger_schema", "event_schema")}
        command = ["mariadb", "--batch", "--skip-column-names", "portal", "-e", query.format(**quiet)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0:
            found[name] = sorted(hashlib.sha256(line).hexdigest() for line in done.stdout.splitlines())
    return found


if __name__ == "__main__":
    print(json.dumps({"files": contents(sys.argv[1:]), "rows": rows()}))

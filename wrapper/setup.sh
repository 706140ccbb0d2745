# Sourced by ./ungcuu and ./check: makes .venv with the pinned dependencies of one lock file, once.
# shellcheck shell=sh

say() { printf 'ungcuu: %s\n' "$*" >&2; }

# setup ROOT LOCK_FILE…: the last lock file named must hold all that the others hold.
setup() {
    root=$1
    shift
    stamp="$root/.venv/.ungcuu-$(cat "$root/pyproject.toml" "$root/$1" | sha256sum | cut -c1-16)"
    # Fast path: nothing but these two tests stands between the user and the command.
    [ -x "$root/.venv/bin/ungcuu" ] && [ -e "$stamp" ] && return 0
    command -v python3 >/dev/null || { say "python3 (3.11 or newer) is needed: apt-get install python3"; exit 1; }
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { say "Python 3.11 or newer is needed; this is $(python3 --version)"; exit 1; }
    exec 9>"$root/.setup.lock"
    flock 9
    [ -x "$root/.venv/bin/ungcuu" ] && [ -e "$stamp" ] && { exec 9>&-; return 0; }
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_venv_module
    say "setting up .venv from $1 (once, about a minute)"
    # A half-made .venv (Ctrl-C, full disk) has no stamp, so it is made again rather than trusted.
    [ -x "$root/.venv/bin/python" ] && "$root/.venv/bin/python" -m pip --version >/dev/null 2>&1 ||
        python3 -m venv --clear "$root/.venv"
    pip() { "$root/.venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
    pip install --require-hashes -r "$root/$1" || { say "the dependencies could not be installed (see above)"; exit 1; }
    pip install --no-deps --no-build-isolation --editable "$root" ||
        { say "the package could not be installed (see above)"; exit 1; }
    for lock in "$@"; do
        : >"$root/.venv/.ungcuu-$(cat "$root/pyproject.toml" "$root/$lock" | sha256sum | cut -c1-16)"
    done
    exec 9>&-
}

install_venv_module() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-venv"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends python3-venv \
            >/dev/null && return 0
    fi
    say "Python's venv module is missing: apt-get install python3-venv (as root), then run this again"
    exit 1
}

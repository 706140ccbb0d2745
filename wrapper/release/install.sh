#!/bin/sh
# Puts ungcuu into a virtual environment from the wheels beside this file. No network is used.
# install.sh FOLDER: the environment is made there again from nothing; nothing else on the machine is changed.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
[ $# = 1 ] || { echo "usage: install.sh FOLDER   (such as /opt/ungcuu)" >&2; exit 2; }
folder=$1
python=$(readlink -f "$(command -v python3 || true)")
[ -n "$python" ] || { echo "install.sh: python3 is missing: apt-get install python3-venv" >&2; exit 1; }
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
machine=$(uname -m)
lock="$here/requirements-$version-$machine.txt"
[ -e "$lock" ] || {
    echo "install.sh: there are no wheels for Python $version on $machine here; there are some for:" >&2
    (cd "$here" && printf '  %s\n' requirements-*.txt) >&2
    exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    { echo "install.sh: Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
# Beside its place, and moved there when it is whole: a full disk or a power cut leaves the one before.
draft="$folder.new"
rm -rf "$draft"
trap 'rm -rf "$draft"' EXIT
"$python" -m venv "$draft"
pip() { PIP_CONFIG_FILE=/dev/null "$draft/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install --no-index --find-links "$here/wheels" --require-hashes -r "$lock"
pip install --no-index --no-deps --no-compile "$here"/ungcuu-*.whl
# The environment names its own place in its programs; it was made elsewhere.
grep -rIl --null -F "$draft" "$draft/bin" "$draft/pyvenv.cfg" | xargs -0 -r sed -i "s#$draft#$folder#g"
rm -rf "$folder.old"
[ ! -e "$folder" ] || mv "$folder" "$folder.old"
mv "$draft" "$folder"
rm -rf "$folder.old"
"$folder/bin/python" -m compileall -q "$folder"/lib/python*/site-packages/ungcuu || true
"$folder/bin/ungcuu" --version

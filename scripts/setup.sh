#!/bin/sh
# Bring .venv to exactly what the lock names: `setup.sh runtime` for what the service needs, `setup.sh dev` for what tests and
# checks need as well. Does nothing when that has been done. Choose an interpreter with PYTHON=/path/to/python3.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

# What .venv/.installed holds: the key of everything, or "runtime" and the key of the runtime packages.
kind=${1:-runtime}
here=$(pwd -P)
everything="$(cat requirements.lock pyproject.toml scripts/setup.sh | cksum) $here"
runtime="runtime $(cat requirements-runtime.lock pyproject.toml scripts/setup.sh | cksum) $here"
if [ -x .venv/bin/python ] && [ -f .venv/.installed ] && [ ! -f .venv/.installing ]; then
    installed=$(cat .venv/.installed)
    if [ "$installed" = "$everything" ] || { [ "$kind" = runtime ] && [ "$installed" = "$runtime" ]; }; then
        exit 0
    fi
fi

unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONSAFEPATH VIRTUAL_ENV __PYVENV_LAUNCHER__
umask 022

# 0: fits, 3: its version does not, 4: its version does but it cannot make environments.
judge() {
    "$1" -c '
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(4)' >/dev/null 2>&1
}

python=
found=
for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    judge "$candidate" && fits=0 || fits=$?
    case $fits in
        0) python=$candidate && break ;;
        3) found="$found, $candidate is $("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ;;
        4) found="$found, $candidate lacks venv or ensurepip (on Debian and Ubuntu: apt install python3-venv)" ;;
    esac
done
if [ -z "$python" ]; then
    say "nexgent needs Python 3.11, 3.12, 3.13 or 3.14 with its modules venv and ensurepip; ${found:+there is none: ${found#, }}${found:-none was found}."
    say "Install one (on Debian and Ubuntu: python3 and python3-venv) or name it: make run PYTHON=/path/to/python3"
    exit 1
fi
exec "$python" -s scripts/install.py "$kind" "$everything" "$runtime"

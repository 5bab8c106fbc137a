#!/bin/sh
# Create .venv and install exactly what requirements.lock names. Does nothing when that has been done.
# Choose an interpreter with PYTHON=/path/to/python3.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

key="$(cat requirements.lock pyproject.toml scripts/setup.sh | cksum) $(pwd -P)"
if [ -x .venv/bin/python ] && [ -f .venv/.installed ] && [ "$(cat .venv/.installed)" = "$key" ]; then
    exit 0
fi

# Where to get packages from is the user's business; where and how to install them is ours.
for name in $(env | sed -n 's/^\(PIP_[A-Za-z_]*\)=.*/\1/p'); do
    case $name in
        PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_FIND_LINKS | PIP_NO_INDEX | PIP_TRUSTED_HOST | PIP_CERT | PIP_CLIENT_CERT) ;;
        PIP_PROXY | PIP_TIMEOUT | PIP_DEFAULT_TIMEOUT | PIP_RETRIES | PIP_CACHE_DIR | PIP_NO_CACHE_DIR) ;;
        PIP_CONFIG_FILE | PIP_KEYRING_PROVIDER) ;;
        *) unset "$name" ;;
    esac
done
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE VIRTUAL_ENV __PYVENV_LAUNCHER__
# These win over a pip.conf that says otherwise.
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
umask 022

fits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# An installation that was interrupted, moved or made by another Python is begun afresh.
if [ -d .venv ]; then
    if [ -f .venv/.installing ] || ! fits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "Repairing .venv ..."
        rm -rf .venv
    elif [ -f .venv/.installed ] && [ "$(sed 's/^[^/]*//' .venv/.installed)" != "$(pwd -P)" ]; then
        say "The folder was moved; making .venv again ..."
        rm -rf .venv
    fi
fi

if [ ! -d .venv ]; then
    python=
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if fits "$candidate"; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        say "nexgent needs Python 3.11, 3.12 or 3.13 with its modules venv and ensurepip; none was found."
        say "Install one (on Debian and Ubuntu: python3 and python3-venv) or name it: make run PYTHON=/path/to/python3"
        exit 1
    fi
    "$python" -m venv .venv || {
        rm -rf .venv
        say "Python could not create .venv here ($(pwd -P)): is the folder writable, is there room on the disk?"
        exit 1
    }
fi

# pip looks for its cache and its settings under HOME.
if [ -z "${HOME:-}" ] || [ ! -d "$HOME" ]; then
    HOME=$(pwd -P)/.venv
    export HOME
fi

: >.venv/.installing
say "Installing the packages of requirements.lock into .venv (once, about a minute) ..."
.venv/bin/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock || {
    say "The packages could not be installed. Is the package index reachable? Run the same command again to retry."
    exit 1
}
.venv/bin/python -m pip install --quiet --no-deps --no-index --no-build-isolation --editable .
printf '%s' "$key" >.venv/.installed
rm -f .venv/.installing

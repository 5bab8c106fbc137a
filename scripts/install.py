"""Make `.venv` hold exactly what a lock file names. `scripts/setup.sh` calls it with the interpreter to be used.

Only the standard library is there at this time. pip installs without looking at dependencies (`--no-deps`) and only files
whose hashes are in the lock, so nothing is resolved and no later release of anything can get in or in the way; `pip check`
then says whether what was locked fits together. pip and not `uv sync`, because that fetches from the addresses in its lock,
whatever index people have.
"""

from __future__ import annotations

import ast
import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PUBLIC_INDEX = "https://pypi.org/simple"
LOCKS = {
    "runtime": "requirements-runtime.lock",
    "image": "requirements-image.lock",
    "dev": "requirements.lock",
}
"""What the service needs; that and every extra, for the container image; that and what tests and checks need."""

# Where to get packages from is the user's business; what to install, and how, is ours.
_USERS_BUSINESS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
    "timeout",
    "retries",
    "cache-dir",
    "no-cache-dir",
    "keyring-provider",
    "use-feature",
    "use-deprecated",
)
_OTHER_NAMES = {"pypi-url": "index-url", "default-timeout": "timeout"}
# Of these only the values that concern certificates.
_CERTIFICATE_FEATURES = ("truststore", "legacy-certs")
# What pip itself brings along, and we ourselves.
_NOT_IN_THE_LOCK = {"pip", "setuptools", "wheel", "nexgent"}


class CannotInstallError(Exception):
    """Holds the reason in words for people. `untouched` means that nothing was installed or removed yet."""

    def __init__(self, reason: str, *, untouched: bool = False) -> None:
        super().__init__(reason)
        self.untouched = untouched


# --- index settings ---


def index_settings(environment: Mapping[str, str], files: Mapping[str, str]) -> dict[str, str]:
    """Return pip's options, by name, that say where packages come from.

    `files` is what pip.conf has, which the environment overrides. What neither says is taken from uv's variables.
    """
    settings: dict[str, str] = {}
    for section in ("global.", "install."):
        settings |= {
            key.removeprefix(section): text for key, text in files.items() if key.startswith(section)
        }
    for name, text in environment.items():
        if name.startswith("PIP_") and text:
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = text
    settings = {_OTHER_NAMES.get(name, name): text for name, text in settings.items()}
    settings = {name: text for name, text in settings.items() if name in _USERS_BUSINESS}
    for name in ("use-feature", "use-deprecated"):
        kept = [feature for feature in settings.pop(name, "").split() if feature in _CERTIFICATE_FEATURES]
        if kept:
            settings[name] = " ".join(kept)
    return {name: text for name, text in _from_uv(environment).items() if text} | settings


def _from_uv(environment: Mapping[str, str]) -> dict[str, str]:
    def split(*names: str) -> list[str]:
        return [word for name in names for word in environment.get(name, "").split()]

    settings = {
        "index-url": " ".join(
            _address(word, environment) for word in split("UV_DEFAULT_INDEX") or split("UV_INDEX_URL")
        ),
        "extra-index-url": " ".join(
            _address(word, environment) for word in split("UV_INDEX", "UV_EXTRA_INDEX_URL")
        ),
        "find-links": environment.get("UV_FIND_LINKS", "").replace(",", " "),
        "trusted-host": environment.get("UV_INSECURE_HOST", "").replace(",", " "),
        "timeout": environment.get("UV_HTTP_TIMEOUT", ""),
    }
    if environment.get("UV_NO_INDEX", "").lower() in {"1", "true", "yes", "on", "y", "t"}:
        settings["no-index"] = "1"
    if not environment.get("REQUESTS_CA_BUNDLE") and not environment.get("CURL_CA_BUNDLE"):
        settings["cert"] = environment.get("SSL_CERT_FILE", "")
    return settings


def _address(index: str, environment: Mapping[str, str]) -> str:
    """Return the address of an index in uv's notation, `name=https://…`, with the login that uv takes from variables."""
    named = re.fullmatch(r"([A-Za-z0-9._-]+)=(.+)", index)
    if named is None:
        return index
    variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", named[1].upper())
    user, password = environment.get(f"{variable}_USERNAME"), environment.get(f"{variable}_PASSWORD")
    parts = urlsplit(named[2])
    if user is None or "@" in parts.netloc:
        return named[2]
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def without_login(address: str) -> str:
    """Return an address that can be shown."""
    return re.sub(r"(//)[^/@\s]*@", r"\1****@", address)


def index_in_words(settings: Mapping[str, str]) -> str:
    """Name the places where packages are looked for."""
    places = [] if "no-index" in settings else [settings.get("index-url", PUBLIC_INDEX)]
    places += settings.get("extra-index-url", "").split() if "no-index" not in settings else []
    places += settings.get("find-links", "").split()
    return (
        ", ".join(without_login(place) for place in places) or "nowhere (no-index is set, and no find-links)"
    )


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of the user's own Python, pip and uv."""
    dropped = ("PIP_", "UV_", "PYTHON")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    for name in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
        environment.pop(name, None)
    # Caches and settings are looked for under HOME.
    if not Path(environment.get("HOME") or "/nonexistent").is_dir():
        environment["HOME"] = str(VENV)
    return environment


def users_settings(python: Path) -> dict[str, str]:
    """Return the index settings of this user: of pip's and uv's variables and of pip.conf."""
    environment = clean_environment()
    if "PIP_CONFIG_FILE" in os.environ:
        environment["PIP_CONFIG_FILE"] = os.environ["PIP_CONFIG_FILE"]
    answer = _run([str(python), "-m", "pip", "--disable-pip-version-check", "config", "list"], environment)
    if answer.returncode != 0 and "No module named pip" in answer.stdout:
        # An environment that somebody has made with uv.
        return index_settings(os.environ, {})
    if answer.returncode != 0:
        said = without_login(" ".join(answer.stdout.split()))
        raise CannotInstallError(f"pip cannot read its settings: {said}", untouched=True)
    files: dict[str, str] = {}
    for line in answer.stdout.splitlines():
        key, equals, text = line.partition("=")
        if equals and key.startswith(("global.", "install.")):
            files[key] = str(ast.literal_eval(text))
    return index_settings(os.environ, files)


# --- pip ---


@dataclass(frozen=True, slots=True)
class Pip:
    """pip of `.venv`, with the user's index settings and nothing else of the user's."""

    python: Path
    settings: Mapping[str, str]
    log: Path

    def run(self, *arguments: str) -> None:
        """Run a command of pip. Raises `CannotInstallError` with the true reason."""
        environment = clean_environment() | {
            f"PIP_{name.upper().replace('-', '_')}": text for name, text in self.settings.items()
        }
        # A constraint, a target folder or a build option of a pip.conf would reach into ours.
        environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "--log", str(self.log)]
        answer = _run([*command, *arguments], environment)
        if answer.returncode != 0:
            raise why(answer.stdout, self._details(), self.settings, answer.returncode)

    def _details(self) -> str:
        try:
            return self.log.read_text(errors="replace")
        except OSError:
            return ""


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def why(output: str, details: str, settings: Mapping[str, str], code: int = 1) -> CannotInstallError:
    """Find the true reason in what pip has printed and in its log."""
    index = index_in_words(settings)
    machine = f"Python {platform.python_version()} on {sys.platform} {platform.machine()}"
    if code < 0:
        return CannotInstallError(f"pip was ended by signal {-code} (was there enough memory?)")
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return CannotInstallError(
            f"the disk is full: {_last_error(output)} (.venv needs 500 MB, and {tempfile.gettempdir()} room for what is unpacked)"
        )
    if "DO NOT MATCH THE HASHES" in output:
        return CannotInstallError(_hash_mismatch(output, index), untouched=True)
    missing = re.search(r"No matching distribution found for ([^\s;]+)", output)
    if missing is None:
        return CannotInstallError(_last_error(output))
    unreachable = _connection_trouble(output) or _connection_trouble(details)
    if unreachable and "from versions: none" in output:
        return CannotInstallError(
            f"the package index cannot be reached ({index}): {unreachable}", untouched=True
        )
    name = re.split(r"[=<>!~\[]", missing[1])[0]
    project = re.escape(name).replace(r"\-", "[-_.]").replace(r"\_", "[-_.]")
    if re.search(rf"(?i)Skipping link: none of the wheel's tags .*/{project}-", details):
        return CannotInstallError(
            f"there is no wheel of {missing[1]} for {machine} ({index})", untouched=True
        )
    offered = re.search(r"from versions: ([^)]*)\)", output)
    others = offered[1] if offered is not None else "none"
    has = "has no such package" if others == "none" else f"has only {others}"
    return CannotInstallError(
        f"the package index does not offer {missing[1]} for {machine}: {index} {has}", untouched=True
    )


def _hash_mismatch(output: str, index: str) -> str:
    package = re.search(r"^\s+(\S+==\S+)[^\n]*:\n\s+Expected", output, re.MULTILINE)
    got = re.search(r"Got\s+(\w{64})", output)
    return (
        f"hash mismatch: {package[1] if package else 'a package'} as offered by {index} is not the file that the lock names"
        f" (its SHA-256 is {got[1] if got else 'another'}). A broken download or cache (`pip cache purge`) does that,"
        " and so does an index that is not to be trusted"
    )


def _connection_trouble(output: str) -> str:
    """Return the last complaint about a connection, without the names of Python objects."""
    complaints = re.findall(r"connection broken by [\"'](.+?)[\"']: /", output)
    complaints += re.findall(r"Could not fetch URL [^\n]*?: ([^\n]+?)(?: - skipping)?$", output, re.MULTILINE)
    complaints += re.findall(r"^WARNING: (40[137] [^\n]+)$", output, re.MULTILINE)
    # A page that is not there is an answer.
    complaints = [complaint for complaint in complaints if "404" not in complaint]
    if not complaints:
        return ""
    last = str(complaints[-1])
    last = re.sub(r"^.*object at 0x[0-9a-f]+>: ", "", last)
    return without_login(last.strip("'\")("))


def _last_error(output: str) -> str:
    """Return what pip said last, by preference as an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return without_login((errors or lines or ["pip said nothing"])[-1])


# --- the environment ---


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_names(lock: str) -> set[str]:
    """Return the names of the packages in a requirements file."""
    return {canonical(name) for name in re.findall(r"^([A-Za-z0-9][\w.-]*)==", lock, re.MULTILINE)}


def installed_names(python: Path) -> set[str]:
    """Return the names of the packages in `.venv`."""
    question = "import importlib.metadata as m; print(*{d.metadata['Name'] or '' for d in m.distributions()})"
    answer = subprocess.run(
        [str(python), "-I", "-c", question], stdout=subprocess.PIPE, text=True, check=True
    )
    return {canonical(name) for name in answer.stdout.split()}


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other `make` installs into this folder."""
    with (ROOT / "pyproject.toml").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is installing into this .venv; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            # A file system without locks.
            pass
        yield


def say(text: str) -> None:
    """Print to standard error: standard output belongs to the command that comes next."""
    print(text, file=sys.stderr, flush=True)


def _prepare(here: str) -> Path:
    """Return the interpreter of a `.venv` that can be installed into, made anew where the present one is no use."""
    python = VENV / "bin" / "python"
    if VENV.is_dir():
        marker = VENV / ".installed"
        if marker.is_file() and not marker.read_text().endswith(f" {here}"):
            say("The folder was moved; making .venv again ...")
            shutil.rmtree(VENV)
        elif (VENV / ".installing").exists() or not _usable(python):
            say("Repairing .venv ...")
            shutil.rmtree(VENV)
    if not VENV.is_dir():
        try:
            made = _run([_base_interpreter(), "-m", "venv", str(VENV)], clean_environment())
        except OSError as error:
            raise CannotInstallError(f"Python could not make .venv: {error}") from error
        if made.returncode != 0:
            shutil.rmtree(VENV, ignore_errors=True)
            raise CannotInstallError(f"Python could not make .venv: {_last_error(made.stdout)}")
    return python


def _base_interpreter() -> str:
    """Return this interpreter, or the one behind it: that of an activated `.venv` is perhaps being removed."""
    return str(
        getattr(sys, "_base_executable", sys.executable) if sys.prefix != sys.base_prefix else sys.executable
    )


def _usable(python: Path) -> bool:
    question = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"
    try:
        return _run([str(python), "-c", question], clean_environment()).returncode == 0
    except OSError:
        return False


def install(kind: str, keys: Mapping[str, str]) -> None:
    """Bring `.venv` to what a lock names, and note that in `.venv/.installed`."""
    marker = VENV / ".installed"
    before = marker.read_text() if marker.is_file() else ""
    if not (VENV / ".installing").exists() and before in (keys["dev"], keys[kind]):
        return  # Somebody else has done it while we waited.
    python = _prepare(str(ROOT))
    if marker.is_file() and not before.startswith("runtime "):
        # Whoever has run the tests here goes on having what they need.
        kind = "dev"
    lock = ROOT / LOCKS[kind]
    say(f"Installing the packages of {lock.name} into .venv (once, about a minute) ...")
    log = VENV / "install.log"
    log.unlink(missing_ok=True)
    begun = VENV / ".installing"
    begun.touch()
    try:
        pip = Pip(python, users_settings(python), log)
        pip.run(
            "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)
        )  # fmt: skip
    except CannotInstallError as error:
        if error.untouched:
            begun.unlink()
        raise
    surplus = installed_names(python) - locked_names(lock.read_text()) - _NOT_IN_THE_LOCK
    if surplus:
        pip.run("uninstall", "--quiet", "--yes", *sorted(surplus))
    pip.run("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(ROOT))
    pip.run("check")
    marker.write_text(keys[kind])
    begun.unlink()


def main() -> int:
    """Install; return the exit code."""
    kind, everything, runtime = sys.argv[1:]
    try:
        with _alone():
            install(kind, {"dev": everything, "runtime": runtime})
    except CannotInstallError as error:
        say(f"The packages could not be installed: {error}.")
        if (VENV / "install.log").is_file():
            say("All that pip said is in .venv/install.log. Run the same command again to retry.")
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        say(f"The packages could not be installed: {error}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

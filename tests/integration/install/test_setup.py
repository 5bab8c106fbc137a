"""What `make setup` installs, from where, and what it says when it cannot."""

from __future__ import annotations

import importlib.metadata
import re
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.install import CannotInstallError, Pip, canonical, users_settings
from tests.integration.install.index import REPOSITORY, Index, Project, metadata, serving

LATER = "9999.0"


def line(name: str, version: str, digest: str, marker: str = "") -> str:
    return f"{name}=={version}{marker} --hash=sha256:{digest}"


def real_fields(name: str) -> list[str]:
    """Return what a package that is installed here says about its dependencies."""
    kept = ("Requires-Dist", "Provides-Extra", "Requires-Python")
    found = importlib.metadata.metadata(name)
    return [f"{key}: {text}" for key in kept for text in found.get_all(key) or []]


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with serving() as made:
        yield made


@dataclass(frozen=True)
class Afresh:
    """A project whose installation was cut short and then begun by two at once."""

    project: Project
    answers: list[subprocess.CompletedProcess[str]]
    markers: tuple[str, str]
    """What was in `.venv/.installed` before and after."""
    installed: dict[str, str]
    programs: list[str]
    """What is among the programs of `.venv`."""


@pytest.fixture(scope="module")
def afresh(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Afresh:
    """The one environment that the set-up makes from nothing, which takes four seconds of computing: all others begin with it."""
    project = Project(tmp_path_factory.mktemp("shared") / "project", metadata("nexgent", "0.1.0"))
    project.lock([good_line(index)], [])
    before = project.cut_short()
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(lambda _: project.set_up("runtime", {"PIP_INDEX_URL": index.address}), range(2))
        )
    venv = project.folder / ".venv"
    programs = [path.name for path in (venv / "bin").iterdir()]
    return Afresh(
        project, answers, (before, (venv / ".installed").read_text()), project.installed(), programs
    )


def good_line(index: Index) -> str:
    return line("good", "4.0", index.add("good", "4.0"))


@pytest.fixture
def project(afresh: Afresh, index: Index) -> Project:
    """That environment, as other tests have left it."""
    index.files.clear()
    index.asked.clear()
    return afresh.project


def test_what_was_cut_short_is_begun_afresh_and_two_at_once_do_it_once(afresh: Afresh) -> None:
    assert [answer.returncode for answer in afresh.answers] == [0, 0], afresh.answers
    assert sum("Repairing .venv" in answer.stdout for answer in afresh.answers) == 1
    assert sum("Installing the packages" in answer.stdout for answer in afresh.answers) == 1
    assert "half-made" not in afresh.programs
    assert afresh.installed == {"nexgent": "0.1.0", "good": "4.0"}
    # By its marker alone it was up to date before.
    assert afresh.markers[0] == afresh.markers[1]


def test_the_lock_installs_as_it_is_whatever_the_index_offers_by_then(tmp_path: Path, afresh: Afresh) -> None:
    """Take our own locks, with empty wheels that have the real ones' dependencies, and an index where everything has moved on."""
    description = metadata("nexgent", "0.1.0", *real_fields("nexgent"))
    project = Project(tmp_path / "project", description, afresh.project.folder / ".venv")
    here = {canonical(d.metadata["Name"]) for d in importlib.metadata.distributions()}
    with serving() as index:
        lines: dict[str, list[str]] = {}
        wanted: dict[str, dict[str, str]] = {}
        for lock in ("requirements-runtime.lock", "requirements.lock"):
            text = (REPOSITORY / lock).read_text()
            lines[lock], wanted[lock] = [], {"nexgent": "0.1.0"}
            for name, version, marker in re.findall(
                r"^([\w.-]+)==([^\s;]+)( ; [^\\\n]+)?", text, re.MULTILINE
            ):
                digest = "0" * 64
                # What is for other platforms and versions of Python stays in the lock and is not asked for.
                if canonical(name) in here and importlib.metadata.version(name) == version:
                    digest = index.add(name, version, *real_fields(name))
                    wanted[lock][canonical(name)] = version
                    index.add(name, LATER, *real_fields(name))
                lines[lock].append(line(name, version, digest, marker.rstrip()))
        runtime = lines["requirements-runtime.lock"]
        assert len(wanted["requirements-runtime.lock"]) > 70
        project.lock(runtime, [entry for entry in lines["requirements.lock"] if entry not in runtime])
        settings = {"PIP_INDEX_URL": index.address}

        answer = project.set_up("runtime", settings)

        assert answer.returncode == 0, answer.stdout
        assert project.installed() == wanted["requirements-runtime.lock"]
        at_first, index.asked = index.downloads(), []

        answer = project.set_up("dev", settings)

        assert answer.returncode == 0, answer.stdout
        assert project.installed() == wanted["requirements.lock"]
        assert index.downloads()
        assert index.downloads().isdisjoint(at_first)
        assert not any(LATER in file for file in at_first | index.downloads())
        index.asked = []

        for kind in ("runtime", "dev"):
            assert project.set_up(kind, settings).stdout == ""

        assert index.asked == []


def test_a_failure_says_why_and_leaves_what_was_there_in_working_order(
    project: Project, index: Index
) -> None:
    good = good_line(index)
    project.lock([good], [])
    # Nothing to do, right after the first test of this module.
    assert project.set_up("runtime", {"PIP_INDEX_URL": index.address}).returncode == 0
    digest = index.add("forged", "1.0")
    project.lock([good], [line("forged", "1.0", "0" * 64)])

    answer = project.set_up("dev", {"PIP_INDEX_URL": index.address})

    assert answer.returncode == 1
    assert re.search(
        r"hash mismatch: forged==1\.0 as offered by http://127\S+ is not the file that the lock",
        answer.stdout,
    )
    assert digest in answer.stdout
    assert "reachable" not in answer.stdout
    # The service can still be started, without an index.
    assert project.set_up("runtime", {"PIP_INDEX_URL": "http://127.0.0.1:9"}).stdout == ""


@pytest.fixture
def by_pip_conf(project: Project, index: Index) -> subprocess.CompletedProcess[str]:
    """Three packages for testers, from the index in a pip.conf that also says what shall be installed, and how."""
    old, kept, tool = (line(name, "1.0", index.add(name, "1.0")) for name in ("old", "kept", "tool"))
    project.lock([old, kept], [tool])
    constraints = project.home / "constraints.txt"
    constraints.write_text("old<1\nkept<1\ntool<1\n")
    conf = project.home / ".config" / "pip" / "pip.conf"
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_text(
        f"[global]\nindex-url = {index.address}\nconstraint = {constraints}\nrequire-virtualenv = true\n"
        f"[install]\nuser = true\nno-binary = :all:\ntarget = {project.home}/elsewhere\n"
    )
    try:
        return project.set_up(
            "dev", {"PIP_REQUIRE_HASHES": "0", "PIP_CONSTRAINT": str(constraints), "PIP_PRE": "1"}
        )
    finally:
        conf.unlink()


def test_a_pip_conf_says_where_from_but_not_what(
    project: Project, by_pip_conf: subprocess.CompletedProcess[str]
) -> None:
    assert by_pip_conf.returncode == 0, by_pip_conf.stdout
    assert project.installed() == {"nexgent": "0.1.0", "old": "1.0", "kept": "1.0", "tool": "1.0"}
    assert not (project.home / "elsewhere").exists()


@pytest.mark.usefixtures("by_pip_conf")
def test_what_the_lock_no_longer_names_is_removed_and_testers_stay_testers(
    project: Project, index: Index
) -> None:
    """Have it done with the indexes of uv, which count where pip has none."""
    kept = line("kept", "2.0", index.add("kept", "2.0"))
    project.lock([kept], [line("tool", "1.0", index.add("tool", "1.0"))])
    empty = index.address.replace("/simple", "/empty")

    answer = project.set_up("runtime", {"UV_DEFAULT_INDEX": empty, "UV_INDEX": f"ours={index.address}"})

    assert answer.returncode == 0, answer.stdout
    assert project.installed() == {"nexgent": "0.1.0", "kept": "2.0", "tool": "1.0"}


def test_packages_that_do_not_fit_together_are_not_called_installed(project: Project, index: Index) -> None:
    project.lock([line("needy", "1.0", index.add("needy", "1.0", "Requires-Dist: absent>=2"))], [])

    answer = project.set_up("runtime", {"PIP_INDEX_URL": index.address})

    assert answer.returncode == 1
    assert "needy 1.0 requires absent, which is not installed" in answer.stdout


class TestReasons:
    """What pip's failures are told as."""

    def refused(self, project: Project, address: str, entry: str) -> str:
        python = project.folder / ".venv" / "bin" / "python"
        lock, log = project.folder / "refused.lock", project.folder / "refused.log"
        lock.write_text(entry + "\n")
        pip = Pip(python, {"index-url": address, "retries": "0"}, log)
        with pytest.raises(CannotInstallError) as caught:
            pip.run(
                "install",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "-r",
                str(lock),
            )
        assert caught.value.untouched
        return str(caught.value)

    def test_releases_and_packages_that_the_index_does_not_have(self, project: Project, index: Index) -> None:
        index.add("young", "0.9")

        for name, has in {"young": "has only 0.9", "unheard-of": "has no such package"}.items():
            said = self.refused(project, index.address, line(name, "1.0", "0" * 64))
            assert f"does not offer {name}==1.0" in said
            assert has in said

    def test_no_wheel_for_this_machine(self, project: Project, index: Index) -> None:
        digest = index.add("else_where", "1.0", tag="cp39-cp39-win32")

        said = self.refused(project, index.address, line("else-where", "1.0", digest))

        assert re.search(r"there is no wheel of else-where==1\.0 for Python 3\.\d+\.\d+ on \w+ \w+", said)

    def test_an_index_that_is_away_and_its_password_is_not_shown(self, project: Project) -> None:
        said = self.refused(
            project, "http://somebody:s3cret@127.0.0.1:9/simple", line("good", "2.0", "0" * 64)
        )

        assert "the package index cannot be reached (http://****@127.0.0.1:9/simple): " in said
        assert "Connection refused" in said
        assert "s3cret" not in said + (project.folder / "refused.log").read_text()

    def test_settings_that_cannot_be_read(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        conf = tmp_path / "broken.conf"
        conf.write_text("index-url = nowhere\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))

        with pytest.raises(CannotInstallError, match=r"pip cannot read its settings: .*broken\.conf"):
            users_settings(project.folder / ".venv" / "bin" / "python")


def test_without_a_python_that_fits_it_says_what_was_found(project: Project, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\ncase $2 in *print*) echo 3.9 ;; *) exit 3 ;; esac\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    for program in ("sh", "cat", "cksum", "dirname"):
        (tmp_path / program).symlink_to(
            next(p for p in (Path("/bin") / program, Path("/usr/bin") / program) if p.exists())
        )
    project.lock([line("good", "3.0", "0" * 64)], [])

    answer = project.set_up("runtime", {"PATH": str(tmp_path), "PYTHON": ""})

    assert answer.returncode == 1
    assert "needs Python 3.11, 3.12, 3.13 or 3.14" in answer.stdout
    assert "python3 is 3.9" in answer.stdout

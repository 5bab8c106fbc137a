"""What the Dockerfile copies is enough to build the package, and all it installs, every extra too, is there as wheels."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

from scripts.release_check import build_wheel, wrong_with

ROOT = Path(__file__).resolve().parents[3]


def left_out(name: str) -> bool:
    """Tell whether .dockerignore, which names what is let in, keeps something from the build."""
    lines = (ROOT / ".dockerignore").read_text().split()
    assert "*" in lines
    return f"!{name}" not in lines


def test_the_first_stage_has_what_the_package_is_built_from(tmp_path: Path) -> None:
    _, first, *_ = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    copied = [line.split()[:-1] for line in re.findall(r"^COPY (.+)$", first, re.MULTILINE)]
    assert copied
    folder = tmp_path / "build"
    folder.mkdir()
    for names in copied:
        for name in names:
            assert not left_out(name), f"{name} is in .dockerignore"
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)

    wheel = build_wheel(folder, tmp_path)

    assert wrong_with(wheel) == []


def installed() -> dict[NormalizedName, str]:
    """Return what the image installs for itself on Linux, by name; markers for other platforms are left out."""
    (lock,) = re.findall(r"--requirement (\S+)", (ROOT / "Dockerfile").read_text())
    found = re.findall(r"^([\w.-]+)==([^\s;]+)( ; [^\\\n]+)?", (ROOT / lock).read_text(), re.MULTILINE)
    return {
        canonicalize_name(name): version
        for name, version, marker in found
        if "win32" not in marker.replace("!= 'win32'", "") and "python_full_version < '3.14'" not in marker
    }


def test_every_extra_is_in_the_image() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {
        canonicalize_name(re.split(r"[>=<\[]", one)[0]) for of_extra in extras.values() for one in of_extra
    }

    assert wanted
    assert wanted <= installed().keys()


def test_both_stages_are_built_on_one_image_by_its_digest() -> None:
    stages = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert len(stages) == 2
    assert len(set(stages)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim@sha256:[0-9a-f]{64}", stages[0])


def test_what_the_image_installs_there_is_as_wheels_for_its_python() -> None:
    (version,) = set(
        re.findall(r"^FROM python:(3\.\d+)\.\d+-slim@", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )
    python = (3, int(version.partition(".")[2]))
    platforms = [
        *(
            f"manylinux_2_{minor}_{machine}"
            for machine in ("x86_64", "aarch64")
            for minor in range(41, 4, -1)
        ),
        *(f"manylinux{old}_{machine}" for machine in ("x86_64", "aarch64") for old in ("2014", "2010", "1")),
    ]
    tags: set[Tag] = {
        *cpython_tags(python, platforms=platforms),
        *compatible_tags(python, platforms=platforms),
    }
    wheels = {
        (canonicalize_name(one["name"]), one["version"]): one.get("wheels", [])
        for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }

    missing = [
        name
        for name, locked in installed().items()
        if not any(
            parse_wheel_filename(wheel["url"].rsplit("/", 1)[1])[3] & tags for wheel in wheels[name, locked]
        )
    ]
    assert missing == []

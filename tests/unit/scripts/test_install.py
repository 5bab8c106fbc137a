"""Where packages are taken from, and the reasons that pip itself cannot be made to give here."""

from __future__ import annotations

import pytest

from scripts.install import index_settings, locked_names, why

HERE = "https://index.example/simple"


def test_pips_variables_win_over_its_files_and_both_over_uvs() -> None:
    uv = {
        "UV_DEFAULT_INDEX": "https://uv.example/simple",
        "UV_EXTRA_INDEX_URL": "https://more.example/simple",
    }
    files = {"global.index-url": "https://global.example", "install.index-url": "https://file.example"}

    assert index_settings(uv, {})["index-url"] == "https://uv.example/simple"
    assert index_settings(uv, files)["index-url"] == "https://file.example"
    everything = index_settings({**uv, "PIP_INDEX_URL": HERE}, files)
    assert everything == {"index-url": HERE, "extra-index-url": "https://more.example/simple"}


@pytest.mark.parametrize(
    ("variable", "text", "option", "becomes"),
    [
        ("UV_INDEX_URL", HERE, "index-url", HERE),
        ("UV_DEFAULT_INDEX", f"own={HERE}", "index-url", HERE),
        ("UV_INDEX", f"own={HERE} {HERE}/2", "extra-index-url", f"{HERE} {HERE}/2"),
        ("UV_EXTRA_INDEX_URL", f"{HERE} {HERE}/2", "extra-index-url", f"{HERE} {HERE}/2"),
        ("UV_FIND_LINKS", "/a,https://b.example", "find-links", "/a https://b.example"),
        ("UV_NO_INDEX", "true", "no-index", "1"),
        ("UV_INSECURE_HOST", "index.example", "trusted-host", "index.example"),
        ("UV_HTTP_TIMEOUT", "90", "timeout", "90"),
        ("SSL_CERT_FILE", "/ca.pem", "cert", "/ca.pem"),
        ("PIP_DEFAULT_TIMEOUT", "90", "timeout", "90"),
        ("PIP_USE_FEATURE", "fast-deps truststore", "use-feature", "truststore"),
    ],
)
def test_each_setting_has_its_place(variable: str, text: str, option: str, becomes: str) -> None:
    assert index_settings({variable: text}, {}) == {option: becomes}


def test_what_is_not_about_where_from_is_left_out() -> None:
    meant_elsewhere = {
        "PIP_TARGET": "/x",
        "PIP_CONSTRAINT": "/y",
        "PIP_REQUIRE_HASHES": "0",
        "PIP_NO_INDEX": "",
    }
    files = {"install.no-binary": ":all:", "list.format": "json", "global.constraint": "/z"}

    assert index_settings({**meant_elsewhere, "UV_OFFLINE": "1"}, files) == {}


def test_the_login_of_a_named_index_comes_from_its_variables() -> None:
    environment = {
        "UV_INDEX": "my-own=https://index.example/simple",
        "UV_INDEX_MY_OWN_USERNAME": "me@home",
        "UV_INDEX_MY_OWN_PASSWORD": "a/b",
    }

    assert (
        index_settings(environment, {})["extra-index-url"] == "https://me%40home:a%2Fb@index.example/simple"
    )


def test_a_full_disk_and_too_little_memory_are_called_so() -> None:
    full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"

    assert str(why(full, "", {})).startswith("the disk is full: ")
    assert not why(full, "", {}).untouched
    assert "signal 9" in str(why("", "", {}, -9))


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    said = (
        "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by"
        " 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'))': /simple/rich/\n"
        "ERROR: Could not find a version that satisfies the requirement rich==14.0 (from versions: none)\n"
        "ERROR: No matching distribution found for rich==14.0\n"
    )

    reason = str(why(said, "", {"index-url": "https://me:secret@index.example/simple"}))

    assert "the package index cannot be reached (https://****@index.example/simple)" in reason
    assert "CERTIFICATE_VERIFY_FAILED" in reason
    assert "secret" not in reason


def test_any_other_failure_is_told_in_pips_last_words() -> None:
    assert str(why("WARNING: x\nERROR: first\nERROR: the last\n", "", {})) == "the last"


def test_names_are_read_from_a_lock() -> None:
    assert locked_names("# x\nSome_Thing==1.0 ; python_version < '4' \\\n    --hash=sha256:00\n") == {
        "some-thing"
    }

"""Addresses of backups as they are shown: whatever may be a password is not, also where nobody can tell where it ends."""

from __future__ import annotations

import pytest

from nexgent.infrastructure.backup import remote


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/books", "s3://bucket/books"),
        ("s3://bucket/books@2", "s3://bucket/books@2"),
        ("sftp://me@host/books@2", "sftp://host/books@2"),
        ("sftp://me:pa55@host/books", "sftp://host/books"),
        ("sftp://me:pa@55@host/books", "sftp://host/books"),
        ("ftp://host:21/books", "ftp://host:21/books"),
        # A slash in a password ends the login for whoever reads addresses, and the password for nobody else.
        ("ftp://me:pa/55@host/books", "ftp://host/books"),
        ("ftp://me:pa/5/5@host/books", "ftp://host/books"),
        ("ftp://me:p@a/55@host/books", "ftp://host/books"),
        ("ftp://me:12/34@host/books", "ftp://host/books"),
        ("ftp://me:pa55/@host/books", "ftp://host/books"),
        ("ftp://me:pa?s#s@host/books", "ftp://host/books"),
    ],
)
def test_a_login_is_not_shown(address: str, shown: str) -> None:
    assert remote.shown(address) == shown

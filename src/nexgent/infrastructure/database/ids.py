"""Ids as the database's driver makes them: `UUID`s that C code hashes, compares and spells. Those it reads are such anyway."""

from __future__ import annotations

from asyncpg.pgproto.pgproto import UUID

from nexgent.shared.ids import install_id_type


def install_driver_ids() -> None:
    """Make all ids of this process of the driver's type."""
    install_id_type(UUID)

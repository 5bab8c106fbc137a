"""Which service a command talks to, and how that was found out."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nexgent.bootstrap.whereabouts import running_service
from nexgent.config.settings import Settings

API_PATH = "/api/v1"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a service without a slash at its end, why it is taken to be there, and the key of its data folder."""

    url: str
    why: str
    machine_key: str = field(default="", repr=False)


def find_service(arguments: argparse.Namespace, settings: Settings) -> Address:
    """Return the address that was given, else the one of the service in the data folder, else this machine at `PORT`."""
    if getattr(arguments, "url", None):
        return Address(arguments.url, "given with --url")
    folder = settings.storage.data_dir.expanduser().resolve()
    running = running_service(folder)
    if running is not None:
        why = f"of process {running.pid}, which runs in the data folder {folder}"
        return Address(running.url, why, running.machine_key)
    port = settings.server.port
    source = "PORT" if os.environ.get("PORT") or port != settings.server.__class__().port else "the default"
    return Address(f"http://localhost:{port}", f"by {source}, as no service runs in the data folder {folder}")


def service_url(text: str) -> str:
    """Read the address of a service as people write it: `localhost:4700`, `4700`, `https://host/`.

    For argparse: raises `ArgumentTypeError`.
    """
    wanted = text.strip()
    if wanted.isascii() and wanted.isdigit():
        wanted = f"localhost:{wanted}"
    if "://" not in wanted:
        wanted = f"http://{wanted.lstrip('/')}"
    try:
        parts = urlsplit(wanted)
        port = parts.port
    except ValueError:
        raise argparse.ArgumentTypeError(_ALLOWED) from None
    # A login in an address would reach logs and lists of processes.
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or "@" in parts.netloc:
        raise argparse.ArgumentTypeError(_ALLOWED)
    if parts.query or parts.fragment or any(letter.isspace() for letter in wanted):
        raise argparse.ArgumentTypeError(_ALLOWED)
    path = parts.path.rstrip("/").removesuffix(API_PATH)
    return f"{parts.scheme}://{parts.netloc}{path}".rstrip("/")


_ALLOWED = "this is no address of a service; it looks like localhost:4000 or https://host.example"

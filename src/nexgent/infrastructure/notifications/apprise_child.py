"""A process of its own in which apprise sends: `python -m nexgent.infrastructure.notifications.apprise_child`.

It reads one JSON object a line from standard input (`check` or `send`, an address, a message) and answers each with one.
Addresses come from users, and what a library with 140 services does with them is not known: so the process has no environment to
tell of, can be killed when it takes too long, starts no programs, and may connect to addresses of the internet only, unless the
first argument is `private`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

from nexgent.shared.addresses import is_public

MISSING = "missing"
_LONGEST_ERROR = 200
_SHORTEST_SECRET = 4
_PIECES = re.compile(r"[^\w.-]+")


def guard(private: bool) -> None:
    """Refuse from now on what no notification needs; a hook that was added stays."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}:
            raise PermissionError("no programs are started for a notification")
        if event in {"syslog.openlog", "syslog.syslog"}:
            raise PermissionError("what users write does not go into the machine's log")
        if event not in {"socket.connect", "socket.sendto", "socket.sendmsg"} or private:
            return
        place = arguments[1]
        if not isinstance(place, tuple) or not is_public(str(place[0])):
            raise PermissionError(
                "its address is not one of the internet (NOTIFY_PRIVATE_ADDRESSES allows others)"
            )

    sys.addaudithook(hook)


def without_secrets(text: str, url: str) -> str:
    """Return the text of an error without any part of the address that could be one."""
    scheme, _, rest = url.partition("://")
    pieces = {piece for piece in _PIECES.split(rest) if len(piece) >= _SHORTEST_SECRET}
    text = text.replace(url, f"{scheme}://…")
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, "…")
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 1]}…"


class _Last(logging.Handler):
    """Keeps the last complaint of the library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text: str = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.text = record.getMessage()

    def last(self) -> str:
        """Return the last one and forget it."""
        text, self.text = self.text, ""
        return text


class Library:
    """apprise, as far as it is needed. Raises `ImportError` when it is not installed."""

    def __init__(self) -> None:
        import apprise  # noqa: PLC0415 -- an extra, and 45 MB that neither service nor worker shall keep

        self._asset = apprise.AppriseAsset(
            app_id="Nexgent", app_desc="Nexgent", async_mode=False, secure_logging=True
        )
        self._apprise = apprise
        self._complaints = _Last()
        logger = logging.getLogger("apprise")
        logger.handlers, logger.propagate = [self._complaints], False
        logger.setLevel(logging.WARNING)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked and say what came of it."""
        url = asked["url"]
        self._complaints.last()
        service = self._apprise.Apprise.instantiate(url, asset=self._asset, suppress_exceptions=True)
        if service is None:
            return {"ok": False, "error": "no service of apprise has such an address"}
        if asked["do"] == "check":
            return {"ok": True, "service": str(getattr(service, "service_name", None) or "")}
        sender = self._apprise.Apprise(asset=self._asset)
        sender.add(service)
        sent = sender.notify(
            body=asked["text"] or asked["title"], title=asked["title"], notify_type=asked["type"]
        )
        if sent:
            return {"ok": True}
        return {"ok": False, "error": without_secrets(self._complaints.last() or "it was not taken", url)}


def main(arguments: list[str]) -> int:
    """Answer until the input ends."""
    try:
        library = Library()
    except ImportError:
        sys.stdout.write(json.dumps({"ok": False, "error": MISSING}) + "\n")
        return 0
    guard("private" in arguments)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = library.answer(asked)
        except Exception as error:
            answer = {"ok": False, "error": type(error).__name__}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

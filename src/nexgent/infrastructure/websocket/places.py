"""How many sockets one user and one address may have."""

from __future__ import annotations

from collections import Counter

UNLIMITED = 1_000_000


class SocketPlaces:
    """Counts sockets from before they are accepted until they are gone."""

    def __init__(self, *, per_user: int = UNLIMITED, per_address: int = UNLIMITED) -> None:
        self._per_user = per_user
        self._per_address = per_address
        self._users: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    def take(self, user: str, address: str) -> str | None:
        """Take a place, or return why there is none."""
        if self._users[user] >= self._per_user:
            return f"Too many connections: at most {self._per_user} for one user"
        if address and self._addresses[address] >= self._per_address:
            return f"Too many connections: at most {self._per_address} from one address"
        self._users[user] += 1
        self._addresses[address] += 1
        return None

    def give_back(self, user: str, address: str) -> None:
        """Give a place back that was taken."""
        for counter, key in ((self._users, user), (self._addresses, address)):
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]

"""`nexgent` in which passwords and passphrases cost little: making them expensive to guess takes half a second each time.

`CHEAP_BCRYPT_COST` says how much a password costs.
"""

from __future__ import annotations

import os
from typing import Any

from nexgent.cli.main import main
from nexgent.infrastructure.security.passwords import COST, BcryptHasher
from nexgent.infrastructure.wallets.crypto import DEFAULT_COST, ScryptCost, WalletKeyCrypto

LEAST_COST = 4
EIGHTH_COST = COST - 3


def _change(method: Any, usual: object, cost: object) -> None:
    defaults = method.__kwdefaults__
    assert defaults["cost"] == usual
    defaults["cost"] = cost


if __name__ == "__main__":
    _change(BcryptHasher.__init__, COST, int(os.environ["CHEAP_BCRYPT_COST"]))
    _change(WalletKeyCrypto.__init__, DEFAULT_COST, ScryptCost(n=1 << 10))
    main()

"""What people do with wallets, put together: give them to agents, empty them, take them back, look for deposits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nexgent.api.deps import WalletParts
from nexgent.bootstrap.engine import Engine
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.wallets.assign_wallet import AssignWallet
from nexgent.domain.wallets.check_deposits import CheckDeposits
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.list_wallets import ListWallets
from nexgent.domain.wallets.ports import ChainBalances, LoadedWallets, WalletRepository
from nexgent.domain.wallets.replace_wallet import WalletReplacement
from nexgent.domain.wallets.reset_wallet import ResetWallet
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.shared.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPorts:
    """Where wallets are kept, which keys are here, and what the chain says of them."""

    wallets: WalletRepository
    keys: LoadedWallets
    environment: EnvironmentWallets
    chain: ChainBalances
    projections: Projections
    sol_price: SolPriceFeed
    clock: Clock
    publish: Callable[[object], None]


def build_wallets(ports: WalletPorts, *, engine: Engine, require_engine: RequireEngine = here) -> WalletParts:
    """Return the use cases over the wallets of an engine's agents."""
    directory, ledger, clock = engine.directory, engine.ledger, ports.clock
    wallets, projections = ports.wallets, ports.projections
    reset = ResetWallet(
        directory=directory,
        ledger=ledger,
        wallets=wallets,
        projections=projections,
        clock=clock,
        require_engine=require_engine,
    )
    return WalletParts(
        listing=ListWallets(directory=directory, keys=ports.keys, environment=ports.environment),
        assign=AssignWallet(
            directory=directory,
            wallets=wallets,
            replacement=WalletReplacement(
                ledger=ledger, wallets=wallets, projections=projections, require_engine=require_engine
            ),
            keys=ports.keys,
            environment=ports.environment,
            clock=clock,
            publish=ports.publish,
        ),
        reset=reset,
        unassign=UnassignWallet(
            directory=directory,
            ledger=ledger,
            reset=reset,
            wallets=wallets,
            environment=ports.environment,
            clock=clock,
            publish=ports.publish,
        ),
        deposits=CheckDeposits(
            directory=directory, ledger=ledger, chain=ports.chain, sol_price=ports.sol_price, clock=clock
        ),
    )

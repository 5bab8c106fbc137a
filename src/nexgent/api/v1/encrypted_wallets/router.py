"""`/wallets`: create, list, unlock, lock, look at, export and delete wallets whose keys are stored encrypted."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from nexgent.api.encoding import JsonBytes
from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import NOT_KEPT, NOT_STORED, audited, limited
from nexgent.api.http.models import READS_NOTHING
from nexgent.api.http.refusals import FLAT_FIRST, MOVED_ON, UNKNOWN_AGENT, Refusal, refusals
from nexgent.api.http.requests import SentRequest
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import WalletInPath
from nexgent.api.v1.encrypted_wallets.elsewhere import with_the_word_of_engines
from nexgent.api.v1.encrypted_wallets.schemas import (
    CreateWalletIn,
    DeleteWalletIn,
    ExportIn,
    ExportOut,
    LockOut,
    OwnWalletOut,
    OwnWalletsOut,
    UnlockIn,
    UnlockOut,
    WalletCreatedOut,
    written,
)
from nexgent.api.v1.wallets.schemas import ResetOut
from nexgent.domain.wallets.encrypted.create_wallet import NewWallet

router = APIRouter(prefix="/wallets", tags=["wallets"], route_class=ApiRoute, dependencies=[NOT_STORED])

_LOCKED_OUT = Refusal(
    423, "Too many wrong passphrases; the wallet is locked out for a while", "WALLET_LOCKED_OUT"
)
_WRONG_PASSPHRASE = Refusal(403, "Forbidden: the passphrase is wrong", "INVALID_PASSPHRASE")


@router.post(
    "",
    status_code=201,
    summary="Create or import a wallet",
    responses=refusals(
        UNKNOWN_AGENT, Refusal(409, "The agent has a wallet of this type already", "WALLET_EXISTS")
    ),
    dependencies=[limited(5), audited("wallet.create")],
)
async def create_wallet(body: CreateWalletIn, caller: SessionCaller, services: Services) -> WalletCreatedOut:
    """Create or import a wallet. The key of a live one is stored encrypted under the passphrase; it starts locked."""
    new = NewWallet(
        agent_id=body.agent_id,
        user_id=caller.user_id,
        mode=body.wallet_type,
        passphrase=body.passphrase,
        private_key=body.private_key,
    )
    return WalletCreatedOut.of(await services.encrypted_wallets.create.execute(new))


@router.get("", summary="All wallets of the user", response_model=OwnWalletsOut)
async def list_own_wallets(request: SentRequest, caller: SessionCaller, services: Services) -> Response:
    """Return all wallets of the user."""
    wallets = await services.encrypted_wallets.views.all(caller.user_id)
    return JsonBytes(written(await with_the_word_of_engines(request, services, wallets)))


@router.get("/{walletAddress}/status", summary="Where a wallet's key comes from and whether it is unlocked")
async def wallet_status(address: WalletInPath, caller: SessionCaller, services: Services) -> OwnWalletOut:
    """Return one wallet."""
    return OwnWalletOut.of(await services.encrypted_wallets.views.status(address, caller.user_id))


@router.post(
    "/{walletAddress}/unlock",
    summary="Decrypt a wallet's key into memory",
    responses=refusals(_WRONG_PASSPHRASE, MOVED_ON, _LOCKED_OUT),
    dependencies=[limited(5), NOT_KEPT, audited("wallet.unlock")],
)
async def unlock_wallet(
    address: WalletInPath, body: UnlockIn, caller: SessionCaller, services: Services
) -> UnlockOut:
    """Unlock a wallet.

    Wrong passphrases are answered 403, later each time; five within 15 minutes lock the wallet out (423).
    """
    unlock = services.encrypted_wallets.unlock
    return UnlockOut.of(await unlock.execute(address, caller.user_id, body.passphrase, body.ttl_seconds))


@router.post(
    "/{walletAddress}/lock",
    summary="Wipe a wallet's key from memory",
    responses=refusals(
        Refusal(409, "The wallet's key comes from the environment", "WALLET_MANAGED_BY_ENVIRONMENT")
    ),
    dependencies=[limited(5), NOT_KEPT, READS_NOTHING, audited("wallet.lock")],
)
async def lock_wallet(address: WalletInPath, caller: SessionCaller, services: Services) -> LockOut:
    """Lock a wallet."""
    await services.encrypted_wallets.lock.execute(address, caller.user_id)
    return LockOut(success=True, wallet_address=address, is_unlocked=False)


@router.post(
    "/{walletAddress}/export",
    summary="Export a wallet's private key",
    responses=refusals(
        _WRONG_PASSPHRASE,
        Refusal(409, "The wallet's key cannot be exported", "WALLET_MANAGED_BY_ENVIRONMENT"),
        _LOCKED_OUT,
    ),
    dependencies=[limited(5), NOT_KEPT, audited("wallet.export")],
)
async def export_wallet(
    address: WalletInPath, body: ExportIn, caller: SessionCaller, services: Services
) -> ExportOut:
    """Hand the key out. Asks for the passphrase again and leaves a line in the audit log."""
    key = await services.encrypted_wallets.export.execute(address, caller.user_id, body.passphrase)
    return ExportOut(wallet_address=address, private_key=key, format="base58")


@router.delete(
    "/{walletAddress}",
    summary="Delete a live wallet, its trading data and its stored key",
    responses=refusals(_WRONG_PASSPHRASE, FLAT_FIRST, _LOCKED_OUT),
    dependencies=[limited(5), audited("wallet.delete")],
)
async def delete_wallet(
    address: WalletInPath, body: DeleteWalletIn, caller: SessionCaller, services: Services
) -> ResetOut:
    """Delete a wallet. Export the key before: what lies on the chain cannot be moved without it."""
    delete = services.encrypted_wallets.delete
    result = await delete.execute(address, caller.user_id, body.passphrase, force=body.force is True)
    return ResetOut.of(address, result, "Wallet deleted successfully")

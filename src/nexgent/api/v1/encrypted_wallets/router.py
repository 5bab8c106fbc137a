"""`/wallets`: create, list, unlock, lock, look at, export and delete wallets whose keys are stored encrypted."""

from __future__ import annotations

from functools import wraps

from starlette.responses import Response

from nexgent.api.encoding import iso, iso_or_none, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints, Handler
from nexgent.api.errors import error_response
from nexgent.api.fields import SchemaFields
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
)
from nexgent.api.v1.wallets.schemas import ResetOut
from nexgent.api.v1.wallets.views import (
    MODES,
    NETWORK,
    confirmation_required,
    is_confirmed,
    reset_view,
    schema_agent_id,
)
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.encrypted.create_wallet import NewWallet
from nexgent.domain.wallets.encrypted.models import OwnWallet, Passphrase
from nexgent.domain.wallets.encrypted.passphrases import MAX_LENGTH, MIN_LENGTH
from nexgent.domain.wallets.encrypted.unlock_wallet import MAX_TTL_SECONDS, MIN_TTL_SECONDS
from nexgent.domain.wallets.encrypted.use_cases import EncryptedWallets
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import WalletAddress

endpoints = Endpoints("wallets")

_NO_STORE = (b"cache-control", b"no-store")


def _not_stored(handler: Handler) -> Handler:
    """Forbid caches to keep what a handler answers, refusals included."""

    @wraps(handler)
    async def run(call: Call) -> Response:
        try:
            response = await handler(call)
        except NexgentError as error:
            response = error_response(error)
        response.raw_headers.append(_NO_STORE)
        return response

    return run


@endpoints.post(
    "/wallets",
    Access.SESSION,
    Doc(
        summary="Create or import a wallet",
        description="The key of a live wallet is stored encrypted under the passphrase; the wallet starts locked.",
        body=CreateWalletIn,
        response=WalletCreatedOut,
        status=201,
    ),
)
@_not_stored
async def create_wallet(call: Call) -> Response:
    """Create or import a wallet."""
    body = await call.schema_body()
    fields = SchemaFields(body)
    agent_id = schema_agent_id(fields)
    mode = TradingMode(fields.choice("walletType", MODES) or TradingMode.LIVE.value)
    live = mode is TradingMode.LIVE
    passphrase = _passphrase(fields, body, minimum=MIN_LENGTH, required=live)
    private_key = body.get("privateKey")
    if private_key is not None and not isinstance(private_key, (str, list)):
        fields.fail("privateKey", "Expected base58 text or an array of 64 numbers")
    fields.done()
    wallet = await _wallets(call).create.execute(
        NewWallet(
            agent_id=agent_id,
            user_id=call.user_id,
            mode=mode,
            passphrase=passphrase if live else None,
            private_key=private_key,
        )
    )
    return json_response(
        {
            "success": True,
            "walletAddress": wallet.address,
            "walletType": wallet.mode.value,
            "network": NETWORK[wallet.mode],
            "source": wallet.source.value,
            "isUnlocked": wallet.is_unlocked,
            "createdAt": iso(wallet.created_at),
            "message": "Wallet created; unlock it to trade" if live else "Wallet created",
        },
        201,
    )


@endpoints.get("/wallets", Access.SESSION, Doc(summary="All wallets of the user", response=OwnWalletsOut))
@_not_stored
async def list_own_wallets(call: Call) -> Response:
    """Return all wallets of the user."""
    wallets = await _wallets(call).views.all(call.user_id)
    return json_response({"wallets": [_view(wallet) for wallet in wallets]})


@endpoints.get(
    "/wallets/{walletAddress}/status",
    Access.SESSION,
    Doc(summary="Where a wallet's key comes from and whether it is unlocked", response=OwnWalletOut),
)
@_not_stored
async def wallet_status(call: Call) -> Response:
    """Return one wallet."""
    return json_response(_view(await _wallets(call).views.of(_address(call), call.user_id)))


@endpoints.post(
    "/wallets/{walletAddress}/unlock",
    Access.SESSION,
    Doc(
        summary="Decrypt a wallet's key into memory",
        description="Wrong passphrases are answered 403, later each time; five within 15 minutes lock the wallet out (423).",
        body=UnlockIn,
        response=UnlockOut,
    ),
)
@_not_stored
async def unlock_wallet(call: Call) -> Response:
    """Unlock a wallet."""
    body = await call.schema_body()
    fields = SchemaFields(body)
    passphrase = _passphrase(fields, body, required=False)
    ttl = body.get("ttlSeconds")
    if ttl is not None and (type(ttl) is not int or not MIN_TTL_SECONDS <= ttl <= MAX_TTL_SECONDS):
        fields.fail("ttlSeconds", f"A whole number from {MIN_TTL_SECONDS} to {MAX_TTL_SECONDS} is required")
    fields.done()
    wallet = await _wallets(call).unlock.execute(
        _address(call), call.user_id, passphrase, ttl if isinstance(ttl, int) else None
    )
    return json_response(
        {
            "success": True,
            "walletAddress": wallet.address,
            "isUnlocked": wallet.is_unlocked,
            "unlockedUntil": iso_or_none(wallet.unlocked_until),
        }
    )


@endpoints.post(
    "/wallets/{walletAddress}/lock",
    Access.SESSION,
    Doc(summary="Wipe a wallet's key from memory", response=LockOut),
)
@_not_stored
async def lock_wallet(call: Call) -> Response:
    """Lock a wallet."""
    await call.body()
    address = _address(call)
    await _wallets(call).lock.execute(address, call.user_id)
    return json_response({"success": True, "walletAddress": address, "isUnlocked": False})


@endpoints.post(
    "/wallets/{walletAddress}/export",
    Access.SESSION,
    Doc(
        summary="Export a wallet's private key",
        description="Asks for the passphrase again and leaves a line in the audit log.",
        body=ExportIn,
        response=ExportOut,
    ),
)
@_not_stored
async def export_wallet(call: Call) -> Response:
    """Hand the key out."""
    body = await call.schema_body()
    if not is_confirmed(body):
        return confirmation_required("export the private key")
    fields = SchemaFields(body)
    passphrase = _passphrase(fields, body, required=True)
    fields.done()
    assert passphrase is not None
    address = _address(call)
    private_key = await _wallets(call).export.execute(address, call.user_id, passphrase)
    return json_response({"walletAddress": address, "privateKey": private_key, "format": "base58"})


@endpoints.delete(
    "/wallets/{walletAddress}",
    Access.SESSION,
    Doc(
        summary="Delete a live wallet, its trading data and its stored key",
        description="Export the key before: what lies on the chain cannot be moved without it.",
        body=DeleteWalletIn,
        response=ResetOut,
    ),
)
@_not_stored
async def delete_wallet(call: Call) -> Response:
    """Delete a wallet."""
    body = await call.schema_body()
    if not is_confirmed(body):
        return confirmation_required("delete the wallet")
    fields = SchemaFields(body)
    passphrase = _passphrase(fields, body, required=False)
    force = fields.boolean("force") if body.get("force") is not None else None
    fields.done()
    address = _address(call)
    result = await _wallets(call).delete.execute(address, call.user_id, passphrase, force=force is True)
    return json_response(reset_view(address, result, "Wallet deleted successfully"))


def _wallets(call: Call) -> EncryptedWallets:
    return call.services.encrypted_wallets


def _address(call: Call) -> WalletAddress:
    return WalletAddress(call.path("walletAddress"))


def _passphrase(
    fields: SchemaFields, body: dict[str, object], *, minimum: int = 1, required: bool
) -> Passphrase | None:
    """Return the passphrase; null counts as absent. Messages never quote it."""
    if body.get("passphrase") is None:
        if required:
            fields.fail("passphrase", "Required")
        return None
    text = fields.text("passphrase", minimum=minimum, maximum=MAX_LENGTH)
    return Passphrase(text) if text is not None else None


def _view(wallet: OwnWallet) -> dict[str, object]:
    return {
        "walletAddress": wallet.address,
        "agentId": str(wallet.agent_id) if wallet.agent_id is not None else None,
        "walletType": wallet.mode.value,
        "source": wallet.source.value,
        "isAvailable": wallet.is_available,
        "isUnlocked": wallet.is_unlocked,
        "unlockedUntil": iso_or_none(wallet.unlocked_until),
        "createdAt": iso(wallet.created_at),
        "updatedAt": iso(wallet.updated_at),
    }

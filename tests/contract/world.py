"""What contract tests talk about: an agent with a balance, a position, a closed trade, and more of each on demand."""

from __future__ import annotations

import itertools
import time
from typing import Any

import httpx
from solders.pubkey import Pubkey

from nexgent.bootstrap.whereabouts import running_service
from tests.contract.contract import DEPOSIT, NEW_SWAP, SOL
from tests.contract.service import Service
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.patience import PATIENCE_SECONDS

PASSPHRASE = "a long passphrase for tests"
PREFIX = "/api/v1"


class Names:
    """What `@names` stand for."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def value(self, name: str) -> Any:
        """Return the value of a name: here a text that leads nowhere, for requests that get no further than the door."""
        return "00000000-0000-4000-8000-000000000001"

    def fill(self, value: Any) -> Any:
        """Return a template with its `@names` replaced."""
        if isinstance(value, str) and value.startswith("@"):
            return self.value(value[1:])
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return value


class World(Names):
    """Values by name. Those whose names begin with `new_` are made at each use."""

    def __init__(self, service: Service, tokens: list[str]) -> None:
        super().__init__(service)
        self.cheap = Names(service)
        self._numbers = itertools.count(1)
        *tradable, idle = tokens
        self._tokens = iter(tradable)
        token = next(self._tokens)
        login = self._post("/auth/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}, 200)
        agent, target = self._agent(), self._target()
        self._known: dict[str, Any] = {
            "email": ADMIN_EMAIL,
            "admin": login["user"]["id"],
            "password": ADMIN_PASSWORD,
            "passphrase": PASSPHRASE,
            "refresh_token": login["refreshToken"],
            "access_token": login["accessToken"],
            "machine_key": _machine_key(service),
            "session_cookie": f"nexgent_session_{httpx.URL(service.url).port}={login['refreshToken']}",
            "token": token,
            "idle_token": idle,
            "agent": agent,
            "target": target,
        }
        self._known["transaction"] = self._deposit("20")
        [balance] = self.get(f"/agent-balances?agentId={agent}")
        self._known |= {"balance": balance["id"], "wallet": balance["walletAddress"]}
        signal = {"tokenAddress": token, "signalType": "TEST", "signalStrength": 3}
        self._known["signal"] = self._post("/trading-signals", signal)["id"]
        self._known["position"] = self._position_of(token, self._known["signal"])
        sold = self.value("new_position")
        self._known["swap"] = self._post(f"/agent-positions/{agent}/{sold}/close", {}, 200)[
            "historicalSwapId"
        ]
        self._known["live_agent"] = self._agent()
        self._known["live_wallet"] = self._live_wallet(self._known["live_agent"])
        self._until_told(target)

    def value(self, name: str) -> Any:
        """Return the value of a name."""
        if name in self._known:
            return self._known[name]
        number = next(self._numbers)
        match name:
            case "new_address" | "new_sim_address":
                address = Pubkey.from_bytes(number.to_bytes(32, "big"))
                return str(address) if name == "new_address" else f"sim_contract{number}"
            case "new_token":
                return next(self._tokens)
            case "new_agent":
                return self._agent()
            case "new_wallet":
                wallets = self.get(f"/wallets/agent/{self._agent()}")
                return wallets["agentWallets"][0]["walletAddress"]
            case "new_live_wallet":
                return self._live_wallet(self._agent())
            case "new_orphan_wallet" | "new_rent_wallet":
                return self._orphan_wallet() if name == "new_orphan_wallet" else self._rent_wallet()
            case "new_position":
                return self._bought(next(self._tokens))
            case "new_balance":
                body = {"tokenAddress": SOL, "tokenSymbol": "SOL", "balance": "1"}
                return self._post("/agent-balances", {"agentId": self._agent(), **body})["id"]
            case "new_transaction":
                return self._deposit("0.1")
            case "new_swap":
                return self._post("/agent-historical-swaps", self.fill(NEW_SWAP))["id"]
            case "new_signal":
                signal = {
                    "tokenAddress": self.value("new_address"),
                    "signalType": "MADE",
                    "signalStrength": 1,
                }
                return self._post("/trading-signals", signal)["id"]
            case "new_email" | "new_user":
                email = f"contract{number}@example.com"
                return email if name == "new_email" else self._user(email)
            case "new_key" | "new_target":
                return self._key() if name == "new_key" else self._target()
        raise KeyError(name)

    def _key(self) -> str:
        return str(self._post("/api-keys", {"name": "Made", "scopes": ["agents"]})["id"])

    def _target(self) -> str:
        # What the service itself echoes takes every message.
        url = f"{self.service.url}{PREFIX}/webhooks/test"
        body = {"name": "Made", "channel": "webhook", "url": url}
        return str(self._post("/notifications/targets", body)["id"])

    def key(self, *scopes: str) -> str:
        """Return a new API key."""
        return str(self._post("/api-keys", {"name": "Contract", "scopes": list(scopes)})["key"])

    def get(self, path: str) -> Any:
        """Return what a GET answers."""
        answer = self.service.http.get(PREFIX + path, headers=self.service.headers())
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def _post(self, path: str, body: object, status: int = 201) -> Any:
        answer = self.service.http.post(PREFIX + path, json=body, headers=self.service.headers())
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    def _agent(self) -> str:
        return str(self._post("/agents", {"name": "Contract"})["id"])

    def _user(self, email: str) -> str:
        return str(self._post("/admin/users", {"email": email, "password": "A-strong-one-1"})["id"])

    def _deposit(self, amount: str) -> str:
        return str(self._post("/agent-transactions", self.fill({**DEPOSIT, "inputAmount": amount}))["id"])

    def _live_wallet(self, agent: str) -> str:
        body = {"agentId": agent, "walletType": "live", "passphrase": PASSPHRASE}
        return str(self._post("/wallets", body)["walletAddress"])

    def _orphan_wallet(self) -> str:
        """Return a live wallet that holds tokens nobody has bought, and that was compared with the chain."""
        wallet = self._live_wallet(self._agent())
        self._fund(wallet, mint=self.value("token"), amount=5_000_000)
        self._post(f"/wallets/{wallet}/reconcile", {}, 200)
        return wallet

    def _rent_wallet(self) -> str:
        """Return a live wallet, unlocked, with an empty token account."""
        wallet = self._live_wallet(self._agent())
        self._fund(wallet, lamports=10**9)
        self._fund(wallet, mint=self.value("token"), amount=1)
        self._fund(wallet, mint=self.value("token"), amount=0, set=True)
        self._post(f"/wallets/{wallet}/unlock", {"passphrase": PASSPHRASE}, 200)
        return wallet

    def _fund(self, wallet: str, **given: object) -> None:
        url = f"{self.service.product.sandbox_url}/control/fund"
        answer = self.service.http.post(url, json={"address": wallet, **given})
        assert answer.status_code == 200, answer.text

    def _bought(self, token: str) -> str:
        body = {"tokenAddress": token, "signalType": "TEST", "signalStrength": 3}
        signal = self._post("/trading-signals", body)["id"]
        return self._position_of(token, signal)

    def _until_told(self, target: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.get(f"/notifications?targetId={target}"):
            assert time.monotonic() < deadline, "nothing is told of what was bought and sold"
            time.sleep(0.05)

    def _position_of(self, token: str, signal: int) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            held: list[dict[str, Any]] = self.get(f"/agent-positions/{self.value('agent')}")
            for position in held:
                if position["tokenAddress"] == token:
                    return str(position["id"])
            time.sleep(0.05)
        decided = self.get(f"/trading-signals/{signal}/decisions")["decisions"]
        raise AssertionError(f"nobody bought {token}: {[(one['code'], one['reason']) for one in decided]}")


def error_text(response: httpx.Response) -> str:
    """Return the text of an error, which every refusal has."""
    text = response.json()["error"]
    assert isinstance(text, str)
    assert text
    return text


def _machine_key(service: Service) -> str:
    running = running_service(service.product.folder / "data")
    assert running is not None
    return running.machine_key

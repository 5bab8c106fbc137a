"""Commands as a shell sees them: what they print, how they end, how long help takes."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from nexgent.cli.explain import outcome_lines
from nexgent.cli.main import COMMANDS, run
from nexgent.cli.watch_view import short_price
from tests.forks import completed
from tests.patience import PATIENCE_SECONDS

TOKEN = "9VqQUZKGxFwwPzSfyZLqzP1YhTttPW1H87ruZKgFgYGH"
UNKNOWN_MINT = "EhN66r5TKM4pKMZwUyJvFVEpS3grPpjm2cQj6C1F1rxN"
GATE = {"name": "liquidity", "passed": False, "value": "100", "limit": "1000"}
DECISION = {
    "agentId": "8f4ed4ee-d17a-4227-94e8-a25017276ce4",
    "outcome": "skipped",
    "code": "LIQUIDITY_TOO_LOW",
    "reason": "the pool holds too little",
    "gates": [GATE],
}


class _Api(BaseHTTPRequestHandler):
    """The few endpoints that the commands use."""

    bodies: ClassVar[list[dict[str, Any]]] = []
    logins: ClassVar[list[str]] = []
    more: ClassVar[dict[str, object]] = {}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/auth/login":
            self.logins.append(body["email"])
            good = body == {"email": "user@example.com", "password": "right"}
            answer = {"accessToken": "t"} if good else {"error": "Invalid email or password"}
            self._send(200 if good else 401, answer)
        elif self.path in self.more:
            self.bodies.append(body)
            self._send(200, self.more[self.path])
        elif self.path == "/api/v1/trading-signals/test":
            self._send(200, {"decisions": [{**DECISION, "outcome": "WOULD_BUY"}]})
        elif body["tokenAddress"] == TOKEN:
            self.bodies.append(body)
            self._send(201, {"id": 7})
        else:
            self._send(400, {"error": "Invalid tokenAddress"})

    do_PUT = do_POST  # noqa: N815 -- the library's name

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer t":
            self._send(401, {"error": "Token expired"})
        elif self.path == "/api/v1/trading-signals/7/decisions":
            decisions = {"signalId": 7, "processedAt": None, "note": None, "decisions": [DECISION]}
            self._send(200, decisions)
        elif self.path == "/api/v1/agents":
            self._send(200, [{"id": DECISION["agentId"], "name": "[bold]Careful"}])
        elif self.path in self.more:
            self._send(200, self.more[self.path])
        elif self.path.startswith("/api/v1/trading-signals?"):
            rows = [
                (TOKEN, "TIRA"),
                (TOKEN, "TIRA"),
                (UNKNOWN_MINT, None),
                (TOKEN, "TWIN"),
                (UNKNOWN_MINT, "TWIN"),
            ]
            self._send(200, [{"tokenAddress": mint, "symbol": symbol} for mint, symbol in rows])
        else:
            self._send(404, {"error": "Trading signal not found"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Say nothing."""

    def _send(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def api() -> Iterator[str]:
    """Address of a service that knows one user, one token and one signal."""
    _Api.bodies.clear()
    _Api.logins.clear()
    _Api.more.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def nexgent(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty folder with almost no environment."""
    settings = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "200",
        "ADMIN_EMAIL": "user@example.com",
        "ADMIN_PASSWORD": "right",
        **(env or {}),
    }
    return completed(["nexgent", *arguments], env=settings, cwd=folder)


def test_help_loads_nothing_but_the_standard_library() -> None:
    """It answers at once: what would take time are the libraries of the commands."""
    code = """
import contextlib, io, sys
before = set(sys.modules)
from nexgent.cli.main import run
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    run(["--help"])
print(sorted({name.partition(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(result.stdout) == ["nexgent"]


def test_help_lists_every_command_and_the_exit_codes(tmp_path: Path) -> None:
    result = nexgent(tmp_path, "--help")
    assert result.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^    {command.name}\s", result.stdout, re.MULTILINE)
    assert (
        "exit codes: 0 done, 1 a problem was found, 2 wrong usage or setting, 3 cannot start" in result.stdout
    )


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: nexgent {name}")


def test_wrong_usage_ends_with_2(tmp_path: Path) -> None:
    unknown = nexgent(tmp_path, "sell-everything")
    assert unknown.returncode == 2
    assert "invalid choice: 'sell-everything'" in unknown.stderr
    assert nexgent(tmp_path).returncode == 2
    assert nexgent(tmp_path, "signal", TOKEN, "--strength", "9").returncode == 2
    assert nexgent(tmp_path, "explain", "seven").returncode == 2


def test_wrong_settings_are_all_named_and_end_with_2(tmp_path: Path) -> None:
    secret = "postgres-is-here:hunter2"
    result = nexgent(tmp_path, "serve", env={"PORT": "99999", "LOG_LEVEL": "loud", "DATABASE_URL": secret})
    assert result.returncode == 2
    assert "The settings are not usable" in result.stderr
    for name in ("PORT", "LOG_LEVEL", "DATABASE_URL"):
        assert f"- {name}: " in result.stderr
    assert "hunter2" not in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_a_service_that_is_away_ends_with_3(tmp_path: Path) -> None:
    for command in (("signal", TOKEN), ("explain", "7"), ("watch",)):
        result = nexgent(tmp_path, *command, "--url", "127.0.0.1:1")
        assert result.returncode == 3
        assert "No service answers at http://127.0.0.1:1 (given with --url)" in result.stderr


def test_signal_posts_what_was_asked_for(tmp_path: Path, api: str) -> None:
    result = nexgent(tmp_path, "signal", TOKEN, "--symbol", "TIRA", "--strength", "5", "--url", api)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Signal 7 is stored.")
    assert f"{sys.executable} -m nexgent explain 7 --url {api}\n" in result.stdout
    (body,) = _Api.bodies
    assert body["tokenAddress"] == TOKEN
    assert (body["symbol"], body["signalStrength"], body["signalType"]) == ("TIRA", 5, "MANUAL")
    assert not {"action", "percent"} & body.keys()


def test_a_signal_that_sells_says_how_much(tmp_path: Path, api: str) -> None:
    for options in (("--action", "close"), ("--action", "reduce", "--percent", "12.5")):
        result = nexgent(tmp_path, "signal", TOKEN, *options, "--url", api)
        assert (result.returncode, result.stderr) == (0, "")
    close, reduce = _Api.bodies
    assert (close["action"], "percent" in close) == ("close", False)
    assert (reduce["action"], reduce["percent"]) == ("reduce", "12.5")
    for options in (("--action", "sell"), ("--action", "reduce", "--percent", "100")):
        assert nexgent(tmp_path, "signal", TOKEN, *options, "--url", api).returncode == 2


def test_signal_knows_the_symbols_of_earlier_signals(tmp_path: Path, api: str) -> None:
    result = nexgent(tmp_path, "signal", "tira", "--url", api)
    assert (result.returncode, result.stderr) == (0, "")
    (body,) = _Api.bodies
    assert (body["tokenAddress"], body["symbol"]) == (TOKEN, "TIRA")


def test_signal_never_guesses_what_a_symbol_means(tmp_path: Path, api: str) -> None:
    twins = nexgent(tmp_path, "signal", "TWIN", "--url", api)
    assert twins.returncode == 2
    assert TOKEN in twins.stderr
    assert UNKNOWN_MINT in twins.stderr
    unknown = nexgent(tmp_path, "signal", "BONK", "--url", api)
    assert unknown.returncode == 2
    assert "no token is known by that symbol" in unknown.stderr
    assert _Api.bodies == []


def test_a_refusal_is_told_in_the_services_words(tmp_path: Path, api: str) -> None:
    refused = nexgent(tmp_path, "signal", UNKNOWN_MINT, "--url", api)
    assert (refused.returncode, refused.stderr) == (3, "Invalid tokenAddress\n")
    login = nexgent(tmp_path, "signal", TOKEN, "--url", api, env={"ADMIN_PASSWORD": "wrong"})
    assert login.returncode == 3
    said = f"The service at {api} refused the login of user@example.com: Invalid email or password\n"
    assert login.stderr == said


def test_without_a_password_it_says_which_settings_help(tmp_path: Path, api: str) -> None:
    result = nexgent(tmp_path, "signal", TOKEN, "--url", api, env={"ADMIN_EMAIL": "", "ADMIN_PASSWORD": ""})
    assert result.returncode == 2
    assert "ADMIN_EMAIL and ADMIN_PASSWORD" in result.stderr


def test_explain_shows_each_gate(tmp_path: Path, api: str) -> None:
    result = nexgent(tmp_path, "explain", "7", "--url", api)
    assert (result.returncode, result.stderr) == (0, "")
    for text in (
        DECISION["agentId"],
        "agent [bold]Careful",
        "skipped",
        "liquidity",
        "1000",
        "NO",
        "the pool holds too little",
    ):
        assert str(text) in result.stdout
    unknown = nexgent(tmp_path, "explain", "8", "--url", api)
    assert (unknown.returncode, unknown.stderr) == (3, "Trading signal not found\n")


def test_a_bought_position_is_explained_with_its_price_and_times() -> None:
    decision = {
        "outcome": "EXECUTED",
        "code": None,
        "reason": None,
        "sizeSol": "0.6266569915",
        "priceSol": "0.0000040424370092598308070370085351224739446447220364636",
        "priceSource": "quote",
        "priceAgeMs": 0,
        "latencyMs": {"quoted": 3.576, "recorded": 4.813, "intended": 3.56},
        "positionId": "9ce2f7cf-3895-57ce-9691-151cde47a983",
    }
    assert outcome_lines(decision) == [
        "size: 0.6266569915 SOL",
        "price: 4.042e-6 SOL (quote, 0 ms old)",
        "times: intended after 3.6 ms, quoted after 3.6 ms, recorded after 4.8 ms",
        "position: 9ce2f7cf-3895-57ce-9691-151cde47a983",
    ]


def test_doctor_names_what_fails_without_secrets(tmp_path: Path) -> None:
    nowhere = "http://user:hunter2@127.0.0.1:1"
    env = {
        "PORT": "1",
        "JWT_SECRET": "0123456789abcdef0123456789abcdef",
        "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x",
        "REDIS_URL": "redis://:hunter2@127.0.0.1:1",
        "JUPITER_BASE_URL": nowhere,
        "DEXSCREENER_BASE_URL": nowhere,
        "PYTH_HERMES_URL": nowhere,
        "SOLANA_RPC_URL": nowhere,
        "JUPITER_API_KEY": "hunter2",
    }
    result = nexgent(tmp_path, "doctor", "--json", env=env)
    assert result.returncode == 1
    report = json.loads(result.stdout)
    verdicts = {finding["name"]: finding["verdict"] for finding in report["findings"]}
    assert verdicts == {
        "settings": "ok",
        "network": "ok",
        "exposure": "warn",
        "data folder": "ok",
        "database": "fail",
        "redis": "fail",
        "service": "warn",
        "Jupiter": "fail",
        "DexScreener": "fail",
        "Pyth": "fail",
        "Solana RPC": "fail",
        "clock": "warn",
    }
    assert all(finding["advice"] for finding in report["findings"] if finding["verdict"] == "fail")
    assert "hunter2" not in result.stdout + result.stderr
    assert not list(tmp_path.iterdir())


def test_prices_in_tables_keep_four_digits_and_no_row_of_zeros() -> None:
    assert short_price(Decimal("0.0000000850055168615374")) == "8.501e-8"
    assert short_price(Decimal("0.001234567")) == "0.001235"
    assert short_price(Decimal("123.456")) == "123.5"
    assert short_price(Decimal(0)) == "0"
    assert short_price(None) == "-"


def test_commands_share_a_session_that_only_its_owner_can_read(tmp_path: Path, api: str) -> None:
    data = tmp_path / ".nexgent"
    data.mkdir()
    kept = data / "cli-session.json"

    def explain(*more: str) -> int:
        return nexgent(tmp_path, "explain", "7", "--url", api, *more).returncode

    assert [explain(), explain()] == [0, 0]
    assert _Api.logins == ["user@example.com"]
    assert kept.stat().st_mode & 0o777 == 0o600

    # A token that has run out is replaced, one of somebody else is not used, and a typed password is always tried.
    kept.write_text(kept.read_text().replace('"t"', '"stale"'))
    assert explain() == 0
    assert explain("--email", "other@example.com") == 3
    assert explain("--password", "wrong") == 3
    assert _Api.logins == ["user@example.com"] * 2 + ["other@example.com", "user@example.com"]

    kept.write_text("nonsense")
    assert explain() == 0


def test_a_signal_can_be_tried_without_trading(tmp_path: Path, api: str) -> None:
    result = nexgent(tmp_path, "signal", TOKEN, "--test", "--url", api)

    assert (result.returncode, result.stderr) == (0, "")
    assert "WOULD_BUY" in result.stdout
    assert "liquidity" in result.stdout
    assert not _Api.bodies


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_what_runs_for_long_loads_nothing_for_looks(command: str) -> None:
    program = f"""
import gc, sys
from nexgent.cli.main import build_parser
build_parser({command!r})
assert gc.isenabled()
import nexgent.bootstrap.app, nexgent.bootstrap.worker, nexgent.cli.failures
from nexgent.infrastructure.logging.setup import configure_logging
configure_logging(level="info", json_lines=False, environment="development")
print([name for name in ("rich", "pygments") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_level_of_the_log_is_shown_and_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log-level", "--logger", "nexgent.domain"]) == 2
    assert "--logger needs a level" in capsys.readouterr().err

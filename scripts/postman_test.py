"""Run the Postman collection with newman against a service of its own: `make postman-test`.

Starts the sandbox market and the service, with embedded servers, in a temporary folder and on free ports. Ends with newman's exit
code; where Node.js is absent or newman cannot be fetched, says so and ends with 0.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product

NEWMAN = "newman@6.2.2"
_REPOSITORY = Path(__file__).resolve().parent.parent
_FETCH_SECONDS = 180


def main() -> int:
    """Return newman's exit code, or 0 when it cannot run here."""
    npx = shutil.which("npx")
    if npx is None:
        print("postman-test: skipped, npx (Node.js) is not installed")
        return 0
    command = [npx, "--yes", NEWMAN]
    try:
        fetched = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        fetched = None
    if fetched is None or fetched.returncode != 0:
        print(f"postman-test: skipped, {NEWMAN} cannot be fetched")
        return 0
    with tempfile.TemporaryDirectory(prefix="nexgent-postman-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Root's servers run as somebody else, who has to pass through.
        folder.chmod(0o711)
        return asyncio.run(_test(command, folder))


async def _test(command: list[str], folder: Path) -> int:
    product = Product(folder)
    try:
        await product.start_sandbox()
        await product.start_service()
        return await _run(command, product, str((await product.tokens())[0]["mint"]))
    finally:
        await product.stop()


async def _run(command: list[str], product: Product, token: str) -> int:
    variables = {
        "base_url": product.url,
        "user_email": ADMIN_EMAIL,
        "user_password": ADMIN_PASSWORD,
        "token_address": token,
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        "run",
        str(_REPOSITORY / "postman" / "nexgent.postman_collection.json"),
        "--environment",
        str(_REPOSITORY / "postman" / "nexgent.postman_environment.json"),
        *(word for key, value in variables.items() for word in ("--env-var", f"{key}={value}")),
    )
    return await process.wait()


if __name__ == "__main__":
    sys.exit(main())

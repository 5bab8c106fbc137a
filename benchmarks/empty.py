"""`python -m benchmarks.empty PORT`: the least a service can be, an endpoint that does nothing and a socket that echoes.

The same server with the same parts as the product's, and none of its code: what is left is the floor of a request and of a frame.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, WebSocket

app = FastAPI()


@app.post("/", status_code=201)
async def nothing() -> dict[str, str]:
    """Answer."""
    return {}


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    """Send back what comes, until the other side goes."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        log_level="error",
        access_log=False,
    )

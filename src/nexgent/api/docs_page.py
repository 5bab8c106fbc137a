"""The page at `/docs`: Swagger UI from this installation's own files, so that it works offline and under a strict policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

DOCS_PATH = "/docs"
_FILES = Path(fastapi_offline.__file__).parent / "static"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title>
<link rel="icon" href="docs/static/favicon.png">
<link rel="stylesheet" href="docs/static/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/static/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# A file of its own: the policy of the page allows no scripts inside it. Tokens stay over a reload of the page.
_START = b"""SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: true,
  validatorUrl: null,
});
"""


def add_docs_page(app: FastAPI, title: str) -> None:
    """Add the page, its start script and the files of Swagger UI. Their addresses are relative: a prefix of a proxy is fine."""
    page = _PAGE.format(title=escape(title)).encode()
    app.add_route(DOCS_PATH, _answer(page, HTMLResponse), include_in_schema=False)
    app.add_route(f"{DOCS_PATH}/start.js", _answer(_START, _Script), include_in_schema=False)
    app.mount(f"{DOCS_PATH}/static", StaticFiles(directory=_FILES), name="docs-static")


class _Script(Response):
    media_type = "text/javascript"


def _answer(content: bytes, kind: type[Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        request.scope["route_template"] = request.url.path
        return kind(content)

    return answer

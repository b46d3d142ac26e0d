"""The pages for people, with everything that they load from here."""

from __future__ import annotations

from importlib import resources
from os import PathLike, stat_result
from pathlib import Path
from typing import Final

import swagger_ui_bundle
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from picstore_gateway.resources import Operation, Resource

# No 'unsafe-inline' for scripts: the page's own script is a file, too. Swagger UI sets style
# attributes and shows its icons as data: URLs.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

FORM_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_PACKAGE: Final = "picstore_gateway"
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Pic Store API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""


def pages() -> list[BaseRoute]:
    """Return the routes of the pages."""
    assets = Path(str(swagger_ui_bundle.swagger_ui_path))
    return [
        Route("/", Resource({"GET": _home})),
        Route("/docs", Resource({"GET": _docs})),
        Route("/docs/start.js", Resource({"GET": _start})),
        Mount("/docs/assets", _Assets(directory=assets)),
        Route("/login", Resource({"GET": _form("login.html")})),
        # A token is in the fragment, which browsers keep to themselves.
        Route("/invitation", Resource({"GET": _form("invitation.html")})),
        Mount("/static", _Assets(packages=[(_PACKAGE, "static")])),
    ]


class _Assets(StaticFiles):
    """Files that browsers may keep, if they ask whether theirs is still the same."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def _form(name: str) -> Operation:
    page = resources.files(_PACKAGE).joinpath("html", name).read_text(encoding="utf-8")

    async def serve(request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": FORM_POLICY})

    return serve


async def _home(request: Request) -> Response:
    return RedirectResponse("/docs")


async def _docs(request: Request) -> Response:
    return HTMLResponse(_PAGE, headers={"content-security-policy": DOCS_POLICY})


async def _start(request: Request) -> Response:
    return Response(_START, media_type="text/javascript")

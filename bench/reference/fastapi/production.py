"""The same with what a service in production has around its handlers; pure ASGI where there is a choice, since that is faster."""

import asyncio
import json
import sys
import time
from datetime import datetime, timezone
from uuid import uuid4

from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from prometheus_client import Histogram, make_asgi_app

from plain import app

TIMEOUT_SECS = 20

DURATION = Histogram(
    "http_server_request_duration_seconds", "How long requests took", ["method", "route", "status"]
)


class Production:
    """A request id, a limit of time, one JSON line and one observation for each request."""

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.inner(scope, receive, send)
        begun = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id")
        request_id = given.decode("latin-1") if given else str(uuid4())
        status = 500

        async def sending(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("latin-1"))]
            await send(message)

        try:
            async with asyncio.timeout(TIMEOUT_SECS):
                await self.inner(scope, receive, sending)
        finally:
            took = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", "")
            DURATION.labels(scope["method"], route, status).observe(took)
            line = {
                "ts": datetime.now(timezone.utc).isoformat(),
                "level": "info",
                "msg": f"{scope['method']} {route} {status}",
                "method": scope["method"],
                "route": route,
                "path": scope["path"],
                "status": status,
                "duration_ms": round(took * 1000, 3),
                "request_id": request_id,
                "client": scope["client"][0],
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


app.mount("/metrics", make_asgi_app())
app.add_middleware(GZipMiddleware)
app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
app.add_middleware(Production)

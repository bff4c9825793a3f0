"""Whether this process lives, whether it can do its work, and how much of it.

For the first two no key is asked for, and nothing is told that needs one.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from clarion.api.operation import Call, Operation
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.flows import providers
from clarion.queue import counts
from clarion.queue.workers import SILENT_AFTER
from clarion.store import sources
from clarion.store.migrate import HEAD

_PATIENCE_S: Final = 2.0


async def live(_: Request) -> Response:
    """200 as long as the process answers at all."""
    return Response(b"ok\n", media_type="text/plain")


async def ready(services: Services, request: Request) -> Response:
    """200 when the database answers and has this version's schema or a newer one, else 503; `?verbose` says which."""
    checks = await _checks(services)
    healthy = all(said == "ok" for said in checks.values())
    status = 200 if healthy else 503
    if "verbose" in request.query_params:
        return Response(
            orjson.dumps({"ready": healthy, "checks": checks}), status_code=status, media_type="application/json"
        )
    return Response(b"ok\n" if healthy else b"not ready\n", status_code=status, media_type="text/plain")


async def measure(services: Services, call: Call[None]) -> Response:
    """Metrics for Prometheus; of sources those of the tenant whose key asks."""
    async with services.connection() as connection:
        theirs = await sources.list_(connection, call.tenant_id, SILENT_AFTER)
        accounts = await providers.standings(connection, services.accounts)
        asked = await providers.destinations_of(connection)
        ended = await counts.totals(connection)
        return services.metrics.response(await counts.all_counts(connection), ended, theirs, accounts, asked)


async def _checks(services: Services) -> dict[str, str]:
    try:
        async with asyncio.timeout(_PATIENCE_S), services.connection() as connection:
            revision: str | None = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return {"database": "ok", "migrations": "none: run `clarion migrate`"}
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return {"database": f"away: {type(error).__name__}", "migrations": "unknown"}
    # A newer schema is fine: while versions change, both run on it.
    if revision is None or revision < HEAD:
        return {"database": "ok", "migrations": f"at {revision}, needs {HEAD}: run `clarion migrate`"}
    return {"database": "ok", "migrations": "ok"}


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="getMetrics",
        method="GET",
        path="/metrics",
        summary="Metrics in Prometheus' text format",
        scope=Scope.METRICS_READ,
        run=measure,
        answers={200: None},
    ),
)

"""How Clarion logs: events with ids, as lines for people or as JSON for machines, on standard error.

An event has a stable name (``message.sent``) and fields from a known set. Bodies, addresses and secrets are never among
them: a recipient is known by its id.
"""

from __future__ import annotations

import logging
import sys

import structlog

#: Clients of brokers that log, with tracebacks, what they also raise; we log that ourselves.
_QUIET = ("aio_pika", "aiormq", "nats")

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(*, format: str, level: str, process: str, colour: bool = True) -> None:
    """Log from *level* up in *format* (``console`` or ``json``); every event says which *process* it came from.

    Lines for people are in colours on a terminal, unless *colour* is false.
    """
    renderer: structlog.typing.Processor
    if format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=colour and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if format == "json" else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)

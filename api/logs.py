"""Logs: one JSON object a line on standard error. Nothing of a bounce is ever logged, only counts, codes and names."""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Send structlog's events of `level` and above to standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )

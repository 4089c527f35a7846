"""The structured log: constant event names with fields, and a filter that no secret passes."""

import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from hub import clock
from hub.redaction import redact, redact_fields, redact_line, register_secret

__all__ = ["configure", "get_logger", "redact", "register_secret"]

# These write bodies, headers or connection strings at debug level.
TALKATIVE = (
    "httpx",
    "httpcore",
    "urllib3",
    "stripe",
    "square",
    "rq",
    "sqlalchemy",
    "asyncio",
    "authlib",
    "PIL",
    "_granian",
    "alembic",
)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger, to call as `log.info("record_pulled", record_id=row.id)`: the event is constant, identifiers are fields."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))


def configure(*, production: bool, secrets: Iterable[str] = (), level: str = "INFO") -> None:
    """Send every log line of this process, the standard library's too, to standard error: JSON in production, else readable.

    `secrets` are masked wherever they turn up, see register_secret. May be called again."""
    for secret in secrets:
        register_secret(secret)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(SecretFilter())
    handler.setFormatter(_RedactingFormatter(production=production))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class SecretFilter(logging.Filter):
    """Masks secrets in the records of any logger; for handlers that are not ours, too."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, dict):
            record.msg = redact_fields(record.msg)
        else:
            record.msg = redact(_message(record))
            record.args = ()
        if record.exc_info:
            # Rendered here, so that no handler renders it anew without us. The plain form shows no local variables.
            record.exc_text = redact(record.exc_text or _PLAIN.formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


_PLAIN = logging.Formatter()


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} (its arguments do not fit)"


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders structlog's and the standard library's records alike, and looks at the finished line once more."""

    def __init__(self, *, production: bool) -> None:
        renderer: Processor = (
            structlog.processors.JSONRenderer(serializer=_to_json)
            if production
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        )
        super().__init__(
            foreign_pre_chain=[*_shared_processors(), _redact_event],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            keep_exc_info=False,
            keep_stack_info=False,
        )

    def format(self, record: logging.LogRecord) -> str:
        return redact_line(super().format(record))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_time,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _add_time(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    event["at"] = clock.now().isoformat(timespec="milliseconds")
    return event


def _redact_event(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    # structlog's own bookkeeping begins with an underscore and never reaches the line.
    shown = {key: value for key, value in event.items() if not key.startswith("_")}
    event.update(redact_fields(shown))
    return event


def _to_json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    get_logger("payhub").error("uncaught_exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_value is not None and not issubclass(caught.exc_type, SystemExit):
        name = caught.thread.name if caught.thread else None
        trouble = (caught.exc_type, caught.exc_value, caught.exc_traceback)
        get_logger("payhub").error("uncaught_exception", thread=name, exc_info=trouble)


def bind(**fields: Any) -> Mapping[str, Any]:
    """Add fields, such as request_id, to each line of this thread or request; unbind() takes them away."""
    return structlog.contextvars.bind_contextvars(**fields)


def unbind() -> None:
    """Forget the fields of bind(): at the end of a request or a job."""
    structlog.contextvars.clear_contextvars()


# At import: a logger that is used before configure(), or in a program that never calls it, is filtered as well.
structlog.configure(
    processors=[*_shared_processors(), _redact_event, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=False,
)

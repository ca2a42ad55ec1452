"""Log lines in JSON, without secrets, that say which execution and step run they belong to."""

import copy
import json
import logging
import re
import time
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from safety.masking.live import mask_data_for_logs, mask_values
from safety.masking.log_fields import bound
from safety.masking.spans import MaskingError

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
# Addresses that are worth something to whoever reads them.
_TOKENS = re.compile(r"(/decide/|/sign-in/once/)[^/\s\"'\\<>]+")
_NAMES = {"asctime": "time", "levelname": "level", "name": "logger"}


class MaskedJsonFormatter(JsonFormatter):
    """One JSON object a line, masked: message, extra fields, traceback (source lines, no local variables).

    Fields are masked before they become JSON, so the line stays valid; known values are looked for once more
    in the finished line. When masking fails, the line says so and holds nothing else of the record.
    A Dramatiq message among the arguments is shown by name and id, without what the actor was given.
    """

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__(_FORMAT, rename_fields=_NAMES)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: whatever else would print the record would print it unmasked."""
        try:
            return _TOKENS.sub(r"\1[one-time link]", mask_values(super().format(_prepared(record))))
        except MaskingError:
            return self._withheld(record, "masking failed")
        except Exception as error:  # noqa: BLE001 - see above
            return self._withheld(record, f"cannot be formatted ({type(error).__name__})")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data.pop("color_message", None)  # uvicorn's second copy, for terminals
        masked: dict[str, Any] = mask_data_for_logs(super().process_log_record(log_data))
        return masked

    def _withheld(self, record: logging.LogRecord, why: str) -> str:
        fields = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": f"message withheld: {why}",
            "place": f"{record.module}:{record.lineno}",
        }
        return json.dumps(fields | bound())


def _prepared(record: logging.LogRecord) -> logging.LogRecord:
    """A copy with the bound fields, and without the arguments of actors."""
    prepared = copy.copy(record)
    if isinstance(record.args, tuple):
        prepared.args = tuple(_without_arguments(value) for value in record.args)
    for name, value in bound().items():
        prepared.__dict__.setdefault(name, value)
    return prepared


def _without_arguments(value: object) -> object:
    if type(value).__module__.startswith("dramatiq.") and hasattr(value, "message_id"):
        return f"{getattr(value, 'actor_name', 'message')}[{value.message_id}]"
    return value

"""The web processes, for production."""

import uvicorn
from django.core.management.base import BaseCommand, CommandParser

from opsconductor import serve


class Command(BaseCommand):
    """Serves pages, admin and API until SIGTERM."""

    help = (
        "Serve pages, admin and API; workers and scheduler are processes of their own (fleet, scheduler). "
        "Example: manage.py web --host 0.0.0.0 --port 8000 --workers 4."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default %(default)s")
        parser.add_argument("--port", type=int, default=8000, help="default %(default)s")
        parser.add_argument("--workers", type=int, default=1, help="processes (default %(default)s)")

    def handle(self, *, host: str, port: int, workers: int, **_options: object) -> None:
        uvicorn.run(serve.APPLICATION, host=host, port=port, workers=workers, **serve.options())

"""The shape that the commands for people have in common."""

import json
import os
import sys
from abc import ABC, abstractmethod
from argparse import RawDescriptionHelpFormatter
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from rich.console import Console

from executions.cli import failing
from executions.cli.failing import Trouble
from safety.masking.typed import NOTICE, noticing

WIDE = 160  # columns where the output is no terminal


class _Help(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Leaves the lines of the examples as they are."""


def _require_text(options: dict[str, Any]) -> None:
    """Raises BadInput for an argument in bytes that are no UTF-8, as from a terminal of another encoding."""
    for name, value in options.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError as problem:
                    raise failing.BadInput(
                        f"{name} is not UTF-8.", hint="Set the terminal to UTF-8, or write it in ASCII."
                    ) from problem


class OpsCommand(BaseCommand, ABC):
    """A command with `--json`, one exit code for each kind of outcome, and errors without tracebacks.

    Subclasses say what it does in `act`, which returns the exit code, and give at least one `example`.
    """

    example: ClassVar[str] = ""
    exit_codes: ClassVar[str] = (
        "Exit codes: 0 succeeded, 1 the run did not succeed, 2 refused or bad input, 3 not available."
    )
    acts_for_somebody: ClassVar[bool] = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        epilog = f"Example:\n  {self.example}\n\n{self.exit_codes}"
        return super().create_parser(prog_name, subcommand, epilog=epilog, formatter_class=_Help, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
        if self.acts_for_somebody:
            parser.add_argument(
                "--as",
                dest="user",
                metavar="USERNAME",
                help="in whose name (default: OPSC_USER, or the only superuser)",
            )

    @abstractmethod
    def act(self, options: dict[str, Any]) -> int:
        """Do it, print the result, return the exit code."""

    def handle(self, *_args: Any, **options: Any) -> None:
        self.wants_json = bool(options.pop("json", False))
        code = self._act_or_explain(options)
        if code:
            sys.exit(code)

    def _act_or_explain(self, options: dict[str, Any]) -> int:
        try:
            _require_text(options)
            with noticing() as seen:
                code = self.act(options)
            if seen.masked:
                self.note(NOTICE)
            return code
        except failing.EXPECTED as error:
            code, troubles = failing.explain(error)
            self.complain(troubles)
            return code
        except KeyboardInterrupt:
            self.stderr.write("interrupted")
            return failing.INTERRUPTED
        except BrokenPipeError:  # as in `show … | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return failing.NOT_SUCCEEDED

    def complain(self, troubles: list[Trouble]) -> None:
        """Say what is wrong, to people and, with `--json`, to programs."""
        for trouble in troubles:
            self.stderr.write(str(trouble))
        if self.wants_json:
            self.print_json({"errors": [trouble.as_json() for trouble in troubles]})

    def print_json(self, document: dict[str, Any]) -> None:
        """The one document of `--json`."""
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str))

    def note(self, text: str) -> None:
        """A line for people beside the result."""
        self.stderr.write(text)

    @property
    def console(self) -> Console:
        """Where tables and bars go: standard output, as wide as the terminal."""
        terminal = self.stdout.isatty()
        # Rich ends its own lines; Django's wrapper would add more.
        return Console(
            file=self.stdout._out,  # type: ignore[arg-type]
            width=None if terminal else WIDE,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @property
    def on_terminal(self) -> bool:
        """Whether a person watches."""
        return self.stdout.isatty() and not self.wants_json

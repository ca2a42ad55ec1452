"""Services that every process of one test run shares: the first process owns them, the others ask it."""

import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

from tests.services import rabbitmq
from tests.services.processes import ServiceUnavailable

VARIABLE = "OPSC_TEST_SERVICES"
START_S = 600


class SharedServices:
    """Starts a service when the first test asks, from one thread that lives as long as the test run.

    The thread matters: the kernel ends the services when the thread that started them ends.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="opsc-shared-"))
        self._node: rabbitmq.Node | None = None
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.folder / "ask"))
        self._socket.listen(64)
        os.environ[VARIABLE] = str(self.folder / "ask")
        self._thread = threading.Thread(target=self._serve, name="shared services", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every service that was started."""
        _ask("close")
        self._thread.join()
        self._socket.close()
        os.environ.pop(VARIABLE, None)
        shutil.rmtree(self.folder)

    def _serve(self) -> None:
        wish = ""
        while wish != "close":
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(BrokenPipeError):  # whoever asked may be gone
                wish = connection.recv(100).decode()
                connection.sendall(json.dumps(self._answer(wish)).encode())

    def _answer(self, wish: str) -> dict[str, object]:
        try:
            if wish == "close" and self._node is not None:
                self._node.close()
            if wish != "rabbitmq":
                return {}
            self._node = self._node or rabbitmq.Node()
        except Exception as problem:  # noqa: BLE001  (told to the test that asked; the thread must live on)
            return {"problem": f"{type(problem).__name__}: {problem}"}
        return {"port": self._node.broker.port, "management_port": self._node.broker.management_port}


def broker() -> rabbitmq.Broker:
    """The RabbitMQ node of this test run.

    Raises:
      ServiceUnavailable: The node cannot be had.
    """
    return rabbitmq.Broker(**_ask("rabbitmq"))


def _ask(wish: str) -> dict[str, int]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(START_S)
        connection.connect(os.environ[VARIABLE])
        connection.sendall(wish.encode())
        answer = json.loads(connection.makefile().read())
    if "problem" in answer:
        raise ServiceUnavailable(answer["problem"])
    return dict(answer)

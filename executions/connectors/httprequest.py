"""Read an HTTP step's arguments into one request, built by parsing and never by gluing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from executions.connectors.arguments import invalid, revealed
from executions.connectors.base import Work

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "x-fencing-token"})
_TAKES = frozenset({"method", "url", "headers", "body", "json"})


@dataclass(frozen=True)
class HttpRequest:
    """One request; `authority` is what the Host header says."""

    method: str
    scheme: str
    host: str
    port: int
    authority: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)

    def prepared(self, address: str, client: requests.Session) -> requests.PreparedRequest:
        """The request aimed at one checked address. Raises NotStarted."""
        place = f"[{address}]" if ":" in address else address
        url = f"{self.scheme}://{place}:{self.port}{self.path}"
        headers = {**self.headers, "Host": self.authority}
        try:
            return client.prepare_request(requests.Request(self.method, url, headers=headers, data=self.body))
        except (requests.RequestException, ValueError) as error:
            raise invalid(f"the request cannot be built: {type(error).__name__}") from error


def request_of(work: Work) -> HttpRequest:
    """The request that an `http` step describes, with the step run as idempotency key. Raises NotStarted."""
    given = work.arguments
    if unknown := sorted(set(given) - _TAKES):
        raise invalid(f"{unknown[0]}: an http step does not take this")
    method = given.get("method", "GET")
    if method not in _METHODS:
        raise invalid(f"method: must be one of {', '.join(sorted(_METHODS))}")
    headers = _headers(given.get("headers") or {})
    body = _body(given)
    if given.get("json") is not None and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = "application/json"
    if "idempotency-key" not in map(str.lower, headers):
        headers["Idempotency-Key"] = str(work.step_run_id)
    headers["X-Fencing-Token"] = str(work.token)
    return _located(revealed(given.get("url"), "url"), method, headers, body)


def _located(url: str, method: str, headers: dict[str, str], body: bytes | None) -> HttpRequest:
    if any(ord(letter) <= 32 or ord(letter) >= 127 for letter in url):
        raise invalid("url: must be plain ASCII without spaces (write %20, and host names as xn--…)")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise invalid("url: cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise invalid("url: must begin with http:// or https://")
    if "@" in parts.netloc or "\\" in url:
        raise invalid("url: must carry neither a user nor a backslash; put credentials into a header")
    if not host or "%" in host or port == 0:
        raise invalid("url: must name a host")
    return HttpRequest(
        method=method,
        scheme=parts.scheme,
        host=host,
        port=port or (443 if parts.scheme == "https" else 80),
        authority=parts.netloc,
        path=urlunsplit(("", "", parts.path or "/", parts.query, "")),
        headers=headers,
        body=body,
    )


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise invalid("headers: must map names to strings")
    headers: dict[str, str] = {}
    for name, value in given.items():
        text = revealed(value, f"headers.{name}")
        if not isinstance(name, str) or name.lower() in _OURS:
            raise invalid(f"headers.{name}: cannot be set by a plan")
        if not text.isascii() or not text.isprintable():
            raise invalid(f"headers.{name}: must be printable ASCII")
        headers[name] = text
    return headers


def _body(given: Mapping[str, Any]) -> bytes | None:
    body, tree = given.get("body"), given.get("json")
    if body is not None and tree is not None:
        raise invalid("body: either this or json, not both")
    if tree is not None:
        return json.dumps(_revealed_tree(tree)).encode()
    return None if body is None else revealed(body, "body").encode()


def _revealed_tree(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {name: _revealed_tree(part) for name, part in tree.items()}
    if isinstance(tree, list | tuple):
        return [_revealed_tree(part) for part in tree]
    return tree.reveal() if hasattr(tree, "reveal") else tree

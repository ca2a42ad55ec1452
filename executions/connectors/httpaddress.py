"""Which addresses an HTTP step may reach: every address of the name is judged, and only judged ones are used."""

import ipaddress
import queue
import socket
import threading

from executions.connectors.base import NotStarted

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Metadata services of clouds that are not link-local: AWS over IPv6, Alibaba, Oracle.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def checked_addresses(
    host: str, port: int, *, private: bool, own_address: str, timeout_s: float
) -> list[str]:
    """The addresses of `host`, all of them allowed, resolved once.

    private: whether loopback and private addresses are allowed; `own_address` (the asset's) is in any case.

    Raises NotStarted: `unreachable` when the name has no address, `address` when one of them is refused.
    """
    found = _resolve(host, port, timeout_s)
    for text in found:
        if objection := _objection(text, private=private or own_address in (text, host)):
            raise NotStarted(f"{host} is {text}: {objection}", category="address", transient=False)
    return found


def _resolve(host: str, port: int, timeout_s: float) -> list[str]:
    """Ask the resolver, which has no time limit of its own, from a thread that can be left behind."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(OSError(str(error)))
        else:
            answers.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, timeout_s))
    except queue.Empty:
        limit = f"within {timeout_s:.1f} s"
        raise NotStarted(
            f"{host}: the name server did not answer {limit}", category="resolve_timeout", transient=True
        ) from None
    if isinstance(answer, OSError):
        raise NotStarted(f"{host}: {answer}", category="unreachable", transient=True)
    return answer


def _objection(text: str, *, private: bool) -> str:
    address = _innermost(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_link_local or address in _METADATA:
        return "link-local addresses and metadata services are never reachable from steps"
    if address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":
        return "it is not the address of one host"
    if not private and not address.is_global:
        return "private addresses are not allowed here (OPSC_HTTP_ALLOW_PRIVATE)"
    return ""


def _innermost(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address

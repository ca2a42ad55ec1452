"""Which hosts no plan may name in a URL, whatever a tenant's own rules allow.

The connector checks the address that a name resolves to; here only what is written in the URL is judged.
"""

import ipaddress
import re

_NUMBER_LIKE = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+))*\.?")


def objection_to_host(host: str) -> str:
    """Why the host of a URL is refused, as a sentence; empty when it is not."""
    if not host:
        return "names no host"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if _NUMBER_LIKE.fullmatch(host):
            return "write an IP address as four decimal numbers or in IPv6 form"
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local:
        return "link-local addresses, such as cloud metadata services, are not reachable from plans"
    if address.is_unspecified or address.is_multicast:
        return "is not the address of one host"
    return ""

"""Which machines a request of ours may reach: public ones, unless an operator names another.

The special-purpose registries of IANA (RFC 6890) as Python's `ipaddress` knows them, and what
they leave open: addresses that carry another address inside.
"""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
CARRIERS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96",  # IPv4-compatible, deprecated
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b:1::/48",  # NAT64 inside one network, RFC 8215
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local, deprecated
    )
)
# Not public since long, as older tables of Python do not know: one cloud's metadata (192.0.0.192)
# lies in the first, the second is for documentation.
UNLISTED: Final = tuple(ipaddress.ip_network(text) for text in ("192.0.0.0/24", "3fff::/20"))
# Public by its number, yet only the host of a virtual machine answers there.
HOST_OF_THE_CLOUD: Final = ipaddress.ip_address("168.63.129.16")


def is_public(text: str) -> bool:
    """Whether this IP address is one machine on the public internet; False for what is none."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and address in NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.version == 6 and any(address in network for network in CARRIERS):
        return False
    if any(address.version == network.version and address in network for network in UNLISTED):
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and address != HOST_OF_THE_CLOUD

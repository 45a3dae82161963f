"""Addresses: a host and a port where one is looked for, a URL where one is, each once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlsplit

from generator.catalogue import Catalogue, Endpoint
from generator.errors import Problem
from generator.source import Document, Place, short

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PORT = re.compile(r"[0-9]{1,5}")

#: Characters of a whole name at most, and the highest port.
_LONGEST, _HIGHEST = 253, 65_535

#: What stands in a URL as it is; everything else is written with %.
_URL = re.compile(r"[A-Za-z0-9._~:/@!&'()*+,;=%?#\[\]-]*")

_LOOK = "write host:port, such as 10.0.0.7:{port}"

#: What else can be said where a URL was written.
HTTPS = "; `https: true` is a key of its own"


def addresses(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield addresses that no server can ask, and processes that would be asked twice."""
    data = document.data
    for name, system in data.get("systems", {}).items():
        scrape, endpoint = system.get("scrape", {}), catalogue.systems[name].endpoint
        yield from _groups(document, ("systems", name, "scrape"), scrape, endpoint)
        for key, port in (("json_exporter", 7979), ("blackbox_exporter", 9115)):
            if exporter := scrape.get(key):
                yield from _checked(document, ("systems", name, "scrape", key), exporter, port)
    for number, address in enumerate(data.get("alertmanager", {}).get("targets", ())):
        more = "; https and path_prefix are keys of their own" if "/" in address else ""
        yield from _checked(document, ("alertmanager", "targets", number), address, 9093, more)
    for number, address in enumerate(data.get("scrape", {}).get("prometheus", ())):
        yield from _checked(document, ("scrape", "prometheus", number), address, 9090)


def _groups(document: Document, where: Place, scrape: Mapping[str, Any], endpoint: Endpoint) -> Iterator[Problem]:
    asked: dict[tuple[str, int], Place] = {}
    for kind in ("static", "dns"):
        for nth, group in enumerate(scrape.get(kind, ())):
            role = group.get("role", "")
            page = bool(role) and role == endpoint.prober
            port = group.get("port", endpoint.port_of(role))
            key = "targets" if kind == "static" or page else "names"
            for number, address in enumerate(group.get(key, ())):
                place = (*where, kind, nth, key, number)
                if page:
                    yield from _page(document, place, address, endpoint)
                elif kind == "static":
                    yield from _checked(document, place, address, port, HTTPS if "/" in address else "")
                elif why := _name(address):
                    yield document.problem(place, f"{display(address)} {why}", "write a name that DNS knows")
                seen = asked.setdefault((address.lower(), port if key == "names" else 0), place)
                if seen != place:
                    what = f"{display(address)} stands at line {document.line(*seen)} already, and would be asked twice"
                    yield document.problem(place, what, "keep one of the two")


def _page(document: Document, place: Place, address: str, endpoint: Endpoint) -> Iterator[Problem]:
    """Yield an address that is no JSON page."""
    if why := url(address, query=True):
        yield document.problem(
            place, f"{display(address)} {why}", "write the address of a JSON page, http://host:port/path"
        )
    elif endpoint.page_at(address) is None:
        known = ", ".join(page.path for page in endpoint.json)
        yield document.problem(place, f"{address!r} is no known JSON page", f"end it with one of {known}")


def _checked(document: Document, place: Place, address: str, port: int, more: str = "") -> Iterator[Problem]:
    if why := _wrong(address):
        yield document.problem(place, f"{display(address)} {why}", _LOOK.format(port=port or 8080) + more)


def _wrong(address: str) -> str:
    """Return why an address is no host and port; nothing when it is."""
    if "/" in address:
        return "is a URL, not a host and a port"
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        try:
            IPv6Address(host[1:-1])
        except AddressValueError:
            return "has no IPv6 address in its brackets"
    elif not colon or (":" in host and not host.startswith("[")):
        return _unbracketed(address) if colon else "has no port"
    elif why := _host(host):
        return why
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _HIGHEST:
        return f"has no port from 1 to {_HIGHEST} behind its host"
    return ""


def _unbracketed(address: str) -> str:
    """Return what the colons of an address are, which has more of them than the one before its port."""
    if "@" in address:
        return "has a user or a password in it, for which credentials have files"
    return "is no host and port; an IPv6 address stands in brackets"


def _host(host: str) -> str:
    """Return why something is neither a name nor an IPv4 address; nothing when it is one."""
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        return "is no name of a host: letters, digits, - and ., nothing else"
    if labels[-1].isdigit():
        try:
            IPv4Address(host)
        except AddressValueError:
            return "is neither a name nor an IPv4 address"
    return ""


def _name(name: str) -> str:
    """Return why DNS has no such name; nothing when it may."""
    if "/" in name:
        return "is a URL, not a DNS name"
    if ":" in name:
        return "is no DNS name: a port is said by the key port, an address by static"
    if why := _host(name):
        return why
    return "is an address, which nobody looks up: put it under static" if name.rpartition(".")[2].isdigit() else ""


def display(address: str) -> str:
    """Return an address as a message shows it, without the password or the token that may stand in it."""
    return short(re.sub(r"(?<=[?&=])[^?&=#]{8,}", "...", re.sub(r"(^|//)[^/]*@", r"\1...@", address)))


def url(text: str, *, query: bool = False) -> str:
    """Return why a text is no URL that a client can ask, and that stays what it is wherever it is written; nothing when it is one.

    Args:
        text: The text.
        query: It may have a query: nothing is put behind it.

    """
    if not re.match(r"https?://", text):
        return "has no http:// or https:// before it"
    if not _URL.fullmatch(text) or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return "has characters in it that no URL has: write them as % and two digits"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "has no host and port that can be read"
    found = {
        "has a user or a password in it, and is written where everybody reads it": "@" in parts.netloc,
        "has no host that can be asked": port == 0 or (not host if "[" in parts.netloc else _host(host)),
        "has a ? or # in it, behind which no path can stand": not query and ("?" in text or "#" in text),
        "has two slashes in a row": "//" in parts.path,
    }
    return next((why for why, wrong in found.items() if wrong), "")

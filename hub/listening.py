"""The port of the web process: taken once, by one hub, before anything is started for it."""

from __future__ import annotations

import errno
import socket

WAITING_CONNECTIONS = 1024


class CannotListen(Exception):
    """The port cannot be taken; the text says why and what to give instead."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises CannotListen.

    Without SO_REUSEPORT: with it a second hub would share the port, and each would answer some of the other's requests."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror:
        raise CannotListen(f"{host} is no address of this machine. Give another --host.") from None
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last hub may still be closing
        listening.bind(address)
        listening.listen(WAITING_CONNECTIONS)
    except OSError as error:
        listening.close()
        raise CannotListen(_told(host, port, error)) from None
    return listening


def address_of(host: str, listening: socket.socket) -> str:
    """The origin by which this machine reaches what listens on `host`."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port_of(listening)}"


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def _told(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use on {host}. Give another --port."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user. Give a --port from 1024."
    return f"{host}:{port} cannot be listened on: {error.strerror}. Give another --host or --port."

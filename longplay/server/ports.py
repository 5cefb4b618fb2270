"""Checks that a port is free before a server starts."""

import socket

from longplay.errors import EnvironmentProblem


def check_port(host: str, port: int) -> None:
    """Check that a port is free.

    Raises:
        EnvironmentProblem: when something already listens on it, or the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fix = f"name another: --port {port + 1}"
            place = f"{host}:{port}"
            raise EnvironmentProblem(f"Port {port} is in use.", where=place, got=str(error), fix=fix) from error

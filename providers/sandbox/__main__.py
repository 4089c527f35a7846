"""`python -m providers.sandbox`: the twins in one process."""

import argparse
import importlib
import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import orjson

from providers.sandbox.core.exchanges import Exchanges
from providers.sandbox.core.server import HttpServer
from providers.sandbox.core.twin import Twin

TWINS = {
    "stripe": "providers.sandbox.stripe",
    "square": "providers.sandbox.square",
    "gocardless": "providers.sandbox.gocardless",
}
USUAL_PORTS = {"stripe": 12111, "square": 12112}
"""A twin without a usual port runs only where one is given, or with --only."""
PARENT_CHECK_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m providers.sandbox", description="Local stand-ins for payment providers' HTTP APIs."
    )
    for name in TWINS:
        usual = f"default {USUAL_PORTS[name]}" if name in USUAL_PORTS else "default: this twin does not run"
        parser.add_argument(
            f"--{name}-port", type=int, default=USUAL_PORTS.get(name), metavar="PORT", help=f"0 picks a free port ({usual})"
        )
    parser.add_argument("--only", choices=sorted(TWINS), help="run one twin only")
    parser.add_argument(
        "--print-ready", action="store_true", help="print one line of JSON with base URLs and credentials when ready"
    )
    parser.add_argument(
        "--exchanges",
        type=Path,
        default=os.environ.get("SANDBOX_EXCHANGES"),
        metavar="FOLDER",
        help="write every request and answer there, whole (also SANDBOX_EXCHANGES)",
    )
    parser.add_argument("--with-parent", action="store_true", help="exit when the process that started this one is gone")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a twin's setting, e.g. stripe_secret_key=sk_test_…"
    )
    options = parser.parse_args(arguments)
    settings = {name.lower(): value for name, value in os.environ.items() if name.startswith("SANDBOX_")}
    settings = {name.removeprefix("sandbox_"): value for name, value in settings.items()}
    settings |= dict(item.split("=", 1) for item in options.set)
    ports = {name: getattr(options, f"{name}_port") for name in TWINS}
    if options.only:
        ports = {options.only: ports[options.only] or 0}
    return serve({name: port for name, port in ports.items() if port is not None}, settings, options)


def serve(ports: dict[str, int], settings: dict[str, str], options: argparse.Namespace) -> int:
    parent = os.getppid()
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    running: list[tuple[Twin, HttpServer]] = []
    ready = {}
    for name, module_name in TWINS.items():
        if name not in ports or importlib.util.find_spec(module_name) is None:
            continue
        twin: Twin = importlib.import_module(module_name).create_twin(settings)
        try:
            exchanges = Exchanges(options.exchanges, name) if options.exchanges else None
            server = HttpServer(twin.app, twin.clock, port=ports[name], exchanges=exchanges)
        except OSError as problem:
            sys.stderr.write(
                f"The {name} twin cannot listen on port {ports[name]}: {problem.strerror}. Give another --{name}-port, or 0.\n"
            )
            return 1
        twin.start(f"http://localhost:{server.port}")
        server.start()
        running.append((twin, server))
        ready[name] = twin.describe()
    if options.print_ready:
        sys.stdout.write(orjson.dumps(ready).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{name} twin: {values['base_url']}/\n" for name, values in ready.items()))
    sys.stdout.flush()
    while not stopping.wait(PARENT_CHECK_SECONDS):
        if options.with_parent and os.getppid() != parent:
            break
    for twin, server in running:
        server.stop()
        twin.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The web process and its port: one hub's alone, given free however the process ends, and refused in words."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import psutil
import pytest

from hub.listening import address_of, listen, port_of
from hub.runner import Runner
from tests.flows.running_hub import free_port, until
from wsgi import cli

ROOT = Path(__file__).parents[2]
END_SECONDS = 20.0
APPLICATION = """
import time

def answering():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["REMOTE_ADDR"].encode()]
    return application

def loading():
    time.sleep(600)
"""


class Web:
    """A web process with an application of the test's."""

    def __init__(self, folder: Path, factory: str) -> None:
        (folder / "application.py").write_text(APPLICATION)
        self.port = free_port()
        command = [sys.executable, "-m", "hub.web_process", f"application:{factory}", "--port", str(self.port)]
        search_path = os.pathsep.join([str(folder), str(ROOT)])
        with (folder / "web.log").open("ab") as log:
            self.master = subprocess.Popen(
                command, env={**os.environ, "PYTHONPATH": search_path}, stdout=log, stderr=log, start_new_session=True
            )

    def answer(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/", timeout=5, trust_env=False).text

    def worker(self) -> psutil.Process:
        return until("a worker process", lambda: psutil.Process(self.master.pid).children(), END_SECONDS)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for each in psutil.process_iter(["cmdline"]):
        if "hub.web_process" in (each.info["cmdline"] or []) and each.environ().get("PYTHONPATH", "").startswith(str(tmp_path)):
            each.kill()


def test_killed_web_process_takes_its_worker_along_and_frees_its_port(folder: Path) -> None:
    web = Web(folder, "answering")
    assert until("an answer", web.answer) == "127.0.0.1"
    worker = web.worker()
    web.master.kill()
    web.master.wait(END_SECONDS)
    worker.wait(END_SECONDS)
    listen("127.0.0.1", web.port).close()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGKILL], ids=["sigterm", "kill"])
def test_web_process_told_to_end_while_it_loads_leaves_no_worker(folder: Path, told: signal.Signals) -> None:
    web = Web(folder, "loading")
    worker = web.worker()
    until("the worker loads", lambda: len(worker.threads()) > 1, END_SECONDS)
    web.master.send_signal(told)
    web.master.wait(END_SECONDS)
    worker.wait(END_SECONDS)


def test_stopped_runner_leaves_no_grandchild_of_a_killed_child(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    script = (
        "import os, pathlib, signal, sys, time\n"
        "if os.fork(): time.sleep(600)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} ')\n"
        "time.sleep(600)\n"
    )
    runner = Runner()
    child = runner.start("web", [sys.executable, "-c", script, str(note)])
    grandchild = psutil.Process(int(until("a grandchild", lambda: note.exists() and note.read_text().strip())))
    child.kill()
    until("the child is seen dead", lambda: runner.died() == "web")
    runner.stop()
    grandchild.wait(END_SECONDS)


@pytest.fixture
def held() -> Iterator[socket.socket]:
    """A port that another program holds, ready to share it with whoever asks to."""
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holding.bind(("127.0.0.1", 0))
        holding.listen()
        yield holding


@pytest.mark.parametrize("command", [["wsgi", "serve"], ["wsgi", "up"], ["wsgi", "demo"], ["hub.web_process"]])
def test_port_in_use_is_told_with_what_to_give_and_nothing_is_started(
    held: socket.socket, tmp_path: Path, command: list[str]
) -> None:
    variables = {**os.environ, "PAYHUB_ENV": "test", "PAYHUB_DATA_DIR": str(tmp_path / "data")}
    words = [sys.executable, "-m", *command, "--port", str(port_of(held))]
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == f"✗ Port {port_of(held)} is in use on 127.0.0.1. Give another --port.\n"
    assert not (tmp_path / "data" / "embedded").exists()


@pytest.mark.parametrize(
    ("command", "option"),
    [("serve", "--port"), ("up", "--port"), ("demo", "--port"), ("sandbox", "--stripe-port"), ("sandbox", "--square-port")],
)
def test_port_beyond_what_ports_there_are_is_refused_in_words(command: str, option: str) -> None:
    for number in ("65536", "-1"):
        with pytest.raises(click.BadParameter, match="0<=x<=65535"):
            cli.commands[command].make_context(command, [option, number])


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("localhost", "localhost")])
def test_address_of_what_listens_leads_there(host: str, name: str) -> None:
    with listen(host, 0) as listening:
        address = address_of(host, listening)
        assert address == f"http://{name}:{port_of(listening)}"
        socket.create_connection(("127.0.0.1", port_of(listening)), timeout=5).close()

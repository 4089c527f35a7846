"""The HTTP server and the command that serves the twins."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.server import HttpServer
from tests.providers.sandbox.receiver import wait_until


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/boom":
        raise RuntimeError("broken application")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Query", environ["QUERY_STRING"])])
    return [environ["PATH_INFO"].encode("latin-1"), b"|", body]


@contextmanager
def running() -> Iterator[HttpServer]:
    server = HttpServer(echo, Clock())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_both_names_of_this_host_answer_over_one_kept_connection() -> None:
    with running() as server:
        for name in ("127.0.0.1", "localhost"):
            with httpx.Client(base_url=f"http://{name}:{server.port}", trust_env=False) as client:
                answers = [client.post("/a%20b?x=1", content=b"hello") for _ in range(3)]
                streams = {answer.extensions["network_stream"] for answer in answers}
            assert [answer.text for answer in answers] == ["/a b|hello"] * 3
            assert answers[0].headers["X-Query"] == "x=1"
            assert "Date" in answers[0].headers
            assert len(streams) == 1


def test_chunked_body_is_read_whole() -> None:
    with running() as server:
        answer = httpx.post(f"http://127.0.0.1:{server.port}/c", content=iter([b"one", b"two"]))
        assert answer.text == "/c|onetwo"


def test_head_has_no_body_and_broken_application_answers_500() -> None:
    with running() as server:
        assert httpx.head(f"http://127.0.0.1:{server.port}/").content == b""
        assert httpx.get(f"http://127.0.0.1:{server.port}/boom").status_code == 500


def test_nonsense_on_the_socket_is_answered_400_and_closed() -> None:
    with running() as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"hello\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_stopped_server_closes_its_connections() -> None:
    with running() as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1000)
    connection.settimeout(2)
    assert connection.recv(10) == b""
    connection.close()


@contextmanager
def sandbox(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    command = [sys.executable, "-m", "providers.sandbox", "--stripe-port", "0", "--square-port", "0", "--print-ready", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process, orjson.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def test_command_prints_base_urls_and_credentials_and_stops_on_sigterm() -> None:
    with sandbox("--only", "stripe", "--set", "stripe_secret_key=sk_test_mine") as (process, ready):
        assert ready["stripe"]["base_url"].startswith("http://localhost:")
        assert ready["stripe"]["secret_key"] == "sk_test_mine"
        page = httpx.get(ready["stripe"]["base_url"] + "/")
        assert "curl -s" in page.text
        assert "4242424242424242" in page.text
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_both_twins_run_in_one_process() -> None:
    with sandbox() as (_, ready):
        assert sorted(ready) == ["square", "stripe"]
        for name in ready:
            assert httpx.get(ready[name]["base_url"] + "/_twin/state").json()["name"] == name


def test_command_ends_with_its_parent() -> None:
    script = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'providers.sandbox', '--only', 'stripe', '--stripe-port', '0', "
        "'--print-ready', '--with-parent'], stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid)\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, timeout=20)
    child = int(answer.stdout)
    wait_until(lambda: not _alive(child), 5)


def test_taken_port_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "providers.sandbox", "--only", "stripe", "--stripe-port", port]
        answer = subprocess.run(command, stderr=subprocess.PIPE, timeout=20, check=False)
    assert answer.returncode == 1
    assert b"--stripe-port" in answer.stderr


def _alive(pid: int) -> bool:
    time.sleep(0.02)
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split(")")[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

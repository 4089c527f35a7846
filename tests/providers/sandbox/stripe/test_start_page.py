"""The start page of the Stripe twin: what it prints works."""

import html
import re
import shlex
from collections.abc import Iterator

import httpx
import pytest

from tests.providers.sandbox.stripe.conftest import Platform


def commands(platform: Platform) -> list[str]:
    page = platform.http.get("/").text
    return [html.unescape(text) for text in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)]


def requests_of(command: str) -> Iterator[httpx.Request]:
    """What curl would send, for the options that the page uses."""
    for part in command.split(" && "):
        method, url, data, headers, user = "", "", [], {}, ""
        words = iter(shlex.split(part)[1:])
        for word in words:
            match word:
                case "-s" | "-sN":
                    continue
                case "-X":
                    method = next(words)
                case "-d":
                    data.append(next(words))
                case "-u":
                    user = next(words)
                case "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name] = value
                case _:
                    url = word
        if user:
            headers["Authorization"] = httpx.BasicAuth(*user.split(":", 1))._auth_header
        if data:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        yield httpx.Request(method or ("POST" if data else "GET"), url, headers=headers, content="&".join(data))


def test_every_command_that_names_no_id_works_as_printed(platform: Platform) -> None:
    printed = [command for command in commands(platform) if "…" not in command and '"customers": 10000' not in command]
    assert len(printed) > 20
    for command in printed:
        platform.http.delete("/_twin/faults")
        for request in requests_of(command):
            answer = platform.http.send(request)
            assert answer.status_code == 200, f"{command}: {answer.text}"


def test_page_names_keys_cards_actions_and_settings(platform: Platform) -> None:
    page = platform.http.get("/").text
    settings = platform.http.get("/_twin/settings").json()
    for name in (*settings.keys() - {"webhooks"}, "sk_test_sandboxPlatformTest0000000001", "4000000000000259", "resolve_dispute"):
        assert name in page, name


@pytest.mark.parametrize("path", ["/c/pay/cs_test_none", "/b/none", "/p/session/none", "/setup/s/acct_1/none", "/i/acct_1/none"])
def test_unknown_page_is_not_found(platform: Platform, path: str) -> None:
    assert platform.http.get(path).status_code == 404

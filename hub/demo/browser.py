"""A browser without a window: follows redirects, keeps cookies, fills in forms. It sees what a person's browser would."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

TIMEOUT_SECONDS = 30.0


class NoSuchForm(LookupError):
    """The page has no such form or button."""


@dataclass(slots=True)
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)  # id or value -> (name, value)


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif self.forms and tag == "input" and given.get("name"):
            kind = given.get("type", "text")
            if kind not in ("radio", "checkbox") or "checked" in given:
                self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif self.forms and tag == "button":
            pressed = (given.get("name", ""), given.get("value", ""))
            for name in (given.get("id"), given.get("value"), "submit"):
                if name:
                    self.forms[-1].buttons.setdefault(name, pressed)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


class Page:
    """One page: its address, status, visible text and forms."""

    def __init__(self, response: httpx.Response) -> None:
        self.url = str(response.url)
        self.status = response.status_code
        parser = _FormParser()
        parser.feed(response.text)
        self.forms, self.text = parser.forms, " ".join(parser.text)


class Browser:
    """Cookies are kept per host name, ports ignored, as browsers do."""

    def __init__(self) -> None:
        self._client = httpx.Client(
            follow_redirects=True, timeout=TIMEOUT_SECONDS, headers={"Accept": "text/html"}, trust_env=False
        )

    def open(self, url: str) -> Page:
        return Page(self._client.get(url))

    def press(self, page: Page, button: str, **fields: str) -> Page:
        """Fill in `fields` of the form that has `button` (its id or value) and submit it. Raises NoSuchForm."""
        for form in page.forms:
            if button in form.buttons:
                name, value = form.buttons[button]
                data = {**form.fields, **fields, **({name: value} if name else {})}
                target = urljoin(page.url, form.action) if form.action else page.url
                headers = {"Origin": str(httpx.URL(page.url).copy_with(raw_path=b"/")).rstrip("/"), "Referer": page.url}
                return Page(self._client.post(target, data=data, headers=headers))
        raise NoSuchForm(f"{page.url} has no button {button}: {page.text[:200]}")

    def close(self) -> None:
        self._client.close()

"""A small OpenID Connect provider over real HTTP with real RS256 keys; it checks what a real one checks."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from hub import clock

CLIENT_ID, CLIENT_SECRET = "payhub-at-issuer", "issuer-secret-for-payhub"


class Issuer:
    """`claims` go into the next ID token over the honest ones; `person` is who is signed in there. A browser, which says what
    it accepts, gets a page with buttons; a program is sent back at once."""

    def __init__(self) -> None:
        self.keys = KeySet([RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)])
        self.person: dict[str, Any] = {"sub": "person-1", "email": "ada@example.com", "email_verified": True}
        self.claims: dict[str, Any] = {}
        self.sign_with: RSAKey | OctKey | None = None
        self.algorithm = "RS256"
        self.codes: dict[str, dict[str, str]] = {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                issuer.get(self, parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                issuer.token(self, {name: values[0] for name, values in parse_qs(body).items()})

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def renew_key(self) -> None:
        self.keys = KeySet([RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)])

    def get(self, handler: BaseHTTPRequestHandler, path: str, query: dict[str, str]) -> None:
        if path == "/.well-known/openid-configuration":
            send_json(
                handler,
                200,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"],
                },
            )
        elif path == "/keys":
            send_json(handler, 200, self.keys.as_dict(private=False))
        elif path == "/authorize":
            assert query["response_type"] == "code"
            assert query["client_id"] == CLIENT_ID
            assert query["code_challenge_method"] == "S256"
            assert "openid" in query["scope"].split()
            asks = "text/html" in handler.headers.get("Accept", "")
            (self._ask if asks else self._go_back)(handler, query)
        elif path == "/decided":
            self._go_back(handler, query)
        else:
            send_json(handler, 404, {})

    def _ask(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in query.items())
        buttons = '<button name="say" value="yes">Continue</button><button name="say" value="no">Refuse</button>'
        body = f'<!doctype html><h1>{self.person["email"]}</h1><form action="/decided">{hidden}{buttons}</form>'.encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html; charset=utf-8")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _go_back(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        answer = {"error": "access_denied"}
        if query.get("say") != "no":
            answer = {"code": secrets.token_urlsafe(16)}
            self.codes[answer["code"]] = query
        handler.send_response(302)
        handler.send_header("Location", f"{query['redirect_uri']}?{urlencode({**answer, 'state': query['state']})}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if handler.headers["Authorization"] != f"Basic {expected}":
            return send_json(handler, 401, {"error": "invalid_client"})
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["redirect_uri"] != form["redirect_uri"] or asked["code_challenge"] != challenge:
            return send_json(handler, 400, {"error": "invalid_grant"})
        now = int(clock.now().timestamp())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person}
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        key = self.sign_with or self.keys.keys[0]
        header = {"alg": self.algorithm} | ({"kid": key.kid} if isinstance(key, RSAKey) and key.kid else {})
        id_token = jwt.encode(header, claims, key, algorithms=[self.algorithm])
        return send_json(handler, 200, {"access_token": "at-issuer", "token_type": "Bearer", "id_token": id_token})


def send_json(handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
    text = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)

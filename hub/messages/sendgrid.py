"""Delivery over SendGrid's HTTP API."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import parseaddr

import httpx

from hub.vault import Secret
from providers.errors import Rejected, Transient

URL = "https://api.sendgrid.com/v3/mail/send"
TIMEOUT_SECONDS = 20


def deliver(api_key: Secret, mail: EmailMessage, *, url: str = URL) -> None:
    """Hand one mail to SendGrid (docs: API reference, v3 mail/send). Raises Transient or Rejected."""
    sender_name, sender = parseaddr(str(mail["From"]))
    request = {
        "personalizations": [{"to": [{"email": parseaddr(str(mail["To"]))[1]}]}],
        "from": {"email": sender, **({"name": sender_name} if sender_name else {})},
        "subject": str(mail["Subject"]),
        "content": [{"type": "text/plain", "value": mail.get_content()}],
        # A one-time link must not be rewritten, and opened, by click tracking.
        "tracking_settings": {"click_tracking": {"enable": False, "enable_text": False}},
    }
    try:
        answer = httpx.post(url, json=request, headers={"Authorization": f"Bearer {api_key.reveal()}"}, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise Transient(f"SendGrid cannot be reached ({type(error).__name__})") from error
    if answer.status_code in (401, 403):
        raise Transient("SendGrid refuses the key of SENDGRID_API_KEY")
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Transient(f"SendGrid does not take mail now (status {answer.status_code})")
    if answer.status_code >= 400:
        raise Rejected(f"SendGrid refused the message (status {answer.status_code})", code=str(answer.status_code))

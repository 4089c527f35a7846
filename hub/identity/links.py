"""Sign-in by a mailed one-time link."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub import clock, db
from hub.identity import sessions
from hub.identity.paths import own_path
from hub.identity.tokens import fresh_token, token_hash
from hub.messages import compose
from hub.models import SignInLink, User

LINK_LIFE = timedelta(minutes=15)
LINK_PATH = "/sign-in/link"
KEPT_AFTER_EXPIRY = timedelta(days=1)

MAIL = """Hello,

open this link to sign in to Payhub. It works once and for {minutes} minutes.

{url}

If you did not ask for it, ignore this mail: nobody can sign in without the link.
"""


def send(address: str, next_path: str, base_url: str) -> None:
    """Mail a link to the user with this address. For an unknown address nothing is sent, and the caller learns nothing."""
    with db.system_session() as session:
        user_id = session.scalar(select(User.id).where(User.email == address.strip().lower()))
        if user_id is not None:
            token = issue(session, user_id, next_path)
            compose(
                session,
                None,
                "sign_in_link",
                address.strip().lower(),
                "Your link to sign in to Payhub",
                MAIL.format(minutes=LINK_LIFE.seconds // 60, url=link_url(base_url, token)),
                dedupe_key=f"sign-in:{token_hash(token).hex()}",
                one_time=True,
            )


def issue(session: Session, user_id: int, next_path: str = "/") -> str:
    """Make a link's token, in the system's session; also for `payhub demo`, which prints its link."""
    now = clock.now()
    session.execute(delete(SignInLink).where(SignInLink.expires_at < now - KEPT_AFTER_EXPIRY))
    token = fresh_token()
    session.add(
        SignInLink(
            token_hash=token_hash(token),
            user_id=user_id,
            next_path=own_path(next_path),
            created_at=now,
            expires_at=now + LINK_LIFE,
        )
    )
    return token


def link_url(base_url: str, token: str) -> str:
    return f"{base_url}{LINK_PATH}?{urlencode({'token': token})}"


def is_usable(token: str) -> bool:
    """Whether the link would sign somebody in; looking does not use it up."""
    with db.system_session() as session:
        found = session.scalar(
            select(func.count())
            .select_from(SignInLink)
            .where(SignInLink.token_hash == token_hash(token), SignInLink.used_at.is_(None), SignInLink.expires_at > clock.now())
        )
        return bool(found)


def take(token: str, *, replaces: bytes | None) -> tuple[str, str] | None:
    """Use the link up: (session token, path to go to); None if it is unknown, used or expired.

    One UPDATE … RETURNING, so that of two browsers opening it at once one is refused."""
    now = clock.now()
    with db.system_session() as session:
        taken = session.execute(
            update(SignInLink)
            .where(SignInLink.token_hash == token_hash(token), SignInLink.used_at.is_(None), SignInLink.expires_at > now)
            .values(used_at=now)
            .returning(SignInLink.user_id, SignInLink.next_path)
        ).one_or_none()
        if taken is None:
            return None
        user_id, next_path = taken
        return sessions.start(session, user_id, replaces=replaces), next_path

"""The webhook sender: order, retries, chaos."""

from collections.abc import Iterator

import orjson
import pytest

from providers.sandbox.core.clock import Clock
from providers.sandbox.core.timetable import Timetable
from providers.sandbox.core.webhooks import Delivery, Endpoint, Sender
from tests.providers.sandbox.receiver import Receiver, receiving, wait_until


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(clock: Clock) -> Iterator[Sender]:
    timetable = Timetable(clock)
    timetable.start()
    running = Sender(clock, timetable, retry_delays=[60, 600])
    running.start()
    yield running
    running.stop()
    timetable.stop()


def send(sender: Sender, receiver: Receiver, *names: str) -> None:
    endpoint = Endpoint(id="we_1", url=receiver.url, headers_for=lambda body, unix: {"X-Signed-At": str(unix)})
    for name in names:
        sender.send(Delivery(event_id=name, event_type="t", account=None, endpoint=endpoint, body=orjson.dumps({"id": name})))


def ids(receiver: Receiver) -> list[str]:
    return [item.event["id"] for item in receiver.received]


def test_events_arrive_in_the_order_they_were_sent(sender: Sender, receiver: Receiver) -> None:
    names = [str(number) for number in range(60)]
    send(sender, receiver, *names)
    assert sender.wait_until_idle(5)
    assert ids(receiver) == names


def test_failure_is_retried_at_its_time_signed_anew_and_given_up_at_last(
    sender: Sender, receiver: Receiver, clock: Clock
) -> None:
    clock.freeze()
    receiver.answers.extend([500, 404, 302])
    send(sender, receiver, "a")
    for attempt, seconds in ((1, 61), (2, 601)):
        wait_until(lambda attempt=attempt: len(sender.attempts()) == attempt)
        clock.advance(seconds)
    assert sender.wait_until_idle(5)
    assert [entry["outcome"] for entry in sender.attempts()] == ["failed", "failed", "given_up"]
    assert len({item.headers["X-Signed-At"] for item in receiver.received}) == 3


def test_later_events_do_not_wait_for_a_failed_one(sender: Sender, receiver: Receiver) -> None:
    receiver.answers.append(500)
    send(sender, receiver, "a", "b")
    receiver.wait_for(2)
    assert ids(receiver) == ["a", "b"]
    wait_until(lambda: sender.unfinished() == 1)


def test_scaled_retries_come_without_moving_the_clock(sender: Sender, receiver: Receiver) -> None:
    sender.change({"retry_scale": 0.001})
    receiver.answers.append(500)
    send(sender, receiver, "a")
    assert sender.wait_until_idle(5)
    assert ids(receiver) == ["a", "a"]


def test_slow_endpoint_does_not_hold_up_another(sender: Sender, receiver: Receiver) -> None:
    receiver.delay_seconds = 0.5
    with receiving() as other:
        send(sender, receiver, "slow")
        endpoint = Endpoint(id="we_2", url=other.url, headers_for=lambda body, unix: {})
        sender.send(Delivery(event_id="x", event_type="t", account=None, endpoint=endpoint, body=b"{}"))
        other.wait_for(1, seconds=0.4)


def test_unreachable_endpoint_counts_as_failure(sender: Sender) -> None:
    endpoint = Endpoint(id="we_1", url="http://127.0.0.1:9/none", headers_for=lambda body, unix: {})
    sender.send(Delivery(event_id="x", event_type="t", account=None, endpoint=endpoint, body=b"{}"))
    wait_until(lambda: sender.attempts() != [])
    assert (sender.attempts()[0]["status"], sender.attempts()[0]["error"]) == (None, "ConnectError")


def test_duplicates_drops_and_reordering_happen_on_demand(sender: Sender, receiver: Receiver) -> None:
    sender.change({"chaos": {"duplicate": 1.0}})
    send(sender, receiver, "a")
    assert sender.wait_until_idle(5)
    assert ids(receiver) == ["a", "a"]
    sender.change({"chaos": {"duplicate": 0, "drop": 1.0}})
    send(sender, receiver, "b")
    assert sender.wait_until_idle(5)
    assert "b" not in ids(receiver)
    sender.change({"chaos": {"drop": 0, "reorder": 1.0}})
    send(sender, receiver, "c", "d")
    assert sender.wait_until_idle(5)
    assert ids(receiver)[-2:] == ["d", "c"]


def test_delay_is_on_the_twins_clock(sender: Sender, receiver: Receiver, clock: Clock) -> None:
    clock.freeze()
    sender.change({"chaos": {"delay_seconds": 100}})
    send(sender, receiver, "a")
    assert not sender.wait_until_idle(0.05)
    clock.advance(101)
    receiver.wait_for(1)


def test_paused_sender_delivers_everything_when_released(sender: Sender, receiver: Receiver) -> None:
    sender.change({"paused": True})
    send(sender, receiver, "a", "b")
    assert not sender.wait_until_idle(0.05)
    sender.change({"paused": False})
    assert sender.wait_until_idle(5)
    assert ids(receiver) == ["a", "b"]


def test_reset_forgets_what_was_waiting(sender: Sender, receiver: Receiver) -> None:
    receiver.delay_seconds = 0.05
    send(sender, receiver, *"abcdefgh")
    receiver.wait_for(1)
    sender.reset()
    receiver.delay_seconds = 0.0
    send(sender, receiver, "z")
    wait_until(lambda: "z" in ids(receiver))
    assert sender.wait_until_idle(5)
    assert len(receiver.received) <= 3


def test_unknown_setting_is_refused(sender: Sender) -> None:
    with pytest.raises(ValueError, match="unknown webhook setting"):
        sender.change({"speed": 1})

"""Mailboxes wait for messages, keep them where gradio_client does, and block no sender."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from qwen_gradio.transport.mailboxes import DequeMailbox, ListMailbox, Mailboxes

KINDS = pytest.mark.parametrize("make", [deque, list])


def mailbox(make: Callable[[], Any]) -> Any:
    mailboxes = Mailboxes()
    mailboxes["event"] = make()
    return mailboxes["event"]


def from_another_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The durations of all sleeps."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@KINDS
def test_mailbox_is_of_the_kind_that_it_replaces(make: Callable[[], Any]) -> None:
    assert isinstance(mailbox(make), make)  # type: ignore[arg-type] # a type
    assert type(mailbox(make)) in (DequeMailbox, ListMailbox)


@KINDS
@pytest.mark.parametrize("put", ["append", "insert", "extend"])
def test_mailbox_empty_waits_for_message_added_by_any_method(make: Callable[[], Any], put: str) -> None:
    box = mailbox(make)
    arguments: dict[str, list[Any]] = {"append": ["mail"], "insert": [0, "mail"], "extend": [["mail"]]}
    sender = threading.Timer(0.01, getattr(box, put), arguments[put])
    sender.start()
    assert len(box) == 1
    assert list(box) == ["mail"] == [box[0]]
    assert box.pop() == "mail"
    sender.join()


def test_mailbox_empty_waits_for_message_added_at_the_left_end() -> None:
    box = mailbox(deque)
    from_another_thread(lambda: box.appendleft("mail"))
    assert box
    assert box.popleft() == "mail"


@KINDS
def test_mailbox_message_added_to_the_original_is_found(make: Callable[[], Any]) -> None:
    mailboxes, own = Mailboxes(), make()
    mailboxes["event"] = own
    own.append("mail")
    assert len(mailboxes["event"]) == 1
    from_another_thread(lambda: mailboxes["event"].append("more"))
    assert list(own) == ["mail", "more"]


@KINDS
def test_mailbox_empty_does_not_block_its_sender(make: Callable[[], Any], looks: list[float]) -> None:
    box = mailbox(make)
    box.append("mail")
    box.clear()
    assert not box
    assert looks == []


@KINDS
def test_mailbox_empty_under_a_lock_does_not_wait(make: Callable[[], Any], looks: list[float]) -> None:
    class Client:
        def __init__(self) -> None:
            self.lock = threading.Lock()

    mailboxes, client = Mailboxes(), Client()
    mailboxes.watch_locks(client)
    box = mailboxes.setdefault("event", make())
    with client.lock:
        assert len(box) == 0
    assert len(looks) == 1, "one moment, for a lock that is just being released"


def test_mailbox_set_after_messages_arrived_keeps_them() -> None:
    """As in gradio_client up to 2.0, which opens the stream before."""
    mailboxes = Mailboxes()
    mailboxes["event"] = []
    from_another_thread(lambda: mailboxes["event"].append("mail"))
    mailboxes["event"] = []
    assert list(mailboxes["event"]) == ["mail"]
    from_another_thread(lambda: mailboxes["event"].append("more"))
    assert [mailboxes["event"].pop(0) for _ in range(2)] == ["mail", "more"]


def test_mailbox_replaced_by_an_empty_one_is_empty() -> None:
    mailboxes = Mailboxes()
    mailboxes["event"] = deque(["mail"])
    before, mailboxes["event"] = mailboxes["event"], deque()
    assert list(before) == ["mail"]
    assert list(mailboxes["event"]) == []


def test_mailboxes_of_another_kind_are_left_as_they_are() -> None:
    mailboxes, other = Mailboxes(), object()
    mailboxes["event"] = other
    assert mailboxes.setdefault("event", []) is other

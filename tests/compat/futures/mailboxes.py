"""Futures in which gradio_client keeps the messages of a question in something else than a deque."""

from __future__ import annotations

from ..overlays import Edit, Future, client, future, renamed, utils
from .calls import imported

POLLED = """\
            if len(pending_messages) > 0:
                msg = pending_messages.popleft()
            else:
                time.sleep(0.05)
                continue
"""
LOOP = "        pending_responses_for_diffs = None\n\n"
UTILS_IMPORTS = "import asyncio\nimport base64\n"


def mailbox(name: str, take: str, *edits: Edit, make: str = "deque()", add: str = "append") -> Future:
    """A future whose mailboxes are something else.

    Args:
        name: its name.
        take: the lines, unindented, that take `msg` from `pending_messages`, or `continue`.
        edits: more of them.
        make: an expression that makes one.
        add: the method that adds a message.
    """
    lines = "".join(f"{' ' * 12}{line}\n" for line in take.splitlines())
    return future(
        name,
        utils(POLLED, lines),
        renamed(r"(pending_messages|self\.pending_messages_per_event\[event_id\])\.append\(", rf"\1.{add}("),
        client("deque()", make),
        *edits,
    )


SLEEP = "\n    time.sleep(0.05)\n    continue"
MAILBOXES = (
    mailbox(
        "mailboxes are queues",
        "try:\n    msg = pending_messages.get(timeout=0.05)\nexcept queue.Empty:\n    continue",
        imported("queue"),
        utils(UTILS_IMPORTS, UTILS_IMPORTS + "import queue\n"),
        make="queue.Queue()",
        add="put",
    ),
    mailbox(
        "mailboxes are queues that are waited for",
        "msg = pending_messages.get()",
        imported("queue"),
        make="queue.SimpleQueue()",
        add="put_nowait",
    ),
    mailbox("mailboxes are lists", f"if not len(pending_messages):{SLEEP}\nmsg = pending_messages.pop(0)", make="[]"),
    mailbox("mailboxes are asked if not", f"if not pending_messages:{SLEEP}\nmsg = pending_messages.popleft()"),
    mailbox(
        "mailboxes are asked and looked into",
        f"if len(pending_messages) == 0:{SLEEP}\nmsg = pending_messages[0]\ndel pending_messages[0]",
    ),
    mailbox(
        "mailboxes are popped until they raise",
        f"try:\n    msg = pending_messages.popleft()\nexcept IndexError:{SLEEP}",
    ),
    mailbox(
        "mailboxes are read from their end",
        f"if not pending_messages:{SLEEP}\nmsg = pending_messages.pop()",
        add="appendleft",
    ),
    mailbox(
        "mailboxes are emptied at once",
        f"if not batch:\n    with pending_lock:\n        batch = list(pending_messages)\n        pending_messages.clear()\nif not batch:{SLEEP}\nmsg = batch.pop(0)",
        utils(LOOP, LOOP + "        batch = []\n"),
    ),
    mailbox(
        "mailboxes are emptied by iteration",
        f"if not batch:\n    with pending_lock:\n        batch = [message for message in pending_messages]\n        del pending_messages_per_event[event_id]\n        pending_messages = pending_messages_per_event[event_id] = deque()\nif not batch:{SLEEP}\nmsg = batch.pop(0)",
        utils(LOOP, LOOP + "        batch = []\n"),
    ),
    mailbox(
        "mailboxes are swapped for empty ones",
        f"if not batch:\n    with pending_lock:\n        batch, pending_messages_per_event[event_id] = pending_messages_per_event[event_id], deque()\nif not batch:{SLEEP}\nmsg = batch.popleft()",
        utils(LOOP, LOOP + "        batch = []\n"),
    ),
    mailbox(
        "mailboxes keep what was read",
        f"if len(pending_messages) <= seen:{SLEEP}\nmsg = pending_messages[seen]\nseen += 1",
        utils(LOOP, LOOP + "        seen = 0\n"),
    ),
    mailbox(
        "mailboxes are looked up each time",
        f"pending_messages = pending_messages_per_event.get(event_id)\nif not pending_messages:{SLEEP}\nmsg = pending_messages.popleft()",
    ),
    mailbox(
        "mailboxes with a limit",
        POLLED.replace("            ", "", 1).replace("\n            ", "\n"),
        make="deque([], 10_000)",
    ),
    mailbox(
        "mailboxes with a condition of their own",
        "msg = pending_messages.get()",
        client(
            "import asyncio\n",
            "import asyncio\n",
        ),
        utils(
            "class TooManyRequestsError(",
            "class Mailbox:\n    def __init__(self):\n        self.messages, self.news = deque(), Condition()\n\n    def put(self, message):\n        with self.news:\n            self.messages.append(message)\n            self.news.notify()\n\n    def get(self):\n        with self.news:\n            self.news.wait_for(lambda: self.messages)\n            return self.messages.popleft()\n\n\nclass TooManyRequestsError(",
        ),
        utils("from threading import Lock\n", "from threading import Condition, Lock\n"),
        make="utils.Mailbox()",
        add="put",
    ),
    future(
        "mailboxes in a defaultdict",
        client("from collections import deque\n", "from collections import defaultdict, deque\n"),
        Edit(
            "gradio_client/client.py",
            r"(self\.pending_messages_per_event: .*) = \{\}",
            r"\1 = defaultdict(deque)",
            pattern=True,
        ),
        client(
            "self.pending_messages_per_event.setdefault(event_id, deque())", "self.pending_messages_per_event[event_id]"
        ),
    ),
    future(
        "mailboxes in a dict that is copied",
        client(
            "            self.pending_event_epoch[event_id] = epoch\n",
            "            self.pending_event_epoch[event_id] = epoch\n            self.pending_messages_per_event = {**self.pending_messages_per_event}\n",
        ),
        utils(
            "pending_messages = pending_messages_per_event[event_id]\n",
            "pending_messages = pending_messages_per_event[event_id]\n        time.sleep(0)\n",
        ),
        client(
            "            self.client.pending_messages_per_event,\n",
            "            dict(self.client.pending_messages_per_event),\n",
        ),
    ),
    future(
        "mailboxes by session",
        client(
            "self.pending_messages_per_event: dict[str, deque[Message | None]] = {}",
            "self.mailboxes: dict[str, dict[str, deque[Message | None]]] = {self.session_hash: {}}",
        ),
        Edit(
            "gradio_client/client.py",
            r"(self\.client|self|client)\.pending_messages_per_event",
            r"\1.mailboxes.setdefault(\1.session_hash, {})",
            pattern=True,
        ),
    ),
)

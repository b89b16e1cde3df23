"""A forked child leaves the parent's replies alone, and can ask by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..conftest import ScriptedSpace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

# The parent's reply runs while the child does something and exits, as Python programs do.
PROGRAM = """
import gc, json, os, sys, threading, warnings
from qwen_gradio import UsageError
from qwen_gradio.transport import hooks
from qwen_gradio.transport.access import Access
from qwen_gradio.transport.connection import Connection, descriptions

warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
hooks.HOOKS = frozenset(hook for hook in hooks.Hook if hook.name in HOOKS)

def submit(connection, prompt, news=threading.Event()):
    session = connection.open_session(f"{os.getpid():012x}")
    return session.submit("/model_chat", [prompt, [], ""], news.set)

def wait_for(holds):
    while not holds():
        threading.Event().wait(0.01)

def text(submission):
    wait_for(submission.done)
    return submission.result()[1][-1]["content"][0]["text"]

def child():
    assert not connection.is_of_this_process
    assert submission.done()
    if DOES == "cancel":
        submission.cancel()
    elif DOES == "close":
        connection.close()
    elif DOES == "read":
        for call in (submission.result, lambda: submit(connection, "hi")):
            try:
                call()
            except UsageError as exc:
                assert "before a fork" in str(exc), exc
            else:
                raise AssertionError(call)
        assert submission.receive_nowait() is None
    elif DOES == "forget":
        globals().update(connection=None, submission=None)
        gc.collect()
    elif DOES == "ask":
        own = Connection(Access(URL, timeout=20))
        assert "hi" in text(submit(own, "hi"))
        own.close()

connection = Connection(Access(URL, timeout=20))
submission = submit(connection, PROMPT)
wait_for(submission.receive_nowait)
pid = os.fork()
if pid == 0:
    child()
    sys.exit()
print(json.dumps([os.waitpid(pid, 0)[1], text(submission)]))
connection.close()
"""


@pytest.mark.parametrize("hooks", ["all hooks", "no hooks"])
@pytest.mark.parametrize("does", ["exit", "cancel", "close", "read", "forget", "ask"])
def test_fork_child_leaves_the_parents_reply_whole(space: ScriptedSpace, does: str, hooks: str) -> None:
    script = space.script(60)
    names = ["DESCRIPTION", "SESSION", "QUIET", "UPDATES", "MAILBOXES", "EXECUTORS", "NETWORK"]
    values = {"URL": space.url, "PROMPT": script.prompt, "DOES": does, "HOOKS": names if hooks == "all hooks" else []}
    code = "".join(f"{name} = {value!r}\n" for name, value in values.items()) + PROGRAM
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr == ""
    assert run.stdout == f'[0, "{script.final}"]\n'


# A thread of the parent's holds a lock while it forks; the child must not wait for it.
LOCKED = """
import os, sys, threading, warnings
from qwen_gradio.transport.access import Access
from qwen_gradio.transport.client import Description
from qwen_gradio.transport.connection import Connection, descriptions

warnings.simplefilter("ignore", DeprecationWarning)
held = threading.Event()

class Until(float):
    def __gt__(self, other):
        if os.getpid() == parent:
            held.set()
            threading.Event().wait(3600)
        return True

parent = os.getpid()
descriptions.put(Access("http://127.0.0.1:9"), Description(), Until())
threading.Thread(target=descriptions.get, args=[Access("http://127.0.0.1:9")], daemon=True).start()
held.wait()
pid = os.fork()
if pid == 0:
    Connection(Access(URL, timeout=20)).close()
    sys.exit()
print(os.waitpid(pid, 0)[1])
"""


def test_fork_child_waits_for_no_lock_of_the_parents(space: ScriptedSpace) -> None:
    code = f"URL = {space.url!r}\n{LOCKED}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "0\n", run.stderr

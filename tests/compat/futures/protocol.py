"""Futures in which server and client say something else to each other: names, diffs, framing, URLs."""

from __future__ import annotations

from ..overlays import Edit, client, future, renamed, routes, utils

BOTH = "gradio/*.py gradio_client/*.py"
SENT = """return f"data: {orjson.dumps(message.model_dump(), default=str).decode('utf-8')}\\n\\n\""""
READ = """\
                        while b"\\n\\n" in buffer:
                            line, buffer = buffer.split(b"\\n\\n", 1)
                            line = line.decode("utf-8").rstrip("\\n")
                            if not len(line):
                                continue
                            if line.startswith("data:"):
                                resp = json.loads(line[5:])
"""
OPENED = """\
                    "GET",
                    self.sse_url,
                    params={"session_hash": session_hash},
"""
ROUTE = """\
        @router.get("/queue/data", dependencies=[Depends(login_check)])
        async def queue_data(
            request: fastapi.Request,
            session_hash: str,
        ):
"""
JOINED = """\
                    detail="Session hash not found.",
                )
"""


def sent(message: str) -> Edit:
    """A message as the server sends it: an expression for its dict, in terms of `sent`."""
    return routes(
        SENT,
        f"sent = message.model_dump()\n                sent = {message}\n"
        "                return f\"data: {orjson.dumps(sent, default=str).decode('utf-8')}\\n\\n\"",
    )


def framed(payload: str, reading: str) -> tuple[Edit, Edit]:
    """Frame the stream otherwise.

    Args:
        payload: an expression for what is sent, in terms of `data`.
        reading: the lines, unindented, that find a message in `buffer`, and those that make `resp` of it.
    """
    lines = "".join(f"{' ' * 24}{line}\n" for line in reading.strip("\n").splitlines())
    data = "data = orjson.dumps(message.model_dump(), default=str).decode('utf-8')"
    return routes(SENT, f"{data}\n                return {payload}"), client(READ, lines)


def messages(**names: str) -> tuple[Edit, ...]:
    return tuple(utils(f'    {old} = "{old}"', f'    {old} = "{new}"') for old, new in names.items())


def key_renamed(old: str, new: str, *reading: Edit) -> tuple[Edit, ...]:
    """A message's key that is another."""
    return (sent(f'{{("{new}" if key == "{old}" else key): value for key, value in sent.items()}}'), *reading)


ACTIONS = {"append": "extend", "replace": "set", "add": "insert", "delete": "remove"}
actions_renamed = [
    edit
    for old, new in ACTIONS.items()
    for edit in (
        Edit("gradio/utils.py", f'edits.append(["{old}"', f'edits.append(["{new}"'),
        utils(f'action == "{old}"', f'action == "{new}"'),
    )
]

NAMES = [
    future(
        "protocol named sse_v4",
        renamed('"sse_v3"', '"sse_v4"', BOTH),
        serves=True,
    ),
    future(
        "protocol named otherwise",
        renamed('"sse_v3"', '"stream/2026"', BOTH),
        serves=True,
    ),
    future(
        "protocol under another key",
        Edit("gradio/blocks.py", '"protocol": "sse_v3"', '"queue_protocol": "sse_v3"'),
        Edit("gradio/data_classes.py", "    protocol: Literal", "    queue_protocol: Literal"),
        client('self.config.get("protocol", "ws")', 'self.config.get("queue_protocol", "ws")'),
        serves=True,
    ),
    future(
        "messages renamed",
        *messages(process_starts="started", process_generating="update", process_completed="done"),
        *messages(estimation="waiting", close_stream="end", heartbeat="ping"),
        serves=True,
    ),
    future("one message renamed", *messages(process_generating="process_iterating"), serves=True),
    future("the last message renamed", *messages(close_stream="close", process_completed="complete"), serves=True),
    future(
        "messages renamed in the code too",
        renamed(r"\bprocess_generating\b", "generating", BOTH),
        renamed(r"ServerMessage\.process_completed", "ServerMessage.completed", BOTH),
        renamed(r"    process_completed = .*", '    completed = "completed"'),
        serves=True,
    ),
    future(
        "messages numbered",
        sent('{**sent, "msg": list(ServerMessage).index(sent["msg"])}'),
        client(
            "resp = json.loads(line[5:])\n",
            "resp = json.loads(line[5:])\n" + " " * 32 + 'resp["msg"] = list(ServerMessage)[resp["msg"]]\n',
        ),
        serves=True,
    ),
    future(
        "message name under another key",
        *key_renamed("msg", "type", renamed(r'(resp|msg)\["msg"\]', r'\1["type"]')),
        serves=True,
    ),
    future(
        "event id under another key",
        *key_renamed("event_id", "event", client('resp["event_id"]', 'resp["event"]')),
        routes('return {"event_id": event_id}', 'return {"event": event_id}'),
        serves=True,
    ),
    future(
        "output under another key",
        *key_renamed("output", "result", renamed(r'msg(\.get\(|\[)"output"', r'msg\1"result"')),
        serves=True,
    ),
    future(
        "the output bare",
        sent('{**sent, **(sent.get("output") or {})}'),
        utils('msg.get("output", {}).get("data", [])', 'msg.get("data", [])'),
        utils('return msg["output"]', "return msg"),
        utils('output = msg["output"]', "output = msg"),
        serves=True,
    ),
    future(
        "a message in an envelope",
        sent('{"version": 4, "body": sent}'),
        client("json.loads(line[5:])", 'json.loads(line[5:])["body"]'),
        serves=True,
    ),
    future(
        "several messages at once",
        sent("[sent]"),
        client("json.loads(line[5:])", "json.loads(line[5:])[0]"),
        serves=True,
    ),
]

DIFFS = [
    future("diff actions renamed", *actions_renamed, serves=True),
    future(
        "another diff action",
        Edit(
            "gradio/utils.py", '["append", path, obj2[len(obj1) :]]', '["splice", path, [len(obj1), obj2[len(obj1) :]]]'
        ),
        utils("    for action, path, value in diff:\n", "    for action, path, value in map(spliced, diff):\n"),
        utils(
            "def apply_diff(obj, diff):\n",
            "def spliced(edit):\n    action, path, value = edit\n"
            '    return ("append", path, value[1]) if action == "splice" else edit\n\n\ndef apply_diff(obj, diff):\n',
        ),
        serves=True,
    ),
    future(
        "diffs as objects",
        Edit(
            "gradio/utils.py",
            "return compare_objects(old, new)",
            "return [dict(zip(['op', 'at', 'value'], e)) for e in compare_objects(old, new)]",
        ),
        utils("for action, path, value in diff:", "for action, path, value in [e.values() for e in diff]:"),
        serves=True,
    ),
    future(
        "diffs with paths as text",
        Edit(
            "gradio/utils.py",
            "return compare_objects(old, new)",
            'return [[a, "/".join(map(str, p)), v] for a, p, v in compare_objects(old, new)]',
        ),
        utils(
            "obj = apply_edit(obj, path, action, value)",
            'obj = apply_edit(obj, [int(key) if key.isdigit() else key for key in path.split("/") if key], action, value)',
        ),
        serves=True,
    ),
    future(
        "a diff from the first update on",
        Edit(
            "gradio/blocks.py", "if first_run:\n                last_diffs[i] = data[i]\n            else:", "if True:"
        ),
        utils(
            "pending_responses_for_diffs = list(output)\n                    else:",
            "pending_responses_for_diffs = []\n                    if True:",
        ),
        serves=True,
    ),
    future(
        "no diffs",
        Edit("gradio/blocks.py", "data[i] = utils.diff(prev_chunk, data[i])", "pass"),
        utils("new_output = apply_diff(prev_output, value)", "new_output = value"),
        serves=True,
    ),
    future(
        "the last message whole",
        Edit(
            "gradio/blocks.py",
            "            if final:\n                data[i] = last_diffs[i]\n                continue\n",
            "            if final:\n                data[i] = [data[i], last_diffs[i]]\n                continue\n",
        ),
        client(
            'output = result["data"]',
            'output = [value[1] if isinstance(value, list) and len(value) == 2 else value for value in result["data"]]',
        ),
        serves=True,
    ),
]

FRAMING = [
    future(
        "lines without data",
        *framed(
            'data + "\\n"',
            'while b"\\n" in buffer:\n    line, buffer = buffer.split(b"\\n", 1)\n    if line.startswith(b"{"):\n        resp = json.loads(line)',
        ),
        serves=True,
    ),
    future(
        "a length before each message",
        *framed(
            'f"{len(data.encode())}:{data}"',
            'while (head := buffer.partition(b":"))[1] and len(head[2]) >= int(head[0]):\n'
            "    line, buffer = head[2][: int(head[0])], head[2][int(head[0]) :]\n"
            '    if line.startswith(b"{"):\n        resp = json.loads(line)',
        ),
        serves=True,
    ),
    future(
        "another separator",
        *framed(
            '"\\x1e" + data + "\\n"',
            'while b"\\x1e" in buffer and b"\\n" in buffer:\n    line, buffer = buffer.split(b"\\n", 1)\n    if line.startswith(b"\\x1e"):\n        resp = json.loads(line[1:])',
        ),
        serves=True,
    ),
    future(
        "CRLF",
        *framed(
            'f"data: {data}\\r\\n\\r\\n"',
            'while b"\\r\\n\\r\\n" in buffer:\n    line, buffer = buffer.split(b"\\r\\n\\r\\n", 1)\n    if line.startswith(b"data:"):\n        resp = json.loads(line[5:])',
        ),
        serves=True,
    ),
    future(
        "comments between the messages",
        *framed(
            'f": {time.time()}\\n\\ndata: {data}\\n\\n"',
            'while b"\\n\\n" in buffer:\n    line, buffer = buffer.split(b"\\n\\n", 1)\n    if line.startswith(b":"):\n        continue\n    if line.startswith(b"data:"):\n        resp = json.loads(line[5:])',
        ),
        serves=True,
    ),
    future(
        "events with a name and an id",
        *framed(
            'f"event: message\\nid: 7\\nretry: 100\\ndata: {data}\\n\\n"',
            'while b"\\n\\n" in buffer:\n    event, buffer = buffer.split(b"\\n\\n", 1)\n    line = event.rpartition(b"\\n")[2]\n    if line.startswith(b"data:"):\n        resp = json.loads(line[5:])',
        ),
        serves=True,
    ),
    future(
        "data in base64",
        *framed(
            "f\"data: {__import__('base64').b64encode(data.encode()).decode()}\\n\\n\"",
            'while b"\\n\\n" in buffer:\n    line, buffer = buffer.split(b"\\n\\n", 1)\n    if line.startswith(b"data:"):\n        resp = json.loads(__import__("base64").b64decode(line[5:]))',
        ),
        serves=True,
    ),
    future(
        "another media type",
        Edit(
            "gradio/routes.py",
            'sse_stream(request),\n                media_type="text/event-stream"',
            'sse_stream(request),\n                media_type="application/x-ndjson"',
        ),
        serves=True,
    ),
]

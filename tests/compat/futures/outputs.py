"""Futures in which gradio_client keeps outputs and updates otherwise, or none."""

from __future__ import annotations

from ..overlays import Edit, Future, client, future, renamed, utils
from .mailboxes import UTILS_IMPORTS


def outputs(name: str, new: str, *edits: Edit) -> Future:
    """A future that adds an output by another statement, in terms of `helper.job.outputs` and \\1."""
    return future(name, renamed(r"helper\.job\.outputs\.append\((\w+)\)", new), *edits)


FIELD = r"    updates: .*\n"


def published(name: str, field: str, *lines: str) -> Future:
    """A future whose communicator has a method for updates."""
    method = "".join(f"        {line}\n" for line in lines)
    return future(
        name,
        renamed(FIELD, f"{field}\n    def publish(self, update):\n{method}", "gradio_client/utils.py"),
        renamed(r"helper\.updates\.put_nowait\(", "helper.publish("),
    )


OUTPUTS = (
    outputs("outputs are extended", r"helper.job.outputs.extend([\1])"),
    outputs("outputs are added to", r"helper.job.outputs += [\1]"),
    outputs("outputs are made anew", r"helper.job.outputs = [*helper.job.outputs, \1]"),
    outputs("outputs are inserted", r"helper.job.outputs.insert(len(helper.job.outputs), \1)"),
    outputs("outputs are sliced in", r"helper.job.outputs[len(helper.job.outputs) :] = [\1]"),
    outputs("the newest output alone", r"helper.job.outputs[:] = [\1]"),
    outputs(
        "outputs are in a dict",
        r"helper.job.outputs[len(helper.job.outputs)] = \1",
        utils(
            "outputs: list[Any] = field(default_factory=list)", "outputs: dict[int, Any] = field(default_factory=dict)"
        ),
        client("return self.communicator.job.outputs\n", "return list(self.communicator.job.outputs.values())\n"),
    ),
    outputs(
        "outputs are in a deque",
        r"helper.job.outputs.append(\1)",
        utils(
            "outputs: list[Any] = field(default_factory=list)",
            "outputs: Any = field(default_factory=lambda: deque(maxlen=1))",
        ),
    ),
    outputs(
        "outputs are in an envelope",
        r"helper.job.outputs.append({'value': \1})",
        client(
            "return self.communicator.job.outputs\n",
            "return [output['value'] for output in self.communicator.job.outputs]\n",
        ),
        client(
            "o = self.communicator.job.outputs[self._counter]\n",
            "o = self.communicator.job.outputs[self._counter]['value']\n",
        ),
    ),
    outputs(
        "outputs by a method",
        r"helper.job.add(\1)",
        utils(
            "    outputs: list[Any] = field(default_factory=list)\n",
            "    outputs: list[Any] = field(default_factory=list)\n\n    def add(self, output):\n        self.outputs.append(output)\n",
        ),
    ),
    future(
        "outputs are made when they are asked for",
        utils("result = helper.prediction_processor(*output)", "result = tuple(output)"),
        client(
            "return self.communicator.job.outputs\n",
            "return [self.communicator.prediction_processor(*output) for output in self.communicator.job.outputs]\n",
        ),
    ),
    future(
        "updates in a thread-safe queue",
        renamed(
            r"updates: asyncio\.Queue\[Update\] = field\(default_factory=asyncio\.Queue\)",
            "updates: Any = field(default_factory=queue.SimpleQueue)",
        ),
        utils(UTILS_IMPORTS, UTILS_IMPORTS + "import queue\n"),
        renamed(r"updates\.put_nowait", "updates.put"),
    ),
    future(
        "updates in a deque",
        renamed(
            r"updates: asyncio\.Queue\[Update\] = field\(default_factory=asyncio\.Queue\)",
            "updates: Any = field(default_factory=deque)",
        ),
        renamed(r"updates\.put_nowait", "updates.append"),
    ),
    published(
        "updates in an envelope",
        "    updates: Any = field(default_factory=asyncio.Queue)\n",
        'self.updates.put_nowait({"update": update})',
    ),
    published("no updates", "", "pass"),
    published(
        "updates to callbacks",
        "    callbacks: list[Callable] = field(default_factory=list)\n",
        "for callback in self.callbacks:",
        "    callback(update)",
    ),
)

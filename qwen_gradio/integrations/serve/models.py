"""Models: the name of a model -> the client that answers for it. One client per model, closed with the server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from ...client import AsyncQwenClient
from ...errors import InvalidSpace, UsageError, short_repr
from ...space import catalogue

MAX_IDLE = 32  # clients that are kept of models that the command line doesn't name


@dataclass
class _Entry:
    client: AsyncQwenClient
    users: int = 0


class Models:
    """The models of a server.

    Args:
        named: the Spaces of each name: the one that is asked, and its fallbacks.
        connect: creates the client of a named Space, which may get credentials, with its fallbacks.
        connect_other: creates the client of any other Space.
        allows_urls: True if a request may name a Space by its URL.
        lists_catalogue: True to list the known Spaces beside those named, as without any named.
    """

    def __init__(
        self,
        named: Mapping[str, Sequence[str]],
        connect: Callable[[str, Sequence[AsyncQwenClient]], AsyncQwenClient],
        connect_other: Callable[[str], AsyncQwenClient],
        *,
        allows_urls: bool = True,
        lists_catalogue: bool = False,
    ) -> None:
        self._connect_other = connect_other
        self._allows_urls = allows_urls
        fallbacks = {space: connect(space, ()) for spaces in named.values() for space in spaces[1:]}
        clients = {name: connect(first, [fallbacks[one] for one in rest]) for name, (first, *rest) in named.items()}
        self._named = {name.lower(): client for name, client in clients.items()}
        self._owned = [*fallbacks.values(), *clients.values()]
        self._others: dict[str, _Entry] = {}  # the latest that was asked for is the last
        known = [entry.id for entry in catalogue.CATALOGUE] if lists_catalogue or not clients else []
        self.names = [*clients, *known]

    def check(self, model: str) -> str | None:
        """Return the name of the Space of a model that the command line doesn't name; None for one that it does.

        Raises:
            InvalidSpace: there is no such model.
        """
        if model.lower() in self._named:
            return None
        if "://" in model and not self._allows_urls:
            raise InvalidSpace("a URL is no model of this server, which others can reach; see --api-key")
        try:
            return catalogue.resolve(model).name
        except InvalidSpace as exc:
            names = ", ".join(self.names)
            expected = f"expected {names}, or the id or alias of another Space"
            raise InvalidSpace(f"no model {short_repr(model)}: {expected}") from exc

    @contextlib.asynccontextmanager
    async def client(self, model: str) -> AsyncIterator[AsyncQwenClient]:
        """Lend the client of a model.

        Raises:
            InvalidSpace: there is no such model.
        """
        space = self.check(model)
        if space is None:
            yield self._named[model.lower()]
            return
        entry = self._others.pop(space, None) or _Entry(self._connect_other(space))
        self._others[space] = entry
        entry.users += 1
        try:
            yield entry.client
        finally:
            entry.users -= 1
            await self._close_idle()

    async def _close_idle(self) -> None:
        idle = [space for space, entry in self._others.items() if not entry.users]
        for entry in [self._others.pop(space) for space in idle[: max(0, len(idle) - MAX_IDLE)]]:
            await entry.client.aclose()

    async def aclose(self) -> None:
        """Cancel every reply and close every client, within 2 seconds."""
        clients = [*self._owned, *(entry.client for entry in self._others.values())]
        async with anyio.create_task_group() as tasks:
            for client in clients:
                tasks.start_soon(client.aclose)


def parse_models(texts: Sequence[str]) -> dict[str, list[str]]:
    """Parse `NAME=SPACE[,SPACE…]`, or a Space that is its own name.

    Returns:
        The Spaces of each name; the first is asked, the others are its fallbacks.

    Raises:
        UsageError: a name or a Space is missing, or a name is given twice.
    """
    models: dict[str, list[str]] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals or "://" in name:
            name = rest = text
        spaces = [space.strip() for space in rest.split(",")]
        name = name.strip() if equals else spaces[0]
        if not name or not all(spaces):
            raise UsageError(f"expected NAME=SPACE[,SPACE…] or a Space, got {text!r}")
        if name.lower() in map(str.lower, models):
            raise UsageError(f"expected different names, got {name} twice")
        models[name] = spaces
    return models

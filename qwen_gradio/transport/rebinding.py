"""Binds gradio_client's functions to other globals, so that they see another `httpx`; its modules stay as they are.

What is replaced is found by what it is and not by what it is called: the httpx that gradio_client imported, its
functions and clients, and huggingface_hub's telemetry, under whatever names. Every function and class of gradio_client
that reaches one of them, itself or through others, is bound anew; where nothing is found, nothing is bound.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import gradio_client.client  # type: ignore[import-untyped] # the same
import gradio_client.utils  # type: ignore[import-untyped] # the same

PACKAGE = "gradio_client"
SHORTCUTS = ("request", "stream", "get", "post", "put", "patch", "delete", "head", "options")  # httpx's functions
CLASSES = ("Client", "AsyncClient")
HUB_FUNCTIONS = ("build_hf_headers", "send_telemetry")  # huggingface_hub's, both of which tell the Hub of each start


def _is_http(value: object) -> bool:
    return isinstance(value, types.ModuleType) and all(hasattr(value, name) for name in (*CLASSES, "HTTPError", "get"))


@functools.cache
def http_module() -> Any:
    """Give the module that gradio_client makes its requests with: httpx, or what has come in its place."""
    for module in (gradio_client.client, gradio_client.utils):
        for value in vars(module).values():
            if _is_http(value):
                return value
            home = sys.modules.get(str(getattr(value, "__module__", "")).partition(".")[0])
            if isinstance(value, type) and _is_http(home):
                return home
    return importlib.import_module("httpx")


@functools.cache
def _foreign() -> Mapping[int, str]:
    """What is replaced, by its identity: the name under which a stand-in has its like."""
    http = http_module()
    known = {id(http): "httpx", **{id(getattr(http, name)): name for name in (*CLASSES, *SHORTCUTS)}}
    hub = sys.modules.get("huggingface_hub.utils")
    known |= {id(found): name for name in HUB_FUNCTIONS if (found := getattr(hub, name, None)) is not None}
    return known


def _is_own(value: object) -> bool:
    """Whether gradio_client defines it."""
    return str(getattr(value, "__module__", "")).partition(".")[0] == PACKAGE


def _names(code: types.CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _functions(value: object) -> Iterator[tuple[str, types.FunctionType]]:
    """The functions of a class, or the one that it is."""
    if isinstance(value, types.FunctionType):
        yield value.__name__, value
    elif isinstance(value, type):
        bases = [base for base in reversed(value.__mro__) if _is_own(base)]
        functions = {name: one for base in bases for name, one in vars(base).items()}
        yield from ((name, one) for name, one in functions.items() if isinstance(one, types.FunctionType))


def _static(value: Any) -> Iterator[tuple[str, types.FunctionType]]:
    """The static methods of a class."""
    found = ((name, one.__func__) for name, one in vars(value).items() if isinstance(one, staticmethod))
    return ((name, one) for name, one in found if isinstance(one, types.FunctionType))


@functools.cache
def _reaching() -> frozenset[str]:
    """The names by which gradio_client reaches what is replaced, directly or through what it defines itself."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == PACKAGE]
    values = [(name, value) for module in modules for name, value in list(vars(module).items())]
    names = {name for name, value in values if id(value) in _foreign()}
    own = [(name, value) for name, value in values if _is_own(value) and value is not gradio_client.Client]
    uses = {name: set[str]().union(*(_names(one.__code__) for _, one in _functions(value))) for name, value in own}
    found = names
    while found:
        found = {name for name, used in uses.items() if name not in names and used & names}
        names |= found
    return frozenset(names)


@functools.cache
def _reaches(function: types.FunctionType) -> bool:
    return bool(_names(function.__code__) & _reaching())


@functools.cache
def replaces(name: str) -> bool:
    """Whether `gradio_client.Client` uses something of that name, as it is replaced by `Rebinding`."""
    found = {key for key, value in vars(gradio_client.client).items() if _foreign().get(id(value)) == name}
    return bool(found & set[str]().union(*(_names(one.__code__) for _, one in _functions(gradio_client.Client))))


def reaches_network() -> bool:
    """Whether the requests of `gradio_client.Client` are made by something that is replaced."""
    return any(map(replaces, ("httpx", *CLASSES, *SHORTCUTS)))


class Rebinding:
    """gradio_client's functions, as they run where some names mean something else.

    Args:
        stand_ins: has an attribute for each thing that is replaced: "httpx", "Client", "get", "build_hf_headers", …
        quiet: an object whose `print_exc` is called where gradio_client would print a traceback.
    """

    def __init__(self, stand_ins: Any, quiet: Any) -> None:
        self._stand_ins = stand_ins
        self._quiet = quiet
        self._modules: dict[str, types.ModuleType] = {}
        self._functions: dict[types.FunctionType, types.FunctionType] = {}

    def function(self, original: types.FunctionType) -> types.FunctionType:
        """Give the function bound to the other globals."""
        bound = self._functions.get(original)
        if bound is None:
            world = vars(self._module(sys.modules[original.__globals__["__name__"]]))
            bound = types.FunctionType(
                original.__code__, world, original.__name__, original.__defaults__, original.__closure__
            )
            bound.__kwdefaults__ = original.__kwdefaults__
            self._functions[original] = bound
        return bound

    def _module(self, original: types.ModuleType) -> types.ModuleType:
        name = original.__name__
        if name not in self._modules:
            module = self._modules[name] = types.ModuleType(name)
            vars(module).update(vars(original), __builtins__=self._builtins())
            vars(module).update({key: self._replaced(value) for key, value in _replaceable(original)})
        return self._modules[name]

    def _replaced(self, value: Any) -> Any:
        if id(value) in _foreign():
            return getattr(self._stand_ins, _foreign()[id(value)])
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if isinstance(value, types.FunctionType):
            return self.function(value)
        methods = {name: self.function(one) for name, one in _functions(value) if _reaches(one)}
        static = {name: staticmethod(self.function(one)) for name, one in _static(value) if _reaches(one)}
        return type(value.__name__, (value,), {**methods, **static, "__module__": value.__module__})

    def _builtins(self) -> dict[str, Any]:
        def import_(name: str, *args: Any, **kwargs: Any) -> Any:
            if name == http_module().__name__:  # a function may import it itself
                return self._stand_ins.httpx
            return self._quiet if name == "traceback" else builtins.__import__(name, *args, **kwargs)

        return {**vars(builtins), "__import__": import_}


@functools.cache
def _replaceable_names(name: str) -> tuple[str, ...]:
    module = sys.modules[name]
    return tuple(key for key, value in vars(module).items() if _is_replaceable(key, value))


def _is_replaceable(name: str, value: object) -> bool:
    if id(value) in _foreign():
        return True
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] == PACKAGE
    if value is gradio_client.Client:  # by its name its constructor calls what is static, its heartbeat say
        return any(_reaches(one) for _, one in _static(gradio_client.Client))
    return name in _reaching() and _is_own(value)


def _replaceable(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    return ((key, vars(module)[key]) for key in _replaceable_names(module.__name__))


class _ReboundMethod:
    """A method of gradio_client's Client that runs as the `rebinding` of its instance's `qwen_gradio` binds it."""

    def __init__(self, original: types.FunctionType) -> None:
        self._original = original

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None or instance.qwen_gradio is None:
            return self._original.__get__(instance, owner)
        return types.MethodType(instance.qwen_gradio.rebinding.function(self._original), instance)


def rebound_client() -> Any:
    """Make a subclass of `gradio_client.Client` whose methods run as its `qwen_gradio.rebinding` binds them."""
    methods = {name: _ReboundMethod(one) for name, one in _functions(gradio_client.Client) if _reaches(one)}
    return type("ReboundClient", (gradio_client.Client,), {"qwen_gradio": None, **methods})

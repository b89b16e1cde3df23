"""Rebinding: copies of gradio_client's functions with other globals, which have a replacement for `httpx`.

gradio_client's modules stay unchanged. Objects are replaced by identity, under any name: the httpx that gradio_client
imported, its functions and clients, and two functions of huggingface_hub. Every function and class of gradio_client
that uses one of them, directly or through others, decorated or not, is copied and bound to the replacements.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio_client  # type: ignore[import-untyped] # it ships no py.typed
import gradio_client.client  # type: ignore[import-untyped] # the same
import gradio_client.utils  # type: ignore[import-untyped] # the same

PACKAGE = "gradio_client"
SHORTCUTS = ("request", "stream", "get", "post", "put", "patch", "delete", "head", "options")  # httpx's functions
CLASSES = ("Client", "AsyncClient")
HUB_FUNCTIONS = ("build_hf_headers", "send_telemetry")  # of huggingface_hub; both report each start to the Hub

# --- what is replaced


def _is_httpx(value: object) -> bool:
    return isinstance(value, types.ModuleType) and all(hasattr(value, name) for name in (*CLASSES, "HTTPError", "get"))


@functools.cache
def http_module() -> Any:
    """Return the module that gradio_client sends its requests with: httpx, or a successor with the same names."""
    for module in (gradio_client.client, gradio_client.utils):
        for value in vars(module).values():
            if _is_httpx(value):
                return value
            home = sys.modules.get(str(getattr(value, "__module__", "")).partition(".")[0])
            if isinstance(value, type) and _is_httpx(home):
                return home
    return importlib.import_module("httpx")


@functools.cache
def _targets() -> Mapping[int, str]:
    """Map the `id` of each object that is replaced to the name of its replacement."""
    http = http_module()
    targets = {id(http): "httpx", **{id(getattr(http, name)): name for name in (*CLASSES, *SHORTCUTS)}}
    hub = sys.modules.get("huggingface_hub.utils")
    return targets | {id(function): name for name in HUB_FUNCTIONS if (function := getattr(hub, name, None))}


# --- wrappers of functions, and how to rebuild them


def _cached_property(old: Any, function: Any) -> Any:
    new: Any = functools.cached_property(function)
    new.__set_name__(None, old.attrname)
    return new


def _partial(old: Any, function: Any) -> Any:
    return type(old)(function, *old.args, **old.keywords)


_CACHE = type(functools.lru_cache(bool))
_WRAPPERS: Mapping[Any, tuple[tuple[str, ...], Callable[..., Any]]] = {
    staticmethod: (("__func__",), lambda _, function: staticmethod(function)),
    classmethod: (("__func__",), lambda _, function: classmethod(function)),
    property: (("fget", "fset", "fdel"), lambda _, *functions: property(*functions)),
    functools.partial: (("func",), _partial),
    functools.partialmethod: (("func",), _partial),
    functools.cached_property: (("func",), _cached_property),
    _CACHE: (("__wrapped__",), lambda old, function: functools.lru_cache(**old.cache_parameters())(function)),
}
_BINDABLE = (types.FunctionType, type, *_WRAPPERS)


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell
        return None


def _cells(function: types.FunctionType) -> list[types.CellType]:
    """List the cells of a closure that are to be bound: no classes but httpx's, as `super()` needs the original."""
    cells = function.__closure__ or ()
    return [cell for cell in cells if not isinstance(_contents(cell), type) or id(_contents(cell)) in _targets()]


@functools.cache
def _members(owner: type) -> Mapping[str, Any]:
    """Return a class's functions by name, wrapped or not, without those of bases outside gradio_client."""
    bases = [base for base in reversed(owner.__mro__) if _is_own(base)]
    return {
        name: value
        for base in bases
        for name, value in vars(base).items()
        if isinstance(value, _BINDABLE) and not isinstance(value, type)
    }


def _parts(value: Any) -> list[Any]:
    """List the objects that a value refers to: those of a closure or a wrapper, or a class's functions and bases."""
    if isinstance(value, types.FunctionType):
        return [_contents(cell) for cell in _cells(value)]
    if isinstance(value, type):
        return [*_members(value).values(), *(base for base in value.__mro__ if id(base) in _targets())]
    names = next((names for kind, (names, _) in _WRAPPERS.items() if isinstance(value, kind)), ())
    return [getattr(value, name) for name in names]


def _walk(value: Any, parts: Callable[[Any], list[Any]] = _parts) -> Iterator[Any]:
    """Yield a value and all objects that it refers to, directly or not, each once."""
    pending, seen = [value], dict[int, Any]()
    while pending:
        value = pending.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            yield value
            pending += parts(value)


# --- users of the network


def _is_own(value: object) -> bool:
    """Return True if gradio_client defines it."""
    return str(getattr(value, "__module__", "")).partition(".")[0] == PACKAGE


def _is_own_function(value: Any) -> bool:
    """Return True if it is a function whose globals are those of a gradio_client module."""
    home = value.__globals__.get("__name__", "") if isinstance(value, types.FunctionType) else ""
    return str(home).partition(".")[0] == PACKAGE


def _names(code: types.CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def names_used(value: Any) -> set[str]:
    """Return the names in the code of all gradio_client functions that a value refers to, its own among them."""
    return set[str]().union(*(_names(one.__code__) for one in _walk(value) if _is_own_function(one)))


def _module_values() -> list[tuple[str, Any]]:
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == PACKAGE]
    return [(name, value) for module in modules for name, value in list(vars(module).items())]


@functools.cache
def _network_names() -> frozenset[str]:
    """Return the names by which gradio_client's code uses the network, directly or through its own functions."""
    values = [(name, value) for name, value in _module_values() if isinstance(value, _BINDABLE)]
    own = [(name, value) for name, value in values if value is not gradio_client.Client]
    names = {name for name, value in _module_values() if id(value) in _targets()}
    names |= {name for name, value in own if _holds_target(value)}
    uses = {name: names_used(value) for name, value in own}
    found = names
    while found:
        found = {name for name, used in uses.items() if name not in names and used & names}
        names |= found
    return frozenset(names)


def _holds_target(value: Any) -> bool:
    return any(id(one) in _targets() for one in _walk(value))


@functools.cache
def _uses_network(value: Any) -> bool:
    """Return True if a function, a class or a wrapper uses a replaced object."""
    return _holds_target(value) or bool(names_used(value) & _network_names())


@functools.cache
def is_replaced(name: str) -> bool:
    """Return True if `gradio_client.Client` uses an object that `Rebinding` replaces under this name."""
    names = {key for key, value in vars(gradio_client.client).items() if _targets().get(id(value)) == name}
    return bool(names & names_used(gradio_client.Client))


def is_httpx_replaced() -> bool:
    """Return True if `gradio_client.Client` sends requests by an object that `Rebinding` replaces."""
    return any(map(is_replaced, ("httpx", *CLASSES, *SHORTCUTS)))


# --- functions that can't be bound


def _all_parts(value: Any) -> list[Any]:
    """List all objects that a value may refer to, even one that can't be bound, as an attribute of a decorator."""
    if isinstance(value, type | types.ModuleType):
        return []
    attributes = getattr(value, "__dict__", None)
    defaults = (*(getattr(value, "__defaults__", None) or ()), *(getattr(value, "__kwdefaults__", None) or {}).values())
    parts = [*_parts(value), getattr(value, "__func__", None), *defaults]
    return parts + (list(attributes.values()) if isinstance(attributes, dict) else [])


def _is_hidden(value: Any) -> bool:
    """Return True if it refers to a function that uses the network and can't be bound."""
    bound = {id(one) for one in _walk(value)}
    return any(
        _is_own_function(one) and id(one) not in bound and _uses_network(one) for one in _walk(value, _all_parts)
    )


@functools.cache
def unbound_names() -> tuple[str, ...]:
    """List the names of gradio_client's values that refer to a function which uses the network and can't be bound."""
    values = _module_values()
    classes = [value for _, value in values if isinstance(value, type) and _is_own(value)]
    members = [item for owner in classes for item in vars(owner).items()]
    return tuple(sorted({name for name, value in [*values, *members] if _is_hidden(value)}))


# --- binding


class Rebinding:
    """Copies of gradio_client's functions, bound to globals in which some objects are replaced.

    Args:
        replacements: has an attribute for each object that is replaced: "httpx", "Client", "get", "build_hf_headers", …
        traceback: the replacement for the `traceback` module.
    """

    def __init__(self, replacements: Any, traceback: Any) -> None:
        self._replacements = replacements
        self._traceback = traceback
        self._modules: dict[str, types.ModuleType] = {}
        self._bound: dict[Any, Any] = {}

    def bind(self, value: Any) -> Any:
        """Return the copy of a function, a class, a module or a wrapper; any other value is returned unchanged."""
        if id(value) in _targets():
            return getattr(self._replacements, _targets()[id(value)])
        if isinstance(value, types.ModuleType):
            return self._module(value)
        if not isinstance(value, _BINDABLE):
            return value
        if value not in self._bound:
            make = self._function if isinstance(value, types.FunctionType) else self._class_or_wrapper
            self._bound[value] = make(value)
        return self._bound[value]

    def _class_or_wrapper(self, value: Any) -> Any:
        if isinstance(value, type):
            return self._class(value)
        names, make = next(how for kind, how in _WRAPPERS.items() if isinstance(value, kind))
        return make(value, *(self.bind(getattr(value, name)) for name in names))

    def _function(self, original: types.FunctionType) -> types.FunctionType:
        namespace = original.__globals__
        if _is_own_function(original):
            namespace = vars(self._module(sys.modules[namespace["__name__"]]))
        replaced = [cell for cell in _cells(original) if _is_replaced_value(_contents(cell))]
        copies = {id(cell): types.CellType() for cell in replaced}
        closure = original.__closure__ and tuple(copies.get(id(cell), cell) for cell in original.__closure__)
        bound = types.FunctionType(original.__code__, namespace, original.__name__, original.__defaults__, closure)
        bound.__kwdefaults__ = original.__kwdefaults__
        self._bound[original] = bound  # before the cells, which may contain it
        for cell in replaced:
            copies[id(cell)].cell_contents = self.bind(_contents(cell))
        attributes = vars(original).items()
        vars(bound).update({name: self.bind(value) if name == "__wrapped__" else value for name, value in attributes})
        return bound

    def _class(self, original: type) -> type:
        members = {name: self.bind(value) for name, value in _network_members(original)}
        bases = [self.bind(base) for base in original.__mro__ if id(base) in _targets()]
        return type(original.__name__, (original, *bases), {**members, "__module__": original.__module__})

    def _module(self, original: types.ModuleType) -> types.ModuleType:
        name = original.__name__
        if name not in self._modules:
            copy = self._modules[name] = types.ModuleType(name)
            vars(copy).update(vars(original), __builtins__={**vars(builtins), "__import__": self._import})
            vars(copy).update({key: self.bind(vars(original)[key]) for key in _replaced_names(name)})
        return self._modules[name]

    def _import(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "traceback":
            return self._traceback
        module = builtins.__import__(name, *args, **kwargs)
        if _is_package(module):
            copy = vars(self._module(module))
            for key in vars(module).keys() - copy.keys():  # for example a submodule that was just imported
                copy[key] = self.bind(vars(module)[key]) if _is_replaced_value(vars(module)[key]) else vars(module)[key]
            return self._module(module)
        return self.bind(module) if id(module) in _targets() else module


def _is_package(module: Any) -> bool:
    """Return True if it is gradio_client or one of its modules."""
    return str(getattr(module, "__name__", "")).partition(".")[0] == PACKAGE


@functools.cache
def _network_members(owner: type) -> tuple[tuple[str, Any], ...]:
    """List the names and functions, wrapped or not, of a class that use the network."""
    return tuple((name, value) for name, value in _members(owner).items() if _uses_network(value))


@functools.cache
def _replaced_names(module: str) -> tuple[str, ...]:
    """List the names of a module whose values are replaced in its copy."""
    return tuple(name for name, value in vars(sys.modules[module]).items() if _is_replaced_value(value))


def _is_replaced_value(value: Any) -> bool:
    if id(value) in _targets():
        return True
    if isinstance(value, types.ModuleType):
        return _is_package(value)
    if value is gradio_client.Client:  # its constructor calls static methods through this name
        return any(isinstance(member, staticmethod) for _, member in _network_members(value))
    return isinstance(value, _BINDABLE) and _uses_network(value)


# --- the Client


class _ReboundMember:
    """A descriptor for a function of gradio_client's Client, which `instance.qwen_gradio.rebinding` binds."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        bound = self._original
        if instance is not None and instance.qwen_gradio is not None:
            bound = instance.qwen_gradio.rebinding.bind(bound)
        return bound.__get__(instance, owner) if hasattr(bound, "__get__") else bound


class _ReboundProperty(_ReboundMember):
    """A descriptor for a property, which can be set and deleted too."""

    def __set__(self, instance: Any, value: Any) -> None:
        instance.qwen_gradio.rebinding.bind(self._original).__set__(instance, value)

    def __delete__(self, instance: Any) -> None:
        instance.qwen_gradio.rebinding.bind(self._original).__delete__(instance)


def rebound_client_class() -> Any:
    """Make a subclass of `gradio_client.Client` whose functions are bound by the instance's `qwen_gradio.rebinding`."""
    members = {
        name: _ReboundProperty(value) if isinstance(value, property) else _ReboundMember(value)
        for name, value in _network_members(gradio_client.Client)
    }
    return type("ReboundClient", (gradio_client.Client,), {"qwen_gradio": None, **members})

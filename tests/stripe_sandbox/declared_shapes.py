"""What the SDK's classes say about a thing: which fields it has, and which of them are never missing."""

from __future__ import annotations

import builtins
import inspect
import sys
import typing
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Union, get_args, get_origin

import stripe


class Names(dict[str, Any]):
    """The SDK imports much of what it annotates with only while types are checked; all of it can be found."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__()
        self._places = [module, stripe, stripe.checkout, stripe.billing_portal, stripe.radar, builtins, typing]

    def __missing__(self, name: str) -> Any:
        found = [getattr(place, name) for place in self._places if hasattr(place, name)]
        assert found, f"The SDK has no {name}"
        return found[0]


def fields(shape: type[stripe.StripeObject]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in reversed(shape.__mro__):
        if one.__module__.startswith("stripe.") and one is not stripe.StripeObject:
            names = Names(sys.modules[one.__module__])
            for name, kind in inspect.get_annotations(one).items():
                if not name.startswith("_") and name != "OBJECT_NAME":
                    found[name] = _meant(kind, names)
    return found


def _meant(kind: Any, names: Names) -> Any:
    while isinstance(kind, str | typing.ForwardRef):
        text = kind if isinstance(kind, str) else kind.__forward_arg__
        kind = eval(text, {}, names)
    return kind


def faults(thing: Any, shape: type[stripe.StripeObject], where: str) -> Iterator[str]:
    declared, names = fields(shape), Names(sys.modules[shape.__module__])
    for name in thing:
        if name not in declared:
            yield f"{where}.{name} is no field of {shape.__qualname__}"
    for name, kind in declared.items():
        optional = type(None) in get_args(kind)
        if name not in thing or thing[name] is None:
            if not optional:
                yield f"{where}.{name} is missing"
        else:
            yield from _inside(thing[name], kind, names, f"{where}.{name}")


def _inside(value: Any, kind: Any, names: Names, where: str) -> Iterator[str]:
    kind = _meant(kind, names)
    if get_origin(kind) is Union:
        meant = [_meant(each, names) for each in get_args(kind) if each is not type(None)]
        literals = [word for each in meant if _is_literal(each) for word in get_args(each)]
        if literals and value not in literals:
            yield f"{where} is {value!r}, which the SDK does not know"
        shapes = [each for each in meant if not _is_literal(each)]
        for each in shapes if len(shapes) == 1 or isinstance(value, Mapping) else ():
            yield from _inside(value, each, names, where)
    elif get_origin(kind) in (list, typing.List):  # noqa: UP006 - the SDK writes it so.
        for number, item in enumerate(value):
            yield from _inside(item, get_args(kind)[0], names, f"{where}[{number}]")
    elif get_origin(kind) is stripe.ListObject:
        for number, item in enumerate(value["data"]):
            yield from _inside(item, get_args(kind)[0], names, f"{where}[{number}]")
    elif inspect.isclass(kind) and issubclass(kind, stripe.StripeObject) and isinstance(value, dict):
        yield from faults(value, kind, where)
    elif kind in (int, bool, str) and type(value) is not kind:
        yield f"{where} is {value!r}, which is no {kind.__name__}"


def _is_literal(kind: Any) -> bool:
    return getattr(get_origin(kind), "__name__", str(get_origin(kind))).endswith("Literal")

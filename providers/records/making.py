"""Frozen values that are cheap to make: a page holds hundreds of them, and making them is most of what a mapping costs."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar

T = TypeVar("T")
_set_class: Final = object.__dict__["__class__"].__set__


def quickly_made(kind: type[T]) -> type[T]:
    """`kind`, a frozen dataclass with slots and keyword-only fields, with an __init__ that takes half the time.

    The usual one sets each field through object.__setattr__, because the class forbids assignment. This one gives the new
    object for that moment the class of an open sibling with the same slots, where plain assignment is allowed; it is frozen
    when __init__ returns. Where there is a __post_init__, it is not called."""
    own = {"__slots__": kind.__dict__["__slots__"], "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    sibling = type(f"Open{kind.__name__}", kind.__bases__, own)
    known: dict[str, Any] = {"_set_class": _set_class, "_sibling": sibling, "_kind": kind, "_MISSING": MISSING}
    signature, filling = [], []
    for field in fields(kind):  # type: ignore[arg-type]
        value = field.name
        if field.default is not MISSING:
            known[f"_default_{field.name}"] = field.default
            signature.append(f"{field.name}=_default_{field.name}")
        elif field.default_factory is not MISSING:
            known[f"_make_{field.name}"] = field.default_factory
            signature.append(f"{field.name}=_MISSING")
            value = f"_make_{field.name}() if {field.name} is _MISSING else {field.name}"
        else:
            signature.append(field.name)
        filling.append(f"    self.{field.name} = {value}")
    source = "\n".join(
        [
            f"def __init__(self, *, {', '.join(signature)}):",
            "    _set_class(self, _sibling)",
            *filling,
            "    self.__class__ = _kind",
        ]
    )
    exec(compile(source, f"<{kind.__qualname__}>", "exec"), known)  # noqa: S102 - of field names only, as dataclasses does
    known["__init__"].__qualname__ = f"{kind.__qualname__}.__init__"
    kind.__init__ = known["__init__"]  # type: ignore[method-assign]
    return kind

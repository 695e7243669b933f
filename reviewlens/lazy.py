"""Attributes that are made when first asked for, once, also where several threads ask at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class lazy(Generic[Value]):
    """A decorator for a method without arguments: the first access calls it and keeps what it returns.

    While one thread makes the value, others wait for it. If making it fails, the next access tries again.
    `vars(instance)` holds the values made so far, under the attributes' names. (`functools.cached_property` does not
    lock from Python 3.12 on.)
    """

    def __init__(self, make: Callable[[Any], Value]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object | None, owner: type) -> Self | Value:
        if instance is None:
            return self
        with self._lock:
            values = vars(instance)
            if self._name not in values:
                values[self._name] = self._make(instance)
            value: Value = values[self._name]
        return value

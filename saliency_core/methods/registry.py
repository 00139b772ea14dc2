"""All saliency methods by key. A file in this package that registers a method is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from saliency_core.descriptions import FAMILIES, MethodDescription
from saliency_core.errors import ParameterError, suggestion
from saliency_core.methods.applicability import why_not

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.methods.base import Method

MethodClass = TypeVar("MethodClass", bound="type[Method]")

_methods: dict[str, type[Method]] = {}


def register(method: MethodClass) -> MethodClass:
    """Class decorator: make a method known under the key of its description."""
    key = method.description.key
    if key in _methods and _methods[key] is not method:
        raise ValueError(f"Two methods have the key {key!r}.")
    _methods[key] = method
    return method


def _all_methods() -> dict[str, type[Method]]:
    _import_package()
    return dict(sorted(_methods.items()))


@cache
def _import_package() -> None:
    """Once: looking for files takes milliseconds, and a page asks for hundreds of descriptions."""
    import saliency_core.methods as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def method_class(key: str) -> type[Method]:
    """The method of that key. Raises ParameterError."""
    known = _all_methods()
    if key not in known:
        raise ParameterError(
            f"There is no method {key!r}; there are {', '.join(known)}.{suggestion(key, known)}"
        )
    return known[key]


def method_descriptions() -> tuple[MethodDescription, ...]:
    return tuple(method.description for method in _all_methods().values())


def methods_by_family() -> tuple[MethodDescription, ...]:
    """All descriptions, family by family in the order of FAMILIES, by key inside a family."""
    return tuple(sorted(method_descriptions(), key=lambda method: FAMILIES.index(method.family)))


def method_description(key: str) -> MethodDescription:
    return method_class(key).description


def create_method(key: str, classifier: Classifier, **parameters: Any) -> Method:
    """The method, ready to explain ``classifier``. Raises ParameterError (also where the method does not
    apply to the classifier, see methods.applicability) or LayerError.
    """
    method = method_class(key)
    problem = why_not(method.description, classifier.traits())
    if problem is not None:
        raise ParameterError(problem)
    return method(classifier, **parameters)

"""How tokens and the parameters of methods appear in the API's description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, build_bearer_security_scheme_object

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.methods.registry import methods_by_family
from webapp.api.descriptions import parameters_schema


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "webapp.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        scheme = build_bearer_security_scheme_object("Authorization", "Bearer")
        return scheme | {"description": "A token from your account page."}


class MethodRequestSchema(OpenApiSerializerExtension):
    """One of as many shapes as there are methods, told apart by `key`; each with its parameters' bounds."""

    target_class = "webapp.api.serializers.benchmarks.MethodRequestSerializer"

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        enhancement = self._component(
            auto_schema, "Enhancement parameters", parameters_schema(SLIDING_WINDOW.parameters)
        )
        mapping = {}
        for method in methods_by_family():
            mapping[method.key] = self._component(
                auto_schema,
                f"Method {method.key}",
                {
                    "type": "object",
                    "title": method.title,
                    "description": method.summary,
                    "required": ["key"],
                    "properties": {
                        "key": {"type": "string", "enum": [method.key]},
                        "parameters": parameters_schema(method.parameters),
                        "enhancement": {
                            "allOf": [enhancement],
                            "nullable": True,
                            "description": "null or left out: without the enhancement.",
                        },
                        "settings": {
                            "type": "string",
                            "enum": ["defaults", "own"],
                            "default": "defaults",
                            "description": "What is left out has: the method's defaults, or your own settings for "
                            "the model. The specification has all values written out.",
                        },
                    },
                },
            )
        return {
            "oneOf": list(mapping.values()),
            "discriminator": {
                "propertyName": "key",
                "mapping": {key: reference["$ref"] for key, reference in mapping.items()},
            },
        }

    @staticmethod
    def _component(auto_schema: AutoSchema, title: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Puts a schema among the components and gives the reference to it."""
        name = "".join(part.capitalize() for part in title.replace("_", " ").split())
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)
        auto_schema.registry.register_on_missing(component)
        return component.ref

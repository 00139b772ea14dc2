"""A member's own settings of methods."""

from __future__ import annotations

from rest_framework import serializers


class MethodSettingsSerializer(serializers.Serializer):
    """What a method begins with for one model."""

    method = serializers.CharField(help_text="The method's key; “enhancement” for the enhancement.")
    own = serializers.DictField(help_text="Your parameters that differ from the defaults.")
    parameters = serializers.DictField(help_text="All parameters in effect, defaults filled in.")
    problems = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="By parameter, why something that is stored is not used.",
    )
    not_applicable = serializers.CharField(
        allow_null=True, help_text="Why the method can't explain the model; null if it can."
    )


class MethodSettingsRequestSerializer(serializers.Serializer):
    parameters = serializers.DictField(
        help_text="Takes the place of what was saved; what is left out has its default, {} resets all."
    )

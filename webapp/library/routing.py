"""The address of the socket of models."""

from django.urls import path

from webapp.library.consumers import ClassifierConsumer

websocket_urlpatterns = [path("ws/models/", ClassifierConsumer.as_asgi())]

"""The address of the studio's socket."""

from django.urls import path

from webapp.studio.consumers import StudioConsumer

websocket_urlpatterns = [path("ws/studio/", StudioConsumer.as_asgi())]

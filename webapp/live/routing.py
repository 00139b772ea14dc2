"""The address of the socket that every page opens."""

from django.urls import path

from webapp.live.consumers import MemberConsumer

websocket_urlpatterns = [path("ws/member/", MemberConsumer.as_asgi())]

"""The address of the data sets' socket."""

from django.urls import path

from webapp.library.dataset_consumers import DatasetConsumer

websocket_urlpatterns = [path("ws/data-sets/", DatasetConsumer.as_asgi())]

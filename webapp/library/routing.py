"""The addresses of the sockets of models and data sets."""

from django.urls import path

from webapp.library.consumers import ClassifierConsumer
from webapp.library.dataset_consumers import DatasetConsumer

websocket_urlpatterns = [
    path("ws/models/", ClassifierConsumer.as_asgi()),
    path("ws/data-sets/", DatasetConsumer.as_asgi()),
]

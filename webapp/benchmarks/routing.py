from django.urls import path

from webapp.benchmarks.consumers import BenchmarkConsumer
from webapp.benchmarks.list_socket import BenchmarkListConsumer

websocket_urlpatterns = [
    path("ws/benchmarks/", BenchmarkListConsumer.as_asgi()),
    path("ws/benchmarks/<int:benchmark_id>/", BenchmarkConsumer.as_asgi()),
]

from django.urls import path

from webapp.benchmarks.consumers import BenchmarkConsumer
from webapp.benchmarks.list_socket import BenchmarkListConsumer
from webapp.benchmarks.worker_consumer import WorkersConsumer

websocket_urlpatterns = [
    path("ws/benchmarks/", BenchmarkListConsumer.as_asgi()),
    path("ws/benchmarks/<int:benchmark_id>/", BenchmarkConsumer.as_asgi()),
    path("ws/workers/", WorkersConsumer.as_asgi()),
]

from django.urls import path

from webapp.benchmarks.consumers import BenchmarkConsumer

websocket_urlpatterns = [path("ws/benchmarks/<int:benchmark_id>/", BenchmarkConsumer.as_asgi())]

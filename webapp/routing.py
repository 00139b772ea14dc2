"""All WebSocket addresses."""

from webapp.benchmarks.routing import websocket_urlpatterns as benchmark_patterns

websocket_urlpatterns = [*benchmark_patterns]

"""All WebSocket addresses."""

from webapp.benchmarks.routing import websocket_urlpatterns as benchmark_patterns
from webapp.jobs.routing import websocket_urlpatterns as job_patterns
from webapp.library.routing import websocket_urlpatterns as library_patterns
from webapp.live.routing import websocket_urlpatterns as member_patterns
from webapp.studio.routing import websocket_urlpatterns as studio_patterns

websocket_urlpatterns = [
    *benchmark_patterns,
    *job_patterns,
    *library_patterns,
    *member_patterns,
    *studio_patterns,
]

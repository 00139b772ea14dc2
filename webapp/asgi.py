"""The ASGI application: Django for HTTP, Channels for WebSockets."""

import os
import tempfile

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
# Django stores a body that is not small in a temporary file before anything looks at it: there must be room for it,
# and under docker/compose.yaml /tmp is memory.
tempfile.tempdir = str(settings.FILE_UPLOAD_TEMP_DIR)
django_application = get_asgi_application()

# Only importable once Django is set up.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from webapp.error_pages import too_large_unread  # noqa: E402
from webapp.live.session_guard import SessionGuard  # noqa: E402
from webapp.request_limits import RequestSizeLimit  # noqa: E402
from webapp.routing import websocket_urlpatterns  # noqa: E402

application = RequestSizeLimit(
    ProtocolTypeRouter(
        {
            "http": django_application,
            "websocket": AllowedHostsOriginValidator(
                AuthMiddlewareStack(SessionGuard(URLRouter(websocket_urlpatterns)))
            ),
        }
    ),
    maximum=settings.MAX_REQUEST_BYTES,
    usual=settings.MAX_FORM_BYTES,
    refusal=too_large_unread,
)

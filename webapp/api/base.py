"""What all views of the API have in common."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request


class ApiView(GenericAPIView):
    """Members only, as the settings say; whoever is refused for want of a valid token is counted nevertheless."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except (AuthenticationFailed, NotAuthenticated):
            # The framework counts only after it has let somebody in.
            self.check_throttles(request)
            raise

"""Django's settings. One set for every installation: environment variables and `.env` make the differences."""

from webapp.settings.api import *  # noqa: F403
from webapp.settings.base import *  # noqa: F403
from webapp.settings.datasets import *  # noqa: F403
from webapp.settings.logs import *  # noqa: F403
from webapp.settings.machines import *  # noqa: F403
from webapp.settings.messaging import *  # noqa: F403
from webapp.settings.security import *  # noqa: F403

"""Workers on other machines: where they fetch weights and data sets that they do not have, and by which secret."""

from __future__ import annotations

from webapp.environment import EnvironmentProblem, env

SHORTEST_WORKER_TOKEN = 20

WEB_URL: str = env.str("SALISCOPE_WEB_URL", default="").rstrip("/")
"""The web application as a worker's machine reaches it: https://saliscope.example.org; empty: nothing is fetched."""
WORKER_TOKEN: str = env.str("SALISCOPE_WORKER_TOKEN", default="")
"""The same for the web application and all workers; empty: the web application hands out no files to workers."""

FETCHED_BYTES: int = env.int("SALISCOPE_FETCHED_BYTES", default=50 * 1024**3)
"""What fetched weights and data sets may take on a worker's machine."""
FETCHED_FREE_BYTES: int = env.int("SALISCOPE_FETCHED_FREE_BYTES", default=5 * 1024**3)
"""So much of the disk stays free when something is fetched."""

if WORKER_TOKEN and len(WORKER_TOKEN) < SHORTEST_WORKER_TOKEN:
    raise EnvironmentProblem(
        f"SALISCOPE_WORKER_TOKEN is too short: give it at least {SHORTEST_WORKER_TOKEN} random characters, or unset it."
    )
if WEB_URL and not WEB_URL.startswith(("http://", "https://")):
    raise EnvironmentProblem("SALISCOPE_WEB_URL is no address: write it as https://HOST, or unset it.")
if WEB_URL and not WORKER_TOKEN:
    raise EnvironmentProblem(
        "SALISCOPE_WEB_URL is set and SALISCOPE_WORKER_TOKEN is not: set it to the web application's."
    )

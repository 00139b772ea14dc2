"""How the parts of the installation are: `GET /healthz`."""

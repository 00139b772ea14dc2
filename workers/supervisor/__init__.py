"""Starts, watches and stops the processes of one machine. Nothing here imports Django, Celery or torch."""

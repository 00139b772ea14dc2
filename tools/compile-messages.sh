#!/bin/sh
# Compiles the translations that have changed: locale/*/LC_MESSAGES/django.po to .mo, which is not under version control.
# Usage: compile-messages.sh PYBABEL
set -eu
for source in locale/*/LC_MESSAGES/django.po; do
    compiled="${source%.po}.mo"
    if [ -f "$source" ] && { [ ! -f "$compiled" ] || [ "$source" -nt "$compiled" ]; }; then
        "$1" --quiet compile --input-file "$source" --output-file "$compiled"
    fi
done

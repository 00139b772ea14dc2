#!/bin/sh
# Chromium for the browser tests. Where it cannot be installed they are skipped, and this says why.
set -u
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests."
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    if { apt-get update && apt-get install -y --no-install-recommends chromium fonts-noto-cjk; } >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    echo "Chromium could not be installed: the browser tests will be skipped." >&2
    exit 0
fi
echo "No Chromium here and no right to install it: the browser tests will be skipped. Install chromium to run them." >&2

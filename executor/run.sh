#!/bin/sh
# Runs the executor with the first Python that is new enough: that of EXECUTOR_PYTHON, of a bundle beside this one, or
# of this host.
here=$(cd -P "$(dirname "$0")" && pwd) || exit 1
for python in "$EXECUTOR_PYTHON" "$here/../python/bin/python3" python3 python3.14 python3.13 python3.12 python3.11 \
    /usr/bin/python3 /usr/local/bin/python3 /usr/bin/python3.11 /usr/local/bin/python3.11; do
    [ -n "$python" ] || continue
    if "$python" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        # The sandbox must not be searched for modules; the fetcher puts foreign files there.
        PYTHONPATH="$here/lib" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 exec "$python" -sP -m executor "$@"
    fi
done
echo "The executor needs Python 3.11 or newer; none of python3, python3.11 and later ones is on PATH=$PATH" >&2
exit 127

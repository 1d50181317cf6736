#!/bin/sh
# Run Check programs one after the other; red if one fails or dies.
failed=0
for program in "$@"; do
    "$program" || { failed=$((failed + 1)); echo "FAILED: $program" >&2; }
done
[ "$failed" -eq 0 ]

#!/bin/sh
# man/fill.sh PAGE.in BINDIR VERSION - a manual page on standard output: a line "@OPTIONS fxmon-NAME@" becomes the option list that the program prints.
set -eu
while IFS= read -r line; do
    case $line in
    @OPTIONS\ *@) program=${line#@OPTIONS }; "$2/${program%@}" --man-options ;;
    *@VERSION@*) printf '%s\n' "${line%%@VERSION@*}$3${line#*@VERSION@}" ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$1"

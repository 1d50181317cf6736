#!/bin/sh
# usage: embed.sh FOLDER: the files of a folder as one C file on standard output: the table fxi_web_files, ended by a NULL name.
# The tag of a file is its POSIX checksum and length.
set -eu
export LC_ALL=C
folder=$1
cat <<'HEAD'
/* Made by libfxmon/serve/embed.sh; do not edit. */
#include "serve/serve.h"
HEAD
rows=
n=0
for f in "$folder"/*; do
    name=${f##*/}
    case $name in
    *.html) type='text/html; charset=utf-8' ;;
    *.css) type='text/css; charset=utf-8' ;;
    *.js) type='text/javascript; charset=utf-8' ;;
    *.svg) type='image/svg+xml' ;;
    *.txt) type='text/plain; charset=utf-8' ;;
    *) echo "embed.sh: no media type for $name" >&2; exit 1 ;;
    esac
    sum=$(cksum <"$f")
    printf 'static const unsigned char file_%d[] = { /* %s */\n' "$n" "$name"
    od -An -v -tu1 "$f" | awk '{ line = ""; for (i = 1; i <= NF; i++) line = line $i ","; print line }'
    printf '0};\n'
    rows="$rows    {\"$name\", \"$type\", \"\\\"${sum%% *}-${sum##* }\\\"\", (const char *)file_$n, sizeof file_$n - 1},
"
    n=$((n + 1))
done
printf 'const fxi_web_file fxi_web_files[] = {\n%s    {NULL, NULL, NULL, NULL, 0},\n};\n' "$rows"

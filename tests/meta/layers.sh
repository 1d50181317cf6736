#!/bin/sh
# The layers of the house, by the #include lines: an arrow may skip downwards, never up or sideways.
set -u
cd "$FXMON_TOP" || exit 1
exec python3 - <<'END'
import os, re, sys
rank = {"base": 0, "core": 1, "codec": 2, "source": 3, "stream": 3, "store": 3, "sink": 3, "notify": 3, "lane": 4, "serve": 5, "api": 6}
third = {  # header: the files that may include it
    "curl/curl.h": r"libfxmon/(source/http|sink/elasticsearch_http).*\.c$", "sqlite3.h": r"libfxmon/store/sqlite.*\.[ch]$", "microhttpd.h": r"libfxmon/serve/http.*\.[ch]$",
    "librdkafka/rdkafka.h": r"libfxmon/stream/kafka.*\.[ch]$", "libpq-fe.h": r"libfxmon/store/postgresql.*\.[ch]$", "hiredis/hiredis.h": r"libfxmon/sink/redis.*\.[ch]$",
    "ini.h": r"cli/options\.c$", "jansson.h": r"tests/.*"}
libc = set("""ctype.h errno.h fcntl.h float.h getopt.h inttypes.h limits.h math.h poll.h pthread.h sched.h signal.h spawn.h stdalign.h stdarg.h stdatomic.h
stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h time.h unistd.h dirent.h netdb.h arpa/inet.h netinet/in.h netinet/tcp.h sys/eventfd.h sys/file.h sys/inotify.h
sys/ioctl.h sys/epoll.h sys/mman.h sys/random.h sys/resource.h sys/socket.h sys/stat.h sys/statvfs.h sys/time.h sys/timerfd.h sys/types.h sys/uio.h sys/un.h sys/wait.h immintrin.h""".split())
pure_forbidden = {"unistd.h", "fcntl.h", "pthread.h", "time.h", "poll.h", "sys/stat.h", "dirent.h", "sys/socket.h"}
pure_allowed = {"libfxmon/base/clock.c": {"time.h"}, "libfxmon/base/instance.c": {"unistd.h"}}
# <stdio.h> is there for snprintf
stdio = re.compile(r'(?<![A-Za-z0-9_])(f?printf|puts|fputs|fopen|fread|fwrite|fclose|getline|perror|stdin|stdout|stderr)(?![A-Za-z0-9_])')
def check(path, text):
    problems = []
    parts = path.split("/")
    layer = parts[1] if parts[0] == "libfxmon" else parts[0]
    for kind, name in re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', text, re.M):
        if name.startswith("fxmon/") or (parts[0] == "include" and kind == '"'):
            continue
        if parts[0] == "libfxmon" and kind == '"':
            target = name.split("/")[0]
            if target == layer or name.endswith((".inc", ".def")) and target == layer:
                if layer in ("source", "stream", "store", "sink", "notify") or target in rank:
                    continue
            if target not in rank:
                problems.append(f"{path}: \"{name}\": write the layer first, as in \"base/buf.h\"")
            elif rank[target] >= rank[layer]:
                problems.append(f"{path}: {layer} may not include {target} ({name})")
            continue
        if parts[0] in ("cli", "examples"):
            if kind == '"' and "/" in name:
                problems.append(f"{path}: only <fxmon/...> and its own folder ({name})")
            if kind == "<" and name not in libc and name not in third:
                problems.append(f"{path}: unexpected <{name}>")
        if name in third and not re.match(third[name], path):
            problems.append(f"{path}: <{name}> belongs to {third[name]}")
        if parts[0] == "libfxmon" and kind == "<" and name not in libc and name not in third:
            problems.append(f"{path}: unexpected <{name}>; add it to the table of this test with a reason")
        if layer in ("base", "core", "codec") and name in pure_forbidden and name not in pure_allowed.get(path, ()):
            problems.append(f"{path}: {layer} does no I/O, has no clock and no threads (<{name}>)")
    if layer in ("base", "core", "codec"):
        code = re.sub(r'"(\\.|[^"\\\n])*"', '""', re.sub(r'/\*.*?\*/', '', text, flags=re.S))
        for m in stdio.finditer(re.sub(r'__attribute__\(\(format\(.*?\)\)\)', '', code)):
            problems.append(f"{path}: {layer} does no I/O ({m.group(1)})")
    return problems
# the test must be able to fail
assert check("libfxmon/core/x.c", '#include "lane/lane.h"\n') and check("libfxmon/store/x.c", '#include "sink/text.h"\n')
assert check("cli/x.c", '#include "base/../x.h"\n') and check("libfxmon/lane/x.c", "#include <sqlite3.h>\n")
assert check("libfxmon/core/x.c", 'printf("x");') and check("libfxmon/base/x.c", "#include <unistd.h>\n")
assert not check("libfxmon/lane/x.c", '#include "codec/json.h"\n#include <stdio.h>\n')
problems = []
for root in ("libfxmon", "include", "cli", "examples"):
    for folder, _, files in os.walk(root):
        for f in sorted(files):
            if f.endswith((".c", ".h")):
                p = os.path.join(folder, f)
                problems += check(p, open(p, encoding="utf-8").read())
print("\n".join(problems) or "layers hold")
sys.exit(bool(problems))
END

#!/bin/sh
# The example scripts do what they say: the shell example to its end, the pipeline until it is stopped.
set -eu
PATH=$FXMON_BIN:$PATH sh "$FXMON_TOP/examples/shell.sh" >out 2>err || { cat out err; exit 1; }
[ "$(wc -l <out)" -ge 17 ] || { echo "shell.sh printed too little"; cat out err; exit 1; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
FXMON_FROM='sim:?seed=1&interval=100ms' FXMON_DATA=data FXMON_LISTEN=127.0.0.1:$port sh "$FXMON_TOP/examples/pipeline.sh" >out 2>err &
pid=$!
python3 - "$port" <<'END' || { kill $pid; cat out err; exit 1; }
import json, sys, time, urllib.request
end = time.monotonic() + 30
while True:
    try:
        rates = json.load(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/rates", timeout=5))
        history = json.load(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/rates/USD-EUR/history", timeout=5))
        if len(rates) == 8 and all(r["volatility"] is not None for r in rates) and len(history) > 3:
            break
    except OSError:
        pass
    if time.monotonic() > end:
        sys.exit("the pipeline did not come up within 30 s")
    time.sleep(0.1)
END
kill -TERM $pid
wait $pid || { echo "pipeline.sh: status $? after SIGTERM"; cat out err; exit 1; }

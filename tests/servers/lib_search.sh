# tests/servers/lib_search.sh - what the scripts opensearch and elasticsearch share: both are Java programs from Maven with one HTTP port.
# The script sets name, cache and key, defines fetched, fetch, prepare and launch, and ends with `main "$@"`.
#
# A guardian is the parent of the server and ends it when DIR goes away, so that a test that was killed leaves nothing behind.
set -u
fail() { echo "$name: $*" >&2; exit 1; }

packages() { # Java and Maven
    command -v javac >/dev/null && command -v mvn >/dev/null && command -v curl >/dev/null && return 0
    local become=
    [ "$(id -u)" = 0 ] || become=sudo
    echo "$name: installing Java and Maven" >&2
    export DEBIAN_FRONTEND=noninteractive
    { $become apt-get update -q && $become apt-get install -y -q --no-install-recommends openjdk-17-jdk-headless maven curl; } >&2 ||
        fail "cannot install openjdk-17-jdk-headless and maven"
}
install() {
    fetched && command -v java >/dev/null && command -v curl >/dev/null && return 0
    mkdir -p "$cache" || exit 1
    exec 8>"$cache/lock" && flock 8
    if ! fetched; then
        packages
        echo "$name: fetching it by Maven into $cache" >&2
        fetch || fail "cannot fetch it"
        fetched || fail "what was fetched is not complete"
    fi
    exec 8>&-
}

random_port() { echo $((20000 + (RANDOM * 32768 + RANDOM) % 12000)); }
ask() { # PATH [curl words]
    local path=$1 scheme=http
    shift
    if [ -s "$dir/login" ]; then
        set -- -K "$dir/login" "$@"
    fi
    if [ -s "$dir/ca.pem" ]; then
        scheme=https
        set -- --cacert "$dir/ca.pem" "$@"
    fi
    curl -sS --noproxy '*' --max-time 5 "$@" "$scheme://127.0.0.1:$(cat "$dir/port")$path" 2>/dev/null
}
# An authority of its own in DIR, and a certificate that it signed for this machine: key.pem and certificate.pem.
certificate() {
    command -v openssl >/dev/null || fail "--tls needs openssl"
    {
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=authority of a test" -keyout "$dir/ca.key" -out "$dir/ca.new" &&
            openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$dir/key.pem" -out "$dir/request.pem" &&
            echo subjectAltName=DNS:localhost,IP:127.0.0.1 >"$dir/names" &&
            openssl x509 -req -days 30 -in "$dir/request.pem" -CA "$dir/ca.new" -CAkey "$dir/ca.key" -CAcreateserial -extfile "$dir/names" \
                -out "$dir/certificate.pem" && mv "$dir/ca.new" "$dir/ca.pem"
    } >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; fail "openssl cannot make a certificate"; }
}
alive() { [ -s "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; }

# The server under its guardian. 0: it answers; 1: it ended, DIR/log says why. The pid is also the process group of all that it starts.
run() {
    rm -f "$dir/pid"
    : >"$dir/log"
    export DIR=$dir
    export -f launch
    setsid bash -c '
        cd "$DIR" || exit
        set -m
        (cd "$DIR" && launch) >>"$DIR/log" 2>&1 </dev/null &
        server=$!
        echo "$server" >"$DIR/pid.new" && mv "$DIR/pid.new" "$DIR/pid"
        while kill -0 "$server" 2>/dev/null; do
            [ -d "$DIR" ] || kill -9 -- "-$server"
            sleep 0.3
        done' </dev/null >/dev/null 2>&1 8>&- 9>&- &
    disown
    for ((i = 0; i < 900; i++)); do
        if [ -s "$dir/pid" ]; then
            alive || return 1
            # Shards are assigned after the port is open: what is written before waits or fails.
            case $(ask '/_cluster/health?wait_for_status=yellow&timeout=2s') in
            *'"timed_out":false'*) return 0 ;;
            esac
        fi
        sleep 0.1
    done
    tail -n 20 "$dir/log" >&2
    fail "it does not answer after 90 s"
}
end() { # SIGNAL
    alive || return 0
    local pid
    pid=$(cat "$dir/pid")
    if [ "$1" = KILL ]; then
        kill -KILL -- "-$pid" 2>/dev/null
    else
        kill "-$1" "$pid" 2>/dev/null
    fi
    for ((i = 0; i < 1000; i++)); do
        kill -0 -- "-$pid" 2>/dev/null || return 0
        sleep 0.02
    done
    kill -KILL -- "-$pid" 2>/dev/null
}
start() {
    install
    mkdir -p "$dir" || exit 1
    dir=$(cd "$dir" && pwd)
    memory= content= login= tls=
    while [ $# -gt 0 ]; do
        [ "$1" = --tls ] || [ $# -ge 2 ] || fail "unknown option $1, or one without a value"
        case $1 in
        --pressure) memory=$2; shift ;;
        --max-content) content=$2; shift ;;
        --security) login=$2; shift ;;
        --tls) tls=yes ;;
        *) fail "unknown option $1" ;;
        esac
        shift
    done
    case $login in '' | *:*) ;; *) fail "--security $login: expected USER:PASSWORD" ;; esac
    [ -z "$tls" ] || [ -n "$login" ] || fail "--tls needs --security"
    [ -z "$login" ] || [ -n "${secures:-}" ] || fail "this one has no --security"
    if [ -z "$tls" ]; then
        rm -f "$dir/ca.pem"
    elif [ ! -s "$dir/ca.pem" ]; then
        certificate
    fi
    local started=
    for ((try = 0; try < 10; try++)); do
        port=$(random_port) transport=$(random_port)
        echo "$port" >"$dir/port"
        prepare || fail "cannot prepare $dir"
        run && { started=yes; break; }
        grep -q 'BindTransportException\|BindHttpException\|Address already in use' "$dir/log" || break
    done
    if [ -z "$started" ]; then
        tail -n 20 "$dir/log" >&2
        fail "it does not start in $dir"
    fi
    (
        umask 077
        {
            echo "$key=http${tls:+s}://${login:+$login@}127.0.0.1:$port"
            [ -z "$tls" ] || echo "${key%_URL}_CA_FILE=$dir/ca.pem"
        } >"$dir/env"
    )
    cat "$dir/env"
}
settings() { # those that both have, for a YAML file
    echo "path.data: $dir/data"
    echo "path.logs: $dir/logs"
    echo "cluster.name: fxmon-test"
    echo "node.name: n1"
    echo "network.host: 127.0.0.1"
    echo "http.port: $port"
    echo "transport.port: $transport"
    echo "discovery.type: single-node"
    echo "cluster.routing.allocation.disk.threshold_enabled: false"
    echo "node.store.allow_mmap: false"
    [ -z "$memory" ] || echo "indexing_pressure.memory.limit: $memory"
    [ -z "$content" ] || echo "http.max_content_length: $content"
}
main() {
    local word=${1:-}
    [ "$word" = install ] && { install; exit; }
    [ $# -ge 2 ] || { sed -n '3,9s/^#   /usage: /p' "$0" >&2; exit 2; }
    dir=$2
    shift 2
    [ "$word" = start ] || dir=$(cd "$dir" 2>/dev/null && pwd) || exit 0
    case $word in
    start) start "$@" ;;
    stop) end TERM ;;
    kill) end KILL ;;
    again)
        alive && exit 0
        run && exit 0
        tail -n 20 "$dir/log" >&2
        fail "it does not start again in $dir"
        ;;
    *) fail "unknown word $word" ;;
    esac
}

"""The programs with points at which they can be ended or stopped (base/crash.h): those of this run when it has them, else a debug build beside it."""
import fcntl, os, re, subprocess, sys
import lib_cluster as c


def programs():
    """The folder of programs that know FXMON_CRASH_AT"""
    if os.environ.get("FXMON_VARIANT") in ("debug", "asan", "tsan"):
        return c.BIN
    os.makedirs(f"{c.TOP}/build", exist_ok=True)
    words = ["make", "-s", "-C", c.TOP, "-j2", "VARIANT=debug"]
    environment = {k: v for k, v in c.ENV.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with open(f"{c.TOP}/build/debug.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = subprocess.run(words + ["programs"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=500)
        if p.returncode != 0:
            sys.exit("the debug build does not build:\n" + p.stdout[-3000:])
        where = subprocess.run(words + ["--eval", "where: ; @echo $(BIN)", "where"], stdout=subprocess.PIPE, text=True, env=environment, timeout=60).stdout
    return f"{c.TOP}/{where.strip().splitlines()[-1]}"


def points():
    """{name of a point: the file that it is in}"""
    found = {}
    for folder, _, files in os.walk(f"{c.TOP}/libfxmon"):
        for name in files:
            if name.endswith(".c"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as f:
                    for point in re.findall(r'FXI_CRASH\("([a-z_.0-9]+)"\)', f.read()):
                        if point in found:
                            c.fail(f"the point {point} is in {path} and in {found[point]}")
                        found[point] = path
    return found

#!/bin/sh
# examples/compose against the programs: no container engine runs here, so what the files name is checked by what can be asked. Options and environment names exist, services
# that are waited for have a check of their health, variables are in .env.example, packages of the image are those of this system, no password is a word of a command.
set -u
cd "$FXMON_TOP/examples/compose" || exit 1
python3 -c 'import yaml' 2>/dev/null || { echo "python3-yaml is not installed"; exit 77; }
exec python3 - "$FXMON_BIN" "$FXMON_TOP" <<'END'
import os, re, subprocess, sys, yaml
programs, top = sys.argv[1:3]
problems = []
text = open("compose.yaml", encoding="utf-8").read()
services = (whole := yaml.safe_load(text))["services"]
example = open(".env.example", encoding="utf-8").read()
offered = set(re.findall(r"^([A-Z_]+)=", example, re.M))
used = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)", text))
problems += [f".env.example lacks {v}" for v in used if v not in offered]
problems += [f".env.example has {v}, which nothing uses" for v in offered if v not in used]
for name, value in re.findall(r"^([A-Z_]+)=(.+)$", example, re.M):
    for default in re.findall(r"\$\{%s:-([^}]*)\}" % name, text):
        if default and default != value:
            problems.append(f"{name} is {value} in .env.example and {default} in compose.yaml")
help_of = {p: subprocess.run([os.path.join(programs, p), "--help"], capture_output=True, text=True, check=True).stdout
           for p in ("fxmon-produce", "fxmon-consume", "fxmon-alert", "fxmon-serve")}
options = {p: set(re.findall(r"^  (--[a-z-]+)", h, re.M)) for p, h in help_of.items()}
table = open(os.path.join(top, "libfxmon/api/options.def"), encoding="utf-8").read()
names = {n.upper().replace("-", "_") for n in re.findall(r'^X\("([a-z-]+)"', table, re.M)}
ours = 0
for name, s in services.items():
    for other, how in (s.get("depends_on") or {}).items():
        if other not in services:
            problems.append(f"{name} depends on {other}, which is not there")
        elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
            problems.append(f"{name} waits for the health of {other}, which has no check")
    if s.get("restart") != "unless-stopped":
        problems.append(f"{name} is not restarted")
    for port in s.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            problems.append(f"{name} opens {port} to the network")
    for volume in s.get("volumes", []):
        if volume.split(":")[0] not in whole["volumes"]:
            problems.append(f"{name} uses volume {volume}, which is not there")
    words = s.get("command") or []
    if any("PASSWORD" in w and "$$" not in w for w in words) or any(re.search(r"://[^/@]*:[^/@]*@", w) for w in words):
        problems.append(f"{name}: a password is a word of its command")
    for variable in s.get("environment") or {}:
        if variable.startswith("FXMON_") and variable[6:] not in names:
            problems.append(f"{name}: no option reads {variable}")
    if words and words[0] in options:
        ours += 1
        for w in words[1:]:
            if w.startswith("--") and w.split("=")[0] not in options[words[0]]:
                problems.append(f"{name}: {words[0]} has no option {w.split('=')[0]}")
        # the program itself reads the words: a wrong option or value is its status 2
        env = {"PATH": os.environ["PATH"], "PGPASSWORD": "x", "HOME": "/nonexistent", "FXMON_FROM": "sim:"} if words[0] == "fxmon-produce" else {"PATH": os.environ["PATH"]}
        known = [re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", w) for w in words[1:]]
        p = subprocess.run([os.path.join(programs, words[0]), *known, "--version"], capture_output=True, text=True, env=env)
        if p.returncode != 0:
            problems.append(f"{name}: {p.stderr.strip()}")
if ours != 4:
    problems.append(f"{ours} of the four programs run")
docker = open("Dockerfile", encoding="utf-8").read()
targets = set(re.findall(r"^## ([a-z-]+):", open(os.path.join(top, "Makefile"), encoding="utf-8").read(), re.M))
for target in re.findall(r"\bmake (?:-\S+ )*([a-z]+)\b", docker):
    if target not in targets:
        problems.append(f"Dockerfile: no target {target}")
# libraries of the image: those that the programs ask for
linked = subprocess.run(["ldd", os.path.join(programs, "fxmon-serve")], capture_output=True, text=True).stdout
stage = docker.split("FROM debian:12-slim\n")[1]
for library, package in (("libcurl.so", "libcurl4"), ("libhiredis.so", "libhiredis0.14"), ("libinih.so", "libinih1"), ("libmicrohttpd.so", "libmicrohttpd12"),
                         ("libpq.so", "libpq5"), ("librdkafka.so", "librdkafka1"), ("libsqlite3.so", "libsqlite3-0")):
    if (library in linked) and not re.search(r"\b%s\b" % re.escape(package), stage):
        problems.append(f"Dockerfile: the programs need {library}, and {package} is not installed")
readme = open("README.md", encoding="utf-8").read()
for service in set(re.findall(r"compose exec ([a-z]+)", readme)) | set(re.findall(r"--scale ([a-z]+)=", readme)):
    if service not in services:
        problems.append(f"README.md: no service {service}")
for profile in re.findall(r"--profile ([a-z]+)", readme):
    if not any(profile in s.get("profiles", []) for s in services.values()):
        problems.append(f"README.md: no profile {profile}")
for program, rest in re.findall(r"(fxmon-[a-z]+)((?: [^\n`|]*)?)", readme):
    for option in re.findall(r"(--[a-z-]+)", rest):
        if program in options and option not in options[program]:
            problems.append(f"README.md: {program} has no option {option}")
print("\n".join(problems) or "the compose files name what is there")
sys.exit(bool(problems))
END

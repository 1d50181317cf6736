#!/bin/sh
# The papers against the code: what README.md, ARCHITECTURE.md, CONTRIBUTING.md, the manual and the headers name must exist, and what exists must be named.
set -u
cd "$FXMON_TOP" || exit 1
exec python3 - "$FXMON_BUILD" "$FXMON_BIN" <<'END'
import glob, os, re, subprocess, sys
build, programs = sys.argv[1:3]
problems = []
def read(path):
    return open(path, encoding="utf-8").read()
papers = {p: read(p) for p in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")}
pages = {os.path.basename(p): read(p) for p in glob.glob("man/*.[1-9]") + glob.glob(build + "/man/*.[1-9]")}
names = {re.sub(r"(.*)\.(\d)$", r"\1(\2)", p) for p in pages}
headers = {p: read(p) for p in sorted(glob.glob("include/fxmon/*.h"))}
tests = read("tests/unit/test_headers.c")
everything = [p for p in subprocess.run(["find", ".", "-type", "f", "-not", "-path", "./build/*", "-not", "-path", "./.git/*"],
                                        capture_output=True, text=True, check=True).stdout.split()]

# manual pages that papers and pages name
def pages_named(text):
    return set(re.findall(r"\b((?:lib)?fxmon[a-z.-]*\(\d\))", text)) | {f"{n}({s})" for n, s in re.findall(r"^\.Xr ((?:lib)?fxmon\S*) (\d)", text, re.M)}
for where, text in {**papers, **pages, **headers}.items():
    for page in pages_named(text) - names:
        problems.append(f"{where} names {page}, which does not exist")
for page in names - pages_named(papers["README.md"]):
    problems.append(f"README.md does not name {page}")

# files and folders that papers name in backticks or as links; a bare file name may lie anywhere
for where, text in papers.items():
    for name in re.findall(r"`([\w./-]+\.(?:c|h|def|inc|sh|py|md|conf|\d))`", text):
        if "/" in name and not name.startswith(("/", "http")) or "." in name:
            if re.fullmatch(r"fxmon-[a-z]+\.\d|fxmon\.conf", name):
                continue
            if not any(p.endswith("/" + name) for p in everything):
                problems.append(f"{where} names {name}, which does not exist")
    for link in re.findall(r"\]\(([\w./-]+)\)", text):
        if not os.path.exists(link):
            problems.append(f"{where} links to {link}, which does not exist")

# options: the table, its environment names and what the pages say
rows = re.findall(r'^X\("([a-z-]+)", (\w+), [^\n]*?', read("libfxmon/api/options.def"), re.M)
fallbacks = {}
for line in re.findall(r'^X\(.*$', read("libfxmon/api/options.def"), re.M):
    fields = re.match(r'X\("([a-z-]+)", \w+, (?:N|"[^"]*"), (?:N|"[^"]*"), (?:N|"[^"]*"), (?:N|"[^"]*"), (?:N|"[^"]*"), (N|"[^"]*"),', line)
    if not fields:
        problems.append(f"options.def: not understood: {line[:60]}")
        continue
    fallbacks[fields.group(1)] = [] if fields.group(2) == "N" else fields.group(2).strip('"').split()
options = {name for name, kind in rows}
environment = {"FXMON_" + name.upper().replace("-", "_") for name in options} | {e for list_ in fallbacks.values() for e in list_}
environment -= {"FXMON_HELP", "FXMON_VERSION"}
conf = pages.get("fxmon.conf.5", "")
said = set(re.findall(r"^\.Ev (\w+)", conf, re.M))
for name in environment - said:
    problems.append(f"fxmon.conf(5) does not name the environment variable {name}")
for name in said - environment:
    problems.append(f"fxmon.conf(5) names {name}, which no option has")
own_flags = {"s", "lc", "n", "lt"}
for where, text in pages.items():
    for flag in set(re.findall(r"\bFl -([a-z-]+)", text)) - options:
        problems.append(f"{where} names --{flag}, which no program takes")
for where, text in papers.items():
    for flag in set(re.findall(r"fxmon-[a-z]+[^\n|]*? --([a-z-]+)", text)) - options:
        problems.append(f"{where} names --{flag}, which no program takes")

# errors: the table of fxmon-errors(3) is the map; statuses of the programs are those of the map
error_map = re.findall(r'^ *X\((\w+), (\d+), "(\w+)", "[^"]*", (\d), (\d)\)', headers["include/fxmon/core.h"], re.M)
lines = [f".It Dv FXMON_E_{i} No = {v}, Cm {n} , No {'retriable' if r == '1' else 'not retriable'}, exit status {e}" for i, v, n, r, e in error_map]
table = re.findall(r"^\.It Dv FXMON_E_.*$", pages["fxmon-errors.3"], re.M)
if table != lines:
    for line in set(lines) ^ set(table):
        problems.append(f"fxmon-errors(3) and FXMON_ERROR_MAP differ: {line}")
statuses = sorted({e for *_, e in error_map})
for program in ("produce", "consume", "alert", "serve"):
    page = pages[f"fxmon-{program}.1"]
    section = page[page.index(".Sh EXIT STATUS"):].split(".Sh ", 2)[1]
    if re.findall(r"^\.It (\d)", section, re.M) != statuses:
        problems.append(f"fxmon-{program}(1): its exit statuses are not {statuses}")
    text = subprocess.run([f"{programs}/fxmon-{program}", "--help"], capture_output=True, text=True, check=True).stdout
    if re.findall(r"(\d) [a-z]", text[text.index("Exit status:"):]) != statuses:
        problems.append(f"fxmon-{program} --help: its exit statuses are not {statuses}")

# each public macro is used in tests/unit/test_headers.c, each function of the headers stands in a test or a program
for path, text in headers.items():
    for macro in re.findall(r"^#define +(FXMON_\w+)", text, re.M):
        if not macro.endswith(("_H", "_ENUM_")) and not re.search(rf"\b{macro}\b", tests):
            problems.append(f"{path}: tests/unit/test_headers.c does not use {macro}")
sources = "".join(read(p) for p in everything if re.match(r"\./(tests|cli|examples)/.*\.c$", p))
for function in sorted(set(re.findall(r"\b(fxmon_\w+)\(", " ".join(re.findall(r"FXMON_API [^;]*;", "".join(headers.values())))))):
    if not re.search(rf"\b{function}\b", sources):
        problems.append(f"{function} is public and in no test, program or example")
# examples in C compile: one that begins with a function is file scope up to that function's end, the rest is put into a main
def examples():
    for where, text in pages.items():
        if where.endswith(".3") and ".Sh EXAMPLES" in text:
            section = text[text.index(".Sh EXAMPLES") + 1:].split("\n.Sh ", 1)[0]
            for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section, re.M | re.S):
                yield where, block.replace("\\e", "\\").replace("\\&", "")
    for block in re.findall(r"^```c\n(.*?)^```", papers["README.md"], re.M | re.S):
        yield "README.md", block
compiled = 0
for where, block in examples():
    functions, end, statements = block.rpartition("\n}\n") if block.startswith("static") else ("", "", block)
    program = ("#include <fxmon/fxmon.h>\n#include <stdio.h>\nfxmon_error e;\nfxmon_quote quote;\n" + functions + end +
               "\nint main(void)\n{\n" + statements + "\nreturn 0;\n}\n")
    run = subprocess.run(os.environ.get("CC", "cc").split() + ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-Iinclude", "-fsyntax-only", "-x", "c", "-"],
                         input=program, capture_output=True, text=True)
    compiled += 1
    if run.returncode:
        problems.append(f"{where}: an example does not compile: " + " ".join(l for l in run.stderr.split("\n") if "error" in l)[:300])
assert compiled >= 5
assert len(options) > 40 and len(names) > 12 and len(error_map) > 30 and len(environment) > 40
print("\n".join(problems) or f"{len(pages)} pages, {len(options)} options, {len(error_map)} errors: papers and code agree")
sys.exit(bool(problems))
END

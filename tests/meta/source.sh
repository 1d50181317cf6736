#!/bin/sh
# Habits that a reader relies on: file sizes, function sizes, banned functions, allocation in one place, no unfinished marks, no sleeps in tests.
set -u
cd "$FXMON_TOP" || exit 1
exec python3 - <<'END'
import os, re, sys
problems = []
banned = re.compile(r'(?<![A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atof|atol|sscanf|alloca|system|popen|strncpy|strncat|localtime|gmtime|rand|srand)\s*\(')
allocation = re.compile(r'(?<![A-Za-z0-9_>.])(malloc|calloc|realloc|free|strdup|strndup)\s*\(')
floating = re.compile(r'(?:printf|fxi_fail|fxi_log|fxi_complain)\s*\([^;]*"[^"]*%[-+ 0-9.*]*[efgaEFG][^"]*"')
marks = re.compile(r'TO' r'DO|FIX' r'ME|(?<!501, ")(?-i:not impl' r'emented)|unimpl' r'emented', re.I)
def strip(text):
    text = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m.group()), text, flags=re.S)
    text = re.sub(r'//[^\n]*', '', text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
def functions(code):  # (name, first line, lines): bodies that start with a brace in column 0
    lines = code.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            head = " ".join(lines[max(0, start - 4):start])
            if "(" in head and "=" not in head.split(")")[-1]:
                m = re.findall(r'([A-Za-z_][A-Za-z0-9_]*)\s*\(', head)
                yield (m[-1] if m else "?", start + 1, i - start + 1)
            start = None
for root in ("libfxmon", "include", "cli", "examples", "tests"):
    for folder, _, files in os.walk(root):
        for f in sorted(files):
            p = os.path.join(folder, f)
            if not f.endswith((".c", ".h", ".def", ".sh", ".py", ".js")) or "/corpus/" in p or "/data/" in p:
                continue
            text = open(p, encoding="utf-8").read()
            n = text.count("\n")
            if n > 600 and not f.endswith(".inc"):
                problems.append(f"{p}: {n} lines (600 at most)")
            if marks.search(text) and not p.startswith("tests/meta/"):
                problems.append(f"{p}: unfinished mark: {marks.search(text).group()}")
            if not f.endswith((".c", ".h")):
                if p.startswith("tests/") and re.search(r'^\s*sleep [1-9]', text, re.M):
                    problems.append(f"{p}: sleeps; wait for the condition instead")
                continue
            code = strip(text)
            if p.startswith(("libfxmon", "cli")):
                for m in banned.finditer(code):
                    problems.append(f"{p}:{code[:m.start()].count(chr(10)) + 1}: {m.group(1)} is banned")
                for name, line, size in functions(code):
                    if size > 70:
                        problems.append(f"{p}:{line}: {name} has {size} lines")
            if p.startswith("libfxmon") and p != "libfxmon/base/mem.c":
                for m in allocation.finditer(code):
                    problems.append(f"{p}:{code[:m.start()].count(chr(10)) + 1}: {m.group(1)} outside base/mem.c")
            if p.startswith("libfxmon") and p != "libfxmon/base/number.c" and floating.search(re.sub(r'/\*.*?\*/', '', text, flags=re.S)):
                problems.append(f"{p}: formats floating point through printf, which depends on the locale")
            if p.startswith("cli/fxmon-") and f.endswith(".c") and n > 150:
                problems.append(f"{p}: {n} lines; a program is a thin main (150)")
assert banned.search("x = strcpy(a, b)") and not banned.search("my_strcpy(a)") and allocation.search("p = malloc(3)") and floating.search('printf("%.3f", x)')
print("\n".join(problems) or "habits hold")
sys.exit(bool(problems))
END

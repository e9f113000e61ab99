"""What ptxas takes, for `forms.rs` to compare with what is known here.

    python3 forms.py PTXAS FILE...

A file has two pools, `modifiers:` and `operands:`, then instructions, one a
line. Each is changed in one place, by a word of a pool, and what ptxas takes is
written behind it, indented; what was there before is replaced. For an
instruction more, add its line and run this again: some 15 s each.
"""

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ARCH = "sm_90a"
# Kernels of one text: each error costs another run.
BATCH = 256
AROUND = (Path(__file__).parent / "forms_around.txt").read_text()


def split(operands):
    """What commas part that are in no brackets."""
    parts, depth = [""], 0
    for character in operands:
        depth += (character in "{[(") - (character in "}])")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def rendered(opcode, operands):
    return f"{opcode} {', '.join(operands)};"


def changes(instruction, modifiers, pool):
    """Place, word and text of every change."""
    opcode, _, given = instruction.rstrip(";").partition(" ")
    given = split(given)
    pieces = opcode.split(".")
    for at in range(1, len(pieces) + 1):
        others = [pieces[:at] + [word] + pieces[at:] for word in modifiers]
        if at < len(pieces):
            others += [pieces[:at] + [word] + pieces[at + 1 :] for word in modifiers]
            others += [pieces[:at] + pieces[at + 1 :]]
        for other in others:
            other = ".".join(other)
            if other != opcode:
                yield "opcodes", other, rendered(other, given)
    for at, operand in enumerate(given):
        place = f"operand {at}"
        for word in pool:
            if word != operand:
                yield place, word, rendered(opcode, given[:at] + [word] + given[at + 1 :])
        yield place, "-", rendered(opcode, given[:at] + given[at + 1 :])
    yield f"operand {len(given)}", "+", rendered(opcode, given + ["%r1"])


def taken(ptxas, instructions):
    """Those of some instructions that ptxas takes: each in a kernel of its own."""
    head, kernel = AROUND.split(".visible", 1)
    left = list(instructions)
    while left:
        lines, owner = head.splitlines(), {}
        for number, instruction in enumerate(left):
            # The pool's `k` is the kernel itself.
            text = f".visible{kernel}{instruction}\nret;\n}}"
            for line in re.sub(r"\bk\b", f"k{number}", text).splitlines():
                lines.append(line)
                owner[len(lines)] = instruction
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "forms.ptx"
            source.write_text("\n".join(lines) + "\n")
            command = [ptxas, "-arch", ARCH, "-O0", "-o", f"{folder}/forms.cubin", source]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return left
        # Lines of ptxas' own macros count for nothing.
        lines = re.findall(r"forms\.ptx, line (\d+); (?:error|fatal)", done.stderr)
        lines += re.findall(r"32-bit address on line '(\d+)'", done.stderr)
        wrong = {owner[int(line)] for line in lines}
        if not wrong:
            # It does not say where: half of them at a time.
            if len(left) == 1:
                return []
            middle = len(left) // 2
            return taken(ptxas, left[:middle]) + taken(ptxas, left[middle:])
        left = [instruction for instruction in left if instruction not in wrong]
    return []


def block(ptxas, instruction, modifiers, pool):
    """An instruction's lines."""
    all_changes = list(changes(instruction, modifiers, pool))
    texts = list(dict.fromkeys([instruction, *(text for _, _, text in all_changes)]))
    found = set()
    for start in range(0, len(texts), BATCH):
        found.update(taken(ptxas, texts[start : start + BATCH]))
    if instruction not in found:
        sys.exit(f"ptxas refuses `{instruction}` itself")
    places = {}
    for place, word, text in all_changes:
        if text in found:
            places.setdefault(place, set()).add(word)
    lines = [instruction]
    for place in sorted(places):
        lines.append(f"  {place}: {' '.join(sorted(places[place]))}")
    return lines


def rewrite(ptxas, path):
    lines = path.read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    lines = [line for line in lines if line and not line.startswith(("#", " "))]
    pools = {}
    for name in ("modifiers", "operands"):
        head, _, words = lines.pop(0).partition(":")
        if head != name:
            sys.exit(f"{path}: `{name}:` is wanted, not `{head}`")
        pools[name] = words.split()
    with ThreadPoolExecutor(2) as workers:
        of = lambda line: block(ptxas, line, pools["modifiers"], pools["operands"])
        blocks = list(workers.map(of, lines))
    out = comments + [f"{name}: {' '.join(words)}" for name, words in pools.items()]
    out += [line for lines in blocks for line in lines]
    path.write_text("\n".join(out) + "\n")


def main():
    ptxas, *paths = sys.argv[1:]
    for path in paths:
        rewrite(ptxas, Path(path))


if __name__ == "__main__":
    main()

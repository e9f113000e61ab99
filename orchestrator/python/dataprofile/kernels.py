"""Folders of KernelBench-format tasks: read as syntax, never executed."""

import ast
from collections import Counter

from .problem import Problem

NEEDED = ("Model", "get_inputs", "get_init_inputs")


def looks_like(files):
    """Whether a folder's Python files are tasks."""
    for file in files[:50]:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if "class Model" in text and "def get_inputs" in text:
            return True
    return False


def folder(path, files):
    """The facts of each task, and what keeps others from being one."""
    tasks, broken, operations = [], [], Counter()
    for file in files:
        inside = str(file.relative_to(path))
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            broken.append({"file": inside, "saw": f"can't be parsed ({type(error).__name__}"
                           + (f", line {line})" if line else ")"), "do": "repair the file"})
            continue
        defined = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        missing = [name for name in NEEDED if name not in defined]
        if missing == list(NEEDED):
            continue
        if missing:
            broken.append({"file": inside, "saw": f"defines no {' and no '.join(missing)}", "do": "define them as KernelBench does"})
        used = sorted(operations_of(tree))
        operations.update(used)
        tasks.append({"name": inside.removesuffix(".py"), "operations": used, "sizes": sizes_of(tree),
                      "parameters": has_parameters(tree)})
    if not tasks:
        raise Problem("no-rows", "no file defines a class `Model` and `get_inputs`",
                      "give a folder of KernelBench-format tasks", file=path)
    return {"count": len(tasks), "tasks": tasks, "broken": broken,
            "operations": dict(sorted(operations.items(), key=lambda i: (-i[1], i[0])))}


def dotted(node):
    """`torch.nn.Linear` of its syntax."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def operations_of(tree):
    """Library operations that the model's class calls."""
    for model in tree.body:
        if isinstance(model, ast.ClassDef) and model.name == "Model":
            for node in ast.walk(model):
                if isinstance(node, ast.Call):
                    name = dotted(node.func)
                    if name.startswith(("torch.", "nn.", "F.")) and not name.endswith(("Parameter", "ModuleList", "Sequential")):
                        yield name.removeprefix("torch.").removeprefix("functional.").replace("nn.functional.", "F.")
                elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                    yield "matmul"


def sizes_of(tree):
    """Whole numbers that the task names at its top."""
    sizes = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            if isinstance(value, (int, float, tuple, list)):
                sizes[node.targets[0].id] = value
    return sizes


def has_parameters(tree):
    text = ast.dump(tree)
    return any(name in text for name in ("'Parameter'", "'Linear'", "'Conv", "'BatchNorm", "'LayerNorm'", "'Embedding'"))

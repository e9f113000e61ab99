"""Writes mutants of a Python script: mutate.py SCRIPT OUT LIMIT

Each mutant differs from the script in one place; OUT/<n>.py and OUT/list.json
({"n", "what", "line"}) say where.
"""
import ast
import copy
import json
import sys


COMPARE = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}
SAME_SHAPE = {"min": "max", "max": "min", "all": "any", "any": "all"}
UNWRAP = {"sqrt", "abs", "fabs", "log", "sorted", "set", "float", "fsum", "sum"}


def last(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def variants(node):
    """(what, replacement) pairs for one node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
        new = copy.deepcopy(node)
        new.ops[0] = COMPARE[type(node.ops[0])]()
        yield "negate a comparison", new
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        new = copy.deepcopy(node)
        new.op = ARITHMETIC[type(node.op)]()
        yield "swap an operator", new
        if isinstance(node.op, ast.Div):
            yield "leave out a denominator", copy.deepcopy(node.left)
            new = copy.deepcopy(node)
            new.right = ast.BinOp(new.right, ast.Add(), ast.Constant(1))
            yield "denominator off by one", new
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield "leave out a sign or a not", copy.deepcopy(node.operand)
    if isinstance(node, ast.Call) and node.args:
        name = last(node.func)
        if name in UNWRAP and len(node.args) == 1:
            yield "leave out " + name, copy.deepcopy(node.args[0])
        if name in SAME_SHAPE:
            new = copy.deepcopy(node)
            if isinstance(new.func, ast.Name):
                new.func.id = SAME_SHAPE[name]
                yield name + " for " + SAME_SHAPE[name], new
        if name in ("zip", "enumerate", "sum", "len"):
            new = copy.deepcopy(node)
            new.args[0] = ast.Subscript(
                ast.Call(ast.Name("list", ast.Load()), [new.args[0]], []),
                ast.Slice(ast.Constant(1), None, None), ast.Load())
            yield "leave out the first of " + name, new
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) \
            and not isinstance(node.value, bool):
        yield "change a number", ast.Constant(node.value + 1)
    if isinstance(node, ast.BoolOp):
        new = copy.deepcopy(node)
        new.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield "and for or", new
    if isinstance(node, ast.Raise):
        yield "leave out a raise", ast.Pass()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) \
            and last(node.value.func) in ("exit", "fail", "refuse", "die", "_exit", "reject", "abort"):
        yield "leave out a refusal", ast.Pass()
    if isinstance(node, ast.If) and not node.orelse:
        new = copy.deepcopy(node)
        new.test = ast.Constant(False)
        yield "leave out a branch", new


class Replace(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        if node is self.old:
            return ast.copy_location(self.new, node)
        return self.generic_visit(node)


def main():
    script, out, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(script, encoding="utf-8") as file:
        text = file.read()
    count = len([0 for node in ast.walk(ast.parse(text)) for _ in variants(node)])
    # Evenly over the script if there are too many.
    step = max(1, -(-count // limit))
    listed = []
    number = 0
    for place in range(len(list(ast.walk(ast.parse(text))))):
        tree = ast.parse(text)
        node = list(ast.walk(tree))[place]
        for what, new in variants(node):
            number += 1
            if number % step:
                continue
            tree = ast.parse(text)
            old = list(ast.walk(tree))[place]
            mutated = ast.fix_missing_locations(Replace(old, new).visit(tree))
            try:
                source = ast.unparse(mutated)
                compile(source, "mutant", "exec")
            except (SyntaxError, ValueError, TypeError):
                continue
            with open("%s/%d.py" % (out, len(listed)), "w", encoding="utf-8") as file:
                file.write(source + "\n")
            listed.append({"what": what, "line": getattr(node, "lineno", 0)})
    with open(out + "/list.json", "w", encoding="utf-8") as file:
        json.dump(listed, file)


main()

"""The Python half of `torch-bridge`: tasks, models and op graphs.

Rust runs this file once, as the module `alphalab_bridge`, in an interpreter
whose environment is already set. Tensors cross the border as themselves, the
op graph as JSON in the layout that the Rust types derive.
"""

import ast
import copy
import gc
import json
import math
import operator
import os
import random
import sys
import types

import torch
from torch.utils.flop_counter import FlopCounterMode


def configure(threads):
    """Settings of the whole interpreter, before torch computes anything.

    Returns the versions of Python and torch, the number of threads, and the
    instruction set of torch's kernels.
    """
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_grad_enabled(False)
    # A collection inside a timed call would be charged to the baseline.
    gc.collect()
    gc.freeze()
    gc.disable()
    capability = torch.backends.cpu.get_cpu_capability()
    python = sys.version.split()[0]
    return python, str(torch.__version__), torch.get_num_threads(), capability


def reset_compiler():
    """Forgets every compiled function and collects what only they held."""
    torch._dynamo.reset()
    gc.collect()


# -- tasks --------------------------------------------------------------------


def _assigned(statement):
    """The (name, owner, field) of each constant that `statement` assigns: of
    `N = 4`, `M, N = 2, 3`, `A = B = 5`, and each entry of `SHAPE = (6, 7)`, which
    is named `SHAPE[0]`."""
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, statement, "value"
            if isinstance(value, ast.Tuple):
                for index in range(len(value.elts)):
                    yield f"{target.id}[{index}]", value.elts, index
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            if len(target.elts) == len(value.elts):
                for index, element in enumerate(target.elts):
                    if isinstance(element, ast.Name):
                        yield element.id, value.elts, index


def _expression(owner, field):
    """The expression in a place that `_assigned` yields."""
    return owner[field] if isinstance(owner, list) else getattr(owner, field)


def parse(source, path, overrides):
    """Parses a task and replaces the values of its overridden constants.

    Returns the tree, the names of all its module-level constants in source
    order, and the overrides that name none of them.
    """
    tree = ast.parse(source, path)
    names = []
    for statement in tree.body:
        for name, owner, field in list(_assigned(statement)):
            names.append(name)
            if name not in overrides:
                continue
            old = _expression(owner, field)
            new = ast.copy_location(ast.Constant(overrides[name]), old)
            if isinstance(owner, list):
                owner[field] = new
            else:
                setattr(owner, field, new)
    unknown = [name for name in overrides if name not in names]
    return ast.fix_missing_locations(tree), list(dict.fromkeys(names)), unknown


def execute(tree, path, name):
    """Runs a parsed task as the module `name` and returns the module."""
    module = types.ModuleType(name)
    module.__file__ = path
    # `inspect`, `dataclasses` and dynamo look modules up by name.
    sys.modules[name] = module
    try:
        exec(compile(tree, path, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def constants(module, names):
    """The (name, value) of each of `names` that is a 64-bit integer."""

    def value(name):
        base, _, index = name.removesuffix("]").partition("[")
        found = getattr(module, base, None)
        return found[int(index)] if index and isinstance(found, tuple) else found

    values = ((name, value(name)) for name in names)
    return [(n, v) for n, v in values if type(v) is int and -(2**63) <= v < 2**63]


def literals(source, path):
    """The (names, value) of each integer that is written out at module level, if
    only as `2048 * 2`, in source order. What is computed from other names follows
    those, and is none. `A = B = 5` is one integer with two names."""
    arithmetic = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.unaryop)
    places = {}
    for statement in ast.parse(source, path).body:
        for name, owner, field in _assigned(statement):
            places.setdefault((id(owner), field), (owner, []))[1].append(name)
    found = []
    for (_, field), (owner, names) in places.items():
        expression = _expression(owner, field)
        if all(isinstance(node, arithmetic) for node in ast.walk(expression)):
            value = eval(compile(ast.Expression(expression), path, "eval"), {})
            if type(value) is int and -(2**63) <= value < 2**63:
                found.append((names, value))
    return found


def footprint(module):
    """What one call takes, by a trial on the meta device, which has shapes only:
    bytes of the inputs and parameters, bytes of the outputs, the floating-point
    operations of its products and convolutions, and the bytes given if every input
    had one row, which is what an input's first dimension counts."""

    def bytes_of(values):
        leaves = torch.utils._pytree.tree_leaves(values)
        return sum(v.numel() * v.element_size() for v in leaves if isinstance(v, torch.Tensor))

    def rows_of(values):
        return [v[:1] if isinstance(v, torch.Tensor) and v.ndim else v for v in values]

    with torch.device("meta"):
        inputs = make_inputs(module, 0)
        model = build_model(module, 0)
        with FlopCounterMode(display=False) as counter:
            outputs = model(*inputs)
    parameters = bytes_of(list(model.state_dict().values()))
    return (
        bytes_of(inputs) + parameters,
        bytes_of(outputs),
        counter.get_total_flops(),
        bytes_of(rows_of(inputs)) + parameters,
    )


def seed_all(seed):
    """Seeds every generator that a task may draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % 2**32)


def build_model(module, seed):
    """`Model(*get_init_inputs())` for inference."""
    seed_all(seed)
    get_init_inputs = getattr(module, "get_init_inputs", list)
    model = module.Model(*(get_init_inputs() or ()))
    return model.eval().requires_grad_(False)


def init_literal(module):
    """`get_init_inputs()` as the text of a list; None if that is not all of it."""
    values = list(getattr(module, "get_init_inputs", list)() or ())
    text = repr(values)
    try:
        return text if ast.literal_eval(text) == values else None
    except (ValueError, SyntaxError):
        return None


def make_inputs(module, seed):
    """`get_inputs()`, its tensors detached and contiguous."""
    seed_all(seed)
    inputs = module.get_inputs()
    if not isinstance(inputs, (list, tuple)):
        inputs = [inputs]
    return [v.detach().contiguous() if isinstance(v, torch.Tensor) else v for v in inputs]


# -- models -------------------------------------------------------------------


def double(model):
    """A deep copy of `model` that computes in float64."""
    return copy.deepcopy(model).double()


def _keep_headers_in_cache():
    """Lets inductor precompile headers into its cache folder. It would keep
    them in the system's folder for temporary files, whatever
    TORCHINDUCTOR_CACHE_DIR says, and has no setting for that."""
    from torch._inductor import codecache
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    folder = os.path.join(cache_dir(), "precompiled_headers")
    codecache._HEADER_DIR = folder
    codecache._HEADER_LOCK_DIR = os.path.join(folder, "locks")


def compiled(model, mode):
    """`torch.compile` for the exact shapes of the first call."""
    _keep_headers_in_cache()
    return torch.compile(model, mode=mode, dynamic=False)


def state(model):
    """The state dict as pairs; the tensors share the model's memory."""
    return list(model.state_dict().items())


def load_state(model, pairs):
    """Copies the values of `pairs` into the model's own tensors."""
    model.load_state_dict(dict(pairs), strict=True)


# -- op graphs ----------------------------------------------------------------

DTYPES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16",
    torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8",
    torch.uint8: "u8", torch.bool: "bool",
}  # fmt: skip

# Operators that return their first argument's values, in its shape.
IDENTITY = {
    "aten.alias", "aten.contiguous", "aten.detach", "aten.detach_", "aten.lift_fresh",
    "aten.lift_fresh_copy", "Tensor.contiguous", "Tensor.detach", "nn.Identity",
}  # fmt: skip
# The same if the result has the argument's shape and dtype.
IDENTITY_IF_SAME = {
    "aten.to", "aten._to_copy", "aten.type_as", "aten.view", "aten.reshape", "aten.expand",
    "aten.flatten", "Tensor.to", "Tensor.float", "Tensor.view", "Tensor.reshape",
}  # fmt: skip
# The same outside training, which `build_model` turns off.
IDENTITY_IF_EVAL = {"aten.dropout", "aten.dropout_", "aten.feature_dropout", "aten.alpha_dropout"}


def _dtype(dtype):
    return DTYPES.get(dtype, str(dtype).removeprefix("torch."))


def _metas(value):
    """TensorMeta of a tensor, or of each tensor in a sequence."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "dtype"):
        return [meta for item in value for meta in _metas(item)]
    if not hasattr(value, "shape"):
        return []
    return [{"shape": [int(n) for n in value.shape], "dtype": _dtype(value.dtype)}]


class _Graph:
    """Collects one graph, with identity nodes and `getitem`s folded away."""

    def __init__(self, source):
        self.json = {"source": source, "inputs": [], "nodes": [], "outputs": []}
        self.alias = {}
        self.metas = {}
        self.several = set()
        self.split = {}

    def value(self, node, kind, meta):
        """Adds a graph input; `meta` is the tensor's or None."""
        self.metas[node] = _metas(meta)
        meta = self.metas[node][0] if self.metas[node] else None
        self.json["inputs"].append({"name": str(node), "kind": kind, "meta": meta})

    def ref(self, node):
        return self.alias.get(node, str(node))

    def arg(self, value):
        """The Arg of one argument."""
        if value is None:
            return "none"
        if isinstance(value, torch.fx.Node):
            return {"ref": self.ref(value)}
        if isinstance(value, bool):
            return {"bool": value}
        if isinstance(value, int):
            return {"int": value}
        if isinstance(value, float):
            return {"float": value} if math.isfinite(value) else {"other": str(value)}
        if isinstance(value, torch.dtype):
            return {"str": _dtype(value)}
        if isinstance(value, (str, torch.device)):
            return {"str": str(value)}
        if isinstance(value, (list, tuple)):
            if value and all(isinstance(item, torch.fx.Node) for item in value):
                return {"ref_list": [self.ref(item) for item in value]}
            if all(type(item) is int for item in value):
                return {"int_list": list(value)}
        return {"other": str(value)}

    def node(self, node, op, args, value):
        """Adds a node; `args` are pairs of schema name and fx argument."""
        self.metas[node] = metas = _metas(value)
        first = args[0][1] if args else None
        if op == "aten.broadcast_tensors.default":
            # Of tensors that are alike, each is itself.
            pairs = zip(first, metas, strict=True)
            if all(self.metas.get(tensor) == [meta] for tensor, meta in pairs):
                self.split[node] = [self.ref(tensor) for tensor in first]
                return
        if isinstance(first, torch.fx.Node):
            if node.target is operator.getitem and first in self.split:
                self.alias[node] = self.split[first][node.args[1]]
                return
            if node.target is operator.getitem and first in self.several:
                self.alias[node] = f"{self.ref(first)}.{node.args[1]}"
                return
            base = ".".join(op.split(".")[:2])
            training = dict(args).get("train", False)
            if (
                base in IDENTITY
                or (base in IDENTITY_IF_SAME and metas == self.metas.get(first))
                or (base in IDENTITY_IF_EVAL and not training)
                or base == "nn.Dropout"
            ):
                self.alias[node] = self.ref(first)
                return
        if isinstance(value, (list, tuple)) and not hasattr(value, "dtype"):
            self.several.add(node)
        args = [[name, self.arg(arg)] for name, arg in args]
        self.json["nodes"].append({"name": str(node), "op": op, "args": args, "outputs": metas})

    def parameters(self, node, state):
        """Gives the last node, a layer, its parameters as arguments."""
        for name, tensor in state.items():
            key = f"{node.target}.{name}"
            if all(value["name"] != key for value in self.json["inputs"]):
                self.value(key, {"param": key}, tensor)
            self.json["nodes"][-1]["args"].append([name, {"ref": key}])


def _functional(node):
    """The operator of `node`; an in-place one that nobody can tell from its
    functional twin (its target is an intermediate without later readers) as
    that twin."""
    op = str(node.target)
    packet, _, overload = op.rpartition(".")
    if not packet.endswith("_") or packet.endswith("__"):
        return op
    twin = getattr(torch.ops.aten, packet.removeprefix("aten.").removesuffix("_"), None)
    target = node.args[0]
    if twin is None or overload not in twin.overloads() or target.op == "placeholder":
        return op
    later = [user for user in target.users if user is not node and user > node]
    return op if later else f"{packet[:-1]}.{overload}"


def _schema_args(node):
    """Pairs of schema argument name and value, defaults filled in."""
    pairs = []
    for index, argument in enumerate(node.target._schema.arguments):
        if index < len(node.args):
            value = node.args[index]
        else:
            value = node.kwargs.get(argument.name, argument.default_value)
        pairs.append((argument.name, value))
    return pairs


def _exported(model, args):
    """The graph by `torch.export`, not decomposed."""
    program = torch.export.export(model, args, strict=False)
    program.graph.eliminate_dead_code()
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    keys = set(model.state_dict())
    graph = _Graph("export")
    position = 0
    for node in program.graph.nodes:
        if node.op == "placeholder":
            spec = specs[node.name]
            if spec.kind.name == "USER_INPUT":
                kind = {"input": position}
                position += 1
            else:
                kind = {"param": spec.target} if spec.target in keys else "constant"
            graph.value(node, kind, node.meta.get("val"))
        elif node.op == "call_function" and not str(node.target).startswith("aten._assert"):
            if hasattr(node.target, "_schema"):
                graph.node(node, _functional(node), _schema_args(node), node.meta.get("val"))
            else:
                named = [(str(i), value) for i, value in enumerate(node.args)]
                graph.node(node, node.target.__name__, named, node.meta.get("val"))
        elif node.op == "get_attr":
            graph.value(node, "constant", node.meta.get("val"))
        elif node.op == "output":
            specs = program.graph_signature.output_specs
            results = zip(node.args[0], specs, strict=True)
            graph.json["outputs"] = [
                graph.ref(result)
                for result, spec in results
                if spec.kind.name == "USER_OUTPUT" and isinstance(result, torch.fx.Node)
            ]
    return graph.json


class _Recorder(torch.fx.Interpreter):
    """Runs a traced model and keeps what each node returned."""

    def run_node(self, node):
        result = super().run_node(node)
        node.meta["val"] = result
        return result


def _traced(model, args):
    """The graph by symbolic tracing, for models that do not export."""
    module = torch.fx.symbolic_trace(model)
    module.graph.eliminate_dead_code()
    _Recorder(module).run(*args)
    keys = set(model.state_dict())
    graph = _Graph("fx")
    position = 0
    for node in module.graph.nodes:
        value = node.meta.get("val")
        named = [(str(i), v) for i, v in enumerate(node.args)] + list(node.kwargs.items())
        if node.op == "placeholder":
            graph.value(node, {"input": position}, value)
            position += 1
        elif node.op == "get_attr":
            graph.value(node, {"param": node.target} if node.target in keys else "constant", value)
        elif node.op == "call_module":
            layer = module.get_submodule(node.target)
            settings = [(name, getattr(layer, name)) for name in getattr(layer, "__constants__", ())]
            graph.node(node, f"nn.{type(layer).__name__}", named + settings, value)
            if node not in graph.alias:
                graph.parameters(node, layer.state_dict())
        elif node.op == "call_method":
            graph.node(node, f"Tensor.{node.target}", named, value)
        elif node.op == "call_function":
            home = getattr(node.target, "__module__", None) or "torch"
            graph.node(node, f"{home}.{node.target.__name__}", named, value)
        elif node.op == "output":
            leaves = torch.utils._pytree.tree_leaves(node.args[0])
            graph.json["outputs"] = [graph.ref(leaf) for leaf in leaves if isinstance(leaf, torch.fx.Node)]
    return graph.json


def op_graph(model, args):
    """The op graph of one call as JSON."""
    try:
        graph = _exported(model, args)
    except Exception:
        graph = _traced(model, args)
    return json.dumps(graph, allow_nan=False)


# -- mutants ------------------------------------------------------------------

# Operators that compute nothing: they copy, name or arrange values.
LAYOUT = {
    "aten.clone", "aten.view", "aten.reshape", "aten.flatten", "aten.unflatten", "aten.squeeze",
    "aten.unsqueeze", "aten.expand", "aten.expand_as", "aten.broadcast_tensors", "aten.transpose",
    "aten.permute", "aten.movedim", "aten.t", "aten.numpy_T", "aten.mT", "aten.matrix_H",
    "aten.select", "aten.slice", "aten.to", "aten._to_copy", "aten.type_as",
    "Tensor.clone", "Tensor.view", "Tensor.reshape", "Tensor.flatten", "Tensor.squeeze",
    "Tensor.unsqueeze", "Tensor.expand", "Tensor.transpose", "Tensor.permute", "Tensor.t",
    "Tensor.to", "Tensor.float", "nn.Dropout",
} | IDENTITY | IDENTITY_IF_EVAL  # fmt: skip


def training(model):
    """A deep copy of `model` in training mode."""
    return copy.deepcopy(model).train()


class _Without(torch.fx.Interpreter):
    """Runs a graph with `result` replaced by the values of `kept`."""

    def __init__(self, module, result, kept):
        super().__init__(module, garbage_collect_values=False)
        self.result = result
        self.kept = kept

    def run_node(self, node):
        if node is not self.result:
            return super().run_node(node)
        return self.env[self.kept].reshape(node.meta["val"].shape)

    def __call__(self, *args):
        try:
            return self.run(*args)
        finally:
            self.env = {}


def _op(module, node):
    """The name of a node's operator, as in an op graph."""
    if node.op == "call_module":
        return f"nn.{type(module.get_submodule(node.target)).__name__}"
    if node.op == "call_method":
        return f"Tensor.{node.target}"
    if hasattr(node.target, "_schema"):
        return str(node.target)
    home = getattr(node.target, "__module__", None) or "torch"
    return f"{home}.{node.target.__name__}"


def without_each(model, args):
    """`model` without one of its operators, for each operator and argument
    that can stand for its result: floats, and as many of them.

    Returns tuples of the result's name, the operator's, the name of the
    argument that stands for it, and a callable that takes what the model
    takes.
    """
    try:
        module = torch.export.export(model, args, strict=False).module()
    except Exception:
        module = torch.fx.symbolic_trace(model)
        _Recorder(module).run(*args)
    variants = []
    for node in module.graph.nodes:
        source = node
        if node.op == "call_function" and node.target is operator.getitem:
            # The first result of an operator with several.
            source = node.args[0]
            if node.args[1] != 0 or not isinstance(source, torch.fx.Node):
                continue
        elif node.op not in ("call_function", "call_method", "call_module"):
            continue
        value = node.meta.get("val")
        op = _op(module, source)
        if not isinstance(value, torch.Tensor) or ".".join(op.split(".")[:2]) in LAYOUT:
            continue
        for kept in source.all_input_nodes:
            other = kept.meta.get("val")
            if (
                isinstance(other, torch.Tensor)
                and other.dtype == value.dtype
                and value.is_floating_point()
                and other.numel() == value.numel()
            ):
                variants.append((str(node), op, str(kept), _Without(module, node, kept)))
    return variants

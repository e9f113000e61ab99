

def _alphalab_ceil_div(a, b):
    return -(-a // b)


def _alphalab_round_up(a, b):
    return -(-a // b) * b


@functools.cache
def _alphalab_library():
    """Compiles the kernels and loads them."""
    with tempfile.TemporaryDirectory(prefix="alphalab-") as folder:
        for name, text in _ALPHALAB_FILES.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        library = os.path.join(folder, "kernel.so")
        compiler = os.environ.get("CXX", "g++")
        command = [compiler, *_ALPHALAB_OPTIONS, "-o", library, "entry.cpp", "-lm"]
        subprocess.run(command, cwd=folder, check=True)
        # A library that is loaded needs no file.
        return ctypes.CDLL(library)


def _alphalab_slot(value, buffers):
    """An argument as the eight bytes that an entry takes."""
    if isinstance(value, str):
        return buffers[value].data_ptr()
    if isinstance(value, float):
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    return value & 0xFFFFFFFFFFFFFFFF


def _alphalab_run(steps, buffers, parts):
    for kind, what, arguments, more in steps:
        if kind == "kernel":
            slots = [_alphalab_slot(value, buffers) for value in arguments]
            slots = (ctypes.c_uint64 * max(len(slots), 1))(*slots)
            _alphalab_library().alphalab_run(what, parts, slots)
        else:
            inputs = [buffers[name] for name in arguments]
            out, attributes = more
            _ALPHALAB_OPERATORS[what](buffers[out], *inputs, **attributes)


def _alphalab_host(name, tensor):
    """The tensor as a kernel reads it: in main memory, contiguous, aligned."""
    expected = _ALPHALAB_DTYPES[name]
    if tensor.dtype != expected:
        raise TypeError(f"{name} is {tensor.dtype}, the kernels take {expected}")
    tensor = tensor.detach().to("cpu").contiguous()
    return tensor if tensor.data_ptr() % 64 == 0 else tensor.clone()


# What computes something else while a model is trained.
_ALPHALAB_TRAINED = (
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.modules.dropout._DropoutNd,
)


class _AlphalabBound:
    """The plan for inputs of some shapes, with its temporaries."""

    def __init__(self, key, model, reference, arguments, shape, parts):
        self.key = key
        self.prepared = None
        if model.training and any(isinstance(part, _ALPHALAB_TRAINED) for part in model.modules()):
            raise RuntimeError("the kernels compute the model in eval mode: call .eval() first")
        # The reference says of what shape its outputs are, and computes nothing.
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            fakes = [
                mode.from_tensor(x.detach()) if isinstance(x, torch.Tensor) else x
                for x in arguments
            ]
            leaves, self.structure = _pytree.tree_flatten(reference(*fakes))
            self.outputs = [(list(x.shape), x.dtype) for x in leaves]
        for index, (size, dtype) in enumerate(self.outputs):
            shape[f"out.{index}"] = size
            if dtype != _ALPHALAB_DTYPES[f"out.{index}"]:
                raise TypeError(f"out.{index} would be {dtype}")
        temporaries, self.prepare, self.steps = _alphalab_plan(shape, parts)
        self.temporaries = {
            name: torch.empty(size, dtype=dtype) for name, size, dtype in temporaries
        }


def _alphalab_call(model, reference, arguments):
    tensors = [x for x in arguments if isinstance(x, torch.Tensor)]
    device = tensors[0].device if tensors else torch.device("cpu")
    parts = torch.get_num_threads()
    state = model.state_dict(keep_vars=True)
    key = (
        parts,
        model.training,
        tuple(x for x in arguments if not isinstance(x, torch.Tensor)),
        tuple(tuple(x.shape) for x in tensors),
    )
    bound = model.__dict__.get("_alphalab_bound")
    if bound is None or bound.key != key:
        shape = {f"in.{index}": list(x.shape) for index, x in enumerate(tensors)}
        shape.update((f"param.{name}", list(x.shape)) for name, x in state.items())
        bound = _AlphalabBound(key, model, reference, arguments, shape, parts)
        model.__dict__["_alphalab_bound"] = bound

    buffers = dict(bound.temporaries)
    for index, tensor in enumerate(tensors):
        buffers[f"in.{index}"] = _alphalab_host(f"in.{index}", tensor)
    for name in _ALPHALAB_PARAMETERS:
        buffers[f"param.{name}"] = _alphalab_host(f"param.{name}", state[name])
    # Once per set of parameters; a change through `.data` can't be seen.
    version = [(state[name].data_ptr(), state[name]._version) for name in _ALPHALAB_PARAMETERS]
    if bound.prepared != version:
        _alphalab_run(bound.prepare, buffers, parts)
        bound.prepared = version
    outputs = [torch.empty(size, dtype=dtype) for size, dtype in bound.outputs]
    buffers.update((f"out.{index}", out) for index, out in enumerate(outputs))
    _alphalab_run(bound.steps, buffers, parts)
    return _pytree.tree_unflatten([out.to(device) for out in outputs], bound.structure)


class ModelNew(Model):
    """The task's model with its parameters, computed by the kernels above.

    For inference: the model in eval mode; results carry no gradient. On a GPU, inputs are copied to
    main memory and outputs back. One call at a time.
    """

    def forward(self, *arguments):
        with torch.no_grad():
            return _alphalab_call(self, super().forward, arguments)

"""The baselines on a GPU: a task's model in a process of torch's own, called and timed on request.

Requests and answers are lines of JSON over the socket that is inherited as descriptor 3. Every
answer names the device that it was made on: `--device cpu` is there to test what is said, and
times that say `cpu` are none that a lab takes.
"""

import gc
import json
import os
import socket
import sys
import time

import torch

import bridge

DEVICE = sys.argv[sys.argv.index("--device") + 1]
CUDA = DEVICE == "cuda"
# Overwriting twice its size leaves nothing in a cache; a driver that tells of none has one.
LEAST_FLUSH_BYTES = 8 << 20
# Calls after which torch.compile has recorded what it records.
SETTLING = 3


class Process:
    """What was loaded."""

    def __init__(self):
        self.models = {}
        self.slots = []
        self.scratch = None
        self.copies = None
        self.turn = 0

    # -- requests ---------------------------------------------------------------

    def open(self, request):
        """Takes the device, in full precision."""
        torch.set_grad_enabled(False)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        told = {"torch": str(torch.__version__), "tf32": False}
        if not CUDA:
            return told | {"name": "processor", "uuid": None, "cuda": None, "l2_bytes": 0}
        if not torch.cuda.is_available():
            raise Refusal(
                f"torch {torch.__version__} finds no GPU: it needs the driver, and a wheel that is "
                f"built for CUDA (this one: {torch.version.cuda})"
            )
        properties = torch.cuda.get_device_properties(0)
        l2_bytes = getattr(properties, "L2_cache_size", 0)
        flush_bytes = max(2 * l2_bytes, LEAST_FLUSH_BYTES)
        self.scratch = torch.empty(flush_bytes, dtype=torch.uint8, device=DEVICE)
        uuid = getattr(properties, "uuid", None)
        return told | {
            "name": properties.name,
            "uuid": None if uuid is None else f"GPU-{uuid}",
            "cuda": torch.version.cuda,
            "l2_bytes": l2_bytes,
        }

    def load(self, request):
        """A task's model with the lab's parameters, eager and compiled, in the `modes` asked for."""
        self.models, self.slots = {}, []
        torch._dynamo.reset()
        gc.collect()
        path = request["path"]
        with open(path, encoding="utf-8") as file:
            tree, _, unknown = bridge.parse(file.read(), path, request["overrides"])
        if unknown:
            raise Refusal(f"`{path}` has no constant `{unknown[0]}`")
        module = bridge.execute(tree, path, "alphalab_task")
        model = bridge.build_model(module, request["seed"])
        state = model.state_dict()
        bridge.load_state(model, [(key, read(file, state[key])) for key, file in request["params"]])
        model = model.to(DEVICE)
        inputs = bridge.make_inputs(module, request["seed"] ^ 1)
        self.slots = [[on_device(value) for value in inputs] for _ in range(request["slots"])]
        made = []
        for mode in request["modes"]:
            since = time.perf_counter()
            try:
                call = model if mode == "eager" else bridge.compiled(model, mode)
                for _ in range(SETTLING):
                    self.call(call, 0)
                synchronize()
            except Exception as error:  # A baseline that can't be is no fault of the lab's.
                made.append({"mode": mode, "error": words(error)})
                continue
            self.models[mode] = call
            made.append({"mode": mode, "first_ms": (time.perf_counter() - since) * 1e3})
        # A collection inside a timed call would be charged to the baseline.
        gc.collect()
        gc.freeze()
        gc.disable()
        return {"made": made}

    def fill(self, request):
        """Values of a slot's tensors, from files."""
        tensors = [value for value in self.slots[request["slot"]] if torch.is_tensor(value)]
        for tensor, file in zip(tensors, request["files"], strict=True):
            tensor.copy_(read(file, tensor))
        synchronize()
        return {}

    def answer(self, request):
        """What a model makes of a slot, into files."""
        outputs = self.call(self.models[request["mode"]], request["slot"])
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        for output, file in zip(outputs, request["files"], strict=True):
            output = output.detach().to("cpu").contiguous()
            with open(file, "wb") as out:
                out.write(memoryview(output.reshape(-1).view(torch.uint8).numpy()))
        return {}

    def time(self, request):
        """A block of timed calls, or of copies."""
        bytes_ = request["copy_bytes"]
        if bytes_ is None:
            model = self.models[request["mode"]]
            work = lambda slot: self.call(model, slot)
        else:
            work = self.copy(bytes_)
        warm, until = request["warm"], time.perf_counter() + request["warm_ms"] / 1e3
        at = 0
        while warm and (at == 0 or time.perf_counter() < until):
            self.timed(work, warm[at % len(warm)], request["flush"])
            at += 1
        return {"samples": [self.timed(work, slot, request["flush"]) for slot in request["counted"]]}

    # -- calls ------------------------------------------------------------------

    def call(self, model, slot):
        # What CUDA graphs of an earlier call hold may be overwritten now.
        torch.compiler.cudagraph_mark_step_begin()
        return model(*self.slots[slot])

    def copy(self, bytes_):
        if self.copies is None or self.copies[0].numel() != bytes_:
            self.copies = None
            self.copies = [torch.zeros(bytes_, dtype=torch.uint8, device=DEVICE) for _ in range(2)]
        source, target = self.copies
        return lambda slot: target.copy_(source)

    def timed(self, work, slot, flush):
        if flush and self.scratch is not None:
            self.turn += 1
            self.scratch.fill_(self.turn % 251)
        if not CUDA:
            since = time.perf_counter_ns()
            kept = work(slot)
            event_ns = time.perf_counter_ns() - since
            del kept
            return {"slot": slot, "event_ns": event_ns, "wall_ns": time.perf_counter_ns() - since}
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        since = time.perf_counter_ns()
        start.record()
        kept = work(slot)
        end.record()
        end.synchronize()
        wall_ns = time.perf_counter_ns() - since
        # What is given back goes after the clock has stopped.
        del kept
        return {"slot": slot, "event_ns": start.elapsed_time(end) * 1e6, "wall_ns": wall_ns}


class Refusal(Exception):
    """The machine's affair, in words for who runs the lab."""


def on_device(value):
    return value.to(DEVICE).clone() if torch.is_tensor(value) else value


def read(file, like):
    """The bytes of a file as a tensor like another, on the host."""
    if like.numel() == 0:
        return torch.empty(like.shape, dtype=like.dtype)
    size = os.path.getsize(file)
    if size != like.numel() * like.element_size():
        raise ValueError(f"`{file}` has {size} bytes, and {tuple(like.shape)} {like.dtype} has not")
    flat = torch.from_file(file, shared=False, size=like.numel(), dtype=like.dtype)
    return flat.reshape(like.shape)


def synchronize():
    if CUDA:
        torch.cuda.synchronize()


def words(error):
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"


def kind(error):
    if isinstance(error, Refusal):
        return "refused"
    return "out_of_memory" if isinstance(error, torch.OutOfMemoryError) else "failed"


def main():
    sys.dont_write_bytecode = True
    process = Process()
    stream = socket.socket(fileno=3).makefile("rw", encoding="utf-8", newline="\n")
    for line in stream:
        request = json.loads(line)
        try:
            answer = getattr(process, request["do"])(request)
        except Exception as error:
            answer = {"error": words(error), "kind": kind(error)}
        stream.write(json.dumps(answer | {"device": DEVICE}) + "\n")
        stream.flush()


main()

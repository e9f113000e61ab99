"""Runs a Python submission, a `ModelNew`, for kernel-lab.

    runner.py check FILE     looks whether FILE can be one, without running it
    runner.py serve SETUP    answers the lab's requests; SETUP is JSON

This is the counterpart of the runner in Rust: same control block, same requests,
same arena of guarded buffers. It is trusted until it loads a submission. From then
on nothing that it says is believed: the lab holds the clock, stops the process for
good before it reads an output, and compares what it finds there.
"""

import ast
import ctypes
import faulthandler
import gc
import importlib.util
import json
import mmap
import os
import random
import struct
import sys
import time
import traceback

# What a submission's module and file are called.
NAME = "model_new"
# Bytes of an explanation.
MOST = 2000
# Lines of a compiler's log in it.
LINES = 5
# Bytes that an exercise copies.
EXERCISE = 16 << 20

SYS_FUTEX, FUTEX_WAIT, FUTEX_WAKE = 202, 0, 1

libc = ctypes.CDLL(None)


class Refusal(Exception):
    """What is wrong with a submission, in words for its author."""


# -- before anything runs -----------------------------------------------------


def check(path):
    """Why the file at `path` is no submission; None if it may be one."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), f"{NAME}.py")
    except SyntaxError as error:
        return f"{NAME}.py:{error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{NAME}.py: {error or type(error).__name__}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "ModelNew":
            return None
        if isinstance(node, ast.Name) and node.id == "ModelNew" and isinstance(node.ctx, ast.Store):
            return None
    return f"{NAME}.py defines no `class ModelNew`"


# -- the control block --------------------------------------------------------


class Control:
    """The block that is shared with the lab."""

    def __init__(self, setup):
        self.memory = mmap.mmap(setup["fd"], setup["bytes"])
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.offsets = setup["offsets"]
        self.most = setup["mailbox_bytes"]
        word = lambda name, kind: kind.from_address(self.base + self.offsets[name])
        if word("magic", ctypes.c_uint32).value != setup["magic"]:
            raise Refusal("the control block is of another version")
        self.asked = word("asked", ctypes.c_uint32)
        self.answered = word("answered", ctypes.c_uint32)
        self.request = word("request", ctypes.c_uint32)
        self.status = word("status", ctypes.c_uint32)
        self.slot = word("slot", ctypes.c_uint32)
        self.length = word("mailbox_len", ctypes.c_uint32)
        self.arena_base = word("arena_base", ctypes.c_uint64)
        self.work_ns = word("work_ns", ctypes.c_uint64)
        self.mailbox = self.base + self.offsets["mailbox"]

    def take(self):
        return ctypes.string_at(self.mailbox, min(self.length.value, self.most))

    def put(self, text):
        text = text[: self.most]
        ctypes.memmove(self.mailbox, text, len(text))
        self.length.value = len(text)

    def wait(self, seen):
        """Sleeps until something is asked, or for no reason at all."""
        address = ctypes.c_void_p(self.base + self.offsets["asked"])
        libc.syscall(SYS_FUTEX, address, FUTEX_WAIT, ctypes.c_uint32(seen), None, None, 0)

    def answer(self, seen, status):
        self.status.value = status
        self.answered.value = seen
        address = ctypes.c_void_p(self.base + self.offsets["answered"])
        libc.syscall(SYS_FUTEX, address, FUTEX_WAKE, 1, None, None, 0)


# -- buffers ------------------------------------------------------------------


def dtype_of(name):
    return {
        "f32": torch.float32, "f64": torch.float64, "i64": torch.int64,
        "i32": torch.int32, "u8": torch.uint8, "bool": torch.bool,
    }[name]  # fmt: skip


class Arena:
    """The program's buffers: private memory in huge pages, touched before any
    clock starts, as the lab's own tensors are."""

    def __init__(self, program):
        size = max(program["arena_bytes"], 1)
        self.program = program
        self.memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.memory.madvise(mmap.MADV_HUGEPAGE)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        ctypes.memset(self.base, 0, size)

    def view(self, index, slot):
        """A buffer in a slot as a tensor on its memory."""
        buffer = self.program["buffers"][index]
        dtype = dtype_of(self.program["module"]["dtypes"][index])
        if buffer["bytes"] == 0:
            return torch.empty(buffer["shape"], dtype=dtype)
        address = self.base + buffer["offset"] + buffer["slot_stride"] * slot
        raw = (ctypes.c_char * buffer["bytes"]).from_address(address)
        return torch.frombuffer(raw, dtype=dtype).reshape(buffer["shape"])


# -- the submission -----------------------------------------------------------


def seed_all(seed):
    """Seeds as the task's own model was seeded."""
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % 2**32)


def flat(value):
    """The tensors that a call returned, tuples and lists flattened."""
    if not isinstance(value, (tuple, list)):
        return [value]
    return [leaf for item in value for leaf in flat(item)]


class Submission:
    """A `ModelNew` with the task's parameters."""

    def __init__(self, program, arena):
        self.module = program["module"]
        self.arena = arena
        self.slots = program["slots"]
        self.wanted = []
        for index in self.module["outputs"]:
            dtype = dtype_of(self.module["dtypes"][index])
            self.wanted.append((torch.Size(program["buffers"][index]["shape"]), dtype))
        self.arguments = [
            [self.argument(argument, slot) for argument in self.module["arguments"]]
            for slot in range(self.slots)
        ]
        # Outputs stay where they are until their slot is used again.
        self.held = [None] * self.slots
        self.addresses = struct.Struct(f"<{len(self.wanted)}Q")
        self.model = self.build()
        self.params = self.find_params()
        self.prepare()
        # Compiles what compiles late, and starts the threads that there will be.
        for slot in range(min(2, self.slots)):
            self.run(slot)

    def argument(self, argument, slot):
        (kind, value), = argument.items()
        if kind == "buffer":
            return self.arena.view(value, slot)
        return struct.unpack("<d", struct.pack("<Q", value))[0] if kind == "float" else value

    def build(self):
        """`ModelNew(*get_init_inputs())` for inference."""
        spec = importlib.util.spec_from_file_location(NAME, self.module["path"])
        module = importlib.util.module_from_spec(spec)
        # `inspect`, `dataclasses` and dynamo look modules up by name.
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
        kind = getattr(module, "ModelNew", None)
        if not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
            raise Refusal("`ModelNew` is no subclass of torch.nn.Module")
        seed_all(self.module["seed"])
        model = kind(*ast.literal_eval(self.module["init"]))
        model.eval()
        model.requires_grad_(False)
        return model

    def find_params(self):
        """Pairs of the model's own tensors and the task's, if it has all of those under
        the same names, of the same shapes and types. None if not: then they are what
        the seed made them, as in KernelBench."""
        own = torch.nn.Module.state_dict(self.model)
        task = {key: self.arena.view(index, 0) for key, index in self.module["params"]}
        alike = all(
            key in own and own[key].shape == value.shape and own[key].dtype == value.dtype
            for key, value in task.items()
        )
        return [(own[key], value) for key, value in task.items()] if alike else None

    def prepare(self):
        for own, value in self.params or ():
            own.copy_(value)

    def run(self, slot):
        """One call; where its outputs lie."""
        slot = slot if slot < self.slots else 0
        self.held[slot] = None
        outputs = flat(self.model(*self.arguments[slot]))
        if len(outputs) != len(self.wanted):
            raise Refusal(f"it returns {len(outputs)} tensors, the task's model {len(self.wanted)}")
        for index, (shape, dtype) in enumerate(self.wanted):
            output = outputs[index]
            if type(output) is not torch.Tensor:
                name = type(output).__name__
                raise Refusal(f"output {index} is a `{name}`, not a plain torch.Tensor")
            if output.shape != shape or output.dtype != dtype:
                raise Refusal(
                    f"output {index} is {output.dtype} of shape {list(output.shape)}, "
                    f"the task's is {dtype} of shape {list(shape)}"
                )
            if output.device.type != "cpu" or output.layout != torch.strided:
                raise Refusal(f"output {index} is not a strided tensor on the CPU")
            outputs[index] = output.contiguous()
        self.held[slot] = outputs
        return self.addresses.pack(*[output.data_ptr() for output in outputs])


# -- requests -----------------------------------------------------------------


class Runner:
    """What there is by now; each request moves it on by one."""

    def __init__(self, control):
        self.control = control
        self.program = None
        self.arena = None
        self.submission = None
        self.drill = None

    def null(self, _slot):
        return b""

    def exercise(self, _slot):
        """Work of a known length: what is left of its time is the hand-shake."""
        if self.program is not None:
            raise Refusal("the time for exercises is over")
        if self.drill is None:
            count = EXERCISE // 4
            self.drill = torch.ones(count), torch.zeros(count)
            self.drill[1].copy_(self.drill[0])
        source, target = self.drill
        begin = time.perf_counter_ns()
        target.copy_(source)
        self.control.work_ns.value = time.perf_counter_ns() - begin
        return b""

    def arrange(self, _slot):
        self.program = json.loads(self.control.take())
        self.arena = Arena(self.program)
        self.control.arena_base.value = self.arena.base
        return b""

    def load(self, _slot):
        self.submission = Submission(self.program, self.arena)
        # A collection inside a timed call would be charged to it.
        gc.collect()
        gc.freeze()
        gc.disable()
        return b"name" if self.submission.params is not None else b"seed"

    def prepare(self, _slot):
        self.submission.prepare()
        return b""

    def run(self, slot):
        return self.submission.run(slot)


def explain(error):
    """An exception in a few words: where in the submission, and what."""
    text = str(error)
    if not isinstance(error, Refusal):
        text = f"{type(error).__name__}: {text}"
    if "Error building extension" in text:
        relevant = [line for line in text.splitlines() if "error:" in line]
        text = "\n".join(relevant[:LINES]) or text
    frames = traceback.extract_tb(error.__traceback__)
    if any("/site-packages/triton/" in frame.filename for frame in frames):
        text = f"Triton has no device to run on: this lab measures on the CPU ({text})"
    own = [frame for frame in frames if os.path.basename(frame.filename) == f"{NAME}.py"]
    place = f"{NAME}.py:{own[-1].lineno}: " if own else ""
    return f"{place}{text}"[:MOST]


def serve(setup):
    # Who prints much must not wait for somebody to read it.
    os.set_blocking(2, False)
    faulthandler.enable()
    sys.dont_write_bytecode = True
    control = Control(setup)

    global torch
    import torch

    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")
    torch.set_num_threads(setup["threads"])
    torch.set_num_interop_threads(1)
    torch.set_grad_enabled(False)
    # Starts torch's threads.
    torch.ones(1 << 20).add_(1)

    runner = Runner(control)
    requests = {number: getattr(runner, name) for name, number in setup["requests"].items()}
    seen = 0
    while True:
        asked = control.asked.value
        if asked == seen:
            control.wait(seen)
            continue
        seen = asked
        try:
            control.put(requests[control.request.value](control.slot.value))
            status = setup["done"]
        except BaseException as error:
            control.put(explain(error).encode("utf-8", "replace"))
            status = setup["failed"]
        control.answer(seen, status)


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        problem = check(sys.argv[2])
        if problem:
            print(problem)
        sys.exit(1 if problem else 0)
    serve(json.loads(sys.argv[2]))

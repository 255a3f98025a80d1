"""What a pickle would do if it were opened, found by tracing it without running it.

A pickle is a program for a small stack machine. Here it runs on stand-ins: names are recorded and never imported, calls
are never made, and data are only measured. torch.load(weights_only=True) then meets nothing that was not checked, and
never requests more memory than the file has bytes.
"""

import pickletools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from core.errors import BadCheckpoint, Unsafe
from core.models.importers.text import listing, plain

_STEPS = 3_000_000  # of the stack machine; a thousand tensors with their optimiser take a tenth
_LARGEST = 2**63 - 1  # the largest numbers of torch; longer ones only slow Python down
_DEEPEST = 32  # tuples in tuples; a few thousand more crash Python when it hashes them
_REBUILD = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"}
# The names in a dictionary of weights; all of them only build tensors.
_HARMLESS = {
    "collections.OrderedDict",
    "builtins.set",
    "__builtin__.set",
    "torch.Size",
    "torch._utils._rebuild_parameter",
    *_REBUILD,
}
_STORAGES = {  # bytes per element
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "DoubleStorage": 8,
    "LongStorage": 8,
    "FloatStorage": 4,
    "IntStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "UntypedStorage": 1,
}
# Plain data that training programs save beside the weights: not imported, but replaced by stand-ins.
_MAPPINGS = {
    "collections.defaultdict",
    "collections.Counter",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "munch.Munch",
    "box.box.Box",
    "yacs.config.CfgNode",
    "ml_collections.config_dict.config_dict.ConfigDict",
}
_DATA = {
    "argparse.Namespace",
    "types.SimpleNamespace",
    "collections.deque",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    "_codecs.encode",  # how older protocols write bytes
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "typing.Any",
    *(
        f"{module}.{name}"
        for module in ("builtins", "__builtin__")
        for name in ("list", "dict", "tuple", "int", "float", "complex", "bool", "str", "bytes", "slice", "range",
                     "frozenset", "object", "long", "unicode")
    ),
}  # fmt: skip
_DATA_MODULES = {
    "datetime",
    "pathlib",
    "pathlib._local",
    "numpy",
    "numpy.dtypes",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "omegaconf.base",
    "omegaconf.dictconfig",
    "omegaconf.listconfig",
    "omegaconf.nodes",
}
_NOT_DATA = {"numpy.load", "numpy.fromfile", "numpy.memmap", "numpy.save", "numpy.loadtxt", "numpy.genfromtxt"}
_TYPES = {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "device"}


@dataclass(frozen=True)
class _Name:
    """Something that the pickle would import: "module.name"."""

    name: str


@dataclass(frozen=True)
class _Tuple:
    items: tuple[Any, ...]
    depth: int


@dataclass(frozen=True)
class _Storage:
    """Memory that the file requests: `elements` of some bytes each."""

    elements: int


_MARK = object()
_OTHER = object()  # any value whose content does not matter


@dataclass
class PickleContents:
    """What one or several pickles of a file would do.

    names:    their imports, as "module.name", in order.
    storages: key -> claimed bytes of this storage.
    protocols: the pickle protocols used.
    """

    names: dict[str, None] = field(default_factory=dict)
    storages: dict[str, int] = field(default_factory=dict)
    protocols: set[int] = field(default_factory=set)

    @property
    def harmful(self) -> list[str]:
        """The names that do more than build tensors."""
        return [name for name in self.names if not (is_harmless(name) or is_plain_data(name))]

    @property
    def data(self) -> list[str]:
        """The names that are plain data beside the weights."""
        return [name for name in self.names if not is_harmless(name) and is_plain_data(name)]


class _Trap(Exception):
    """An attack on the program that opens the pickle, as the end of a sentence."""


def follow(file: IO[bytes], contents: PickleContents, name: str) -> None:
    """Traces one pickle from the current position to its end, and records its effects.

    Raises: Unsafe if it would crash Python or fill the memory; ValueError if it is not a complete pickle.
    """
    machine = _Machine(contents)
    try:
        for step, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if step > _STEPS:
                raise _Trap(f"it has more than {_STEPS:,} steps, which no dictionary of weights has")
            machine.do(operation.name, argument)
    except _Trap as trap:
        raise Unsafe(f"{plain(name)} was not opened: {trap}.") from trap
    except (IndexError, KeyError) as error:
        raise ValueError("a step lacks its operands") from error


def refuse_harmful(contents: PickleContents, name: str) -> None:
    """Raises: Unsafe, naming what the file would run, if it does more than build tensors."""
    if not contents.harmful:
        return
    if "torch._utils._rebuild_qtensor" in contents.harmful:
        raise BadCheckpoint(
            f"{plain(name)} was quantised: its weights are whole numbers with scales. Only floating-point weights can "
            "be imported. Save them before that step."
        )
    modules = [each for each in contents.harmful if ".modules." in each or each.startswith("torchvision.models.")]
    what = "a whole network as a Python program, not its weights" if modules else "more than weights"
    raise Unsafe(
        f"{plain(name)} holds {what}: to open it, Python would run {listing(contents.harmful)}. Nothing was run. In "
        "the "
        'program that made it, save the weights alone: torch.save(model.state_dict(), "weights.pt"), or safetensors.'
    )


def is_mapping(name: str) -> bool:
    """Whether it is a dictionary of another kind."""
    return name in _MAPPINGS


def is_plain_data(name: str) -> bool:
    """Whether it is a number, a path, a date or a container, which a stand-in can replace."""
    module = name.rpartition(".")[0]
    return name in _DATA or name in _MAPPINGS or (module in _DATA_MODULES and name not in _NOT_DATA)


def is_harmless(name: str) -> bool:
    """Whether it only builds tensors."""
    module, _, last = name.rpartition(".")
    if module in ("torch", "torch.cuda", "torch.storage") and last in _STORAGES:
        return True
    return name in _HARMLESS or (module == "torch" and last in _TYPES)


class _Machine:
    """The stack machine on stand-ins."""

    def __init__(self, contents: PickleContents) -> None:
        self._contents = contents
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """One operation. Raises: IndexError, KeyError where the stack or the memo lacks what it needs."""
        stack = self._stack
        if name == "PROTO":
            self._contents.protocols.add(argument)
        elif name == "GLOBAL":
            stack.append(self._named(".".join(argument.split(" "))))
        elif name == "INST":
            self._to_mark()
            stack.append(self._named(".".join(argument.split(" "))))
        elif name == "STACK_GLOBAL":
            last, module = stack.pop(), stack.pop()
            known = isinstance(last, str) and isinstance(module, str)
            stack.append(self._named(f"{module}.{last}" if known else "something that it names while it runs"))
        elif name in ("EXT1", "EXT2", "EXT4"):
            stack.append(self._named(f"copyreg extension {argument}"))
        elif name in ("PERSID", "BINPERSID"):
            stack.append(self._stored(argument if name == "PERSID" else stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_called(function, arguments))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if argument is None else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack.append(_tuple(self._to_mark() if count is None else self._top(count)))
        elif name in _OTHERS:
            popped, to_mark, given = _OTHERS[name]
            self._top(popped)
            if to_mark:
                self._to_mark()
            stack.extend([_OTHER] * given)
        else:
            stack.append(argument if isinstance(argument, str | int) else _OTHER)  # a number, a string, bytes

    def _top(self, count: int) -> list[Any]:
        return [self._stack.pop() for _ in range(count)][::-1]

    def _to_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _named(self, name: str) -> _Name:
        self._contents.names[name] = None
        return _Name(name)

    def _stored(self, wanted: Any) -> Any:
        """The storage that a persistent id requests: ("storage", type, key, place, elements, ...)."""
        items = wanted.items if isinstance(wanted, _Tuple) else ()
        if len(items) < 5 or items[0] != "storage" or not isinstance(items[1], _Name):
            if items and items[0] == "module":
                self._named("the program text of a whole network")
                return _OTHER
            return _OTHER  # an id of an older layout; torch handles or refuses it
        size = _STORAGES.get(items[1].name.rpartition(".")[2], 8)
        elements = items[4] if isinstance(items[4], int) else 0
        if not 0 <= elements <= _LARGEST:
            raise _Trap("it requests a negative or impossibly large amount of memory")
        self._contents.storages[str(items[2])] = elements * size
        return _Storage(elements)


_TUPLES: dict[str, int | None] = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "TUPLE": None}
# Operation -> values popped from the stack, whether it then clears down to the mark, values pushed. Everything else on
# the stack (a list that is appended to) stays.
_OTHERS: dict[str, tuple[int, bool, int]] = {
    "FRAME": (0, False, 0),
    "STOP": (1, False, 0),
    "READONLY_BUFFER": (0, False, 0),
    "POP": (1, False, 0),
    "POP_MARK": (0, True, 0),
    "APPEND": (1, False, 0),
    "SETITEM": (2, False, 0),
    "BUILD": (1, False, 0),
    "APPENDS": (0, True, 0),
    "SETITEMS": (0, True, 0),
    "ADDITEMS": (0, True, 0),
    "LIST": (0, True, 1),
    "DICT": (0, True, 1),
    "FROZENSET": (0, True, 1),
    "OBJ": (0, True, 1),
    "NEWOBJ": (2, False, 1),
    "NEWOBJ_EX": (3, False, 1),
}


def _tuple(items: Sequence[Any]) -> _Tuple:
    depth = 1 + max((item.depth for item in items if isinstance(item, _Tuple)), default=0)
    if depth > _DEEPEST:
        raise _Trap(f"it packs tuples into tuples more than {_DEEPEST} deep, to crash the program that opens it")
    return _Tuple(tuple(items), depth)


def _called(function: Any, arguments: Any) -> Any:
    """The result of a call; a tensor must fit into its storage."""
    items = arguments.items if isinstance(arguments, _Tuple) else ()
    if not (isinstance(function, _Name) and function.name in _REBUILD and len(items) >= 4):
        return _OTHER
    storage, offset, size, stride = items[:4]
    sizes, strides = (part.items if isinstance(part, _Tuple) else () for part in (size, stride))
    strange = [each for each in (offset, *sizes, *strides) if not isinstance(each, int) or not 0 <= each <= _LARGEST]
    if strange or len(sizes) != len(strides) or not isinstance(storage, _Storage):
        raise _Trap("it describes an impossible tensor")
    count, end = 1, offset + 1
    for length, step in zip(sizes, strides, strict=True):
        count, end = count * length, end + (length - 1) * step
    if count and max(count, end) > storage.elements:
        raise _Trap(
            f"it says that {storage.elements:,} numbers of the file make a tensor of {' × '.join(map(str, sizes))}, "
            "which has more"
        )
    return _OTHER

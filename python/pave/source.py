"""Reads the source of steps: where they are, and how they end.

Owns: finding a function's syntax tree; the facts of its last statement (`Tail`).
Must not: judge them; `pave_graph` does. Import the `ast` module, which costs more than this file.
"""

from __future__ import annotations

import _ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

#: Fields of a statement that hold further statements.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class SourceMissing(Exception):
    """The source of a function can't be read."""


class Source:
    """One file: its text and where its functions and classes are."""

    def __init__(self, text: str, file: str) -> None:
        # The parser counts every kind of line end as one line.
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.functions: dict[tuple[str, int], Any] = {}
        self.classes: dict[str, Any] = {}
        tree: Any = compile(text, file, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
        self._index(tree)

    def _index(self, node: Any) -> None:
        for field in _BLOCKS:
            for child in getattr(node, field, None) or ():
                if isinstance(child, (_ast.FunctionDef, _ast.AsyncFunctionDef)):
                    marks = child.decorator_list
                    first = marks[0].lineno if marks else child.lineno
                    self.functions[child.name, first] = child
                elif isinstance(child, _ast.ClassDef):
                    self.classes.setdefault(child.name, child)
                self._index(child)

    def line(self, number: int) -> str:
        """The line with this number, stripped."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    def text(self, node: Any) -> str:
        """The source text of an expression."""
        first, last = node.lineno - 1, node.end_lineno - 1
        # Columns count bytes of UTF-8.
        raw = [line.encode() for line in self.lines[first : last + 1]]
        raw[-1] = raw[-1][: node.end_col_offset]
        raw[0] = raw[0][node.col_offset :]
        return b"\n".join(raw).decode()


class Sources:
    """Files by name, each read and parsed once."""

    def __init__(self) -> None:
        self._files: dict[str, Source] = {}

    def add(self, file: str, text: str) -> None:
        """Gives the text of a file that was read already."""
        self._files[file] = Source(text, file)

    def get(self, file: str) -> Source:
        """Gives a file's source.

        Raises
        ------
        SourceMissing
            If it can't be read.
        """
        source = self._files.get(file)
        if source is None:
            try:
                source = Source(read_text(file), file)
            except (OSError, SyntaxError, ValueError) as error:
                raise SourceMissing(f"the source file {file} can't be read: {error}") from error
            self._files[file] = source
        return source

    def function(self, function: Callable[..., Any]) -> tuple[str, Source, Any]:
        """Finds a function's file, source and syntax tree.

        Raises
        ------
        SourceMissing
            If it can't be found.
        """
        inner = function
        while hasattr(inner, "__wrapped__"):
            inner = inner.__wrapped__
        code = getattr(inner, "__code__", None)
        if code is None:
            raise SourceMissing(f"{function!r} is not written in Python")
        source = self.get(code.co_filename)
        node = source.functions.get((code.co_name, code.co_firstlineno))
        if node is None:
            raise SourceMissing(
                f"line {code.co_firstlineno} of {code.co_filename} holds no function "
                f"`{code.co_name}`; did the file change while it was imported?"
            )
        return code.co_filename, source, node


def read_text(file: str) -> str:
    """Reads a source file as Python itself decodes it."""
    try:
        with open(file, "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        import linecache  # Notebooks and consoles keep their cells there.

        lines = linecache.getlines(file)
        if not lines:
            raise
        return "".join(lines)
    return decode(data)


def decode(data: bytes) -> str:
    """Decodes source text as Python itself does."""
    head = b"\n".join(data.split(b"\n", 2)[:2])
    if b"coding" in head:
        from io import BytesIO
        from tokenize import detect_encoding

        return data.decode(detect_encoding(BytesIO(data).readline)[0])
    return data.decode("utf-8-sig")


def count_inputs(node: Any) -> int:
    """Counts positional arguments besides the flow; -1 if even that is missing."""
    return len(node.args.posonlyargs) + len(node.args.args) - 1


def read_tail(node: Any, source: Source) -> dict[str, Any]:
    """Reads how a function's body ends."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    me = arguments[0].arg if arguments else "self"
    last = node.body[-1]
    if isinstance(last, _ast.Expr) and _is_next(last.value, me):
        return _read_next(last.value, me, source)
    for call in _walk(node):
        if _is_next(call, me):
            return {
                "kind": "misplaced",
                "line": call.lineno,
                "source": source.line(call.lineno),
            }
    return {"kind": "none"}


def _is_next(node: Any, me: str) -> bool:
    if not isinstance(node, _ast.Call) or not isinstance(node.func, _ast.Attribute):
        return False
    owner = node.func.value
    return node.func.attr == "next" and isinstance(owner, _ast.Name) and owner.id == me


def _read_next(call: Any, me: str, source: Source) -> dict[str, Any]:
    tail: dict[str, Any] = {
        "kind": "next",
        "line": call.lineno,
        "source": source.line(call.lineno),
        "targets": [_target(argument, me, source) for argument in call.args],
    }
    for keyword in call.keywords:
        # A literal `None` is the default: as good as not given.
        absent = isinstance(keyword.value, _ast.Constant) and keyword.value.value is None
        if keyword.arg in ("foreach", "condition"):
            if not absent:
                tail[keyword.arg] = _literal_name(keyword.value)
        elif keyword.arg == "num_parallel":
            tail["num_parallel"] = not absent
        else:
            name = keyword.arg or f"**{source.text(keyword.value)}"
            tail.setdefault("unknown_keywords", []).append(name)
    if len(call.args) == 1 and isinstance(call.args[0], _ast.Dict):
        cases = zip(call.args[0].keys, call.args[0].values, strict=True)
        tail["cases"] = [
            {"key": _case_key(key, me, source), "target": _target(value, me, source)}
            for key, value in cases
        ]
    return tail


def _literal_name(node: Any) -> str | None:
    is_text = isinstance(node, _ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None


def _target(node: Any, me: str, source: Source) -> dict[str, str]:
    if (
        isinstance(node, _ast.Attribute)
        and isinstance(node.value, _ast.Name)
        and node.value.id == me
    ):
        return {"step": node.attr}
    return {"other": source.text(node)}


def _case_key(node: Any, me: str, source: Source) -> str | None:
    if node is None:
        return None
    inner = node.operand if isinstance(node, _ast.UnaryOp) else node
    if isinstance(inner, _ast.Constant) and isinstance(inner.value, (str, int, float)):
        return source.text(node)
    owner = node.value if isinstance(node, _ast.Attribute) else None
    if isinstance(owner, _ast.Attribute) and isinstance(owner.value, _ast.Name):
        return source.text(node) if owner.value.id == me else None
    return None


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for field in node._fields:
        value = getattr(node, field, None)
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, _ast.AST):
                yield from _walk(child)

"""Errors that reach the user as one sentence, with the exit code of the command line."""

import importlib.util

#: A sentence longer than this is cut in its middle: a file may have put a book into a name.
_LONGEST = 1200
_END = 400
#: What PyTorch, oneDNN, OpenVINO, ONNX Runtime and the system's loader say of an allocation that
#: failed. oneDNN says no more than that it made no primitive.
_OUT_OF_MEMORY = (
    *("can't allocate memory", "cannot allocate memory", "out of memory", "failed to allocate"),
    *("bad_alloc", "bad allocation", "could not create a primitive", "failed to map segment"),
    *("can't start new thread", "could not create a memory"),
)


def one_line(text: str) -> str:
    """`text` on one line, without characters that steer a terminal, and not endless."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - _END]}...{text[-_END:]}"
    text = text.replace("\n", " ")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class YnetError(Exception):
    """Something failed on our side or the machine's (disk full, out of memory): exit code 1."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class InputError(YnetError):
    """What the user gave cannot be used: exit code 2.

    The message is one sentence: what was found, what was expected, how to fix it.
    """

    exit_code = 2


class AlreadyToldError(YnetError):
    """Something failed, and another process has said it: this one ends without a word."""


class MissingExtraError(YnetError):
    """An optional part is not installed."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed: "
            f"pip install 'ynet3d[{extra}]'"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is an allocation that failed, by its kind or by the words of a library."""
    if isinstance(error, MemoryError):
        return True
    words = str(error).lower()
    known = isinstance(error, RuntimeError | ImportError | OSError)
    return known and any(sign in words for sign in _OUT_OF_MEMORY)


def require_package(module: str, *, extra: str, purpose: str, package: str | None = None) -> None:
    """Make sure that `module` can be imported, without importing it.

    Args:
        package: that has the module, where its name is another.

    Raises:
        MissingExtraError: it is not installed; the message says what to install.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(package or module, extra=extra, purpose=purpose)

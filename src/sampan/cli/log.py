"""The log that engines read: lines of text or JSON in the shape of logrus, appended to a file. Hot path.

It never decides what an error means; it writes down the message that it is given.
"""

from __future__ import annotations

import posix
import time

from sampan.cli.output import write
from sampan.errors import KernelError

SERVICES = ("journald:", "syslog:")  # before an identifier: messages go to the system's log, as crun does it


class Log:
    """Where messages go beside standard error: ``target`` ("" is nowhere) in ``format`` ("text" or "json")."""

    __slots__ = ("debugging", "errors_only", "format", "target")

    def __init__(self) -> None:
        self.target = ""  # a file's path, also as "file:PATH", or "syslog:ID", "journald:ID"
        self.format = "text"
        self.debugging = False
        self.errors_only = False

    def debug(self, message: str) -> None:
        """One step that was taken: for the log, or for standard error where there is no log. Only with --debug."""
        if self.debugging:
            self._append("debug", message)

    def remark(self, message: str) -> None:
        """What is left out, and need not worry anybody: for the log; on standard error only with --debug."""
        if self.target or self.debugging:
            self.warning(message)

    def warning(self, message: str) -> None:
        """What went wrong and does not make the command fail: for the log, or for standard error."""
        if not self.errors_only:
            self._append("warning", message)

    def error(self, message: str) -> None:
        """The reason why the command fails: always on standard error, and in the log where there is one."""
        if self.target:
            try:
                self._append("error", message)
            except KernelError as error:
                write(f"sampan: --log: {error}\n", fd=2)
        # a program that asked for JSON and gave no log reads standard error
        as_text = self.target or self.format == "text"
        line = f"sampan: {_harmless(message)}\n" if as_text else _line("json", "error", message)
        write(line, fd=2)

    def _append(self, level: str, message: str) -> None:
        if self.target.startswith(SERVICES):
            from sampan.cli.system_log import send

            send(self.target, level, message)
            return
        line = _line(self.format, level, message)
        if not self.target:
            write(line, fd=2)
            return
        path = self.target.removeprefix("file:")
        try:
            fd = posix.open(path, posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC, 0o644)
        except OSError as error:
            raise KernelError("open", path, error.errno or 0) from None
        try:
            write(line, fd)
        finally:
            posix.close(fd)


def _harmless(text: str) -> str:
    """``text`` without what a terminal would obey: names in messages may come from an image."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def _line(form: str, level: str, message: str) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if form == "json":
        return f'{{"level":"{level}","msg":{_quoted(message)},"time":"{now}"}}\n'
    return f'time="{now}" level={level} msg={_quoted(message)}\n'


def _quoted(text: str) -> str:
    """``text`` as a JSON string. Done here so that even a broken installation can say what is broken."""
    text = text.encode(errors="backslashreplace").decode()
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    if not text.isprintable():
        text = "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in text)
    return f'"{text}"'

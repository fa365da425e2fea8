"""Runs what a student has handed in, and judges what has come of it."""

from __future__ import annotations

import errno
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

import sampan
from sampan import aio

HERE = Path(__file__).parent
EXAMINEE = (HERE / "examinee.py").read_text()
PYTHON = "/usr/bin/python3"
TIMEOUT, MEMORY = 3.0, 64 << 20  # seconds, bytes: enough for an exercise
LIMITS: dict[str, Any] = {"memory": MEMORY, "work": "8M", "processes": 8, "output": "64K", "timeout": TIMEOUT}
FORBIDDEN = (errno.EACCES, errno.EAGAIN, errno.ENETUNREACH, errno.ENOSYS, errno.EPERM, errno.EROFS)
ENDS: dict[str, str] = {
    "timeout": f"It took longer than {TIMEOUT:g} seconds, and was ended.",
    "oom": f"It took more than {MEMORY >> 20} MB of memory, and was ended.",
    "output": "It printed more than anybody can read, and was ended.",
    "signal": "It has crashed.",
}


class Call(BaseModel):
    """A call of the student's function, and what it should give."""

    arguments: list[Any]
    result: Any
    hidden: bool = False  # whether the student is told neither


class Exercise(BaseModel):
    """A file in `exercises/`."""

    title: str
    text: str
    function: str
    start: str  # what the editor begins with
    calls: list[Call]


class Test(BaseModel):
    """What has come of a call."""

    name: str
    state: Literal["passed", "failed", "error", "forbidden", "ended here", "not reached"]
    expected: str = ""
    found: str = ""


class Verdict(BaseModel):
    """All that the student is told."""

    state: Literal["passed", "failed", "timeout", "oom", "output", "signal"]
    explanation: str
    tests: list[Test]
    printed: str
    seconds: float
    timeout: float = TIMEOUT
    memory: int | None  # bytes
    memory_limit: int = MEMORY


def exercises() -> dict[str, Exercise]:
    files = sorted((HERE / "exercises").glob("*.toml"))
    return {file.stem: Exercise(**tomllib.loads(file.read_text())) for file in files}


async def grade(sandbox: aio.Sandbox, exercise: Exercise, code: str) -> Verdict:
    """Run a submission in a sandbox that nobody else has used, or will."""
    await sandbox.put("submission.py", code)
    await sandbox.put("examinee.py", EXAMINEE)
    exam = {"function": exercise.function, "calls": [call.arguments for call in exercise.calls]}
    result = await sandbox.run([PYTHON, "-I", "-u", "examinee.py"], input=json.dumps(exam), text=True)
    answers = dict(answers_in(result.stdout))
    tests = [test_of(exercise.function, call, answers.get(number)) for number, call in enumerate(exercise.calls)]
    if result.reason in ENDS:
        for test in [test for test in tests if test.state == "not reached"][:1]:
            test.state = "ended here"
    passed = sum(test.state == "passed" for test in tests)
    state: Any = result.reason if result.reason in ENDS else "passed" if passed == len(tests) else "failed"
    return Verdict(
        state=state,
        explanation=ENDS.get(state, f"{passed} of {len(tests)} tests passed."),
        tests=tests,
        printed=result.stderr,
        seconds=result.duration,
        memory=result.memory_peak,
    )


def answers_in(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """What the examinee has answered. The student may have written there, too: nothing of it is believed."""
    for line in text.splitlines():
        try:
            answer = json.loads(line)
            yield int(answer["number"]), answer
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue


def test_of(function: str, call: Call, answer: dict[str, Any] | None) -> Test:
    name = f"{function}({', '.join(map(repr, call.arguments))})"
    test = Test(name=name, state="not reached", expected=repr(call.result))
    if answer is not None and "error" in answer:
        test.state = "forbidden" if answer.get("errno") in FORBIDDEN else "error"
        test.found = printable(answer["error"])
    elif answer is not None:
        test.state = "passed" if is_same(answer.get("value"), call.result) else "failed"
        test.found = printable(answer.get("shown"))
    return Test(name="a hidden test", state=test.state) if call.hidden else test


def is_same(value: object, expected: object) -> bool:
    """True is not 1, and 1 is not 1.0."""
    return type(value) is type(expected) and value == expected


def printable(text: object) -> str:
    """Without what JSON can say, but no encoding: half of a character."""
    return str(text).encode(errors="replace").decode()


def check_machine() -> None:
    """Raises RuntimeError where a student could take all memory, or all processes."""
    enforced = sampan.Sandbox(**LIMITS).enforced
    if enforced["memory"] != "cgroup" or enforced["processes"] == "nothing":
        raise RuntimeError("limits need a cgroup: systemd-run --user --scope -p Delegate=yes COMMAND")

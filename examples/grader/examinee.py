"""What runs in the sandbox: calls the student's function, and answers with what it has returned or raised.

It knows the calls, but not what they should give: that is compared outside, where no student gets.
"""

import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    exam = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the student prints is not an answer
    function: Any = None
    for number, arguments in enumerate(exam["calls"]):
        try:
            function = function or load(exam["function"])
            answer = told(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - also that of sys.exit
            answer = told_error(error)
        print(json.dumps({"number": number, **answer}), file=answers, flush=True)
        if function is None:
            break  # there is nothing to call


def load(name: str) -> Any:
    """The function of the student's program."""
    with open("submission.py") as file:
        names: dict[str, Any] = {"__name__": "submission"}
        exec(compile(file.read(), "submission.py", "exec"), names)
    if not callable(names.get(name)):
        raise NameError(f"the program has no function {name}")
    return names[name]


def told(value: object) -> dict[str, Any]:
    return {"value": value if is_json(value) else None, "shown": repr(value)}


def told_error(error: BaseException) -> dict[str, Any]:
    trace = traceback.TracebackException.from_exception(error)
    for frame in list(trace.stack):
        if frame.filename == __file__:
            trace.stack.remove(frame)  # what is not the student's
    return {"error": "".join(trace.format())[-4000:], "errno": getattr(error, "errno", None)}


def is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


main()

"""The web service: `uvicorn service:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

import sampan
from grading import HERE, LIMITS, Exercise, Verdict, check_machine, exercises, grade
from sampan import aio

EXERCISES = exercises()
READY, MOST = 2, 4  # sandboxes: that wait for a student, and at one time
PATIENCE = 20.0  # seconds that a student waits for one
LONGEST = 50_000  # characters of a program


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    check_machine()
    async with aio.Pool(READY, MOST, **LIMITS) as app.state.pool:
        yield


app = FastAPI(title="Grader", lifespan=lifespan)


class Submission(BaseModel):
    """What a student hands in."""

    code: str = Field(max_length=LONGEST)


class Task(BaseModel):
    """What a student is shown of an exercise."""

    title: str
    text: str
    start: str


@app.get("/exercises")
async def tasks() -> dict[str, Task]:
    return {name: Task(**exercise.model_dump()) for name, exercise in EXERCISES.items()}


@app.post("/exercises/{name}/submissions")
async def submit(name: str, submission: Submission) -> Verdict:
    exercise: Exercise | None = EXERCISES.get(name)
    if exercise is None:
        raise HTTPException(404, f"There is no exercise {name}.")
    try:
        async with app.state.pool.take(PATIENCE) as sandbox:
            return await grade(sandbox, exercise, submission.code)
    except sampan.TimeoutExpiredError:
        raise HTTPException(503, "Many are handing in now. Try again in a minute.") from None


@app.exception_handler(RequestValidationError)
async def refuse(_request: Request, _error: Exception) -> JSONResponse:
    """In words that a student understands, and without what was sent."""
    return JSONResponse({"detail": f"A program is a text of at most {LONGEST} characters."}, 422)


@app.middleware("http")
async def protect(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Whatever a submission prints, the page's own script is the only one that runs."""
    response = await answer(request)
    if request.url.path != "/docs":
        response.headers["Content-Security-Policy"] = "default-src 'self'"
    return response


app.mount("/", StaticFiles(directory=HERE / "page", html=True))

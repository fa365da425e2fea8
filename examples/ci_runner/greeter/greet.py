"""Greets somebody."""

import sys


def greeting(name: str) -> str:
    return f"Hello, {name}!"


def main() -> None:
    print(greeting(sys.argv[1]))

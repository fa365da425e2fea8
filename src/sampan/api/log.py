"""What the engine remarks, for `logging.getLogger("sampan")`, which says nothing unless a program asks for it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger


def remark(message: str) -> None:
    """What is left out of a configuration, which the specification permits."""
    _logger().info(message)


def warn(message: str) -> None:
    """What went wrong without making the operation fail."""
    _logger().warning(message)


def _logger() -> Logger:
    import logging

    logger = logging.getLogger("sampan")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger

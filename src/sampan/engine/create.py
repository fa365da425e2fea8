"""`create` (runtime.md#create): a container whose process waits for `start`. Hot path."""

from __future__ import annotations

from sampan.engine.creation import CreateOptions, begin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.engine.store import Store

__all__ = ["CreateOptions", "create"]


def create(store: Store, container_id: str, bundle: str, options: CreateOptions) -> None:
    """Create the container. Raises SampanError; then nothing is left of it."""
    begin(store, container_id, bundle, options, wait_for_start=True, foreground=False).release()

"""A notebook's front end: starts a Jupyter kernel, and executes cells in it.

Standard input is a JSON list of cells, the last argument a directory for the kernel's files. A cell that writes
"interrupt me" is interrupted, as by the button. Standard output is a JSON list of what each wrote, with its error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE = 60  # seconds


def execute(manager: KernelManager, client: BlockingKernelClient, code: str) -> str:
    """What the cell wrote."""
    written = []

    def output(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            written.append(content["text"])
            if "interrupt me" in content["text"]:
                manager.interrupt_kernel()
                # A loop that sleeps learns of it when it is woken (tornado's add_callback, in a signal handler).
                client.kernel_info()
        elif message["msg_type"] == "execute_result":
            written.append(content["data"]["text/plain"])
        elif message["msg_type"] == "error":
            written.append(f"{content['ename']}: {content['evalue']}")

    client.execute_interactive(code, timeout=PATIENCE, output_hook=output, store_history=False)
    return "".join(written)


def main(directory: Path) -> None:
    names = ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    environment = {**os.environ, **{name: str(directory) for name in names}, "JUPYTER_PLATFORM_DIRS": "1"}
    os.environ.update(environment)
    manager = KernelManager(transport="ipc", ip=str(directory / "kernel"))
    # Not by a specification that is installed somewhere: this Python.
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    with (directory / "log").open("wb") as log:  # for its own words, and what cells write to descriptors once more
        manager.start_kernel(env=environment, stdout=log, stderr=log)
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE)
        written = [execute(manager, client, code) for code in json.load(sys.stdin)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    print(json.dumps(written))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

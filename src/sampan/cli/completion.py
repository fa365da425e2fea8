"""The verb "completion": prints a script by which a shell completes the command line of sampan."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SHELLS = ("bash", "zsh", "fish")

SUMMARY = "print a script that completes command lines in a shell"
OPERANDS = ("|".join(SHELLS),)
OPTIONS: Table = ()
DETAILS = """
For this shell only: source <(sampan completion bash), or: sampan completion fish | source. For good it goes where the
shell looks for it: /usr/share/bash-completion/completions/sampan, a file _sampan in a directory of zsh's $fpath, or
~/.config/fish/completions/sampan.fish
"""


def run(_settings: Settings, arguments: Arguments) -> int:
    """Print the script."""
    from sampan.cli.output import write

    (shell,) = arguments.operands
    if shell not in SHELLS:
        raise arguments.misuse(f'there is no completion for "{shell}", only for {", ".join(SHELLS)}')
    write(script(shell))
    return 0


def script(shell: str) -> str:
    """What the shell reads."""
    module = __import__(f"sampan.cli.completion_{shell}", fromlist=("script",))
    text: str = module.script()
    return text

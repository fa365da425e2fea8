"""What the manual page of the whole command and docs/command-line.md say beside the tables. Plain text.

A section is a title and paragraphs; a pair is an entry of a list: what is written, and what it means.
"""

ABOUT = """\
sampan runs containers as the OCI Runtime Specification describes them, from a bundle: a directory with a file
config.json and a root filesystem. What runc accepts on its command line, sampan accepts with the same meaning; podman,
containerd, docker and buildah call it in runc's place.

An option may be written --name value or --name=value, with one dash or two; a flag is switched off by --name=false.
Options of a command may follow its operands, but for those of exec and ps, whose options end at the first operand.
After -- there are no options.
"""

SECTIONS = (
    (
        "Log",
        (
            ("without --log", "Messages are on standard error. An error is there with a log, too."),
            (
                "--log FILE",
                "Lines with time, level and msg are appended; engines read the last one to learn why a command failed.",
            ),
            ("--log syslog:ID", "Each message is a datagram to /dev/log, from a program of the name ID."),
            ("--log journald:ID", "Each message is an entry of the journal; journalctl -t ID shows them."),
        ),
    ),
    (
        "Exit status",
        (
            ("0", "The command has done what it was asked to."),
            ("1", "It failed. The reason is on standard error, and in the log where there is one."),
            (
                "the process's own",
                "Of run and exec without --detach: that of the process, or 128 and the signal that ended it.",
            ),
            ("255", "Of exec: the process could not be started."),
            ("130", "The command was interrupted from the keyboard."),
        ),
    ),
    (
        "Environment",
        (
            (
                "XDG_RUNTIME_DIR",
                "Where users keep the states of their containers, below sampan/, and their systemd is found.",
            ),
            ("DBUS_SESSION_BUS_ADDRESS", "Where users find their own systemd, before XDG_RUNTIME_DIR says it."),
        ),
    ),
    (
        "Files",
        (
            ("/run/sampan", "The states of root's containers, a directory for each. It may be removed after a reboot."),
            ("config.json", "In the bundle: what the container is. sampan spec writes one to begin with."),
        ),
    ),
)

EXAMPLES = (
    (
        "A bundle of the machine's own programs, and a container of it",
        "sampan spec --rootfs host hello\nsampan run --bundle hello one",
    ),
    ("What it is made of, without making it", "sampan plan hello"),
    (
        "What it could do to its host, and a configuration that leaves it little",
        "sampan audit hello\nsampan spec --profile hardened --rootfs host safe\nsampan audit safe",
    ),
    ("What this host can do for containers, and how to get what is missing", "sampan doctor"),
    (
        "Step by step, as an engine does it",
        "sampan create --bundle hello two\nsampan start two\nsampan state two\nsampan delete two",
    ),
)

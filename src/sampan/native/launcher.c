/* The command `sampan`: becomes the Python that the package was built for, isolated and without `site`, running
 * the package's entry. Written without a C library because it runs before every command: so it costs 0.2 ms, not 0.6.
 *
 * It decides by its own place on disk alone. No environment variable and no working directory can make it run another
 * interpreter or another package: the command is mostly run as root. One command needs no interpreter at all. */
#include "kernel.h"

#include <linux/limits.h>

/* From the build: the interpreter's name ("python3.11"), its path outside of any virtual environment, and where
 * its packages are installed. The last two only count where nothing is found beside the launcher. */
#if !defined(PYTHON_NAME) || !defined(PYTHON_PATH) || !defined(PYTHON_PACKAGES)
#error "the build must say which Python it is for"
#endif

#define ENTRY "/sampan/cli/main.py"
#define X_OK_MODE 1
#define R_OK_MODE 4

/* 0.3 ms faster than a file to run, which the interpreter opens twice and compiles. Its first argument is where the
 * package is: last in the path, for `sys.path` is short and the standard library wins. The modules come from one file
 * (cli/bundled.py), or, where that is missing or for another Python, each from its own, which takes 4 ms more. */
static const char START[] = "import gc, marshal, posix, sys\n"
                            "gc.disable()\n" /* a command ends before there is anything to collect */
                            "from _frozen_importlib_external import MAGIC_NUMBER\n"
                            "sys.path.append(sys.argv.pop(1))\n"
                            "try:\n"
                            "    file = posix.open(sys.path[-1] + '/sampan/modules.bin', posix.O_RDONLY | posix.O_CLOEXEC)\n"
                            "    data = posix.pread(file, 65536, 0)\n"
                            "except OSError:\n"
                            "    data = b''\n"
                            "if data[:4] == MAGIC_NUMBER:\n"
                            "    exec(marshal.loads(data[4:]))\n"
                            "from sampan.cli.main import command\n"
                            "command()\n";

/* -I: no environment variables, no user packages, no current directory. -S: no `site`, which costs 5 ms and more.
 * -B: a runtime leaves no files behind, not even bytecode. -X utf8: paths mean the same in every locale. */
static const char *const INTERPRETER_OPTIONS[] = {"-I", "-S", "-B", "-X", "utf8", "-c", START};
enum { OPTION_COUNT = sizeof(INTERPRETER_OPTIONS) / sizeof(*INTERPRETER_OPTIONS) };

/* Where packages are, seen from the directory above the launcher's: virtual environments, /usr/local and
 * user installations first, then 64-bit library directories, Debian's, and `pip install --target`. */
static const char *const PACKAGE_DIRECTORIES[] = {
    "/lib/" PYTHON_NAME "/site-packages",
    "/lib64/" PYTHON_NAME "/site-packages",
    "/lib/" PYTHON_NAME "/dist-packages",
    "/lib/python3/dist-packages",
    "",
};
enum { DIRECTORY_COUNT = sizeof(PACKAGE_DIRECTORIES) / sizeof(*PACKAGE_DIRECTORIES) };

static void say(const char *text)
{
    SYS3(write, 2, text, length_of(text));
}

static bool join(char *to, const char *first, const char *second, const char *third)
{
    size_t length = 0;
    if (length_of(first) + length_of(second) + length_of(third) >= PATH_MAX)
        return false;
    length += copy_text(to, PATH_MAX, first);
    length += copy_text(to + length, PATH_MAX - length, second);
    copy_text(to + length, PATH_MAX - length, third);
    return true;
}

static bool permitted(const char *path, int mode)
{
    return SYS3(faccessat, AT_FDCWD, path, mode) == 0;
}

/* Cuts the last component off: "/usr/bin/sampan" becomes "/usr/bin", and "/bin" becomes "". */
static void cut(char *path)
{
    size_t length = length_of(path);
    while (length > 0 && path[length - 1] != '/')
        length--;
    path[length > 0 ? length - 1 : 0] = 0;
}

/* The path that all symbolic links of `path` lead to; unchanged where that cannot be told. A virtual environment's
 * python is a link: run by its own name, the interpreter starts without reading pyvenv.cfg. */
static void follow(char *path)
{
    char link[32] = "/proc/self/fd/";
    char target[PATH_MAX];
    long fd = SYS4(openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    append_number(link, fd);
    long length = SYS4(readlinkat, AT_FDCWD, link, target, PATH_MAX);
    close_fd(fd);
    if (length <= 0 || length >= PATH_MAX)
        return;
    target[length] = 0;
    if (permitted(target, X_OK_MODE))
        copy_text(path, PATH_MAX, target);
}

static bool find_python(char *python, const char *directory)
{
    if (join(python, directory, "/", PYTHON_NAME) && permitted(python, X_OK_MODE)) {
        follow(python);
        return true;
    }
    return join(python, PYTHON_PATH, "", "") && permitted(python, X_OK_MODE);
}

/* The directory that the package is in. */
static bool find_packages(char *packages, const char *prefix)
{
    char entry[PATH_MAX];
    for (size_t i = 0; i < DIRECTORY_COUNT; i++)
        if (join(entry, prefix, PACKAGE_DIRECTORIES[i], ENTRY) && permitted(entry, R_OK_MODE))
            return join(packages, prefix, PACKAGE_DIRECTORIES[i], "");
    return join(packages, PYTHON_PACKAGES, "", "") && permitted(PYTHON_PACKAGES ENTRY, R_OK_MODE);
}

static bool is_container_id(const char *text)
{
    if (!*text || *text == '-')
        return false;
    for (; *text; text++) {
        char lower = *text | 0x20;
        bool letter = (lower >= 'a' && lower <= 'z') || (*text >= '0' && *text <= '9');
        if (!letter && *text != '_' && *text != '+' && *text != '-' && *text != '.')
            return false;
    }
    return true;
}

/* Whether this is `delete --force` of a container that does not exist, as containerd's shim says it after each `delete`:
 * then nothing is to be done, which an interpreter would take 8 ms to find. What is not written in the shim's own way
 * goes to Python, which knows what it means. */
static bool has_nothing_to_delete(char **words)
{
    const char *root = NULL;
    char path[PATH_MAX];
    for (; words[0] && words[0][0] == '-'; words++) {
        if (same(words[0], "--systemd-cgroup"))
            continue;
        const char *value = words[1] ? words[1] : "";
        if (same(words[0], "--root") && value[0] == '/')
            root = value;
        else if (!(same(words[0], "--log") && value[0] == '/') &&
                 !(same(words[0], "--log-format") && same(value, "json")))
            return false;
        words++;
    }
    if (!root || !words[0] || !same(words[0], "delete") || !words[1] || !same(words[1], "--force") || !words[2] || words[3])
        return false;
    if (!is_container_id(words[2]) || !join(path, root, "/", words[2]))
        return false;
    long fd = SYS4(openat, AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd >= 0)
        close_fd(fd);
    return fd == -ENOENT;
}

/* As in every Go program: what is opened later must not become somebody's standard stream. */
static void open_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (SYS2(fcntl, fd, F_GETFD) < 0)
            SYS4(openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
}

static int fail(const char *what, const char *directory, const char *otherwise)
{
    say("sampan: cannot find ");
    say(what);
    say(" for the command in ");
    say(directory);
    say(" nor as ");
    say(otherwise);
    say("; install sampan again with the Python that it shall run on (" PYTHON_NAME " -m pip install sampan)\n");
    return 1;
}

__attribute__((used, noreturn)) void launch(long *stack)
{
    long count = stack[0];
    char **arguments = (char **)(stack + 1);
    char **environment = arguments + count + 1;
    char directory[PATH_MAX], prefix[PATH_MAX], python[PATH_MAX], packages[PATH_MAX];
    const char *command[OPTION_COUNT + 2 + count + 1]; /* the kernel has bounded the arguments' size */
    int status = 1;

    open_standard_streams();
    if (count > 0 && has_nothing_to_delete(arguments + 1))
        leave(0);
    long length = SYS4(readlinkat, AT_FDCWD, "/proc/self/exe", directory, PATH_MAX - 1);
    directory[length > 0 ? length : 0] = 0;
    cut(directory);
    copy_text(prefix, PATH_MAX, directory);
    cut(prefix);
    if (length <= 0) {
        say("sampan: cannot read /proc/self/exe, which tells the command where it is installed; is /proc mounted?\n");
    } else if (!find_python(python, directory)) {
        status = fail(PYTHON_NAME, directory, PYTHON_PATH);
    } else if (!find_packages(packages, prefix)) {
        status = fail("the Python package", directory, PYTHON_PACKAGES ENTRY);
    } else {
        size_t used = 0;
        command[used++] = python;
        for (size_t i = 0; i < OPTION_COUNT; i++)
            command[used++] = INTERPRETER_OPTIONS[i];
        command[used++] = packages;
        for (long i = 1; i < count; i++)
            command[used++] = arguments[i];
        command[used] = NULL;
        SYS3(execve, python, command, environment);
        say("sampan: cannot run ");
        say(python);
        say("\n");
    }
    leave(status);
}

BEGIN_WITH(launch);

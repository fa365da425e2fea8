/* init: carries out a plan inside the new container and becomes the user's process.
 *
 * It is started by the engine from a sealed memfd with one argument, the number of its first descriptor: the plan.
 * The next is a socket to the engine, then come the descriptors that the plan speaks of as slots. It decides
 * nothing: it checks the plan, does one operation after the other and, where one fails, tells the engine which one,
 * in which system call, why; then it ends. */
#include "init.h"
#include "operations.h"

enum message_kind { REACHED = 1, FORKED = 2, FAILED = 3 };

struct message {
    uint32_t kind;
    uint32_t index; /* of the operation */
    int64_t value;  /* point, pid or errno */
    char call[64];
    char detail[440];
};

struct container container = {.sync = -1, .root = -1, .proc = -1};

static struct message report;
static uint32_t current; /* the operation being carried out */

long attempt(const char *call, long result)
{
    if (result < 0)
        copy_text(report.call, sizeof(report.call), call);
    return result;
}

void explain(const char *text)
{
    copy_text(report.detail, sizeof(report.detail), text);
}

static long tell(enum message_kind kind, int64_t value)
{
    if (container.sync < 0)
        return 0;
    report.kind = kind;
    report.index = current;
    report.value = value;
    return SYS3(write, container.sync, &report, sizeof(report));
}

/* An engine that died never answers: the end of the socket ends init as well. */
long await_answer(void)
{
    char answer;
    return SYS3(read, container.sync, &answer, 1) == 1 ? 0 : attempt("read", -ECANCELED);
}

/* Says that the plan has come to a point, and waits there until the engine answers. */
long reach(int64_t point)
{
    long result = attempt("write", tell(REACHED, point));
    if (result >= 0)
        result = await_answer();
    return result < 0 ? result : 0;
}

static long op_await(args a)
{
    return reach(a[0].number);
}

/* The container is created, once the engine has recorded it: were that killed before, nobody would know of this process.
 * Then `start` connects to the socket in the slot, says so with a byte, and listens on the same connection until execve
 * closes it, or until it is told why that failed. */
static long op_await_start(args a)
{
    char go = 0;
    if (a[0].number < 0)
        return reach(a[1].number);
    long listener = slot(&a[0]);
    long result = reach(a[1].number);
    close_fd(container.sync);
    container.sync = -1;
    while (result == 0 && go != 'g') {
        if (container.sync >= 0)
            close_fd(container.sync);
        container.sync = SYS4(accept4, listener, NULL, NULL, O_CLOEXEC);
        if (container.sync < 0 && container.sync != -EINTR)
            return container.sync;
        if (SYS3(read, container.sync, &go, 1) != 1)
            go = 0;
    }
    close_fd(listener);
    return result;
}

/* The rest of the plan is for a child that is born into new namespaces; it is a child of the engine, not of this
 * process, which has nothing left to do. */
long op_fork(args a)
{
    struct clone_args arguments = {.flags = (uint64_t)a[0].number | CLONE_PARENT};
    close_private_proc();
    long child = attempt("clone3", SYS2(clone3, &arguments, sizeof(arguments)));
    if (child <= 0)
        return child;
    tell(FORKED, child);
    leave(0);
}

struct description {
    carry_out carry_out;
    const char *signature;
};

#define DESCRIBE(name, signature) {op_##name, signature},

/* by the codes of plan/wire.py */
static const struct description OPERATIONS[] = {ALL_OPERATIONS(DESCRIBE)};

static const char *signature_of_code(uint32_t code)
{
    return code < sizeof(OPERATIONS) / sizeof(OPERATIONS[0]) ? OPERATIONS[code].signature : NULL;
}

_Noreturn static void fail(long error)
{
    tell(FAILED, -error);
    leave(255);
}

static void *map_plan(size_t *size)
{
    struct statx status;
    long result = stat_of(container.plan, &status);
    if (result < 0)
        fail(result);
    *size = status.stx_size;
    result = attempt("mmap", SYS6(mmap, NULL, *size, 1 /* PROT_READ */, 2 /* MAP_PRIVATE */, container.plan, 0));
    if (result < 0 && result > -4096)
        fail(result);
    return (void *)result;
}

_Noreturn __attribute__((used)) void begin(const long *stack)
{
    struct cursor cursor;
    struct operation operation;
    size_t size;
    if (stack[0] != 2)
        leave(64);
    long first = number_in((const char *)stack[2]);
    container.plan = first;
    container.sync = first + 1;
    container.first_slot = first + 2;
    SYS3(close_range, first, ~0U, CLOSE_RANGE_CLOEXEC);
    container.umask = SYS1(umask, 0);
    const void *plan = map_plan(&size);
    if (!plan_check(plan, size, signature_of_code))
        fail(attempt("plan", -EBADMSG));
    plan_open(&cursor, plan, size);
    for (current = 0; plan_next(&cursor, &operation); current++) {
        long result = OPERATIONS[operation.code].carry_out(operation.arguments);
        if (result < 0)
            fail(result);
    }
    leave(0); /* a plan that only does something, without a program */
}

BEGIN_WITH(begin);

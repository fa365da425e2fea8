/* What the parts of init share. Every operation is a function that gets its checked arguments and returns 0 or
 * -errno; `attempt` remembers the name of the system call that failed and `explain` what more the kernel said, and
 * init.c sends both to the engine. */
#ifndef SAMPAN_INIT_H
#define SAMPAN_INIT_H

#include "decode.h"
#include "kernel.h"

#define PATH_SIZE 4096

struct container {
    long plan;       /* the plan's descriptor */
    long sync;       /* to the engine that makes or starts the container; -1: nobody listens */
    long first_slot; /* the descriptors that the engine opened for the plan follow from here */
    long root;       /* the container's root, once it is mounted; else -1 */
    long proc;       /* a procfs of our own, never attached anywhere; else -1 */
    long umask;      /* the caller's */
    bool joined;     /* the root is that of a container that exists */
    char executable[PATH_SIZE];
    char home[PATH_SIZE]; /* "HOME=..." where the environment needs it; else empty */
};

extern struct container container;

typedef const struct argument *args;
typedef long (*carry_out)(args a);

/* Names the system call behind a negative result. */
long attempt(const char *call, long result);
/* Adds what a person needs beyond the errno; the last one counts. */
void explain(const char *text);
/* True if the result is one of two errors. */
static inline bool is_either(long result, long one, long other)
{
    return result == -one || result == -other;
}

static inline long slot(const struct argument *argument)
{
    return container.first_slot + argument->number;
}

/* paths.c: everything below the container's root, by descriptors that the caller closes */
long resolve(const char *path, uint64_t flags, uint64_t how);
long resolve_or_make(const char *path, bool directory);
extern bool made_on_the_way; /* whether the last resolve_or_make had to make anything */
long open_in_proc(const char *path, uint64_t flags);
struct statx;
long stat_of(long fd, struct statx *status);

/* copy.c: tmpcopyup */
long copy_tree(long from, long to, int depth);

/* engine conversation, init.c */
long reach(int64_t point);
long await_answer(void);

/* mounts.c */
long op_mount(args a);

/* root.c */
long op_propagation(args a);
long op_root(args a);
long op_pivot(args a);
long op_move_root(args a);
long op_chroot(args a);
long op_unmount(args a);
long op_open_root(args a);
long op_detach(args a);

/* masks.c */
long op_mask(args a);
long op_readonly_path(args a);
long op_attributes(args a);

/* devices.c */
long op_device(args a);
long op_symlink(args a);
long op_directory(args a);

/* proc.c */
void close_private_proc(void);
long op_private_proc(args a);
long op_write_proc(args a);

/* namespaces.c */
long op_enter_cgroup(args a);
long op_join(args a);
long op_unshare(args a);
long op_fork(args a);
long op_become_root(args a);
long op_time_offsets(args a);
long op_loopback(args a);
long op_hostname(args a);
long op_domainname(args a);

/* terminal.c */
long op_terminal(args a);
long send_descriptor(long socket, long fd, const char *name);

/* process.c */
long op_session(args a);
long op_undumpable(args a);
long op_dumpable(args a);
long op_keyring(args a);
long op_rlimit(args a);
long op_umask(args a);
long op_groups(args a);
long op_own_standard_streams(args a);
long op_user(args a);
long op_bounding(args a);
long op_raise_effective(args a);
long op_capabilities(args a);
long op_no_new_privileges(args a);
long load_filter(const struct argument *filter, int64_t flags);
long op_seccomp(args a);
long op_personality(args a);
long op_scheduler(args a);
long op_io_priority(args a);
long op_affinity(args a);
long op_memory_policy(args a);
long op_home(args a);
long op_working_directory(args a);
long op_find_executable(args a);
long op_execute(args a);

/* notify.c */
long op_seccomp_notify(args a);

#endif

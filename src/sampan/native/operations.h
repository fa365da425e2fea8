/* The operations, in the order of plan/wire.py: a name (its function is op_NAME) and what its arguments must be (see
 * decode.h). A table of its own, so that the fuzzer reads plans by the same signatures as init. */
#ifndef SAMPAN_OPERATIONS_H
#define SAMPAN_OPERATIONS_H

#define ALL_OPERATIONS(X) \
    X(await, "n") \
    X(await_start, "nn") \
    X(enter_cgroup, "n") \
    X(join, "nnn") \
    X(unshare, "n") \
    X(fork, "n") \
    X(become_root, "n") \
    X(time_offsets, "sn") \
    X(loopback, "") \
    X(hostname, "s") \
    X(domainname, "s") \
    X(session, "") \
    X(undumpable, "") \
    X(dumpable, "") \
    X(private_proc, "") \
    X(write_proc, "ss") \
    X(propagation, "n") \
    X(root, "sn") \
    X(mount, "nsnssbnnnnbnn") \
    X(mask, "s") \
    X(readonly_path, "s") \
    X(attributes, "sn") \
    X(device, "ssnnnnnsn") \
    X(symlink, "ssssn") \
    X(terminal, "nnnn") \
    X(directory, "s") \
    X(pivot, "") \
    X(move_root, "") \
    X(chroot, "s") \
    X(unmount, "s") \
    X(keyring, "") \
    X(rlimit, "nnn") \
    X(umask, "n") \
    X(groups, "b") \
    X(own_standard_streams, "n") \
    X(user, "nn") \
    X(bounding, "n") \
    X(raise_effective, "") \
    X(capabilities, "nnnn") \
    X(no_new_privileges, "") \
    X(seccomp, "bn") \
    X(seccomp_notify, "bnn") \
    X(personality, "n") \
    X(scheduler, "nnnnnnn") \
    X(io_priority, "n") \
    X(affinity, "b") \
    X(memory_policy, "nb") \
    X(home, "n") \
    X(working_directory, "s") \
    X(find_executable, "ss") \
    X(execute, "bb") \
    X(open_root, "") \
    X(detach, "ssn")

#endif

/* Mounts as trees that are attached nowhere yet: what is mounted is built complete, out of everybody's sight, and only
 * then attached on the descriptor of its target. */
#ifndef SAMPAN_TREES_H
#define SAMPAN_TREES_H

#include "init.h"

/* A detached clone of the mount at a path; flags: AT_RECURSIVE, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
long clone_tree(long at, const char *path, unsigned flags);
/* A detached, sealed directory with nothing in it. */
long empty_directory(void);
long set_option(long context, const char *option);
long set_attributes(long fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);
/* The low 32 bits are the kernel's flag, the next bit says: of the whole tree. */
long set_propagation(long fd, uint64_t propagation);
/* True if the descriptor is the container's root, whatever path led to it. */
bool is_root(long fd);
/* What is attached over the container's root becomes the root. */
long attach(long tree, long target);

#endif

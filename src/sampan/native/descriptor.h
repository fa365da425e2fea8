/* Descriptors that go through a socket. */
#ifndef SAMPAN_DESCRIPTOR_H
#define SAMPAN_DESCRIPTOR_H

#include "kernel.h"

/* Sends `data`, and with it the descriptor, unless that is negative. */
long pass_descriptor(long socket, long fd, const void *data, size_t length);

#endif

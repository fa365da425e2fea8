/* Descriptors that go through a socket (unix(7), SCM_RIGHTS). */
#include "descriptor.h"

#define SOL_SOCKET_LEVEL 1
#define SCM_RIGHTS_TYPE 1

/* struct msghdr and struct cmsghdr of the kernel, which only the C library's headers give to programs */
struct message_header {
    void *name;
    int name_length;
    struct {
        const void *base;
        size_t length;
    } *parts;
    size_t part_count;
    void *control;
    size_t control_length;
    unsigned flags;
};

struct descriptor_message {
    size_t length;
    int level;
    int type;
    int descriptor;
};

long pass_descriptor(long socket, long fd, const void *data, size_t length)
{
    struct descriptor_message control = {
        .length = offsetof(struct descriptor_message, descriptor) + sizeof(int),
        .level = SOL_SOCKET_LEVEL,
        .type = SCM_RIGHTS_TYPE,
        .descriptor = (int)fd,
    };
    struct message_header message = {.part_count = 1};
    struct {
        const void *base;
        size_t length;
    } part = {data, length};
    message.parts = (void *)&part;
    if (fd >= 0) {
        message.control = &control;
        message.control_length = sizeof(control);
    }
    return SYS3(sendmsg, socket, &message, 0);
}

/* `keys NAME`: a container that plants a key into a session keyring of that name, which it opens to all of its user, and
 * waits; `keys`: one that looks whether it has the key. */
#define _GNU_SOURCE
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALL_FOR_POSSESSOR_AND_USER 0x3f3f0000

int main(int argc, char **argv)
{
    if (argc < 2) {
        long key = syscall(SYS_request_key, "user", "planted", NULL, 0);
        printf(key > 0 ? "has the key\n" : "has no key\n");
        return 0;
    }
    long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, argv[1]);
    long key = syscall(SYS_add_key, "user", "planted", "x", 1, KEY_SPEC_SESSION_KEYRING);
    long opened = syscall(SYS_keyctl, KEYCTL_SETPERM, ring, ALL_FOR_POSSESSOR_AND_USER) |
                  syscall(SYS_keyctl, KEYCTL_SETPERM, key, ALL_FOR_POSSESSOR_AND_USER);
    printf(ring > 0 && key > 0 && opened == 0 ? "planted\n" : "failed\n");
    fflush(stdout);
    pause();
}

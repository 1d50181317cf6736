/* own-loop.c - fxmon inside a loop of one's own: no threads, one descriptor to poll. own-loop LOG STORE. Needs pkg-config: fxmon */
#include <fxmon/fxmon.h>
#include <poll.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    fxmon_error e;
    fxmon_options options = {.size = sizeof options, .from = argc > 1 ? argv[1] : "file:log"};
    fxmon *m = fxmon_new(&options, &e);
    int code = m ? fxmon_set(m, "until-end", "yes", &e) : e.code;
    if (code == FXMON_OK)
        code = fxmon_sink(m, argc > 2 ? argv[2] : "sqlite:fx.db", &e);
    long turns = 0;
    while (code == FXMON_OK) {
        int64_t wait;
        code = fxmon_step(m, FXMON_SECOND / 100, &wait, &e); /* works for about 10 ms, then it is the host's turn again */
        turns++;
        if (code == FXMON_OK && wait > 0) {
            struct pollfd ready = {.fd = fxmon_pollfd(m), .events = POLLIN}; /* together with the host's own descriptors */
            poll(&ready, 1, (int)(wait / 1000000) + 1);
        }
    }
    if (code == FXMON_E_STOPPED)
        code = FXMON_OK; /* all lanes have ended as they should */
    else
        fprintf(stderr, "%s\n", e.text);
    printf("%ld turns\n", turns);
    fxmon_free(m);
    return fxmon_exit_status(code);
}

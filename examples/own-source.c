/*
 * A source of your own: a table of three functions and a name. Here a price that is read from a file (any program may write it there), asked
 * for once a second and published on standard output as rate messages.
 *
 *   echo 1.0887 > price && ./own-source price | head -n 1
 *
 * Build (pkg-config: fxmon): make -C examples own-source
 *
 * The library owns waiting, retries, fail-over and the log; a source only says what there is: a message, nothing before a
 * certain time, or an error. It runs in one thread at a time and needs no lock.
 */
#include <fxmon/fxmon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct price_file {
    char path[256];
    int64_t next;      /* ns UTC: not read before */
    fxmon_rate rate;   /* the message's only rate; it must live until the next call */
};

static fxmon_result price_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    const char *path = strchr(url, ':');
    (void)env;
    if (!path || !path[1] || strlen(path + 1) >= sizeof((struct price_file *)0)->path) {
        error->code = FXMON_E_ARGUMENT;
        snprintf(error->field, sizeof error->field, "from");
        snprintf(error->text, sizeof error->text, "price: needs a file, as in price:FILE");
        return FXMON_FATAL;
    }
    struct price_file *p = calloc(1, sizeof *p);
    if (!p) {
        error->code = FXMON_E_NOMEM;
        snprintf(error->text, sizeof error->text, "out of memory");
        return FXMON_FATAL;
    }
    memcpy(p->path, path + 1, strlen(path + 1) + 1);
    *state = p;
    return FXMON_DONE;
}

static fxmon_result price_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    struct price_file *p = state;
    char text[64];
    if (now < p->next) {
        *due = p->next;
        return FXMON_WAIT;
    }
    p->next = now + FXMON_SECOND;
    FILE *file = fopen(p->path, "r");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    length = strcspn(text, "\r\n");
    error->code = length ? fxmon_decimal_parse(text, length, &p->rate.mid) : FXMON_E_NO_DATA;
    if (error->code) {
        error->retry_at = p->next;
        snprintf(error->text, sizeof error->text, "%s: %s", p->path, fxmon_strerror(error->code));
        return FXMON_RETRY;
    }
    fxmon_pair_make("EUR", "USD", &p->rate.pair);
    memset(message, 0, sizeof *message);
    message->time = now;
    memcpy(message->base, "EUR", 4);
    memcpy(message->source, "price-file", 11);
    message->count = message->capacity = 1;
    message->rates = &p->rate;
    return FXMON_DONE;
}

static void price_close(void *state)
{
    free(state);
}

static const fxmon_source_ops price = {
    .size = sizeof price,
    .schemes = "price",
    .open = price_open,
    .next = price_next,
    .close = price_close,
};

int main(int argc, char **argv)
{
    char from[300];
    fxmon_error error = {0};
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "--once") != 0)) {
        fprintf(stderr, "usage: own-source FILE [--once]\n");
        return 2;
    }
    snprintf(from, sizeof from, "price:%s", argv[1]);
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = from, .to = "-"}, &error);
    int code = m ? fxmon_register_source(m, &price, &error) : error.code;
    if (!code && argc == 3)
        code = fxmon_set(m, "once", "yes", &error);
    if (!code)
        code = fxmon_produce(m, &error);
    if (!code)
        code = fxmon_run(m, &error);
    if (code)
        fprintf(stderr, "own-source: %s: %s\n", fxmon_errname(code), error.text);
    fxmon_free(m);
    return fxmon_exit_status(code);
}

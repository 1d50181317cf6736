/*
 * sink/text.c - rows as text: "-" prints NDJSON, "file:PATH.ndjson", "file:PATH.csv" and so on append to a file (?format=NAME where the name does not say).
 *
 * Rows and dead letters are encoded as they come and written by flush. For a file, output.c and note.c make a batch, its dead letters (PATH.dead.ndjson) and the
 * lane's progress count together. Standard output takes what it is given; its dead letters go to the host's log, one JSON object each.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/utf8.h"
#include "codec/message.h"
#include "sink/output.h"

#define BATCH_MAXIMUM ((size_t)1024 * 1024 * 1024)
#define WRITE_LIMIT_MS 5000
#define LOOK_MS 50 /* between two looks at the stop */

extern const fxmon_sink_ops fxi_sink_text;

typedef struct text_sink {
    const fxmon_env *env;
    bool standard, header_out, letters_open;
    const fxi_row_form *form;
    fxi_buf rows, dead; /* encoded, not flushed */
    size_t done;        /* of rows, that standard output took */
    fxi_output out, letters;
    fxi_output_note note;
    char *letters_path;
} text_sink;

static fxmon_result result_of(int code)
{
    return code == FXMON_OK ? FXMON_DONE : fxmon_retriable(code) ? FXMON_RETRY : FXMON_FATAL;
}

static bool known_parameter(void *user, const char *name, const char *value)
{
    (void)value;
    if (strcmp(name, "format") == 0) {
        return true;
    }
    fxi_fail(user, FXMON_E_OPTION, name, "a text sink has no parameter '%.40s', only format", name);
    return false;
}

static int format_of(text_sink *s, const fxi_url *url, fxmon_error *error)
{
    char format[16] = "";
    if (url->query && !fxi_url_each_param(url, known_parameter, error)) {
        return FXMON_E_OPTION;
    }
    if (fxi_url_param(url, "format", format, sizeof format)) {
        s->form = fxi_row_form_named(format);
        return s->form ? FXMON_OK : fxi_fail(error, FXMON_E_RANGE, "format", "format=%s: expected ndjson, csv, ledger, beancount or influx", format);
    }
    s->form = s->standard ? fxi_row_form_named("ndjson") : fxi_row_form_of_path(url->path);
    return s->form ? FXMON_OK
                   : fxi_fail(error, FXMON_E_ARGUMENT, "sink", "file:%.150s: expected a name that ends in .ndjson, .csv, .ledger, .beancount or .influx, or ?format=",
                              url->path);
}

static char *path_with(const char *path, const char *suffix)
{
    fxi_buf b;
    fxi_buf_init(&b, 8192);
    fxi_buf_puts(&b, path);
    fxi_buf_puts(&b, suffix);
    char *text = fxi_buf_take(&b);
    fxi_buf_free(&b);
    return text;
}

static int open_files(text_sink *s, const char *path, fxmon_error *error)
{
    char *note = path_with(path, ".progress");
    s->letters_path = path_with(path, ".dead.ndjson");
    int code = note && s->letters_path ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening %.200s", path);
    if (code == FXMON_OK) { /* the lock comes first: the note may be another process's until then */
        code = fxi_output_open(&s->out, path, -1, true, error);
    }
    if (code == FXMON_OK) {
        code = fxi_output_note_read(&s->note, note, error);
    }
    if (code == FXMON_OK && s->note.there) {
        fxi_output_close(&s->out);
        code = fxi_output_open(&s->out, path, s->note.rows_size, true, error);
    } else if (code == FXMON_OK) { /* what is there already is noted before anything is added: a crash in the first batch can be told from it */
        struct stat st;
        s->note.rows_size = s->out.good;
        s->note.dead_size = stat(s->letters_path, &st) == 0 ? (int64_t)st.st_size : 0;
        code = fxi_output_note_write(&s->note, error);
    }
    if (code == FXMON_OK && s->note.dead_size > 0) {
        code = fxi_output_open(&s->letters, s->letters_path, s->note.dead_size, true, error);
        s->letters_open = code == FXMON_OK;
    }
    s->header_out = s->out.good > 0;
    fxi_free(note);
    return code;
}

static void sink_close(void *state)
{
    text_sink *s = state;
    if (s) {
        fxi_output_close(&s->out);
        fxi_output_close(&s->letters);
        fxi_output_note_free(&s->note);
        fxi_free(s->out.path);
        fxi_free(s->letters.path);
        fxi_free(s->letters_path);
        fxi_buf_free(&s->rows);
        fxi_buf_free(&s->dead);
        fxi_free(s);
    }
}

static fxmon_result sink_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    fxi_url parsed;
    *state = NULL;
    int code = fxi_url_parse(url, &parsed, error);
    if (code != FXMON_OK) {
        return FXMON_FATAL;
    }
    text_sink *s = fxi_calloc(1, sizeof *s);
    if (!s) {
        code = fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
    } else {
        s->env = env;
        s->out.fd = s->letters.fd = -1;
        s->standard = strcmp(parsed.scheme, "-") == 0;
        fxi_buf_init(&s->rows, BATCH_MAXIMUM);
        fxi_buf_init(&s->dead, BATCH_MAXIMUM);
        code = format_of(s, &parsed, error);
        if (code == FXMON_OK && !s->standard) {
            code = open_files(s, parsed.path, error);
        }
    }
    fxi_url_free(&parsed);
    if (code != FXMON_OK) {
        sink_close(s);
        return result_of(code);
    }
    *state = s;
    return FXMON_DONE;
}

/* All of them or none: what a failed call added is taken back. */
static fxmon_result sink_write(void *state, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    text_sink *s = state;
    size_t before = s->rows.length;
    bool header = s->header_out;
    if (s->form->header && !header && count > 0) {
        s->form->header(&s->rows);
        fxi_buf_putc(&s->rows, '\n');
        s->header_out = true;
    }
    for (size_t i = 0; i < count && !s->rows.failed; i++) {
        s->form->row(&rows[i], &s->rows);
        fxi_buf_putc(&s->rows, '\n');
    }
    if (s->rows.failed) {
        s->rows.failed = false;
        s->rows.length = before;
        s->header_out = header;
        fxi_fail(error, FXMON_E_NOMEM, "", "no room for a batch of rows of more than %lld bytes", (long long)before);
        return FXMON_FATAL;
    }
    return FXMON_DONE;
}

/* ---- dead letters ---- */

static void put_letter(fxi_buf *out, const fxmon_dead_letter *letter)
{
    fxi_buf_puts(out, "{\"lane\":");
    fxi_buf_jsonz(out, letter->lane);
    fxi_buf_puts(out, ",\"stream\":");
    fxi_buf_jsonz(out, letter->stream);
    fxi_buf_printf(out, ",\"partition\":%d,\"offset\":%lld,\"reason\":", (int)letter->partition, (long long)letter->offset);
    fxi_buf_jsonz(out, letter->reason);
    fxi_buf_puts(out, ",\"text\":");
    fxi_buf_jsonz(out, letter->text);
    if (letter->first_seen) {
        fxi_buf_puts(out, ",\"first_seen\":\"");
        fxi_buf_time(out, letter->first_seen);
        fxi_buf_putc(out, '"');
    }
    if (fxi_utf8_valid(letter->data, letter->length)) {
        fxi_buf_puts(out, ",\"record\":");
        fxi_buf_json(out, letter->data, letter->length);
    } else {
        fxi_buf_puts(out, ",\"record_base64\":\"");
        fxi_base64_put(out, letter->data, letter->length);
        fxi_buf_putc(out, '"');
    }
    fxi_buf_putc(out, '}');
}

static fxmon_result sink_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    text_sink *s = state;
    size_t before = s->dead.length;
    put_letter(&s->dead, letter);
    fxi_buf_putc(&s->dead, '\n');
    if (s->dead.failed) {
        s->dead.failed = false;
        s->dead.length = before;
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter of %lld bytes", (long long)letter->length);
        return FXMON_FATAL;
    }
    return FXMON_DONE;
}

/* ---- flush ---- */

/*
 * Room in standard output. It is mostly a blocking descriptor, so a write without asking could last for ever: what polls as writable takes PIPE_BUF
 * bytes without blocking, and the waiting goes in short looks, so that a stop is heard.
 */
static bool room(const fxmon_env *env)
{
    for (int waited = 0; waited < WRITE_LIMIT_MS; waited += LOOK_MS) {
        struct pollfd p = {STDOUT_FILENO, POLLOUT, 0};
        int ready = poll(&p, 1, LOOK_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true;
        }
        if (env && env->stopping && env->stopping(env->user)) {
            return false;
        }
    }
    return false;
}

static ssize_t write_quietly(int fd, const char *data, size_t length)
{
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t wrote = write(fd, data, length);
    int saved = errno;
    if (wrote < 0 && saved == EPIPE && !was_pending) { /* the signal is ours: take it back */
        struct timespec none = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return wrote;
}

static void tell_letters(text_sink *s)
{
    for (char *p = s->dead.data, *end = p + s->dead.length; p < end;) {
        char *newline = memchr(p, '\n', (size_t)(end - p));
        *newline = '\0';
        if (s->env && s->env->log) {
            s->env->log(s->env->user, FXMON_LOG_WARNING, "dead-letter", p);
        }
        p = newline + 1;
    }
    fxi_buf_clear(&s->dead);
}

static fxmon_result flush_standard(text_sink *s, fxmon_error *error)
{
    while (s->done < s->rows.length) {
        size_t left = s->rows.length - s->done;
        if (!room(s->env)) {
            fxi_fail(error, FXMON_E_TIMEOUT, "sink", "nobody reads standard output");
            return FXMON_RETRY;
        }
        ssize_t wrote = write_quietly(STDOUT_FILENO, s->rows.data + s->done, left < PIPE_BUF ? left : PIPE_BUF);
        if (wrote >= 0) {
            s->done += (size_t)wrote;
        } else if (errno == EPIPE) {
            fxi_fail(error, FXMON_E_STOPPED, "sink", "the reader of standard output has gone");
            return FXMON_END;
        } else if (errno != EINTR && errno != EAGAIN) {
            fxi_fail_errno(error, errno, "cannot write to", "standard output");
            return FXMON_RETRY;
        }
    }
    fxi_buf_clear(&s->rows);
    s->done = 0;
    if (s->dead.length > 0) {
        tell_letters(s);
    }
    return FXMON_DONE;
}

static int flush_files(text_sink *s, const fxmon_progress *progress, fxmon_error *error)
{
    int code = FXMON_OK;
    if (s->rows.length > 0 || s->out.fd < 0) {
        code = fxi_output_write(&s->out, s->rows.data, s->rows.length, error);
    }
    if (code == FXMON_OK && s->dead.length > 0) {
        if (!s->letters_open) { /* the first dead letter makes the file; what an unfinished batch left there goes */
            code = fxi_output_open(&s->letters, s->letters_path, s->note.dead_size, true, error);
            s->letters_open = code == FXMON_OK;
        }
        if (code == FXMON_OK) {
            code = fxi_output_write(&s->letters, s->dead.data, s->dead.length, error);
        }
    }
    if (code == FXMON_OK && progress) {
        code = fxi_output_note_set(&s->note, progress, error);
    }
    if (code == FXMON_OK) {
        s->note.rows_size = s->rows.length > 0 ? s->out.end : s->out.good;
        s->note.dead_size = s->dead.length > 0 ? s->letters.end : s->letters_open ? s->letters.good : s->note.dead_size;
        code = fxi_output_note_write(&s->note, error);
    }
    if (code == FXMON_OK) {
        s->out.good = s->note.rows_size;
        s->letters.good = s->note.dead_size;
        fxi_buf_clear(&s->rows);
        fxi_buf_clear(&s->dead);
    }
    return code;
}

static fxmon_result sink_flush(void *state, const fxmon_progress *progress, fxmon_error *error)
{
    text_sink *s = state;
    return s->standard ? flush_standard(s, error) : result_of(flush_files(s, progress, error));
}

static fxmon_result sink_load(void *state, fxmon_progress *progress, fxmon_error *error)
{
    text_sink *s = state;
    const fxi_output_place *place = s->standard ? NULL : fxi_output_note_find(&s->note, progress);
    progress->next_offset = progress->checkpoint_offset = -1;
    progress->checkpoint = NULL;
    progress->checkpoint_size = 0;
    if (!place) {
        return FXMON_DONE;
    }
    if (place->checkpoint) {
        progress->checkpoint = fxi_alloc(place->checkpoint_size);
        if (!progress->checkpoint) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a checkpoint of %lld bytes", (long long)place->checkpoint_size);
            return FXMON_FATAL;
        }
        memcpy(progress->checkpoint, place->checkpoint, place->checkpoint_size);
        progress->checkpoint_size = place->checkpoint_size;
        progress->checkpoint_offset = place->checkpoint_offset;
    }
    progress->next_offset = place->next_offset;
    progress->epoch = place->epoch;
    return FXMON_DONE;
}

static void sink_discard(void *state)
{
    text_sink *s = state;
    fxi_buf_clear(&s->rows);
    fxi_buf_clear(&s->dead);
    s->done = 0;
    s->header_out = s->standard ? s->header_out : s->out.good > 0;
}

const fxmon_sink_ops fxi_sink_text = {
    .size = sizeof(fxmon_sink_ops),
    .schemes = "- file",
    .open = sink_open,
    .write = sink_write,
    .flush = sink_flush,
    .close = sink_close,
    .load = sink_load,
    .dead = sink_dead,
    .discard = sink_discard,
};

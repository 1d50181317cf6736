/*
 * source/exec.c - exec:COMMAND, anything that prints rates as a source: run once per interval, or once for good (exec+stream:).
 *
 * A run's output is taken only when the command has ended with status 0: half an answer of a command that then failed is no answer. Rows of
 * one run that share time, base and source become one message, as they are one publication. Nothing here waits: while
 * the command runs, the lane is told to look again in a moment.
 */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/value.h"
#include "codec/ticks.h"
#include "source/line_file.h"
#include "source/process.h"
#include "source/provider_list.h"
#include "source/source.h"

#define EXEC_PEEK (20 * FXMON_SECOND / 1000) /* how soon to look at a running command again */
#define EXEC_TIMEOUT (10 * FXMON_SECOND)
#define EXEC_OUTPUT (1024 * 1024)
#define EXEC_LINES_A_CALL 1000

typedef struct exec_source {
    const fxmon_env *env;
    char **argv;
    bool stream;
    int64_t interval, timeout;
    bool answer_format;           /* the output is a provider's answer, else lines */
    enum fxi_provider_format format;
    bool dedupe;
    char base[8], source[FXMON_SOURCE_TEXT];
    fxi_track track;
    fxi_tick_reader *reader;
    fxi_answer *answer;
    fxi_publication publication;
    fxi_process process;
    int64_t started;              /* monotonic */
    fxi_buf output;
    fxi_line_file *lines;         /* stream */
    size_t at, count;             /* answer: publications; lines: bytes of the output taken */
    bool usable;                  /* the output had a line that became a message */
    bool ready;                   /* the output of a run is being handed out */
    bool ended;                   /* stream: the command is through */
    fxmon_message merged;         /* lines: the message in the making */
    bool has_digest;
    uint8_t digest[32];           /* of the last output that was handed out */
    int64_t line;                 /* of the output, the last one taken */
    int64_t not_before;
    fxmon_error failure;
} exec_source;

static const char *const exec_settings[] = {"format", "interval", "timeout", "max", "base", "pair", "date", "source", NULL};

/* ---- opening --------------------------------------------------------------------------------------------------------------------- */

static int exec_open_format(exec_source *x, const fxi_settings *settings, fxmon_error *error)
{
    char format[64] = "auto", pair[64] = "", date[64] = "";
    fxi_tick_settings ticks = {.date = FXI_TICK_NO_DATE};
    (void)fxi_settings_text(settings, "format", NULL, format, sizeof format);
    if (!fxi_settings_text(settings, "source", NULL, x->source, sizeof x->source))
        memcpy(x->source, "exec", 5);
    int lines = fxi_tick_format_named(format);
    const fxi_provider *provider = fxi_provider_find(format);
    if (lines < 0 && !provider)
        return fxi_fail(error, FXMON_E_OPTION, "format", "exec: format \"%.40s\" is neither one of lines (ndjson, csv, ...) nor a provider's name",
                        format);
    if (provider && x->stream)
        return fxi_fail(error, FXMON_E_OPTION, "format", "exec+stream: takes lines, not the answers of %s", format);
    int code = fxi_settings_currency(settings, "base", provider ? "base" : NULL, x->base, error);
    if (code)
        return code;
    if (provider) {
        x->answer_format = true;
        x->format = provider->format;
        x->answer = fxi_answer_new();
        return x->answer ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    }
    ticks.format = (enum fxi_tick_format)lines;
    ticks.base = x->base[0] ? x->base : NULL;
    ticks.source = x->source;
    if (fxi_settings_text(settings, "pair", NULL, pair, sizeof pair))
        ticks.pair = pair;
    if (fxi_settings_text(settings, "date", NULL, date, sizeof date) && fxmon_time_parse(date, strlen(date), &ticks.date))
        return fxi_fail(error, FXMON_E_SYNTAX, "date", "exec: date \"%.40s\" is no day such as 2014-05-01", date);
    x->reader = fxi_tick_reader_new(&ticks, error);
    return x->reader ? FXMON_OK : FXMON_E_ARGUMENT;
}

static int exec_open_settings(exec_source *x, const fxi_settings *settings, fxmon_error *error)
{
    char track[FXI_SETTING_TEXT * 8] = FXI_TRACK_DEFAULT, text[64];
    int64_t maximum = EXEC_OUTPUT;
    x->interval = 30 * FXMON_SECOND;
    x->timeout = EXEC_TIMEOUT;
    x->dedupe = true;
    int code = fxi_settings_check(settings, exec_settings, error);
    if (!code)
        code = fxi_settings_duration(settings, "interval", "interval", FXMON_SECOND / 1000, 366 * INT64_C(86400) * FXMON_SECOND, &x->interval,
                                     error);
    if (!code)
        code = fxi_settings_duration(settings, "timeout", NULL, FXMON_SECOND / 100, 3600 * FXMON_SECOND, &x->timeout, error);
    if (!code)
        code = fxi_settings_bool(settings, "dedupe", "dedupe", &x->dedupe, error);
    if (!code && fxi_settings_text(settings, "max", NULL, text, sizeof text) &&
        (fxi_size_parse(text, strlen(text), &maximum) || maximum < 1024 || maximum > INT64_C(256) * 1024 * 1024))
        code = fxi_fail(error, FXMON_E_RANGE, "max", "exec: max \"%.40s\" is no size from 1k to 256MiB", text);
    fxi_buf_init(&x->output, (size_t)maximum);
    (void)fxi_settings_text(settings, "track", "track", track, sizeof track);
    if (!code)
        code = fxi_track_parse(&x->track, track, error);
    return code ? code : exec_open_format(x, settings, error);
}

static void exec_close(void *state)
{
    exec_source *x = state;
    if (!x)
        return;
    fxi_process_stop(&x->process);
    fxi_line_file_close(x->lines);
    fxi_tick_reader_free(x->reader);
    fxi_answer_free(x->answer);
    fxi_publication_free(&x->publication);
    fxi_track_free(&x->track);
    fxi_buf_free(&x->output);
    fxi_free(x->merged.rates);
    fxi_free(x->argv);
    fxi_free(x);
}

static fxmon_result exec_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    const char *rest, *colon = strchr(url, ':');
    char query[FXI_SETTING_TEXT] = "";
    fxi_settings settings = {.env = env, .driver = "exec"};
    exec_source *x = fxi_calloc(1, sizeof *x);
    if (!x) {
        (void)fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        return FXMON_FATAL;
    }
    x->env = env;
    x->process.out = x->process.err = -1;
    x->stream = strncmp(url, "exec+stream:", 12) == 0;
    int code = fxi_process_words(colon ? colon + 1 : "", &x->argv, &rest, error);
    if (!code && rest && strlen(rest) >= sizeof query)
        code = fxi_fail(error, FXMON_E_TOO_LARGE, "from", "exec: the settings behind # are too long");
    if (!code && rest) {
        memcpy(query, rest, strlen(rest) + 1);
        settings.url.query = query;
    }
    if (!code)
        code = exec_open_settings(x, &settings, error);
    if (code) {
        exec_close(x);
        return FXMON_FATAL;
    }
    *state = x;
    return FXMON_DONE;
}

/* ---- shared by both ways ------------------------------------------------------------------------------------------------------- */

static int64_t exec_clock(const exec_source *x)
{
    return x->env->monotonic ? x->env->monotonic(x->env->user) : 0;
}

static fxmon_result exec_failed(exec_source *x, int64_t now, int code, fxmon_error *error)
{
    fxmon_error own = {0};
    fxmon_error *said = error ? error : &own;
    fxi_process_stop(&x->process);
    fxi_line_file_close(x->lines);
    x->lines = NULL;
    x->ready = false;
    x->not_before = now + x->interval;
    said->code = code;
    said->retry_at = x->not_before;
    x->failure = *said;
    return code == FXMON_E_NOT_FOUND || code == FXMON_E_OPTION || code == FXMON_E_UNSUPPORTED ? FXMON_FATAL : FXMON_RETRY;
}

static fxmon_result exec_start(exec_source *x, int64_t now, fxmon_error *error)
{
    x->failure.code = FXMON_OK;
    fxi_buf_clear(&x->output);
    int code = fxi_process_start(&x->process, x->argv, error);
    if (code)
        return exec_failed(x, now, code, error);
    x->started = exec_clock(x);
    return FXMON_DONE;
}

static bool exec_overdue(const exec_source *x)
{
    return exec_clock(x) - x->started > x->timeout;
}

/* A bad line is refused and the next one may be good, unless no line of this command can be read. */
static fxmon_result exec_refuse(exec_source *x, int64_t now, int64_t line, int code, fxmon_error *error)
{
    if (code == FXMON_E_OPTION || code == FXMON_E_UNSUPPORTED || code == FXMON_E_NOMEM)
        return exec_failed(x, now, code, error);
    if (error)
        (void)fxi_fail(error, code, error->field, "exec: %.60s: line %lld: %s", x->argv[0], (long long)line, fxi_line_words(error->text));
    return FXMON_REFUSED;
}

/* ---- one run per interval -------------------------------------------------------------------------------------------------------- */

static fxmon_result exec_answer(exec_source *x, int64_t now, fxmon_error *error)
{
    const fxi_answer_request request = {
        .format = x->format, .http_status = 200, .base = NULL, .source = x->source, .now = now};
    int code = fxi_answer_parse(x->answer, &request, x->output.data ? x->output.data : "", x->output.length, error);
    if (code)
        return exec_failed(x, now, code, error);
    x->count = fxi_answer_count(x->answer);
    return FXMON_DONE;
}

/* DONE: the output is there and is to be handed out. */
static fxmon_result exec_collect(exec_source *x, int64_t now, int64_t *due, fxmon_error *error)
{
    int code = fxi_process_pump(&x->process, &x->output, error);
    if (code)
        return exec_failed(x, now, code, error);
    if (!x->process.exited || x->process.more) {
        if (exec_overdue(x)) {
            char text[32];
            fxi_duration_format(x->timeout, text, sizeof text);
            return exec_failed(x, now, fxi_fail(error, FXMON_E_TIMEOUT, "from", "exec: %.60s did not end within %s", x->argv[0], text), error);
        }
        *due = x->process.more ? now : now + EXEC_PEEK;
        return FXMON_WAIT;
    }
    code = fxi_process_verdict(&x->process, x->argv[0], error);
    if (code)
        return exec_failed(x, now, code, error);
    fxi_process_stop(&x->process);
    x->not_before = now + x->interval;
    if (!x->output.length)
        return exec_failed(x, now, fxi_fail(error, FXMON_E_NO_DATA, "from", "exec: %.60s printed nothing", x->argv[0]), error);
    uint8_t digest[32];
    fxi_sha256(x->output.data, x->output.length, digest);
    if (x->dedupe && x->has_digest && memcmp(digest, x->digest, sizeof digest) == 0) {
        *due = x->not_before;
        (void)fxi_fail(error, FXMON_E_NOT_MODIFIED, "from", "exec: %.60s printed what it printed before", x->argv[0]);
        return FXMON_WAIT;
    }
    memcpy(x->digest, digest, sizeof digest);
    x->has_digest = true;
    x->at = x->count = 0;
    x->line = 0;
    x->usable = false;
    x->ready = true;
    return x->answer_format ? exec_answer(x, now, error) : FXMON_DONE;
}

static bool exec_next_line(exec_source *x, const char **line, size_t *length)
{
    if (x->at >= x->output.length)
        return false;
    *line = x->output.data + x->at;
    const char *end = memchr(*line, '\n', x->output.length - x->at);
    *length = end ? (size_t)(end - *line) : x->output.length - x->at;
    return true;
}

static bool exec_same_publication(const fxmon_message *a, const fxmon_message *b)
{
    if (a->time != b->time || strcmp(a->base, b->base) != 0 || strcmp(a->source, b->source) != 0)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t k = 0; k < b->count; k++)
            if (fxmon_pair_compare(&a->rates[i].pair, &b->rates[k].pair) == 0)
                return false;
    return a->count + b->count <= FXI_TRACK_MAXIMUM;
}

/* Adds the rates of m to the message in the making, which takes over everything else from its first one. */
static bool exec_merge(exec_source *x, const fxmon_message *m)
{
    fxmon_message *out = &x->merged;
    size_t capacity = out->capacity;
    if (out->count + m->count > capacity) {
        fxmon_rate *grown = fxi_grow(out->rates, &capacity, out->count + m->count, sizeof *grown);
        if (!grown)
            return false;
        out->rates = grown;
        out->capacity = (uint32_t)capacity;
    }
    memcpy(out->rates + out->count, m->rates, m->count * sizeof *m->rates);
    if (out->count == 0) {
        fxmon_rate *rates = out->rates;
        uint32_t room = out->capacity;
        *out = *m;
        out->rates = rates;
        out->capacity = room;
        return true;
    }
    out->count += m->count;
    return true;
}

static fxmon_result exec_hand_out_lines(exec_source *x, int64_t now, fxmon_message *message, fxmon_error *error)
{
    const char *line;
    size_t length;
    x->merged.count = 0;
    while (exec_next_line(x, &line, &length)) {
        const fxmon_message *m = NULL;
        int code = fxi_tick_reader_line(x->reader, line, length, &m, error);
        if (code && x->merged.count)
            break; /* refused when its turn comes */
        if (code) {
            x->at += length + 1;
            return exec_refuse(x, now, ++x->line, code, error);
        }
        if (m && x->merged.count && !exec_same_publication(&x->merged, m))
            break; /* read again as the first line of the next message */
        if (m && !exec_merge(x, m))
            return exec_failed(x, now, fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory"), error);
        x->at += length + 1;
        x->line++;
    }
    if (!x->merged.count && !x->usable)
        return exec_failed(x, now, fxi_fail(error, FXMON_E_NO_DATA, "from", "exec: %.60s printed no line that could be used", x->argv[0]), error);
    if (!x->merged.count)
        return FXMON_WAIT;
    x->usable = true;
    *message = x->merged;
    return FXMON_DONE;
}

static fxmon_result exec_hand_out_answer(exec_source *x, int64_t now, fxmon_message *message, fxmon_error *error)
{
    fxmon_error why = {0};
    const bool first = x->at == 0;
    while (x->at < x->count) {
        int code = fxi_publication_make(&x->publication, fxi_answer_at(x->answer, x->at++), &x->track, x->base, &why);
        if (code)
            continue;
        *message = x->publication.message;
        return FXMON_DONE;
    }
    if (!first || !why.code)
        return FXMON_WAIT;
    if (error)
        *error = why;
    return exec_failed(x, now, why.code, error);
}

static fxmon_result exec_hand_out(exec_source *x, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    fxmon_result result = x->answer_format ? exec_hand_out_answer(x, now, message, error) : exec_hand_out_lines(x, now, message, error);
    if (result == FXMON_REFUSED)
        return result;
    if (result == FXMON_DONE) {
        const bool more = x->answer_format ? x->at < x->count : x->at < x->output.length;
        *due = more ? now : x->not_before;
        return result;
    }
    x->ready = false;
    *due = x->not_before;
    return result;
}

/* ---- a stream -------------------------------------------------------------------------------------------------------------------- */

static fxmon_result exec_stream_end(exec_source *x, int64_t now, int64_t *due, fxmon_error *error)
{
    int code = fxi_process_pump(&x->process, NULL, error);
    if (!x->process.exited && !exec_overdue(x)) {
        *due = now + EXEC_PEEK;
        return FXMON_WAIT;
    }
    if (!x->process.exited)
        code = fxi_fail(error, FXMON_E_TIMEOUT, "from", "exec: %.60s closed its output but did not end", x->argv[0]);
    if (!code)
        code = fxi_process_verdict(&x->process, x->argv[0], error);
    if (code)
        return exec_failed(x, now, code, error);
    x->ended = true;
    return FXMON_END;
}

static fxmon_result exec_stream(exec_source *x, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    for (int i = 0; i < EXEC_LINES_A_CALL; i++) {
        const char *line;
        size_t length;
        const fxmon_message *m = NULL;
        int code = FXMON_OK;
        switch (fxi_line_file_next(x->lines, &line, &length, error)) {
        case FXI_LINE:
            code = fxi_tick_reader_line(x->reader, line, length, &m, error);
            if (code)
                return exec_refuse(x, now, fxi_line_file_number(x->lines), code, error);
            break;
        case FXI_LINE_LONG:
            (void)fxi_fail(error, FXMON_E_TOO_LARGE, "line", "exec: %.60s printed a line longer than %d bytes", x->argv[0], FXI_TICK_LINE);
            return FXMON_REFUSED;
        case FXI_LINE_NONE:
            (void)fxi_process_pump(&x->process, NULL, error);
            *due = now + EXEC_PEEK;
            x->started = exec_clock(x); /* the time limit runs from the end of the output on */
            return FXMON_WAIT;
        case FXI_LINE_END:
            return exec_stream_end(x, now, due, error);
        default:
            return exec_failed(x, now, FXMON_E_IO, error);
        }
        if (m) {
            *message = *m;
            return FXMON_DONE;
        }
    }
    *due = now;
    return FXMON_WAIT;
}

static fxmon_result exec_open_stream(exec_source *x, int64_t now, fxmon_error *error)
{
    fxmon_result result = exec_start(x, now, error);
    if (result != FXMON_DONE)
        return result;
    x->lines = fxi_line_file_adopt(x->process.out, x->argv[0], FXI_TICK_LINE, error);
    x->process.out = -1; /* the line file has it, or closed it */
    return x->lines ? FXMON_DONE : exec_failed(x, now, FXMON_E_NOMEM, error);
}

static fxmon_result exec_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    exec_source *x = state;
    fxmon_result result = FXMON_DONE;
    if (x->ended)
        return FXMON_END;
    if (x->ready)
        return exec_hand_out(x, now, message, due, error);
    if (x->process.pid <= 0) {
        if (x->not_before > now) {
            *due = x->not_before;
            if (x->failure.code && error)
                *error = x->failure;
            return x->failure.code ? FXMON_RETRY : FXMON_WAIT;
        }
        result = x->stream ? exec_open_stream(x, now, error) : exec_start(x, now, error);
    }
    if (result == FXMON_DONE && x->stream)
        return exec_stream(x, now, message, due, error);
    if (result == FXMON_DONE)
        result = exec_collect(x, now, due, error);
    return result == FXMON_DONE ? exec_hand_out(x, now, message, due, error) : result;
}

const fxmon_source_ops fxi_source_exec = {
    .size = sizeof(fxmon_source_ops),
    .schemes = "exec exec+stream",
    .open = exec_open,
    .next = exec_next,
    .close = exec_close,
};

/*
 * source/replay.c - replay:FILE, recorded rates as a source: as fast as the log takes them, or in the time in which they came.
 *
 * The file is streamed line by line, so its size does not matter. Files that lie newest first (central banks' histories) are seen from
 * their first two messages and read from the end backwards: a log wants time to go forwards.
 *
 * A bad line is neither lost in silence nor in the way: it is refused with its number, so that the producer says and counts it, and the replay
 * goes on; how many there were is said at the end. With strict=yes the first one ends the replay with its error.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/ticks.h"
#include "source/line_file.h"
#include "source/source.h"

#define REPLAY_LINES_A_CALL 10000 /* lines without a message before the lane gets its turn */
#define REPLAY_PEEKED 1000        /* lines looked at to see in which order the file lies */
#define REPLAY_PIPE_WAIT (20 * FXMON_SECOND / 1000)
#define REPLAY_NAME 256

typedef struct replay {
    const fxmon_env *env;
    fxi_line_file *file;
    fxi_tick_reader *reader;
    char name[REPLAY_NAME];   /* the file, for texts */
    bool strict, shift_now, ended;
    double speed;             /* 0: as fast as possible */
    bool backwards;
    char *header;             /* backwards: the header line, which comes last again */
    size_t header_length;
    int64_t messages, refused;
    bool started;
    int64_t first_time, first_now; /* event time and wall clock of the first message */
    bool held;                /* `message` was read but is not due yet */
    fxmon_message message;
} replay;

static const char *const replay_settings[] = {"speed", "format", "pair", "base", "date", "source", "shift", "strict", "order", NULL};

/* ---- opening ------------------------------------------------------------------------------------------------------------------- */

typedef struct replay_layout {
    char format[32], pair[FXI_SETTING_TEXT], base[8], date[FXI_SETTING_TEXT], source[FXMON_SOURCE_TEXT];
    fxi_tick_settings ticks;
} replay_layout;

static int replay_open_layout(const fxi_settings *settings, replay_layout *l, fxmon_error *error)
{
    int code = FXMON_OK;
    l->ticks.date = FXI_TICK_NO_DATE;
    if (fxi_settings_text(settings, "format", NULL, l->format, sizeof l->format)) {
        int format = fxi_tick_format_named(l->format);
        if (format < 0)
            return fxi_fail(error, FXMON_E_OPTION, "format",
                            "replay: format \"%s\" is none of auto, ndjson, csv, columns, ms, truefx, histdata, dukascopy", l->format);
        l->ticks.format = (enum fxi_tick_format)format;
    }
    if (fxi_settings_text(settings, "pair", NULL, l->pair, sizeof l->pair))
        l->ticks.pair = l->pair;
    code = fxi_settings_currency(settings, "base", NULL, l->base, error);
    if (l->base[0])
        l->ticks.base = l->base;
    if (fxi_settings_text(settings, "source", NULL, l->source, sizeof l->source))
        l->ticks.source = l->source;
    if (!code && fxi_settings_text(settings, "date", NULL, l->date, sizeof l->date)) {
        code = fxmon_time_parse(l->date, strlen(l->date), &l->ticks.date);
        if (code)
            return fxi_fail(error, code, "date", "replay: date \"%.40s\" is no day such as 2014-05-01", l->date);
        l->ticks.date -= ((l->ticks.date % (86400 * FXMON_SECOND)) + 86400 * FXMON_SECOND) % (86400 * FXMON_SECOND);
    }
    return code;
}

static int replay_open_pace(replay *r, const fxi_settings *settings, char *order, size_t size, fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    int code = FXMON_OK;
    if (fxi_settings_text(settings, "speed", NULL, text, sizeof text) && strcmp(text, "max") != 0)
        code = fxi_settings_number(settings, "speed", 0.001, 1e6, &r->speed, error);
    if (!code && fxi_settings_text(settings, "shift", NULL, text, sizeof text)) {
        if (strcmp(text, "now") != 0)
            return fxi_fail(error, FXMON_E_OPTION, "shift", "replay: shift \"%.40s\" is not \"now\"", text);
        r->shift_now = true;
    }
    if (!fxi_settings_text(settings, "order", NULL, order, size))
        memcpy(order, "auto", 5);
    if (!code && strcmp(order, "auto") != 0 && strcmp(order, "file") != 0 && strcmp(order, "reverse") != 0)
        return fxi_fail(error, FXMON_E_OPTION, "order", "replay: order \"%.20s\" is none of auto, file, reverse", order);
    return code ? code : fxi_settings_bool(settings, "strict", NULL, &r->strict, error);
}

static bool replay_hopeless(int code)
{
    return code == FXMON_E_OPTION || code == FXMON_E_UNSUPPORTED || code == FXMON_E_NOMEM;
}

static int replay_keep_header(replay *r, const char *line, size_t length, fxmon_error *error)
{
    if (r->header)
        return FXMON_OK;
    r->header = fxi_strndup(line, length);
    r->header_length = length;
    return r->header ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
}

/* Looks at the first messages: does the file lie newest first? Keeps the header for that case. Bad lines are for the real pass. */
static int replay_peek(replay *r, bool *newest_first, fxmon_error *error)
{
    int64_t first = 0;
    int messages = 0;
    *newest_first = false;
    for (int i = 0; i < REPLAY_PEEKED && messages < 2; i++) {
        const char *line;
        size_t length;
        const fxmon_message *message = NULL;
        fxi_line_result result = fxi_line_file_next(r->file, &line, &length, error);
        if (result == FXI_LINE_FAIL)
            return FXMON_E_IO;
        if (result == FXI_LINE_END || result == FXI_LINE_NONE)
            break;
        if (result == FXI_LINE_LONG)
            continue;
        int code = fxi_tick_reader_line(r->reader, line, length, &message, error);
        if (replay_hopeless(code))
            return code;
        if (!code && !message && messages == 0 && length && fxi_tick_reader_format(r->reader) != FXI_TICKS_AUTO)
            code = replay_keep_header(r, line, length, error);
        if (code == FXMON_E_NOMEM)
            return code;
        if (!message)
            continue;
        if (messages++ == 0)
            first = message->time;
        else
            *newest_first = message->time < first;
    }
    fxi_error_clear(error);
    return FXMON_OK;
}

static int replay_open_order(replay *r, const replay_layout *layout, const char *order, fxmon_error *error)
{
    bool newest_first = false;
    if (strcmp(order, "file") == 0)
        return FXMON_OK;
    if (!fxi_line_file_seekable(r->file)) {
        if (strcmp(order, "reverse") == 0)
            return fxi_fail(error, FXMON_E_UNSUPPORTED, "order", "replay: order=reverse needs a regular file, which %s is not", r->name);
        return FXMON_OK;
    }
    int code = replay_peek(r, &newest_first, error);
    if (code)
        return code;
    r->backwards = newest_first || strcmp(order, "reverse") == 0;
    fxi_tick_reader_free(r->reader);
    r->reader = fxi_tick_reader_new(&layout->ticks, error);
    if (!r->reader)
        return FXMON_E_NOMEM;
    if (r->backwards && r->header) {
        const fxmon_message *message;
        code = fxi_tick_reader_line(r->reader, r->header, r->header_length, &message, error);
    }
    return code ? code : fxi_line_file_rewind(r->file, r->backwards, error);
}

static void replay_close(void *state)
{
    replay *r = state;
    if (!r)
        return;
    fxi_tick_reader_free(r->reader);
    fxi_line_file_close(r->file);
    fxi_free(r->header);
    fxi_free(r);
}

static int replay_open_file(replay *r, const fxi_settings *settings, fxmon_error *error)
{
    replay_layout layout = {{0}, {0}, {0}, {0}, {0}, {0}};
    char order[16] = "auto";
    const char *path = settings->url.path;
    if (!path[0])
        return fxi_fail(error, FXMON_E_ARGUMENT, "from", "replay: needs a file, as in replay:rates.ndjson, or - for standard input");
    size_t length = strnlen(path, sizeof r->name - 1);
    memcpy(r->name, path, length);
    int code = replay_open_layout(settings, &layout, error);
    if (!code)
        code = replay_open_pace(r, settings, order, sizeof order, error);
    if (code)
        return code;
    r->file = fxi_line_file_open(path, FXI_TICK_LINE, error);
    if (!r->file)
        return FXMON_E_IO;
    r->reader = fxi_tick_reader_new(&layout.ticks, error);
    if (!r->reader)
        return FXMON_E_ARGUMENT;
    return replay_open_order(r, &layout, order, error);
}

static fxmon_result replay_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    fxi_settings settings = {.env = env, .driver = "replay"};
    replay *r = NULL;
    if (fxi_url_parse(url, &settings.url, error))
        return FXMON_FATAL;
    int code = fxi_settings_check(&settings, replay_settings, error);
    if (!code && !(r = fxi_calloc(1, sizeof *r)))
        code = fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    if (!code) {
        r->env = env;
        code = replay_open_file(r, &settings, error);
    }
    fxi_url_free(&settings.url);
    if (code) {
        replay_close(r);
        return FXMON_FATAL;
    }
    if (r->backwards)
        fxi_log(env, FXMON_LOG_INFO, "replay", "%s lies newest first: it is read from its end", r->name);
    *state = r;
    return FXMON_DONE;
}

/* ---- reading --------------------------------------------------------------------------------------------------------------------- */

static fxmon_result replay_refuse(replay *r, int code, fxmon_error *error)
{
    if (error && !replay_hopeless(code))
        (void)fxi_fail(error, code, error->field, "%.100s: line %lld%s: %s", r->name, (long long)llabs(fxi_line_file_number(r->file)),
                       r->backwards ? " from the end" : "", fxi_line_words(error->text));
    r->refused++;
    if (!r->strict && !replay_hopeless(code))
        return FXMON_REFUSED;
    r->ended = true;
    return FXMON_FATAL;
}

static fxmon_result replay_line(replay *r, const char *line, size_t length, fxmon_error *error)
{
    const fxmon_message *message = NULL;
    if (r->backwards && r->header && length == r->header_length && memcmp(line, r->header, length) == 0)
        return FXMON_DONE;
    int code = fxi_tick_reader_line(r->reader, line, length, &message, error);
    if (code)
        return replay_refuse(r, code, error);
    if (message) {
        r->message = *message;
        r->held = true;
    }
    return FXMON_DONE;
}

static fxmon_result replay_read(replay *r, int64_t now, int64_t *due, fxmon_error *error)
{
    for (int i = 0; i < REPLAY_LINES_A_CALL && !r->held; i++) {
        const char *line;
        size_t length;
        fxmon_result result = FXMON_DONE;
        switch (fxi_line_file_next(r->file, &line, &length, error)) {
        case FXI_LINE:
            result = replay_line(r, line, length, error);
            break;
        case FXI_LINE_LONG:
            result = replay_refuse(r, fxi_fail(error, FXMON_E_TOO_LARGE, "line", "longer than %d bytes", FXI_TICK_LINE), error);
            break;
        case FXI_LINE_NONE:
            *due = now + REPLAY_PIPE_WAIT;
            return FXMON_WAIT;
        case FXI_LINE_END:
            r->ended = true;
            if (r->refused)
                fxi_log(r->env, FXMON_LOG_WARNING, "replay", "%s: %lld messages; %lld bad lines were passed over", r->name,
                        (long long)r->messages, (long long)r->refused);
            return FXMON_END;
        default:
            return FXMON_RETRY;
        }
        if (result != FXMON_DONE)
            return result;
    }
    if (r->held)
        return FXMON_DONE;
    *due = now;
    return FXMON_WAIT;
}

/* When the held message is due; moves its time when the recording is shifted to now. */
static int64_t replay_due(replay *r, int64_t now)
{
    if (!r->started) {
        r->started = true;
        r->first_time = r->message.time;
        r->first_now = now;
    }
    int64_t since;
    if (__builtin_sub_overflow(r->message.time, r->first_time, &since))
        since = 0;
    if (r->speed > 0) {
        double scaled = (double)since / r->speed;
        since = scaled < 9e18 && scaled > -9e18 ? (int64_t)scaled : INT64_MAX;
    }
    int64_t due;
    if (__builtin_add_overflow(r->first_now, since, &due))
        due = since < 0 ? INT64_MIN : INT64_MAX;
    return due;
}

static fxmon_result replay_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    replay *r = state;
    if (r->ended)
        return FXMON_END;
    if (!r->held) {
        fxmon_result result = replay_read(r, now, due, error);
        if (result != FXMON_DONE)
            return result;
    }
    int64_t when = replay_due(r, now);
    if (r->speed > 0 && when > now) {
        *due = when;
        return FXMON_WAIT;
    }
    if (r->shift_now) {
        r->message.time = when;
        r->message.next_update = 0; /* it told the recording's time */
    }
    r->held = false;
    r->messages++;
    *message = r->message;
    return FXMON_DONE;
}

const fxmon_source_ops fxi_source_replay = {
    .size = sizeof(fxmon_source_ops),
    .schemes = "replay",
    .open = replay_open,
    .next = replay_next,
    .close = replay_close,
    .recorded = true,
};

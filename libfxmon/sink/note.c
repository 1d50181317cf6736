/*
 * sink/note.c - PATH.progress: how much of the output is good, and where each lane goes on. Text, one JSON object a line: the sizes first, then a place a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "codec/json.h"
#include "sink/output.h"

#define NOTE_MAXIMUM ((size_t)256 * 1024 * 1024)
#define NAME_MAXIMUM 512

static void place_free(fxi_output_place *place)
{
    fxi_free(place->lane);
    fxi_free(place->stream);
    fxi_free(place->checkpoint);
    memset(place, 0, sizeof *place);
}

void fxi_output_note_free(fxi_output_note *note)
{
    for (size_t i = 0; i < note->count; i++) {
        place_free(&note->places[i]);
    }
    fxi_free(note->places);
    fxi_free(note->path);
    memset(note, 0, sizeof *note);
}

static fxi_output_place *find(const fxi_output_note *note, const char *lane, const char *stream, int32_t partition)
{
    for (size_t i = 0; i < note->count; i++) {
        fxi_output_place *p = &note->places[i];
        if (p->partition == partition && strcmp(p->lane, lane) == 0 && strcmp(p->stream, stream) == 0) {
            return p;
        }
    }
    return NULL;
}

const fxi_output_place *fxi_output_note_find(const fxi_output_note *note, const fxmon_progress *progress)
{
    return find(note, progress->lane ? progress->lane : "", progress->stream ? progress->stream : "", progress->partition);
}

static fxi_output_place *add(fxi_output_note *note, const char *lane, const char *stream, int32_t partition)
{
    if (note->count == note->capacity) {
        fxi_output_place *grown = fxi_grow(note->places, &note->capacity, note->count + 1, sizeof *grown);
        if (!grown) {
            return NULL;
        }
        note->places = grown;
    }
    fxi_output_place *p = &note->places[note->count];
    memset(p, 0, sizeof *p);
    p->partition = partition;
    p->next_offset = p->checkpoint_offset = -1;
    p->lane = fxi_strdup(lane);
    p->stream = fxi_strdup(stream);
    if (!p->lane || !p->stream) {
        place_free(p);
        return NULL;
    }
    note->count++;
    return p;
}

int fxi_output_note_set(fxi_output_note *note, const fxmon_progress *progress, fxmon_error *error)
{
    const char *lane = progress->lane ? progress->lane : "", *stream = progress->stream ? progress->stream : "";
    char *checkpoint = NULL;
    if (progress->checkpoint) {
        checkpoint = fxi_alloc(progress->checkpoint_size);
        if (!checkpoint) {
            return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory remembering progress");
        }
        memcpy(checkpoint, progress->checkpoint, progress->checkpoint_size);
    }
    fxi_output_place *p = find(note, lane, stream, progress->partition);
    if (!p && !(p = add(note, lane, stream, progress->partition))) {
        fxi_free(checkpoint);
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory remembering progress");
    }
    p->next_offset = progress->next_offset;
    p->epoch = progress->epoch;
    if (checkpoint) {
        fxi_free(p->checkpoint);
        p->checkpoint = checkpoint;
        p->checkpoint_size = progress->checkpoint_size;
        p->checkpoint_offset = progress->checkpoint_offset;
    }
    return FXMON_OK;
}

/* ---- writing ---- */

static void put_place(fxi_buf *text, const fxi_output_place *p)
{
    static const char digits[] = "0123456789abcdef";
    fxi_buf_puts(text, "{\"lane\":");
    fxi_buf_jsonz(text, p->lane);
    fxi_buf_puts(text, ",\"stream\":");
    fxi_buf_jsonz(text, p->stream);
    fxi_buf_printf(text, ",\"partition\":%d,\"next_offset\":%lld,\"epoch\":%lld", (int)p->partition, (long long)p->next_offset, (long long)p->epoch);
    if (p->checkpoint) {
        fxi_buf_printf(text, ",\"checkpoint_offset\":%lld,\"checkpoint\":\"", (long long)p->checkpoint_offset);
        char *hex = fxi_buf_reserve(text, 2 * p->checkpoint_size);
        for (size_t i = 0; hex && i < p->checkpoint_size; i++) {
            hex[2 * i] = digits[(unsigned char)p->checkpoint[i] >> 4];
            hex[2 * i + 1] = digits[(unsigned char)p->checkpoint[i] & 15];
        }
        if (hex) {
            fxi_buf_commit(text, 2 * p->checkpoint_size);
        }
        fxi_buf_putc(text, '"');
    }
    fxi_buf_puts(text, "}\n");
}

static int replace(const char *path, const char *temporary, const fxi_buf *text, fxmon_error *error)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fxi_fail_errno(error, errno, "cannot open", temporary);
    }
    size_t done = 0;
    int code = FXMON_OK;
    while (done < text->length && code == FXMON_OK) {
        ssize_t wrote = write(fd, text->data + done, text->length - done);
        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote == 0 || errno != EINTR) {
            code = fxi_fail_errno(error, wrote ? errno : EIO, "cannot write to", temporary);
        }
    }
    while (code == FXMON_OK && fsync(fd) != 0) {
        if (errno != EINTR) {
            code = fxi_fail_errno(error, errno, "cannot make durable", temporary);
        }
    }
    close(fd);
    if (code == FXMON_OK && rename(temporary, path) != 0) {
        code = fxi_fail_errno(error, errno, "cannot replace", path);
    }
    return code;
}

static int sync_folder(char *path, fxmon_error *error)
{
    char *slash = strrchr(path, '/');
    if (slash) {
        slash[slash == path] = '\0';
    }
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0;
    while (fd >= 0 && (failed = fsync(fd)) != 0 && errno == EINTR) {
    }
    int code = failed ? fxi_fail_errno(error, errno, "cannot make durable", "the folder of the output") : FXMON_OK;
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

int fxi_output_note_write(const fxi_output_note *note, fxmon_error *error)
{
    fxi_buf text, temporary;
    fxi_buf_init(&text, NOTE_MAXIMUM);
    fxi_buf_init(&temporary, 8192);
    fxi_buf_printf(&text, "{\"format\":\"fxmon-progress 1\",\"size\":%lld,\"dead_size\":%lld}\n", (long long)note->rows_size, (long long)note->dead_size);
    for (size_t i = 0; i < note->count; i++) {
        put_place(&text, &note->places[i]);
    }
    fxi_buf_puts(&temporary, note->path);
    fxi_buf_puts(&temporary, ".new");
    int code;
    if (text.failed || temporary.failed) {
        code = fxi_fail(error, FXMON_E_NOMEM, "", "out of memory remembering progress");
    } else {
        code = replace(note->path, temporary.data, &text, error);
        if (code == FXMON_OK) {
            code = sync_folder(temporary.data, error);
        }
    }
    fxi_buf_free(&text);
    fxi_buf_free(&temporary);
    return code;
}

/* ---- reading ---- */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *unhex(const char *text, size_t length)
{
    char *out = length % 2 ? NULL : fxi_alloc(length / 2 + 1);
    for (size_t i = 0; out && i < length / 2; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            fxi_free(out);
            return NULL;
        }
        out[i] = (char)(high * 16 + low);
    }
    return out;
}

typedef struct line_members {
    char lane[NAME_MAXIMUM], stream[NAME_MAXIMUM], format[32];
    int64_t size, dead_size, partition, next_offset, epoch, checkpoint_offset;
    const char *checkpoint;
    size_t checkpoint_length;
} line_members;

static bool number_member(fxi_json *j, const char *name, line_members *m)
{
    const struct { const char *name; int64_t *value; } numbers[] = {
        {"size", &m->size}, {"dead_size", &m->dead_size}, {"partition", &m->partition}, {"next_offset", &m->next_offset}, {"epoch", &m->epoch},
        {"checkpoint_offset", &m->checkpoint_offset}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].name, name) == 0) {
            return fxi_integer_parse(j->text, j->length, numbers[i].value) == FXMON_OK;
        }
    }
    return false;
}

static bool parse_line(const char *line, size_t length, line_members *m)
{
    fxi_json j;
    char name[32];
    memset(m, 0, sizeof *m);
    m->size = m->dead_size = m->next_offset = m->checkpoint_offset = -1;
    fxi_json_init(&j, line, length);
    if (fxi_json_next(&j) != FXI_JSON_OBJECT) {
        return false;
    }
    int token;
    while ((token = fxi_json_next(&j)) == FXI_JSON_NAME) {
        bool good = fxi_json_string(&j, name, sizeof name) >= 0;
        token = fxi_json_next(&j);
        if (good && token == FXI_JSON_NUMBER) {
            good = number_member(&j, name, m);
        } else if (good && token == FXI_JSON_STRING && strcmp(name, "checkpoint") == 0) {
            m->checkpoint = j.text;
            m->checkpoint_length = j.length;
        } else if (good && token == FXI_JSON_STRING) {
            char *out = strcmp(name, "lane") == 0 ? m->lane : strcmp(name, "stream") == 0 ? m->stream : strcmp(name, "format") == 0 ? m->format : NULL;
            good = out && fxi_json_string(&j, out, out == m->format ? sizeof m->format : NAME_MAXIMUM) >= 0;
        } else {
            good = false;
        }
        if (!good) {
            return false;
        }
    }
    return token == FXI_JSON_OBJECT_END && fxi_json_next(&j) == FXI_JSON_END;
}

static bool take_line(fxi_output_note *note, const char *line, size_t length, bool first)
{
    line_members m;
    if (!parse_line(line, length, &m)) {
        return false;
    }
    if (first) {
        note->rows_size = m.size;
        note->dead_size = m.dead_size;
        return strcmp(m.format, "fxmon-progress 1") == 0 && m.size >= 0 && m.dead_size >= 0;
    }
    fxi_output_place *p = add(note, m.lane, m.stream, (int32_t)m.partition);
    if (!p) {
        return false;
    }
    p->next_offset = m.next_offset;
    p->epoch = m.epoch;
    if (m.checkpoint) {
        p->checkpoint = unhex(m.checkpoint, m.checkpoint_length);
        p->checkpoint_size = m.checkpoint_length / 2;
        p->checkpoint_offset = m.checkpoint_offset;
        return p->checkpoint != NULL;
    }
    return true;
}

static bool parse(fxi_output_note *note, const char *text, size_t length)
{
    bool first = true;
    for (const char *p = text, *end = text + length; p < end; first = false) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline || !take_line(note, p, (size_t)(newline - p), first)) {
            return false;
        }
        p = newline + 1;
    }
    return !first;
}

static int read_text(int fd, const char *path, fxi_buf *text, fxmon_error *error)
{
    for (;;) {
        char *room = fxi_buf_reserve(text, 65536);
        if (!room) {
            return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory reading %.200s", path);
        }
        ssize_t got = read(fd, room, 65536);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fxi_fail_errno(error, errno, "cannot read", path);
        }
        if (got == 0) {
            return FXMON_OK;
        }
        fxi_buf_commit(text, (size_t)got);
    }
}

int fxi_output_note_read(fxi_output_note *note, const char *path, fxmon_error *error)
{
    memset(note, 0, sizeof *note);
    if (!(note->path = fxi_strdup(path))) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory reading %.200s", path);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? FXMON_OK : fxi_fail_errno(error, errno, "cannot open", path);
    }
    fxi_buf text;
    fxi_buf_init(&text, NOTE_MAXIMUM);
    int code = read_text(fd, path, &text, error);
    if (code == FXMON_OK && !(note->there = parse(note, text.data ? text.data : "", text.length))) {
        code = fxi_fail(error, FXMON_E_CORRUPT, "sink", "%.150s cannot be understood: restore it, or move it and the output away to begin anew", path);
    }
    fxi_buf_free(&text);
    close(fd);
    return code;
}

/*
 * cli/dlq.c - fxmon-consume dlq list, show, replay: the dead letters of a store.
 *
 * A store hands letters out newest first, and lanes may add some meanwhile. A replay goes from the oldest to the newest, because the order of prices
 * matters to who reads them: a first pass takes the numbers and how many letters were newer, a second one finds them again from there in small groups,
 * which are copied before the store is used for anything else. What is added meanwhile only moves them further away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consume.h"

#define PAGE 256
#define GROUP 64 /* letters copied at once */
#define LIST_SHORTEST 100

struct place {
    int64_t id, newer; /* newer: letters with higher numbers when it was counted */
};

struct dlq {
    cli *c;
    fxmon_store *store;
    bool all, json;
    const char *reason; /* NULL: any */
    int64_t limit;
    int status;

    /* one walk */
    int64_t last, newer; /* number of the letter before; how many came before */
    bool (*take)(struct dlq *d, const fxmon_dead_letter *letter, int64_t id);
    bool going;
    int64_t seen, printed;

    int64_t wanted; /* show */
    bool found, raw;

    struct place *places; /* replay: oldest last */
    size_t place_count, place_capacity;
    int64_t *asked;
    size_t asked_count;
    size_t group_from, group_to; /* places [from, to), to be copied */
    fxmon_dead_letter *letters;  /* of that group, at their places */
    fxmon *handle;               /* of --to */
    int64_t done, left;
    bool stop;                   /* nothing more can be done now: status says why */
};

/* ---- walking ---------------------------------------------------------------------------------------------------- */

static bool walk_letter(void *user, const fxmon_dead_letter *letter, int64_t id)
{
    struct dlq *d = user;
    d->seen++;
    if (d->last != 0 && id >= d->last)
        return true; /* seen before: others were added in front meanwhile */
    d->last = id;
    d->going = d->take(d, letter, id);
    d->newer++;
    return d->going;
}

/* From the letter that has `newer` newer ones, until take says false. */
static int walk(struct dlq *d, int64_t newer, bool (*take)(struct dlq *d, const fxmon_dead_letter *letter, int64_t id))
{
    fxmon_error error;
    d->last = 0;
    d->newer = newer;
    d->take = take;
    d->going = true;
    do {
        d->seen = 0;
        if (fxmon_store_dead_each(d->store, PAGE, newer, walk_letter, d, &error) != FXMON_OK)
            return cli_status(d->c, &error);
        newer += PAGE;
    } while (d->going && d->seen == PAGE);
    return 0;
}

static bool wanted_reason(const struct dlq *d, const fxmon_dead_letter *letter)
{
    return !d->reason || strcmp(d->reason, letter->reason) == 0;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

/* Length of the UTF-8 character at p, 0 if it is none. */
static size_t character(const unsigned char *p, size_t left)
{
    size_t length = *p < 0x80 ? 1 : *p >= 0xC2 && *p < 0xE0 ? 2 : *p >= 0xE0 && *p < 0xF0 ? 3 : *p >= 0xF0 && *p < 0xF5 ? 4 : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) || (*p == 0xF4 && p[1] > 0x8F))
        return 0;
    return length;
}

static bool is_text(const char *data, size_t length)
{
    size_t step = 1;
    for (size_t i = 0; i < length && step > 0; i += step)
        step = character((const unsigned char *)data + i, length - i);
    return step > 0;
}

static void print_json_text(const char *data, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)data[i];
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < 0x20)
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static void print_base64(const char *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    putchar('"');
    for (size_t i = 0; i < length; i += 3) {
        size_t here = length - i < 3 ? length - i : 3;
        unsigned long bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < here ? (unsigned char)data[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            putchar(k <= here ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    putchar('"');
}

static void print_json(const fxmon_dead_letter *letter, int64_t id, bool whole)
{
    char first_seen[FXMON_TIME_TEXT], resolved[FXMON_TIME_TEXT];
    fxmon_time_format(letter->first_seen, first_seen);
    printf("{\"id\":%lld,\"lane\":", (long long)id);
    print_json_text(letter->lane, strlen(letter->lane));
    fputs(",\"stream\":", stdout);
    print_json_text(letter->stream, strlen(letter->stream));
    printf(",\"partition\":%d,\"offset\":%lld,\"reason\":", (int)letter->partition, (long long)letter->offset);
    print_json_text(letter->reason, strlen(letter->reason));
    fputs(",\"text\":", stdout);
    print_json_text(letter->text, strlen(letter->text));
    printf(",\"first_seen\":\"%s\"", first_seen);
    if (letter->resolved != 0)
        fxmon_time_format(letter->resolved, resolved);
    printf(letter->resolved != 0 ? ",\"resolved\":\"%s\"" : ",\"resolved\":null", resolved);
    printf(",\"length\":%llu", (unsigned long long)letter->length);
    if (whole) {
        bool text = is_text(letter->data, letter->length);
        fputs(text ? ",\"value\":" : ",\"value_base64\":", stdout);
        (text ? print_json_text : print_base64)(letter->data, letter->length);
    }
    putchar('}');
}

/* For a terminal: what could move its cursor is shown as \xNN. */
static void print_escaped(const char *data, size_t length)
{
    for (size_t i = 0; i < length;) {
        const unsigned char *p = (const unsigned char *)data + i;
        size_t step = character(p, length - i);
        if (step > 1 && !(step == 2 && *p == 0xC2 && p[1] < 0xA0)) { /* nor C1 controls */
            fwrite(p, 1, step, stdout);
        } else {
            step = 1;
            if (*p >= 0x20 && *p < 0x7F && *p != '\\')
                putchar(*p);
            else
                printf(*p == '\\' ? "\\\\" : "\\x%02x", *p);
        }
        i += step;
    }
    putchar('\n');
}

/* ---- list, show ---------------------------------------------------------------------------------------------------- */

static bool list_letter(struct dlq *d, const fxmon_dead_letter *letter, int64_t id)
{
    if ((letter->resolved != 0 && !d->all) || !wanted_reason(d, letter))
        return true;
    if (d->json) {
        printf("%s", d->printed > 0 ? ",\n " : "");
        print_json(letter, id, false);
    } else {
        printf("%lld\t%s\t%s\t%d/%lld\t%s\t%s\n", (long long)id, letter->resolved != 0 ? "resolved" : "open", letter->lane, (int)letter->partition,
               (long long)letter->offset, letter->reason, letter->text);
    }
    return ++d->printed < d->limit;
}

static int dlq_list(struct dlq *d)
{
    if (d->json)
        printf("[");
    int status = walk(d, 0, list_letter);
    if (d->json)
        printf("]\n");
    return status;
}

static bool show_letter(struct dlq *d, const fxmon_dead_letter *letter, int64_t id)
{
    char first_seen[FXMON_TIME_TEXT], resolved[FXMON_TIME_TEXT] = "no";
    if (id != d->wanted)
        return id > d->wanted;
    d->found = true;
    if (d->raw) {
        fwrite(letter->data, 1, letter->length, stdout);
        return false;
    }
    if (d->json) {
        print_json(letter, id, true);
        putchar('\n');
        return false;
    }
    fxmon_time_format(letter->first_seen, first_seen);
    if (letter->resolved != 0)
        fxmon_time_format(letter->resolved, resolved);
    printf("id: %lld\nlane: %s\nlog: %s\npartition: %d\noffset: %lld\nreason: %s\ntext: %s\nfirst seen: %s\nresolved: %s\nbytes: %llu\n\n", (long long)id,
           letter->lane, letter->stream, (int)letter->partition, (long long)letter->offset, letter->reason, letter->text, first_seen, resolved,
           (unsigned long long)letter->length);
    print_escaped(letter->data, letter->length);
    return false;
}

static int not_there(struct dlq *d, int64_t id)
{
    char text[80];
    snprintf(text, sizeof text, "there is no dead letter %lld", (long long)id);
    cli_say(d->c, FXMON_LOG_ERROR, NULL, text);
    return 1;
}

static int dlq_show(struct dlq *d)
{
    int status = walk(d, 0, show_letter);
    return status != 0 ? status : d->found ? 0 : not_there(d, d->wanted);
}

/* ---- replay ------------------------------------------------------------------------------------------------------- */

static bool was_asked(const struct dlq *d, int64_t id)
{
    for (size_t i = 0; i < d->asked_count; i++)
        if (d->asked[i] == id)
            return true;
    return false;
}

static bool no_memory(struct dlq *d)
{
    cli_say(d->c, FXMON_LOG_ERROR, NULL, "out of memory");
    d->stop = true;
    d->status = 1;
    return false;
}

static bool count_letter(struct dlq *d, const fxmon_dead_letter *letter, int64_t id)
{
    if (d->asked_count > 0 ? !was_asked(d, id) : letter->resolved != 0 || !wanted_reason(d, letter))
        return true;
    if (d->place_count == d->place_capacity) {
        size_t capacity = d->place_capacity ? 2 * d->place_capacity : 256;
        struct place *grown = realloc(d->places, capacity * sizeof *grown);
        if (!grown)
            return no_memory(d);
        d->places = grown;
        d->place_capacity = capacity;
    }
    d->places[d->place_count++] = (struct place){id, d->newer};
    return true;
}

/* A copy in one allocation, at letter->data; false: out of memory. */
static bool copy_letter(fxmon_dead_letter *copy, const fxmon_dead_letter *letter)
{
    const char *const texts[] = {letter->lane, letter->stream, letter->reason, letter->text};
    const char **const copies[] = {&copy->lane, &copy->stream, &copy->reason, &copy->text};
    size_t size = letter->length + 1;
    for (size_t i = 0; i < 4; i++)
        size += strlen(texts[i]) + 1;
    char *at = malloc(size);
    if (!at)
        return false;
    *copy = *letter;
    copy->data = at;
    memcpy(at, letter->data, letter->length);
    at += letter->length + 1;
    for (size_t i = 0; i < 4; i++) {
        size_t length = strlen(texts[i]) + 1;
        memcpy(at, texts[i], length);
        *copies[i] = at;
        at += length;
    }
    return true;
}

static bool take_letter(struct dlq *d, const fxmon_dead_letter *letter, int64_t id)
{
    for (size_t i = d->group_from; i < d->group_to; i++)
        if (d->places[i].id == id && !copy_letter(&d->letters[i - d->group_from], letter))
            return no_memory(d);
    return id > d->places[d->group_to - 1].id;
}

static int64_t wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * FXMON_SECOND + now.tv_nsec;
}

static int send_letter(struct dlq *d, const fxmon_dead_letter *letter, int64_t id, fxmon_error *error)
{
    char origin[400];
    snprintf(origin, sizeof origin, "%s/%d/%lld", letter->stream, (int)letter->partition, (long long)letter->offset);
    fxmon_header headers[] = {{"fxmon-hops", "1"}, {"fxmon-replay-of", origin}};
    fxmon_blob record = {.data = letter->data, .length = letter->length, .headers = headers, .header_count = 2};
    int code = fxmon_append(d->handle, cli_value(d->c, "to"), &record, 1, error);
    return code == FXMON_OK ? fxmon_store_dead_resolve(d->store, id, wall(), error) : code;
}

static void replay_letter(struct dlq *d, const fxmon_dead_letter *letter, int64_t id)
{
    fxmon_error error = {0};
    char text[400];
    if (cli_flag(d->c, "dry-run")) {
        printf("%lld\twould be replayed\n", (long long)id);
        return;
    }
    int code = d->handle ? send_letter(d, letter, id, &error) : fxmon_store_dead_replay(d->store, letter, id, &error);
    bool its_own = code == FXMON_E_SYNTAX || code == FXMON_E_MALFORMED || code == FXMON_E_REJECTED || code == FXMON_E_ARGUMENT || code == FXMON_E_TOO_LARGE;
    if (code == FXMON_OK) {
        d->done++;
        printf("%lld\treplayed\n", (long long)id);
        return;
    }
    d->left++;
    snprintf(text, sizeof text, "dead letter %lld stays open: %s", (long long)id, error.text);
    cli_say(d->c, FXMON_LOG_WARNING, NULL, text);
    d->status = its_own ? 1 : fxmon_exit_status(code);
    d->stop = !its_own;
}

static void replay_group(struct dlq *d)
{
    fxmon_dead_letter letters[GROUP];
    memset(letters, 0, sizeof letters);
    d->letters = letters;
    int status = walk(d, d->places[d->group_from].newer, take_letter);
    if (status != 0) {
        d->stop = true;
        d->status = status;
    }
    for (size_t i = d->group_to; !d->stop && i-- > d->group_from;)
        if (letters[i - d->group_from].data)
            replay_letter(d, &letters[i - d->group_from], d->places[i].id);
    for (size_t i = 0; i < GROUP; i++)
        free((void *)(uintptr_t)letters[i].data);
}

static int dlq_replay(struct dlq *d)
{
    int status = walk(d, 0, count_letter);
    if (status == 0 && d->stop)
        status = d->status;
    for (size_t i = 0; status == 0 && i < d->asked_count; i++) {
        bool found = false;
        for (size_t k = 0; k < d->place_count && !found; k++)
            found = d->places[k].id == d->asked[i];
        if (!found)
            status = not_there(d, d->asked[i]); /* before anything is done */
    }
    if (status != 0)
        return status;
    for (size_t end = d->place_count; end > 0 && !d->stop; end = d->group_from) {
        d->group_to = end;
        d->group_from = end > GROUP ? end - GROUP : 0;
        replay_group(d);
    }
    char text[120];
    snprintf(text, sizeof text, "%lld dead letters replayed, %lld stay open", (long long)d->done, (long long)d->left);
    cli_say(d->c, FXMON_LOG_INFO, NULL, text);
    return d->status;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static bool parse_id(const char *text, int64_t *id)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *id = value;
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && value > 0;
}

static int take_ids(struct dlq *d, int count, char **words)
{
    d->asked = calloc((size_t)count + 1, sizeof *d->asked);
    if (!d->asked)
        return cli_say(d->c, FXMON_LOG_ERROR, NULL, "out of memory"), 1;
    for (int i = 0; i < count; i++)
        if (!parse_id(words[i], &d->asked[d->asked_count++]))
            return cli_usage(d->c, "dlq: \"%s\" is not the number of a dead letter, see fxmon-consume dlq list", words[i]);
    return 0;
}

static int check_words(struct dlq *d, const char *command, int count)
{
    if (strcmp(command, "list") == 0)
        return count == 0 ? 0 : cli_usage(d->c, "dlq list: takes options only");
    if (strcmp(command, "show") == 0)
        return count == 1 ? 0 : cli_usage(d->c, "dlq show: expected one number of a dead letter");
    if (strcmp(command, "replay") != 0)
        return cli_usage(d->c, "dlq: \"%s\" is not a command; expected list, show or replay", command);
    if (count > 0 && (d->all || d->reason))
        return cli_usage(d->c, "dlq replay: either numbers, or --all");
    return count > 0 || d->all ? 0 : cli_usage(d->c, "dlq replay: expected numbers of dead letters, or --all");
}

static int run(struct dlq *d, const char *command)
{
    fxmon_error error;
    bool replay = strcmp(command, "replay") == 0, to = replay && cli_value(d->c, "to");
    if (to && !(d->handle = cli_handle(d->c)))
        return 3;
    d->store = fxmon_store_open(cli_value(d->c, "store"), !replay || cli_flag(d->c, "dry-run"), &error);
    if (!d->store)
        return cli_status(d->c, &error);
    if (replay)
        return dlq_replay(d);
    d->wanted = d->asked_count > 0 ? d->asked[0] : 0;
    return strcmp(command, "show") == 0 ? dlq_show(d) : dlq_list(d);
}

int consume_dlq(cli *c, int count, char **words)
{
    struct dlq d = {.c = c, .all = cli_flag(c, "all"), .json = cli_flag(c, "json"), .raw = cli_flag(c, "raw"), .reason = cli_value(c, "reason"),
                    .limit = LIST_SHORTEST};
    fxmon_error error = {0};
    if (count == 0)
        return cli_usage(c, "dlq: expected list, show or replay");
    const char *limit = cli_value(c, "limit");
    if (limit && fxmon_option_check("limit", limit, &error) == FXMON_OK)
        d.limit = strtoll(limit, NULL, 10);
    int status = check_words(&d, words[0], count - 1);
    if (status == 0)
        status = take_ids(&d, count - 1, words + 1);
    if (status == 0 && !cli_value(c, "store"))
        status = cli_usage(c, "dlq: --store is missing");
    if (status == 0)
        status = run(&d, words[0]);
    fxmon_store_close(d.store);
    fxmon_free(d.handle);
    free(d.asked);
    free(d.places);
    return status;
}

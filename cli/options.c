/*
 * cli/options.c - where an option's value comes from: command line, then FXMON_NAME, then the further environment names of its row, then the
 * configuration file, then the default of the table. getopt_long parses the words and libinih the file; names, types and ranges are the
 * library's table, so that a value is refused with the same sentence wherever it stands.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "help.h"

#define NAME_MAXIMUM 64
#define PROPERTY_MAXIMUM 4096

static size_t option_count(void)
{
    size_t n = 0;
    while (fxmon_option_at(n))
        n++;
    return n;
}

static size_t option_index(const char *name)
{
    size_t i = 0;
    while (fxmon_option_at(i) && strcmp(fxmon_option_at(i)->name, name) != 0)
        i++;
    return i;
}

int cli_usage(const cli *c, const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", c->program, text, c->program);
    return 2;
}

/* Keep a value; a repeated option collects lines. Values were checked before. */
static int keep_value(cli *c, size_t index, const char *value)
{
    const fxmon_option_info *row = fxmon_option_at(index);
    char *old = c->value[index], *text;
    if (row->repeated && old) {
        size_t size = strlen(old) + strlen(value) + 2;
        text = malloc(size);
        if (text)
            snprintf(text, size, "%s\n%s", old, value);
    } else {
        text = strdup(value);
    }
    if (!text) {
        fprintf(stderr, "%s: out of memory\n", c->program);
        return 1;
    }
    free(old);
    c->value[index] = text;
    return -1;
}

static int check_and_keep(cli *c, size_t index, const char *value, const char *origin, int status)
{
    fxmon_error error;
    if (fxmon_option_check(fxmon_option_at(index)->name, value, &error) != FXMON_OK) {
        if (status == 2)
            return cli_usage(c, "%s%s", origin, error.text);
        fprintf(stderr, "%s: %s%s\n", c->program, origin, error.text);
        return status;
    }
    return keep_value(c, index, value);
}

/* The names of this program only: a misspelt option is compared with what could have been meant here. */
static int unknown_option(const cli *c, const char *name)
{
    fxmon_error error = {0};
    char near[NAME_MAXIMUM] = "";
    fxmon_option_check(name, "", &error);
    const char *quoted = error.code == FXMON_E_OPTION ? strstr(error.text, "did you mean \"") : NULL;
    if (quoted)
        snprintf(near, sizeof near, "%.*s", (int)strcspn(quoted + 14, "\""), quoted + 14);
    const fxmon_option_info *row = fxmon_option_find(near[0] ? near : name);
    if (row && (row->programs & c->mask) && near[0])
        return cli_usage(c, "unknown option --%.60s; did you mean --%s?", name, near);
    if (fxmon_option_find(name))
        return cli_usage(c, "option --%.60s belongs to another program", name);
    return cli_usage(c, "unknown option --%.60s", name);
}

/* A property of librdkafka, NAME=VALUE, whose value others must not read. */
static bool secret_property(const char *text)
{
    char name[NAME_MAXIMUM];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    return strstr(name, "password") || strstr(name, "secret") || strstr(name, ".pem") || strstr(name, "oauthbearer.config");
}

/* getopt_long accepts abbreviations; scripts should not break when a longer name appears, so only whole names pass. */
static int check_names(const cli *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            break;
        if (strncmp(argv[i], "--", 2) != 0)
            continue;
        char name[NAME_MAXIMUM];
        size_t length = strcspn(argv[i] + 2, "=");
        snprintf(name, sizeof name, "%.*s", (int)(length < NAME_MAXIMUM ? length : NAME_MAXIMUM - 1), argv[i] + 2);
        const fxmon_option_info *row = fxmon_option_find(name);
        if (strcmp(name, "man-options") == 0)
            continue;
        if (!row || !(row->programs & c->mask))
            return unknown_option(c, name);
        if (row->type == FXMON_TYPE_SECRET)
            return cli_usage(c, "--%s: a secret does not belong on a command line, where others can read it; use --%s-file or the environment",
                             name, name);
        const char *value = argv[i][2 + length] == '=' ? argv[i] + 3 + length : row->argument ? argv[++i] : NULL;
        if (value && strcmp(name, "kafka") == 0 && secret_property(value))
            return cli_usage(c, "--kafka: a secret does not belong on a command line, where others can read it; use the environment or the configuration file");
    }
    return -1;
}

static struct option *long_options(const cli *c)
{
    size_t count = option_count(), n = 0;
    struct option *list = calloc(count + 2, sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        const fxmon_option_info *row = fxmon_option_at(i);
        if (!(row->programs & c->mask))
            continue;
        list[n].name = row->name;
        list[n].has_arg = row->argument ? required_argument : optional_argument;
        list[n++].val = 1000 + (int)i;
    }
    if (list)
        list[n] = (struct option){.name = "man-options", .val = 999};
    return list;
}

static int parse_words(cli *c, int argc, char **argv)
{
    int status = check_names(c, argc, argv);
    if (status >= 0)
        return status;
    struct option *list = long_options(c);
    if (!list) {
        fprintf(stderr, "%s: out of memory\n", c->program);
        return 1;
    }
    opterr = 0;
    optind = 1;
    int word;
    while (status < 0 && (word = getopt_long(argc, argv, ":hV", list, NULL)) != -1) {
        if (word == 'h')
            status = keep_value(c, option_index("help"), "yes");
        else if (word == 'V')
            status = keep_value(c, option_index("version"), "yes");
        else if (word == 999)
            status = help_man_options(c);
        else if (word >= 1000)
            status = check_and_keep(c, (size_t)(word - 1000), optarg ? optarg : "yes", "", 2);
        else if (word == ':')
            status = cli_usage(c, "%s needs a value", argv[optind - 1]);
        else if (optopt > 0 && optopt < 256)
            status = cli_usage(c, "unknown option -%c", optopt);
        else
            status = cli_usage(c, "%s: not understood", argv[optind - 1]);
    }
    free(list);
    c->argument_count = argc - optind;
    c->arguments = argv + optind;
    return status;
}

static const char *environment_value(const fxmon_option_info *row, char *name, size_t size)
{
    size_t n = (size_t)snprintf(name, size, "FXMON_%s", row->name);
    for (size_t i = 6; i < n && i < size; i++)
        name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    const char *value = getenv(name);
    for (const char *list = row->fallback; !(value && *value) && list && *list;) {
        size_t length = strcspn(list, " ");
        snprintf(name, size, "%.*s", (int)length, list);
        value = getenv(name);
        list += length;
        list += strspn(list, " ");
    }
    return value && *value ? value : NULL;
}

static int parse_environment(cli *c)
{
    int status = -1;
    for (size_t i = 0; status < 0 && fxmon_option_at(i); i++) {
        const fxmon_option_info *row = fxmon_option_at(i);
        char name[NAME_MAXIMUM + 8], origin[NAME_MAXIMUM + 12];
        const char *value;
        if (!(row->programs & c->mask) || c->value[i] || !(value = environment_value(row, name, sizeof name)))
            continue;
        if (strcmp(row->name, "help") == 0 || strcmp(row->name, "version") == 0)
            continue;
        snprintf(origin, sizeof origin, "%s: ", name);
        status = check_and_keep(c, i, value, origin, 3);
    }
    return status;
}

struct file_state {
    cli *c;
    const char *path;
    bool *from_file; /* by option index: set by this file, so that a repeated key may add to it */
    bool secret;
    int status;
};

static bool section_applies(const cli *c, const char *section, bool *known)
{
    static const struct {
        const char *name;
        unsigned mask;
    } sections[] = {{"", FXMON_ALL},           {"common", FXMON_ALL},  {"produce", FXMON_PRODUCE},
                    {"consume", FXMON_CONSUME}, {"alert", FXMON_ALERT}, {"serve", FXMON_SERVE}};
    *known = false;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (strcmp(sections[i].name, section) == 0) {
            *known = true;
            return (sections[i].mask & c->mask) != 0;
        }
    return false;
}

static int file_entry(void *user, const char *section, const char *name, const char *value)
{
    struct file_state *f = user;
    cli *c = f->c;
    bool known;
    fxmon_error error;
    bool applies = section_applies(c, section, &known);
    char property[PROPERTY_MAXIMUM];
    if (strncmp(name, "kafka.", 6) == 0 && !fxmon_option_find(name) && name[6]) { /* kafka.linger.ms = 5 is kafka = linger.ms=5 */
        if (snprintf(property, sizeof property, "%s=%s", name + 6, value) >= (int)sizeof property) {
            fprintf(stderr, "%s: %s: %s: longer than %d bytes\n", c->program, f->path, name, (int)sizeof property);
            f->status = 3;
            return 0;
        }
        name = "kafka";
        value = property;
    }
    const fxmon_option_info *row = fxmon_option_find(name);
    if (f->status >= 0)
        return 0;
    if (!known) {
        fprintf(stderr, "%s: %s: unknown section [%s]; expected common, produce, consume, alert or serve\n", c->program,
                f->path, section);
        f->status = 3;
        return 0;
    }
    if (!row || fxmon_option_check(name, value, &error) != FXMON_OK) {
        if (!row)
            fxmon_option_check(name, value, &error);
        fprintf(stderr, "%s: %s: %s\n", c->program, f->path, error.text);
        f->status = 3;
        return 0;
    }
    if (row->type == FXMON_TYPE_SECRET || (strcmp(name, "kafka") == 0 && secret_property(value)))
        f->secret = true;
    size_t index = option_index(name);
    if (!applies || !(row->programs & c->mask) || (c->value[index] && !f->from_file[index]))
        return 1;
    f->from_file[index] = true;
    f->status = keep_value(c, index, value);
    return f->status < 0;
}

static int parse_file(cli *c)
{
    const char *path = cli_value(c, "config");
    struct stat s;
    if (!path)
        return -1;
    struct file_state f = {.c = c, .path = path, .status = -1};
    f.from_file = calloc(option_count(), sizeof *f.from_file);
    if (!f.from_file)
        return 1;
    bool folder = stat(path, &s) == 0 && S_ISDIR(s.st_mode); /* opens, and reads as an empty file */
    if (folder)
        errno = EISDIR;
    int line = folder ? -1 : ini_parse(path, file_entry, &f);
    if (f.status < 0 && line != 0) {
        if (line < 0)
            fprintf(stderr, "%s: %s: %s\n", c->program, path, line == -1 ? strerror(errno) : "out of memory");
        else
            fprintf(stderr, "%s: %s:%d: not understood; expected NAME = VALUE or [SECTION]\n", c->program, path, line);
        f.status = 3;
    }
    if (f.status < 0 && f.secret && stat(path, &s) == 0 && (s.st_mode & 077)) {
        fprintf(stderr, "%s: %s holds a secret and others can read it; chmod 600 it\n", c->program, path);
        f.status = 3;
    }
    free(f.from_file);
    return f.status;
}

/* A log that was not named, but a Kafka that was: the environment of systems that have no other log. */
static int settle_log(cli *c)
{
    size_t log = option_index(c->mask == FXMON_PRODUCE ? "to" : "from");
    const char *servers = cli_value(c, "kafka-bootstrap-servers"), *topic = cli_value(c, "kafka-topic");
    char url[1024];
    if (c->value[log] || !servers)
        return -1;
    if (snprintf(url, sizeof url, "kafka://%s/%s", servers, topic) >= (int)sizeof url) {
        fprintf(stderr, "%s: kafka-bootstrap-servers: longer than %d bytes\n", c->program, (int)sizeof url);
        return 3;
    }
    return keep_value(c, log, url);
}

static void settle_logging(cli *c)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    const char *level = cli_value(c, "log-level"), *format = cli_value(c, "log-format");
    for (int i = 0; i < 4; i++)
        if (strcmp(level, levels[i]) == 0)
            c->level = i;
    c->log_json = strcmp(format, "json") == 0;
}

/*
 * A standard stream that was closed by the caller: its number would go to the next file that is opened, and records or messages into it.
 * The place is taken so that using it stays the error it is: what is to be read opens for writing only, and the other way round.
 */
static int hold_standard_streams(const cli *c)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
            fprintf(stderr, "%s: /dev/null: %s\n", c->program, strerror(errno));
            return 4;
        }
    return -1;
}

int cli_options(cli *c, int argc, char **argv)
{
    int status = hold_standard_streams(c);
    if (status >= 0)
        return status;
    c->value = calloc(option_count(), sizeof *c->value);
    if (!c->value) {
        fprintf(stderr, "%s: out of memory\n", c->program);
        return 1;
    }
    status = parse_words(c, argc, argv);
    if (status < 0 && cli_flag(c, "help"))
        status = help_print(c);
    if (status < 0 && cli_flag(c, "version"))
        status = help_version(c);
    if (status < 0)
        status = parse_environment(c);
    if (status < 0)
        status = parse_file(c);
    if (status < 0)
        status = settle_log(c);
    if (status < 0)
        settle_logging(c);
    return status;
}

static void free_values(cli *c)
{
    for (size_t i = 0; c->value && fxmon_option_at(i); i++)
        if (c->value[i]) {
            if (fxmon_option_at(i)->type == FXMON_TYPE_SECRET)
                explicit_bzero(c->value[i], strlen(c->value[i]));
            free(c->value[i]);
        }
    free(c->value);
    c->value = NULL;
}

int cli_end(cli *c, int status)
{
    bool lost = ferror(stdout) || fflush(stdout) != 0;
    if (lost && errno != EPIPE && (status == 0 || status == -1)) {
        fprintf(stderr, "%s: cannot write to standard output: %s\n", c->program, strerror(errno));
        status = 4;
    }
    free_values(c);
    return status;
}

const char *cli_value(const cli *c, const char *name)
{
    size_t i = option_index(name);
    if (!fxmon_option_at(i))
        return NULL;
    return c->value[i] ? c->value[i] : fxmon_option_at(i)->initial;
}

bool cli_flag(const cli *c, const char *name)
{
    const char *value = cli_value(c, name);
    return value && (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "on") == 0 || strcmp(value, "1") == 0);
}

int cli_each(const cli *c, const char *name, int (*fn)(void *user, const char *value), void *user)
{
    const char *value = cli_value(c, name);
    char *copy = value ? strdup(value) : NULL;
    int code = value && !copy ? FXMON_E_NOMEM : FXMON_OK;
    for (char *line = copy; line && *line && code == FXMON_OK;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        code = fn(user, line);
        line = next;
    }
    free(copy);
    return code;
}

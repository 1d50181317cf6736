/* cli/help.c - texts made from the option table. */
#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 30
#define HELP_WIDTH 100

/* Wrap a sentence behind the option's column. */
static void print_wrapped(const char *text, int column)
{
    int at = column;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at + (int)word + 1 > HELP_WIDTH && at > column) {
            printf("\n%*s", column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)word, text);
        at += (int)word;
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const fxmon_option_info *row)
{
    char head[80];
    bool on = !row->argument && row->initial && strcmp(row->initial, "yes") == 0; /* a switch that can only be turned off */
    int n = snprintf(head, sizeof head, "  --%s%s%s%s", row->name, on ? "=no" : "", row->argument ? " " : "",
                     row->argument ? row->argument : "");
    if (n >= HELP_COLUMN - 1)
        printf("%s\n%*s", head, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, head);
    char text[700];
    int used = snprintf(text, sizeof text, "%s", row->text);
    if (row->choices)
        used += snprintf(text + used, sizeof text - (size_t)used, " One of: %s.", row->choices);
    if (row->initial && strcmp(row->initial, "no") != 0)
        used += snprintf(text + used, sizeof text - (size_t)used, " Default: %s.", row->initial);
    if (row->repeated)
        snprintf(text + used, sizeof text - (size_t)used, " May be repeated.");
    print_wrapped(text, HELP_COLUMN);
}

int help_print(const cli *c)
{
    printf("%s\nUsage:\n%s\n", c->examples, c->synopsis);
    if (c->commands)
        printf("Commands:\n%s\n", c->commands);
    puts("Options:");
    for (size_t i = 0; fxmon_option_at(i); i++)
        if ((fxmon_option_at(i)->programs & c->mask) && fxmon_option_at(i)->type != FXMON_TYPE_SECRET)
            print_option(fxmon_option_at(i));
    printf("\nEvery option is also NAME = VALUE in the file of --config and FXMON_NAME in the environment; see %s(1), fxmon.conf(5).\n"
           "Exit status: 0 done, 1 failed while running, 2 misuse, 3 bad configuration, 4 something outside cannot be reached.\n",
           c->program);
    return 0;
}

int help_version(const cli *c)
{
    printf("%s %s (libfxmon %s)\n", c->program, FXMON_VERSION_STRING, fxmon_version());
    for (size_t i = 0; fxmon_feature_at(i); i++)
        printf("  %s\n", fxmon_feature_at(i));
    return 0;
}

/* mdoc(7): a dot or quote at the start of a line would be a request, and a backslash an escape. */
static void man_text(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            fputs("\\e", stdout);
        else
            putchar(*p);
        if ((*p == '.' || *p == '?') && p[1] == ' ') {
            putchar('\n');
            while (p[1] == ' ')
                p++;
        }
    }
    putchar('\n');
}

static void man_environment(const fxmon_option_info *row)
{
    printf("Environment:\n.Ev FXMON_");
    for (const char *p = row->name; *p; p++)
        putchar(*p == '-' ? '_' : toupper((unsigned char)*p));
    for (const char *list = row->fallback; list && *list;) {
        size_t n = strcspn(list, " ");
        printf(" ,\n.Ev %.*s", (int)n, list);
        list += n;
        list += strspn(list, " ");
    }
    puts(" .");
}

int help_man_options(const cli *c)
{
    puts(".Bl -tag -width Ds");
    for (size_t i = 0; fxmon_option_at(i); i++) {
        const fxmon_option_info *row = fxmon_option_at(i);
        if (!(row->programs & c->mask))
            continue;
        if (row->type == FXMON_TYPE_SECRET)
            printf(".It Va %s No (not on the command line)\n", row->name);
        else if (row->argument)
            printf(".It Fl -%s Ar %s\n", row->name, row->argument);
        else
            printf(".It Fl -%s\n", row->name);
        man_text(row->text);
        if (row->choices)
            printf("One of: %s.\n", row->choices);
        if (row->initial && strcmp(row->initial, "no") != 0)
            printf("Default:\n.Cm %s .\n", row->initial);
        if (row->minimum && row->maximum)
            printf("From %s to %s.\n", row->minimum, row->maximum);
        if (row->repeated)
            puts("May be repeated.");
        if (strcmp(row->name, "help") != 0 && strcmp(row->name, "version") != 0)
            man_environment(row);
    }
    puts(".El");
    return 0;
}

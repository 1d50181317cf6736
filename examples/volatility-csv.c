/*
 * volatility-csv - the rolling volatility of a CSV file of date,rate, with fxmon-core alone (pkg-config: fxmon-core).
 *
 *     cc volatility-csv.c $(pkg-config --cflags --libs fxmon-core) -o volatility-csv
 *     ./volatility-csv rates.csv 20        (or - for standard input; 20 is the window)
 *
 * Prints date,rate,volatility; the volatility is empty below two prices. A date that is not newer than the one before is left out:
 * a publication that is read twice changes no statistic. Lines that are no rate are reported and skipped, a heading in silence.
 */
#include <fxmon/core.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int line_take(char *line, fxmon_volatility *window, int64_t *newest)
{
    int64_t time;
    fxmon_decimal rate;
    char number[FXMON_DOUBLE_TEXT] = "";
    char *comma = strchr(line, ',');
    if (comma == NULL || fxmon_time_parse(line, (size_t)(comma - line), &time) != FXMON_OK)
        return FXMON_E_SYNTAX;
    int code = fxmon_decimal_parse(comma + 1, strcspn(comma + 1, ",\r\n"), &rate);
    if (code != FXMON_OK || time <= *newest)
        return code;
    *newest = time;
    code = fxmon_volatility_add(window, rate);
    if (code == FXMON_OK && fxmon_volatility_count(window) >= 2)
        fxmon_double_format(fxmon_volatility_value(window), number);
    if (code == FXMON_OK)
        printf("%.*s,%s\n", (int)(comma - line + 1 + (long)strcspn(comma + 1, ",\r\n")), line, number);
    return code;
}

int main(int argc, char **argv)
{
    char line[256];
    int64_t newest = INT64_MIN;
    long number = 0;
    int status = 0;
    FILE *in = argc < 2 || strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
    fxmon_volatility *window = fxmon_volatility_new(argc < 3 ? 20 : strtoul(argv[2], NULL, 10));
    if (in == NULL || window == NULL) {
        fprintf(stderr, "usage: %s [FILE|-] [WINDOW of 2 to 1000000]\n", argv[0]);
        return 2;
    }
    while (fgets(line, sizeof(line), in) != NULL) {
        int code = line_take(line, window, &newest);
        if (++number == 1 || code == FXMON_OK)
            continue;
        fprintf(stderr, "line %ld: %s\n", number, fxmon_strerror(code));
        status = 1;
    }
    fxmon_volatility_free(window);
    fclose(in);
    return status;
}

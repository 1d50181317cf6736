/*
 * codec/ticks.h - lines of recorded rates into rate messages, for replay:. Pure: the caller reads the file and feeds it line by line.
 *
 * What a file holds is seen from its first line that is not empty, or said by `format`:
 *   ndjson     one JSON object a line, each of them one of
 *                a rate message, as on the log
 *                a row {"pair","time"|"timestamp"|"ts","rate"|"mid" or "bid"+"ask","source"?}, as --sink - prints it
 *   csv        a header line, comma or semicolon or tab; columns found by name (any case): time|timestamp|ts|date|datetime|"gmt time" and
 *                pair|symbol|instrument, rate|mid|price|close or bid + ask, source; the pair column may be missing when `pair` is set
 *   columns    a header line: a date and one column a currency (the ECB's and the Fed's files), units of it per 1 `base` (unless set: EUR, or USD
 *                when the columns are called by countries as the Fed does); empty, "N/A", "ND", "." and "-" cells are no value
 *   ms         no header: milliseconds since midnight UTC, bid, ask (or eleven-column minute bars: closing bid and ask at the bar's start); `pair` and `date` must be set
 *   truefx     no header: PAIR,YYYYMMDD hh:mm:ss.mmm,bid,ask (UTC)
 *   histdata   no header: YYYYMMDD hhmmssmmm,bid,ask,volume in New York winter time (UTC-5 all year); `pair` must be set
 *   dukascopy  csv whose times are dd.mm.yyyy hh:mm:ss.mmm in a column "Gmt time"; `pair` must be set
 * Times are RFC 3339; without a zone they are UTC; a bare number is Unix milliseconds, below 10^11 seconds.
 * mid is (bid + ask) / 2, exact. A message holds the rates of one line. Messages come in the order of the lines: a file that lies newest first
 * (as the ECB's does) is for the caller to turn round.
 */
#ifndef FXI_TICKS_H
#define FXI_TICKS_H
#include <fxmon/plugin.h>
#define FXI_TICK_LINE (1024 * 1024) /* longest line taken; longer: FXMON_E_TOO_LARGE */
#define FXI_TICK_NO_DATE INT64_MIN
enum fxi_tick_format {
    FXI_TICKS_AUTO = 0, FXI_TICKS_NDJSON, FXI_TICKS_CSV, FXI_TICKS_COLUMNS, FXI_TICKS_MS, FXI_TICKS_TRUEFX, FXI_TICKS_HISTDATA, FXI_TICKS_DUKASCOPY
};
typedef struct fxi_tick_settings {
    enum fxi_tick_format format;
    const char *pair;   /* for files that do not name it; NULL: none */
    const char *base;   /* of one-column-a-currency files; NULL: EUR */
    const char *source; /* source name of messages whose line has none; NULL: "replay" */
    int64_t date;       /* midnight UTC, ns, of files that hold times of day; FXI_TICK_NO_DATE: none */
} fxi_tick_settings;
typedef struct fxi_tick_reader fxi_tick_reader;
/** "auto", "ndjson", "csv", ...: the format; -1 if there is none of that name. */
int fxi_tick_format_named(const char *name);
/** Copies what it keeps. NULL: out of memory, or a setting is wrong (FXMON_E_PAIR, FXMON_E_CURRENCY, FXMON_E_OPTION with the setting's name in field). */
fxi_tick_reader *fxi_tick_reader_new(const fxi_tick_settings *settings, fxmon_error *error);
void fxi_tick_reader_free(fxi_tick_reader *r);
/**
 * One line, with or without its line end. FXMON_OK: *message is the line's message, valid until the next call, or NULL when the line
 * holds none (empty, a header, a # comment, a row without a value). Else *message is NULL and error names line, field and value; the next line may be fed all the same,
 * except after FXMON_E_OPTION or FXMON_E_UNSUPPORTED, which say that no line of this file can be read (unknown layout, a setting is missing).
 */
int fxi_tick_reader_line(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error);
/** What the file turned out to be; FXI_TICKS_AUTO before its first line. */
enum fxi_tick_format fxi_tick_reader_format(const fxi_tick_reader *r);
#endif

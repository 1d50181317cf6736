/* codec/tick_reader.h - inside of the tick reader, shared by ticks.c (the reader), tick_json.c and tick_table.c (the layouts). */
#ifndef FXI_TICK_READER_H
#define FXI_TICK_READER_H
#include "codec/csv.h"
#include "codec/message.h"
#include "codec/ticks.h"
struct fxi_tick_reader {
    enum fxi_tick_format asked, format; /* format: AUTO until the first line */
    fxmon_pair pair;                    /* text "": none */
    char base[8];                       /* "": none set */
    char source[FXMON_SOURCE_TEXT];
    int64_t date, line;
    bool header_seen;
    /* csv: places of the columns, -1 none; columns: the pair of each, text "" to pass over */
    char separator;
    int columns, time, name, rate, bid, ask, origin;
    fxmon_pair column[FXI_CSV_FIELDS];
    fxi_csv_field cells[FXI_CSV_FIELDS];
    int cell_count;
    fxi_decoder *decoder;
    fxmon_message message;              /* its rates are those below */
    fxmon_rate rates[FXI_CSV_FIELDS];
};
/** Begin the message of a line: time and source (NULL: the reader's). */
void fxi_tick_begin(fxi_tick_reader *r, int64_t time, const char *source);
/** One rate of it. mid with mantissa 0 is made of bid and ask. */
int fxi_tick_add(fxi_tick_reader *r, const fxmon_pair *pair, fxmon_decimal mid, fxmon_decimal bid, fxmon_decimal ask, fxmon_error *error);
/** A time as files write it (see ticks.h). */
int fxi_tick_time(const char *text, size_t length, int64_t *out);
int fxi_tick_fail(const char *field, const char *text, size_t length, const char *expected, fxmon_error *error); /* FXMON_E_MALFORMED */

/* the layouts: one line into r->message or, for rate messages, the decoder's; *message NULL: no value */
int fxi_tick_json(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error);
int fxi_tick_table(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error);
/** Which layout begins with this line; FXI_TICKS_AUTO: none that is known. */
enum fxi_tick_format fxi_tick_detect(fxi_tick_reader *r, const char *line, size_t length);
#endif

/*
 * store/postgresql_encode.h - values in PostgreSQL's binary formats: what COPY and binary parameters and answers are made of. Pure: no
 * connection, no library. All numbers travel in network order.
 */
#ifndef FXI_STORE_POSTGRESQL_ENCODE_H
#define FXI_STORE_POSTGRESQL_ENCODE_H

#include "base/buf.h"

#include <fxmon/plugin.h>

#define FXI_POSTGRESQL_NUMERIC 32 /* bytes of the longest numeric made here */

/* An instant: what timestamptz holds (microseconds since 2000-01-01), and the nanoseconds below a microsecond (0 to 999). */
typedef struct fxi_postgresql_time {
    int64_t microseconds;
    int16_t nanoseconds;
} fxi_postgresql_time;
fxi_postgresql_time fxi_postgresql_time_of(int64_t ns);
int64_t fxi_postgresql_time_ns(int64_t microseconds, int nanoseconds); /* held at the ends of int64_t */

/** numeric of a decimal, scale kept; out has FXI_POSTGRESQL_NUMERIC bytes. Returns the length. */
size_t fxi_postgresql_numeric(fxmon_decimal value, char *out);
/** numeric of the shortest text that reads back as the same double; it must be finite. */
size_t fxi_postgresql_numeric_double(double value, char *out);
/** From the binary form. false: NaN, infinite, malformed, or more digits than a decimal holds; then *out is the nearest decimal, {0, 0} when there is none. */
bool fxi_postgresql_decimal(const char *bytes, size_t length, fxmon_decimal *out);

static inline void fxi_postgresql_store16(char *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, 2);
}
static inline void fxi_postgresql_store32(char *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, 4);
}
static inline void fxi_postgresql_store64(char *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, 8);
}
uint64_t fxi_postgresql_load(const char *bytes, size_t length); /* 1, 2, 4 or 8 bytes, sign-extended; 0 for another length */

/* ---- rows of COPY ... FROM STDIN (FORMAT binary) ------------------------------------------------------------ */

#define FXI_POSTGRESQL_ROW 512 /* bytes of the longest row */
#define FXI_POSTGRESQL_COPY_COLUMNS                                                                                              \
    "observed_at,ingested_at,processing_timestamp,kafka_offset,volatility,kafka_partition,samples,observed_ns,ingested_ns,stream,kind," \
    "pair,source,rate,bid,ask,processed_by_consumer"

/* What all rows of a batch share. */
typedef struct fxi_postgresql_row_frame {
    int64_t written;      /* ns UTC */
    int16_t stream;
    const char *consumer; /* at most 63 bytes */
} fxi_postgresql_row_frame;
bool fxi_postgresql_copy_begin(fxi_buf *out);
bool fxi_postgresql_copy_row(fxi_buf *out, const fxi_postgresql_row_frame *frame, const fxmon_row *row);
bool fxi_postgresql_copy_end(fxi_buf *out);

/* ---- arrays of one dimension --------------------------------------------------------------------------------- */

enum { FXI_POSTGRESQL_INT8 = 20, FXI_POSTGRESQL_TEXT = 25, FXI_POSTGRESQL_FLOAT8 = 701, FXI_POSTGRESQL_TIMESTAMPTZ = 1184, FXI_POSTGRESQL_NUMERIC_TYPE = 1700 };
typedef struct fxi_postgresql_array {
    fxi_buf bytes;
    uint32_t count, type;
} fxi_postgresql_array;
void fxi_postgresql_array_begin(fxi_postgresql_array *a, uint32_t type, size_t maximum); /* keeps the memory of the last use */
bool fxi_postgresql_array_null(fxi_postgresql_array *a);
bool fxi_postgresql_array_integer(fxi_postgresql_array *a, int64_t value);
bool fxi_postgresql_array_text(fxi_postgresql_array *a, const char *text);
bool fxi_postgresql_array_double(fxi_postgresql_array *a, double value);            /* NAN: NULL */
bool fxi_postgresql_array_decimal(fxi_postgresql_array *a, fxmon_decimal value);    /* mantissa 0: NULL */
bool fxi_postgresql_array_rate(fxi_postgresql_array *a, const fxmon_row *row);      /* of a quote or a cross */
bool fxi_postgresql_array_end(fxi_postgresql_array *a);                             /* false: out of memory or too long */
void fxi_postgresql_array_free(fxi_postgresql_array *a);

#endif

/*
 * fxmon/core.h - pure computing: decimals, times, pairs, crosses, volatility, the alert check.
 *
 * Everything declared here is in libfxmon-core, which needs libc and libm alone: no I/O, no threads,
 * no clock, no locale. Time comes in as an argument. `pkg-config fxmon-core`.
 *
 * Words. A *pair* BASE/QUOTE has the *rate* x when 1 BASE costs x QUOTE. A *quote* is a pair, a
 * time, a mid rate and, where the source gives them, bid and ask. A *new quote* is not a *new poll*:
 * a publication that is read twice changes no statistic.
 *
 * Threads. Functions without a handle may be called from any thread. A handle belongs to one thread
 * at a time; different handles are independent.
 */
#ifndef FXMON_CORE_H
#define FXMON_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FXMON_API __attribute__((visibility("default")))
#else
#define FXMON_API
#endif

/** Version of the library that runs, "MAJOR.MINOR.PATCH". Static text. */
FXMON_API const char *fxmon_version(void);

/* ------------------------------------------------------------------------------------------- */
/* Errors                                                                                      */

/*
 * One row per error: X(NAME, value, name, text, retriable, exit status of the programs).
 * Values are pinned for ever; new rows go to the end.
 */
#define FXMON_ERROR_MAP(X)                                                                         \
    X(OK, 0, "ok", "success", 0, 0)                                                                \
    X(NOMEM, 1, "out_of_memory", "out of memory", 0, 1)                                            \
    X(ARGUMENT, 2, "bad_argument", "bad argument", 0, 2)                                           \
    X(SYNTAX, 3, "syntax", "malformed text", 0, 2)                                                 \
    X(RANGE, 4, "out_of_range", "value out of range", 0, 2)                                        \
    X(PAIR, 5, "bad_pair", "not a currency pair", 0, 2)                                            \
    X(CURRENCY, 6, "unknown_currency", "unknown currency", 0, 2)                                   \
    X(OPTION, 7, "unknown_option", "unknown option", 0, 2)                                         \
    X(CONFIG, 8, "bad_configuration", "bad configuration", 0, 3)                                   \
    X(UNSUPPORTED, 9, "unsupported", "not available in this build", 0, 3)                          \
    X(STATE, 10, "bad_state", "not possible in this state", 0, 1)                                  \
    X(NOT_FOUND, 11, "not_found", "not found", 0, 4)                                               \
    X(EXISTS, 12, "exists", "exists already", 0, 1)                                                \
    X(IO, 13, "io", "input/output error", 1, 4)                                                    \
    X(DISK_FULL, 14, "disk_full", "no space left", 1, 4)                                           \
    X(CORRUPT, 15, "corrupt", "corrupt data", 0, 1)                                                \
    X(NETWORK, 16, "network", "network error", 1, 4)                                               \
    X(TLS, 17, "tls", "TLS error", 1, 4)                                                           \
    X(TIMEOUT, 18, "timeout", "timed out", 1, 4)                                                   \
    X(NOT_MODIFIED, 19, "not_modified", "nothing new since the last answer", 1, 0)                 \
    X(NO_DATA, 20, "no_data", "the provider has no data for this request", 1, 4)                   \
    X(BAD_REQUEST, 21, "bad_request", "the provider refused the request", 0, 3)                    \
    X(BAD_KEY, 22, "bad_key", "the provider refused the key", 0, 3)                                \
    X(INACTIVE_ACCOUNT, 23, "inactive_account", "the provider's account is not active", 0, 3)      \
    X(PLAN, 24, "plan_restricted", "not included in the provider's plan", 0, 3)                    \
    X(QUOTA, 25, "quota_exhausted", "the provider's quota is used up", 1, 4)                       \
    X(RATE_LIMITED, 26, "rate_limited", "the provider asks to come back later", 1, 4)              \
    X(PROVIDER, 27, "provider_error", "the provider failed", 1, 4)                                 \
    X(MALFORMED, 28, "malformed", "the answer could not be understood", 1, 4)                      \
    X(TOO_LARGE, 29, "too_large", "larger than the limit", 0, 1)                                   \
    X(REJECTED, 30, "rejected_by_validation", "the values were refused", 1, 4)                     \
    X(BREAKER_OPEN, 31, "breaker_open", "not tried: too many failures before", 1, 4)               \
    X(FENCED, 32, "fenced", "another process took over", 0, 1)                                     \
    X(GAP, 33, "gap", "records are gone from the log", 0, 1)                                       \
    X(BUSY, 34, "busy", "busy, try again", 1, 4)                                                   \
    X(STOPPED, 35, "stopped", "stopped on request", 0, 0)                                          \
    X(CREDENTIALS, 36, "bad_credentials", "the server refused the credentials", 0, 3)              \
    X(DUPLICATE, 37, "duplicate", "the record is there already", 0, 1)                             \
    X(CHILD, 38, "child_failed", "the command failed", 1, 4)

enum fxmon_code {
#define FXMON_ERROR_ENUM_(id, value, name, text, retriable, exit) FXMON_E_##id = value,
    FXMON_ERROR_MAP(FXMON_ERROR_ENUM_)
#undef FXMON_ERROR_ENUM_
};
#define FXMON_OK 0

/** What went wrong. Filled by a failing call when the caller passes one; never needs freeing. */
typedef struct fxmon_error {
    int code;         /* FXMON_E_... */
    int64_t retry_at; /* ns UTC when it makes sense to try again; 0: no statement */
    char field[64];   /* offending option, member or column; "" when there is none */
    char text[320];   /* one sentence: which value, what was expected. Never contains a secret */
} fxmon_error;

FXMON_API const char *fxmon_strerror(int code);  /* "not a currency pair"; static; never NULL */
FXMON_API const char *fxmon_errname(int code);   /* "bad_pair"; static; "unknown" if not in the map */
FXMON_API bool fxmon_retriable(int code);        /* may the same call succeed later? */
FXMON_API int fxmon_exit_status(int code);       /* exit status of the programs for this error */

/**
 * Replace malloc, realloc and free for the whole process. To be called before any other function
 * of the library; FXMON_E_STATE afterwards. The only process-wide setting of the library: it exists so
 * that embedded hosts and allocation-failure tests can own the memory. `user` is passed through.
 */
typedef struct fxmon_allocator {
    void *(*alloc)(void *user, size_t size);
    void *(*resize)(void *user, void *old, size_t size);
    void (*release)(void *user, void *old);
    void *user;
} fxmon_allocator;
FXMON_API int fxmon_allocator_set(const fxmon_allocator *allocator);

/** Free text or memory that a function of this library handed to the caller. NULL is fine. */
FXMON_API void fxmon_free_memory(void *memory);

/* ------------------------------------------------------------------------------------------- */
/* Decimals                                                                                    */

/**
 * An exact decimal: mantissa / 10^scale, 0 <= scale <= 18. Keeps the digits as written: 0.8470 has
 * mantissa 8470 and scale 4. {0, 0} is zero. Prices are positive; the type itself is signed.
 */
typedef struct fxmon_decimal {
    int64_t mantissa;
    int32_t scale;
} fxmon_decimal;

#define FXMON_DECIMAL_TEXT 24 /* room for any decimal and its NUL */

/**
 * Parse [-]digits[.digits][e[+-]digits] (the JSON number grammar), all of [text, text+length).
 * No white space, no locale. FXMON_E_SYNTAX, or FXMON_E_RANGE when more than 18 decimals or more than an int64_t of
 * digits would be needed (trailing zeros that do not fit are dropped first; nothing else is rounded).
 */
FXMON_API int fxmon_decimal_parse(const char *text, size_t length, fxmon_decimal *out);
/** Writes the digits and a NUL; returns the length. `out` has FXMON_DECIMAL_TEXT bytes. */
FXMON_API size_t fxmon_decimal_format(fxmon_decimal value, char *out);
/** <0, 0, >0 by value: 0.85 equals 0.850. Exact for every pair of decimals. */
FXMON_API int fxmon_decimal_compare(fxmon_decimal a, fxmon_decimal b);
/** Nearest double; correctly rounded for every decimal. */
FXMON_API double fxmon_decimal_to_double(fxmon_decimal value);
/** The same value at another scale. FXMON_E_RANGE when digits would be lost or overflow. */
FXMON_API int fxmon_decimal_rescale(fxmon_decimal value, int32_t scale, fxmon_decimal *out);

#define FXMON_DOUBLE_TEXT 32
/**
 * Shortest text that reads back as the same double, JSON syntax, '.' whatever the locale;
 * "null" for NaN and infinities. Returns the length without the NUL.
 */
FXMON_API size_t fxmon_double_format(double value, char out[FXMON_DOUBLE_TEXT]);

/* ------------------------------------------------------------------------------------------- */
/* Time: int64_t nanoseconds since 1970-01-01T00:00:00Z, 1677 to 2262                           */

#define FXMON_TIME_TEXT 36
#define FXMON_SECOND INT64_C(1000000000)

/**
 * RFC 3339, all of [text, text+length): T, t or a space; Z, z, +hh:mm, -hh:mm; 0 to 9 and more fraction digits
 * (truncated past 9); second 60 becomes 59.999999999. Also a bare YYYY-MM-DD (midnight UTC).
 * FXMON_E_SYNTAX or FXMON_E_RANGE.
 */
FXMON_API int fxmon_time_parse(const char *text, size_t length, int64_t *out);
/** RFC 3339 in UTC with as many fraction digits (0, 3, 6 or 9) as needed. Returns the length. */
FXMON_API size_t fxmon_time_format(int64_t time, char out[FXMON_TIME_TEXT]);
/** A length of time as options and rules write it, into nanoseconds: 250ms, 30s, 5m, 1h30m, 2d; a bare number is seconds. FXMON_E_SYNTAX or FXMON_E_RANGE. */
FXMON_API int fxmon_duration_parse(const char *text, size_t length, int64_t *out);

/* ------------------------------------------------------------------------------------------- */
/* Currencies and pairs                                                                        */

/** A row of ISO 4217 as of fxmon_currency_table_date(). Units govern amounts, never rates. */
typedef struct fxmon_currency {
    char code[8];        /* "EUR" */
    int16_t number;      /* 978 */
    int8_t minor_units;  /* 2; -1 where the standard says N.A. */
    const char *name;    /* "Euro" */
    const char *from;    /* "1999-01-01", or NULL when not dated */
    const char *until;   /* "2022-12-31" for withdrawn codes, or NULL */
} fxmon_currency;

FXMON_API const fxmon_currency *fxmon_currency_find(const char *code, size_t length); /* any case; NULL if unknown */
FXMON_API const fxmon_currency *fxmon_currency_at(size_t index);  /* NULL past the end */
FXMON_API const char *fxmon_currency_table_date(void);            /* "2026-01-01" */

/** Canonical pair "USD/EUR", NUL-padded so that two pairs are equal iff all 16 bytes are. */
typedef struct fxmon_pair {
    char text[16];
} fxmon_pair;

/**
 * Any usual spelling: USD/EUR, usd-eur, USD_EUR, USD:EUR, USD EUR, USDEUR (six letters), USD%2FEUR; codes
 * of 3 to 6 letters or digits, at least one of them a letter. FXMON_E_PAIR if it is none. Unknown codes are accepted: see fxmon_pair_known.
 */
FXMON_API int fxmon_pair_parse(const char *text, size_t length, fxmon_pair *out);
FXMON_API int fxmon_pair_make(const char *base, const char *quote, fxmon_pair *out);
FXMON_API bool fxmon_pair_known(const fxmon_pair *pair); /* both codes are in the ISO table */
FXMON_API size_t fxmon_pair_base(const fxmon_pair *pair, char out[8]);  /* length of the base */
FXMON_API size_t fxmon_pair_quote(const fxmon_pair *pair, char out[8]);
FXMON_API int fxmon_pair_compare(const fxmon_pair *a, const fxmon_pair *b);

/* ------------------------------------------------------------------------------------------- */
/* Quotes and books                                                                            */

#define FXMON_SOURCE_TEXT 40

/** A rate of one pair as a source gave it. bid and ask have mantissa 0 when there are none. */
typedef struct fxmon_quote {
    fxmon_pair pair;
    int64_t time;             /* when the source observed it */
    fxmon_decimal mid, bid, ask;
    char source[FXMON_SOURCE_TEXT];
} fxmon_quote;

/** The newest quote of each pair: what one fetch brought, or what a host adds itself. */
typedef struct fxmon_book fxmon_book;
FXMON_API fxmon_book *fxmon_book_new(void); /* NULL: out of memory */
FXMON_API void fxmon_book_free(fxmon_book *book);
/**
 * Keeps the newer of two quotes of a pair (equal times: the later call). *changed may be NULL. FXMON_E_PAIR; FXMON_E_RANGE for a mid
 * that is not positive, a negative bid or ask, or a scale out of range; FXMON_E_NOMEM: the book is as before.
 */
FXMON_API int fxmon_book_add(fxmon_book *book, const fxmon_quote *quote, bool *changed);
FXMON_API size_t fxmon_book_count(const fxmon_book *book);
/** By position, sorted by pair. Valid until the next fxmon_book_add or free. NULL past the end. */
FXMON_API const fxmon_quote *fxmon_book_at(const fxmon_book *book, size_t index);
FXMON_API const fxmon_quote *fxmon_book_find(const fxmon_book *book, const char *pair);
/** Exact digits of a pair that is in the book. FXMON_E_NOT_FOUND, FXMON_E_PAIR. */
FXMON_API int fxmon_book_rate(const fxmon_book *book, const char *pair, fxmon_decimal *out);

/** A rate computed from one or two legs. */
typedef struct fxmon_cross {
    fxmon_pair pair;
    double mid;       /* correctly rounded quotient or product of the legs' decimals */
    double bid, ask;  /* NAN unless every leg has them; always the wider spread */
    int64_t time;     /* of the older leg */
    int64_t skew;     /* difference of the legs' times, ns */
    int legs;         /* 0 identity, 1 direct or inverse, 2 */
    fxmon_quote leg[2];
} fxmon_cross;

/**
 * A rate for any pair: direct quote, inverse, or over one common currency (fewest legs, then the freshest
 * older leg, then the tightest spread, then the hub's name). Identity pairs answer 1 for currencies in the book, with the
 * time of its newest quote.
 * FXMON_E_NOT_FOUND when no path of two legs exists.
 */
FXMON_API int fxmon_book_cross(const fxmon_book *book, const char *pair, fxmon_cross *out);

/**
 * All n(n-1)/2 crosses Ci/Cj, i<j, of n rates HUB/Ci in the caller's order (28 of 8):
 * out[k] = rate[j] / rate[i]. Bit-equal to IEEE division. Pure; nothing is allocated.
 */
FXMON_API void fxmon_cross_all(const double *rate, size_t n, double *out);
/** Mid of Ci/Cj from HUB/Ci and HUB/Cj as decimals: one correct rounding of the exact quotient. */
FXMON_API double fxmon_cross_mid(fxmon_decimal hub_i, fxmon_decimal hub_j);

/* ------------------------------------------------------------------------------------------- */
/* Volatility                                                                                  */

/**
 * Sample standard deviation (n-1) of the last `window` prices, computed from exact integer sums: the same
 * for every order of arrival in the window and after every restart; exactly 0.0 for a constant window;
 * equal to the correctly rounded value (Python's statistics.stdev) in at least 99.9 % of windows, never off by more than 1 ulp.
 * NAN below two prices. No allocation after _new. Formula: sqrt(sum((p - mean)^2) / (n - 1)), Bessel's correction.
 */
typedef struct fxmon_volatility fxmon_volatility;
FXMON_API fxmon_volatility *fxmon_volatility_new(size_t window); /* 2..1000000; NULL: bad size or memory */
FXMON_API void fxmon_volatility_free(fxmon_volatility *v);
FXMON_API void fxmon_volatility_reset(fxmon_volatility *v);
FXMON_API int fxmon_volatility_add(fxmon_volatility *v, fxmon_decimal price);
FXMON_API double fxmon_volatility_value(const fxmon_volatility *v);
FXMON_API size_t fxmon_volatility_count(const fxmon_volatility *v);
/** The i-th oldest price in the window, for checkpoints. */
FXMON_API fxmon_decimal fxmon_volatility_price(const fxmon_volatility *v, size_t index);

/* ------------------------------------------------------------------------------------------- */
/* Alerts                                                                                      */

enum fxmon_condition {
    FXMON_ABOVE = 1,      /* level: price > threshold; the first sample may fire */
    FXMON_BELOW = 2,      /* level: price < threshold */
    FXMON_CROSS_UP = 3,   /* edge: from not above to above; needs one sample before */
    FXMON_CROSS_DOWN = 4, /* edge: from not below to below */
    FXMON_CROSS = 5       /* edge, either way */
};
enum fxmon_repeat {
    FXMON_EPISODE = 0, /* once until the condition ends (default) */
    FXMON_EVERY = 1,   /* again after each cooldown while it holds (with cooldown 0: every new quote) */
    FXMON_ONCE = 2     /* once, then inactive */
};
enum fxmon_severity { FXMON_WARNING = 0, FXMON_CRITICAL = 1 };

/**
 * An alert rule. One line of text is the same rule everywhere (file, command line, API):
 *   PAIR above|below|cross_up|cross_down|cross THRESHOLD [clear LEVEL] [for DURATION] [cooldown DURATION]
 *        [repeat episode|every|once] [severity warning|critical]
 */
typedef struct fxmon_alert {
    int64_t id;      /* given by the store; 0 before */
    int32_t version; /* 1, and one more with each edit */
    fxmon_pair pair;
    int32_t condition, repeat, severity;
    fxmon_decimal threshold;
    fxmon_decimal clear; /* mantissa 0: same as the threshold */
    int64_t hold;        /* "for": must hold that long, ns of event time */
    int64_t cooldown;    /* ns of event time */
    int64_t created;     /* ns UTC; 0 unknown */
    bool active;
} fxmon_alert;

FXMON_API int fxmon_alert_parse(const char *text, size_t length, fxmon_alert *out, fxmon_error *error);
FXMON_API size_t fxmon_alert_format(const fxmon_alert *alert, char *out, size_t size); /* snprintf rules */
FXMON_API const char *fxmon_condition_name(int condition); /* "above"; NULL if none */

/** What an alert remembers between samples; saved with the offset, so a restart neither repeats nor forgets. */
typedef struct fxmon_alert_state {
    int64_t alert_id;
    int32_t version;
    int8_t side;      /* -1 low, 0 no sample yet, 1 high, 2 only ever seen at the threshold (or between it and `clear`) */
    int8_t phase;     /* FXMON_PHASE_... */
    int64_t since;    /* event time of the change of side; start of the episode while one is open */
    int64_t fired;    /* event time of the last firing, 0 never */
    int64_t fired_count;
    int64_t suppressed; /* times the cooldown held a firing back since the last one */
    fxmon_decimal worst; /* most extreme price of this episode */
    int64_t last_time;  /* event time of the last sample evaluated */
} fxmon_alert_state;
enum fxmon_phase {
    FXMON_PHASE_ARMED = 0,
    FXMON_PHASE_PENDING = 1, /* the condition holds, but not yet for as long as "for" says */
    FXMON_PHASE_FIRING = 2,  /* level alerts, from firing until the condition has ended */
    FXMON_PHASE_COOLDOWN = 3 /* level alerts: would fire, but the cooldown of the last firing still runs */
};

enum fxmon_event_kind { FXMON_FIRED = 1, FXMON_REPEATED = 2, FXMON_RESOLVED = 3 };

/** A transition of an alert. The id is the same on every repeat of the same transition. */
typedef struct fxmon_event {
    char id[33]; /* 32 hexadecimal digits: SHA-256 of alert|version|stream|partition|offset|kind, first 128 bits */
    int64_t alert_id;
    int32_t version, kind, condition, severity;
    fxmon_pair pair;
    fxmon_decimal threshold, rate;
    int64_t time;        /* of the quote that did it */
    int64_t duration;    /* resolved: ns from the change of side that began the episode */
    fxmon_decimal worst; /* resolved: most extreme rate of the episode; otherwise mantissa 0 */
    int64_t suppressed;
    char source[FXMON_SOURCE_TEXT];
    int32_t partition;
    int64_t offset;
} fxmon_event;
/** "USD/EUR went above 0.9 (current: 0.905)". snprintf rules. */
FXMON_API size_t fxmon_event_message(const fxmon_event *event, char *out, size_t size);

/**
 * A set of alerts. A check costs O(log n + fired): thresholds of one pair lie in a blocked sorted list and
 * the place of the last price in it is remembered; a tick between the neighbouring thresholds costs two compares.
 */
typedef struct fxmon_alerts fxmon_alerts;
FXMON_API fxmon_alerts *fxmon_alerts_new(void);
FXMON_API void fxmon_alerts_free(fxmon_alerts *alerts);
/** One rule as text; its id is the next free number. FXMON_E_SYNTAX with the offending word in error->field. */
FXMON_API int fxmon_alerts_add(fxmon_alerts *alerts, const char *rule, fxmon_error *error);
/** A rule with the id it has; `state` NULL for a new one. FXMON_E_EXISTS if the id is taken. */
FXMON_API int fxmon_alerts_insert(fxmon_alerts *alerts, const fxmon_alert *alert, const fxmon_alert_state *state,
                                  fxmon_error *error);
FXMON_API int fxmon_alerts_remove(fxmon_alerts *alerts, int64_t id); /* FXMON_E_NOT_FOUND */
FXMON_API size_t fxmon_alerts_count(const fxmon_alerts *alerts);
FXMON_API const fxmon_alert *fxmon_alerts_find(const fxmon_alerts *alerts, int64_t id);
FXMON_API const fxmon_alert_state *fxmon_alerts_state(const fxmon_alerts *alerts, int64_t id);
/**
 * Evaluate one quote (its mid). Events come one at a time from fxmon_alert_next, in the order (threshold, id), so a storm
 * needs no memory. Not newer than the pair's last quote (since it has an alert): nothing happens. The iterator is dead after the next call on `alerts`.
 */
typedef struct fxmon_alert_iter {
    fxmon_alerts *alerts; /* NULL: no events */
    int64_t turn;
} fxmon_alert_iter;
FXMON_API fxmon_alert_iter fxmon_alerts_check(fxmon_alerts *alerts, const fxmon_quote *quote);
FXMON_API bool fxmon_alert_next(fxmon_alert_iter *iter, fxmon_event *event);

#ifdef __cplusplus
}
#endif
#endif

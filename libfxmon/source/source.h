/*
 * source/source.h - the drivers of this folder and what they share: reading their settings, the list of tracked currencies, and turning
 * what a provider published into the message that was asked for.
 */
#ifndef FXI_SOURCE_H
#define FXI_SOURCE_H
#include <fxmon/plugin.h>

#include "base/url.h"

extern const fxmon_source_ops fxi_source_http, fxi_source_sim, fxi_source_replay, fxi_source_exec;

/* ---- settings: name=value&name=value of a source URL, some with an option of the handle behind them ------------------------ */

#define FXI_SETTING_TEXT 512 /* longest value of one setting, with its NUL */

typedef struct fxi_settings {
    const fxmon_env *env;
    const char *driver; /* "sim": for error texts */
    fxi_url url;        /* only the query is looked at */
} fxi_settings;

/** Every setting of the URL is one of names (NULL-terminated); FXMON_E_OPTION names the nearest. */
int fxi_settings_check(const fxi_settings *s, const char *const *names, fxmon_error *error);
/** Value of a setting, or of `option` (NULL: none) when the URL does not have it; false when neither is set. */
bool fxi_settings_text(const fxi_settings *s, const char *name, const char *option, char *out, size_t size);
/* The calls below leave *value alone and answer FXMON_OK when the setting is absent; out of its range is FXMON_E_RANGE. */
int fxi_settings_duration(const fxi_settings *s, const char *name, const char *option, int64_t least, int64_t most, int64_t *value,
                          fxmon_error *error);
int fxi_settings_integer(const fxi_settings *s, const char *name, const char *option, int64_t least, int64_t most, int64_t *value,
                         fxmon_error *error);
int fxi_settings_number(const fxi_settings *s, const char *name, double least, double most, double *value, fxmon_error *error);
int fxi_settings_bool(const fxi_settings *s, const char *name, const char *option, bool *value, fxmon_error *error);
/** A currency code in capitals into out; FXMON_E_CURRENCY when it is none. */
int fxi_settings_currency(const fxi_settings *s, const char *name, const char *option, char out[8], fxmon_error *error);

/* ---- tracked currencies ------------------------------------------------------------------------------------------------------ */

#define FXI_TRACK_MAXIMUM 1024
#define FXI_TRACK_DEFAULT "EUR,GBP,JPY,CAD,AUD,CHF,CNY,INR"

typedef struct fxi_track {
    bool all;
    uint32_t count;
    char (*code)[8]; /* in the order asked for, each once */
} fxi_track;
/** "EUR,GBP" (also with spaces, + or ;) or "all". */
int fxi_track_parse(fxi_track *t, const char *list, fxmon_error *error);
void fxi_track_free(fxi_track *t);

/* ---- publications ------------------------------------------------------------------------------------------------------------ */

/** The part of a provider's message that was asked for, on the base that was asked for. Zero-initialised. */
typedef struct fxi_publication {
    fxmon_message message;
    uint8_t digest[16]; /* of base, pairs and digits: the same publication read twice has the same */
    uint32_t missing;   /* tracked currencies that the provider did not give */
    char missed[8];     /* the first of them */
} fxi_publication;
/**
 * Select the tracked currencies in their order, without the identity row, on `base` ("": as it is). On another base than the
 * message's the rates are quotients, correctly rounded and then to 12 significant digits, and the source says "rebased from".
 * FXMON_E_NO_DATA when nothing is left, FXMON_E_CURRENCY when the base itself is not in the message.
 */
int fxi_publication_make(fxi_publication *p, const fxmon_message *published, const fxi_track *track, const char *base,
                         fxmon_error *error);
void fxi_publication_free(fxi_publication *p);
#endif

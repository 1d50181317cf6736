/*
 * source/provider_list.h - the providers that are known by name: where they are, what they answer, how often they may be asked, and what
 * their terms say. Limits and terms are the providers' and change: `terms` is the page that counts.
 */
#ifndef FXI_PROVIDER_LIST_H
#define FXI_PROVIDER_LIST_H
#include "codec/provider.h"
enum fxi_key_place {
    FXI_KEY_NONE = 0,
    FXI_KEY_BEARER, /* Authorization: Bearer KEY */
    FXI_KEY_HEADER, /* apikey: KEY */
    FXI_KEY_URL     /* {key} in the URL: such URLs are never shown */
};
typedef struct fxi_provider {
    const char *name;         /* --from NAME, and the source of the messages */
    const char *url;          /* {base} USD, {currency} usd, {key}, {date} 2026-02-04 are replaced */
    const char *second_url;   /* tried when the first cannot be reached, or NULL */
    const char *fixed_base;   /* NULL: any base may be asked for */
    const char *terms;
    const char *note;         /* one sentence on limits and terms, for the log and the manual */
    enum fxi_provider_format format;
    enum fxi_key_place key;
    int gap;                  /* seconds: never asked more often than this */
    int cadence;              /* seconds between two publications, as a rule */
    int delay;                /* seconds from the time that a publication bears until it is there: days that are closed in the afternoon */
    bool weekdays;            /* of working days only */
    bool spread;              /* wants a random delay after the announced time of its next update */
    bool history;             /* answers are long: many days */
    bool redistribution;      /* its terms allow passing the rates on to others */
    bool attribution;         /* its terms want the source named */
} fxi_provider;
const fxi_provider *fxi_provider_at(size_t index); /* NULL past the end */
const fxi_provider *fxi_provider_find(const char *name);
const fxi_provider *fxi_provider_by_host(const char *host, const char *path); /* which provider a URL is of; NULL: unknown */
/** All names, NULL-terminated, into out (FXI_PROVIDER_NAMES pointers): for fxi_nearest. */
#define FXI_PROVIDER_NAMES 32
void fxi_provider_names(const char *out[FXI_PROVIDER_NAMES]);
#endif

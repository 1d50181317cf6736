/*
 * source/provider_site.h - what --from names: a provider, where it is asked, and the URL of one request.
 */
#ifndef FXI_PROVIDER_SITE_H
#define FXI_PROVIDER_SITE_H
#include "base/buf.h"
#include "source/provider_list.h"
#include "source/source.h"
#define FXI_SITE_URL 2048
typedef struct fxi_provider_site {
    const fxi_provider *provider;
    char *root;       /* URL given instead of the provider's own; NULL: its own */
    bool whole;       /* root has a path: it is asked as it is */
    bool own;         /* the provider's own host: its limits apply */
    bool plain;       /* http: */
    bool any_base;    /* the base that is asked for goes into the URL */
    char source[FXMON_SOURCE_TEXT];
    char shown[128];  /* scheme and host, for texts */
} fxi_provider_site;
/**
 * NAME, NAME:URL, or URL with a known host or #format=NAME; settings behind # are format, source and insecure. Without a key, what needs one is
 * FXMON_E_BAD_KEY, but exchangerate-api becomes open-er-api.
 */
int fxi_provider_site_parse(fxi_provider_site *site, const fxmon_env *env, const char *from, bool have_key, fxmon_error *error);
void fxi_provider_site_free(fxi_provider_site *site);
/** The URL of a request; may hold the key: never to be shown. `second`: the provider's second URL, if it has one. */
int fxi_provider_site_url(const fxi_provider_site *site, const char *base, const char *key, int64_t now, bool second, fxi_buf *out,
                          fxmon_error *error);
/** The key of the options api-key and api-key-file, or NULL with FXMON_OK when there is none; fxi_provider_key_free wipes it. */
int fxi_provider_key_read(const fxmon_env *env, char **key, fxmon_error *error);
void fxi_provider_key_free(char *key);
#endif

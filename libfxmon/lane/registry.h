/*
 * lane/registry.h - from the scheme of a URL to a driver: those of the host first, then the built-in ones. lane/builtin.c alone names drivers.
 */
#ifndef FXI_REGISTRY_H
#define FXI_REGISTRY_H
#include <fxmon/fxmon.h>

enum fxi_kind { FXI_KIND_SOURCE, FXI_KIND_STREAM, FXI_KIND_STORE, FXI_KIND_SINK, FXI_KIND_NOTIFY, FXI_KINDS };

/** What all five tables begin with. */
typedef struct fxi_driver {
    size_t size;
    const char *schemes;
    const char *unsupported;
} fxi_driver;

typedef struct fxi_registry {
    const fxi_driver **drivers[FXI_KINDS];
    size_t count[FXI_KINDS], capacity[FXI_KINDS];
} fxi_registry;

void fxi_registry_free(fxi_registry *registry);
/** A driver of the host. FXMON_E_EXISTS when one of its schemes is taken, FXMON_E_ARGUMENT when the table is not usable. */
int fxi_registry_add(fxi_registry *registry, enum fxi_kind kind, const void *ops, fxmon_error *error);
/**
 * The driver for a URL; registry may be NULL (built-in ones only). NULL: FXMON_E_UNSUPPORTED when this build lacks it, FXMON_E_CONFIG (field
 * `option`) with the nearest known scheme in the text.
 */
const void *fxi_registry_find(const fxi_registry *registry, enum fxi_kind kind, const char *url, const char *option, fxmon_error *error);
/** The same without an error: NULL when no driver of this kind knows the scheme. */
const fxi_driver *fxi_registry_lookup(const fxi_registry *registry, enum fxi_kind kind, const char *url);

/* lane/builtin.c */
const fxi_driver *fxi_builtin_at(enum fxi_kind kind, size_t index); /* NULL past the end */
const char *fxi_builtin_feature(size_t index);                      /* "curl 7.88: yes" ...; NULL past the end */
#endif

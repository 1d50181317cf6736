/* base/mem.h - every allocation of the library goes through here, so that a host can replace the allocator and a test can make the Nth one fail. */
#ifndef FXI_MEM_H
#define FXI_MEM_H
#include <stddef.h>
void *fxi_alloc(size_t size);                    /* NULL when out of memory; size 0 gives a unique pointer */
void *fxi_calloc(size_t count, size_t size);     /* zeroed; checks the product */
void *fxi_realloc(void *old, size_t size);
/* Room for `need` items: doubles *capacity (items; 0 with old NULL at first) until it is enough. On NULL old and *capacity stay as they were. */
void *fxi_grow(void *old, size_t *capacity, size_t need, size_t item);
void fxi_free(void *p);
char *fxi_strdup(const char *text);              /* NULL in, NULL out */
char *fxi_strndup(const char *text, size_t length); /* stops at a NUL too */
#endif

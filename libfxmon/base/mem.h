/* base/mem.h - every allocation of the library goes through here, so that a host can replace the allocator and a test can make the Nth one fail. */
#ifndef FXI_MEM_H
#define FXI_MEM_H
#include <stddef.h>
void *fxi_alloc(size_t size);                    /* NULL when out of memory; size 0 gives a unique pointer */
void *fxi_calloc(size_t count, size_t size);     /* zeroed; checks the product */
void *fxi_realloc(void *old, size_t size);
void *fxi_grow(void *old, size_t *capacity, size_t need, size_t item); /* doubles an array; old stays valid on NULL */
void fxi_free(void *p);
char *fxi_strdup(const char *text);              /* NULL in, NULL out */
char *fxi_strndup(const char *text, size_t length);
#endif

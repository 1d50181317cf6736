/* base/map.h - open addressing from short byte keys (a pair, pair+source, an id) to a 64-bit value. Keys are copied. Iteration order is insertion order until a removal. */
#ifndef FXI_MAP_H
#define FXI_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef struct fxi_map fxi_map;
fxi_map *fxi_map_new(size_t key_size);                 /* all keys have this many bytes, 1..64 */
void fxi_map_free(fxi_map *map);
size_t fxi_map_count(const fxi_map *map);
bool fxi_map_get(const fxi_map *map, const void *key, uint64_t *value); /* a few ns for 8 and 16 byte keys */
int fxi_map_put(fxi_map *map, const void *key, uint64_t value);         /* FXMON_OK or FXMON_E_NOMEM (map unchanged) */
bool fxi_map_remove(fxi_map *map, const void *key);
bool fxi_map_at(const fxi_map *map, size_t index, const void **key, uint64_t *value); /* 0..count-1 */
#endif

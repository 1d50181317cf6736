/* base/log.h - logging through the host's function in an fxmon_env; text is formatted without floating point and cut at 512 bytes. */
#ifndef FXI_LOG_H
#define FXI_LOG_H
#include <fxmon/plugin.h>
void fxi_log(const fxmon_env *env, int level, const char *component, const char *format, ...) __attribute__((format(printf, 4, 5)));
/**
 * An outage: logged once when it starts, then at most once a minute, or after five seconds when its words (not only its numbers) are others, and its end with the
 * duration. Zero-initialised.
 */
typedef struct fxi_complaint { int64_t since, last_said; int64_t count; uint32_t words; } fxi_complaint;
void fxi_complain(fxi_complaint *c, const fxmon_env *env, const char *component, const char *format, ...) __attribute__((format(printf, 4, 5)));
void fxi_relieve(fxi_complaint *c, const fxmon_env *env, const char *component, const char *what);
#endif

/*
 * stream/folder.h - the folder of a file log: its settings, its name for progress rows, and the lock of its writers.
 */
#ifndef FXI_FOLDER_H
#define FXI_FOLDER_H
#include <fxmon/plugin.h>

typedef struct fxi_folder_settings {
    char *path;
    bool sync;               /* acknowledge after fdatasync */
    int64_t segment_bytes, segment_age;
    int64_t retention, retention_bytes; /* 0: keep all */
    int64_t max_record;
} fxi_folder_settings;

/** file:DIR?sync=batch&segment=64MiB&segment-age=1d&retain=30d&retain-bytes=1G&max-record=1MiB; what the URL leaves out, the options say. */
int fxi_folder_settings_read(const fxmon_env *env, const char *url, fxi_folder_settings *out, fxmon_error *error);
void fxi_folder_settings_free(fxi_folder_settings *settings);

/** Descriptor of the folder; -1 with errno. With create: it and its parents are made, and what was made outlives a power failure. */
int fxi_folder_open(const char *path, bool create);

#define FXI_FOLDER_IDENTITY 48
/** The name of the log: a random number kept in log.id, made by whoever comes first; in a folder that may not be written, device and inode of the folder. */
int fxi_folder_identity(int folder, char out[FXI_FOLDER_IDENTITY], fxmon_error *error);

/**
 * The writers' lock, log.lock, a flock that the kernel drops with its process. Its text is the number of the segment that is written to, so that a writer sees
 * another's rotation with one small read. It is a hint for processes that live now: whoever opens the log lists the folder and writes it anew.
 */
int fxi_folder_lock_open(int folder, fxmon_error *error);          /* descriptor, or -1 */
fxmon_result fxi_folder_lock(const fxmon_env *env, int lock, fxmon_error *error); /* at most FXI_FOLDER_LOCK_WAIT */
void fxi_folder_unlock(int lock);
#define FXI_FOLDER_LOCK_WAIT (5 * FXMON_SECOND)
int64_t fxi_folder_active(int lock);                               /* -1: not known, list the folder */
bool fxi_folder_active_set(int lock, int64_t first);               /* -1: a rotation is under way */

int64_t fxi_folder_now(const fxmon_env *env);       /* wall clock of the host */
int64_t fxi_folder_monotonic(const fxmon_env *env);
#endif

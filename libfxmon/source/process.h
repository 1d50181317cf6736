/*
 * source/process.h - a child process without a shell: its output, its last words, its end. Nothing here waits, but for stop, which kills first.
 */
#ifndef FXI_PROCESS_H
#define FXI_PROCESS_H
#include "base/buf.h"
#define FXI_PROCESS_WORDS 256  /* most words of a command line */
#define FXI_PROCESS_LAST 200   /* bytes kept of the last line on standard error */
/**
 * Words of a command line: blanks separate; '...' takes all as it is; "..." and what is outside take \ before a character. An unquoted # ends the command; *rest points
 * behind it (NULL: none). One allocation, argv ends with NULL; fxi_free.
 */
int fxi_process_words(const char *text, char ***argv, const char **rest, fxmon_error *error);
typedef struct fxi_process {
    int pid;             /* 0: none */
    int out, err;        /* ends to read; -1 closed */
    bool exited;
    bool more;           /* the last pump left something to read: not over yet even if exited */
    int status;          /* of waitpid, once exited */
    size_t last_length;  /* of `last` */
    bool last_full;      /* a line end was seen: the next byte begins a new last line */
    char last[FXI_PROCESS_LAST];
} fxi_process;
/** Standard input is /dev/null; no descriptor but 0 to 2 gets to the child; it leads a process group of its own. `p` is overwritten. */
int fxi_process_start(fxi_process *p, char *const *argv, fxmon_error *error);
/** Read what there is. `out` may be NULL: standard output is left alone. FXMON_E_TOO_LARGE or NOMEM when out does not take it. */
int fxi_process_pump(fxi_process *p, fxi_buf *out, fxmon_error *error);
/** Kill the group if it runs, reap the child, close the pipes. Also right for a process that was never started. */
void fxi_process_stop(fxi_process *p);
/** FXMON_OK for exit status 0, else FXMON_E_CHILD with status and last words. */
int fxi_process_verdict(const fxi_process *p, const char *name, fxmon_error *error);
#endif

/* tests/support/local_server.h - provider_server.py for a test program: started on a free port, gone with the test. */
#ifndef FXMON_TEST_LOCAL_SERVER_H
#define FXMON_TEST_LOCAL_SERVER_H
#include <stddef.h>
/** Starts the server and waits at most 10 s for its port. Fails the test if there is none. */
void local_server_start(void);
void local_server_stop(void);
int local_server_port(void);
/** "http://127.0.0.1:PORT" + path; one of eight texts that are used in turn. */
const char *local_server_url(const char *path);
/** The same behind a prefix: "open-er-api:" + URL. */
const char *local_server_named(const char *prefix, const char *path);
/** The requests so far, as the server's JSON; static memory. */
const char *local_server_requests(void);
/** How many of them contain this text. */
size_t local_server_count(const char *text);
#endif

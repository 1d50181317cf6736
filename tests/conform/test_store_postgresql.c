/*
 * The postgresql: store on the server that DATABASE_URL names (tests/cluster/store_postgresql.sh starts one): the conformance suite, and what is
 * PostgreSQL's own. Each test has a schema to itself.
 */
#include "../support/property.h"
#include "store/postgresql.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const fxmon_store_ops fxi_store_postgresql;
#define STORE fxi_store_postgresql

static char schema[64];
static int schemas;

/* A connection beside the store's, in the schema of the test. */
static PGconn *open_by_hand(void)
{
    char sql[128];
    PGconn *db = PQconnectdb(getenv("DATABASE_URL"));
    if (PQstatus(db) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(db));
        abort();
    }
    snprintf(sql, sizeof(sql), "SET client_min_messages=error;SET search_path=%s", schema);
    PQclear(PQexec(db, sql));
    return db;
}

static void new_schema(char *text, size_t size)
{
    char sql[128];
    const char *base = getenv("DATABASE_URL");
    snprintf(schema, sizeof(schema), "t%d_%d", (int)getpid(), ++schemas);
    PGconn *db = open_by_hand();
    snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", schema);
    PQclear(PQexec(db, sql));
    PQfinish(db);
    snprintf(text, size, "%s%coptions=-csearch_path%%3D%s", base, strchr(base, '?') == NULL ? '?' : '&', schema);
}
#define STORE_NEW new_schema

#include "store.inc"

int main(void)
{
    if (getenv("DATABASE_URL") == NULL) {
        printf("skipped: DATABASE_URL names no server; tests/cluster/store_postgresql.sh starts one\n");
        return 77;
    }
    TCase *tests = tcase_create("postgresql");
    store_tests(tests);
    return support_run("store postgresql", tests);
}

/*
 * fxmon/version.h - the version of this header set.
 *
 * The one place where the version is written: the Makefile, the pkg-config files, the SONAME and
 * fxmon_version() all take it from here.
 */
#ifndef FXMON_VERSION_H
#define FXMON_VERSION_H

#define FXMON_VERSION_MAJOR 0
#define FXMON_VERSION_MINOR 1
#define FXMON_VERSION_PATCH 0

#define FXMON_STRINGIFY_(x) #x
#define FXMON_STRINGIFY(x) FXMON_STRINGIFY_(x)

/** "MAJOR.MINOR.PATCH" of the headers; compare with fxmon_version(), which names the library's. */
#define FXMON_VERSION_STRING                                                                       \
    FXMON_STRINGIFY(FXMON_VERSION_MAJOR)                                                           \
    "." FXMON_STRINGIFY(FXMON_VERSION_MINOR) "." FXMON_STRINGIFY(FXMON_VERSION_PATCH)

#endif

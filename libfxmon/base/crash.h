/*
 * base/crash.h - places where a process may be told to die, for the tests.
 *
 * What a crash leaves behind depends on the instruction it comes at, and a random kill seldom comes between two calls that follow each other at once. So
 * every gap that matters has a name. Built with FXI_CRASH_POINTS (VARIANT debug and the sanitizers), a process whose environment says FXMON_CRASH_AT=NAME[:N]
 * kills itself with SIGKILL when it passes NAME for the N-th time; FXMON_STOP_AT stops it with SIGSTOP instead, which makes a zombie. In a release build
 * a point is nothing at all. tests/cluster/test_p05_crash_points.py finds every name in the source and fails when no scenario of it dies there.
 */
#ifndef FXI_CRASH_H
#define FXI_CRASH_H

#ifndef FXI_CRASH_POINTS
#define FXI_CRASH_POINTS 0
#endif

#if FXI_CRASH_POINTS
void fxi_crash(const char *name);
#define FXI_CRASH(name) fxi_crash(name)
#else
#define FXI_CRASH(name) ((void)0)
#endif
#endif

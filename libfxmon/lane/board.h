/*
 * lane/board.h - where the lanes and the producer of a handle tell what others should see of them: heartbeats and rebalances. A worker of its own with
 * its own connection writes them to the store (option "store", or else the first store among the sinks), so that telling never delays the work, and a
 * dead store costs nothing but the telling.
 */
#ifndef FXI_BOARD_H
#define FXI_BOARD_H
#include <fxmon/fxmon.h>
typedef struct fxi_board fxi_board;
/** Any thread; copies. A bounded queue: the oldest is dropped when it is full, and counted. board may be NULL: nothing happens. */
void fxi_board_rebalance(fxi_board *board, const fxmon_rebalance *event);
#endif

/* lane/board.c - see board.h. */
#include "lane/board.h"
void fxi_board_rebalance(fxi_board *board, const fxmon_rebalance *event)
{
    (void)board;
    (void)event;
}

/* base/instance.h - how this process calls itself in rows that others read. */
#ifndef FXI_INSTANCE_H
#define FXI_INSTANCE_H
/** "host:pid". Never empty. */
void fxi_instance(char out[64]);
#endif

/* How much memory the master seems to use. */
#ifndef CONSUMER_LEAN_H
#define CONSUMER_LEAN_H

/* Gives pages back that only the start has needed: those of the program and its libraries which
 * are as they are in their files, whence they come again when somebody needs them. For a process
 * that runs for long and does little, at the end of its start. Any thread. */
void consumer_lean(void);

#endif

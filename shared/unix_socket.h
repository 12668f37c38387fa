/* unix_socket.h - making way for a unix socket that is to be bound.
 * Threads:  any.
 * Waiting:  nobody. */
#ifndef WXCHAT_UNIX_SOCKET_H
#define WXCHAT_UNIX_SOCKET_H

/* Removes the socket that a process which died left at path.  0: nothing is there that could be seen.  Anything else is left
 * alone: -EADDRINUSE where somebody listens, -EEXIST what is no socket, another errno (-EACCES: another user's socket) where
 * it cannot be known whether somebody does, or it cannot be removed. */
int unix_socket_clear(const char *path);

#endif

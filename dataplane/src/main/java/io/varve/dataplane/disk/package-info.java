/** Aligned device I/O on one event loop: io_uring, a thread pool, and a simulated disk that loses, tears and rots. Uses buffer and time only. */
@NullMarked
package io.varve.dataplane.disk;

import org.jspecify.annotations.NullMarked;

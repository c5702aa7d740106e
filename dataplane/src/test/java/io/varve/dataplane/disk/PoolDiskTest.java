package io.varve.dataplane.disk;

import io.vertx.core.transport.Transport;

/** The contract on the thread pool, with the event loop that goes with it where io_uring is forbidden. */
final class PoolDiskTest extends RealDiskTest {
    @Override
    DiskBackend backend() {
        return DiskBackend.THREAD_POOL;
    }

    @Override
    Transport transport() {
        return Transport.EPOLL;
    }
}

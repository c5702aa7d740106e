package io.varve.dataplane.disk;

import io.vertx.core.transport.Transport;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;

/** The contract on the event loop's io_uring. */
final class RingDiskTest extends RealDiskTest {
    @Override
    @BeforeEach
    void openDisk() throws Exception {
        if (!DiskProbe.loopsCanUseRing()) {
            System.err.println("NOT TESTED: RingDisk, because " + DiskProbe.whyNoRing());
            Assumptions.abort(DiskProbe.whyNoRing());
        }
        super.openDisk();
    }

    @Override
    DiskBackend backend() {
        return DiskBackend.IO_URING;
    }

    @Override
    Transport transport() {
        return Transport.IO_URING;
    }
}

package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

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

    /** More in one turn of the loop than the ring has entries for, submitted and completed: nothing is lost, nothing comes twice. */
    @Test
    void staysRightWhenTheRingIsFull() throws Exception {
        DeviceFile file =
                ((DeviceFile.Outcome.Ready) DeviceFile.open(DeviceSpec.file(path("deep"), 4 * DISK_BYTES))).file();
        CompletableFuture<RingDisk> opened = new CompletableFuture<>();
        vertxLoop().execute(() -> RingDisk.open(vertxLoop(), file, 8192, (disk, reason) -> opened.complete(disk)));
        RingDisk deep = await(opened);
        ByteBuf source = random(BLOCK, 30);
        int operations = 12_000;
        int[] timesDone = new int[operations];
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        vertxLoop().execute(() -> {
            for (int i = 0; i < operations; i++) {
                int number = i;
                long offset = (long) i * BLOCK;
                DiskCallback callback = result -> timesDone[number] += result == BLOCK ? 1 : 1000;
                if (i % 4 == 0) {
                    deep.write(offset, source, 0, BLOCK, false, callback);
                } else {
                    deep.read(offset, buffer(BLOCK), 0, BLOCK, callback);
                }
            }
            deep.close(() -> closed.complete(0));
        });
        await(closed);
        assertThat(timesDone).containsOnly(1);
    }

    @Test
    void isNotHadOnALoopWithoutARing() throws Exception {
        Vertx other = Vertx.builder().withTransport(Transport.EPOLL).build();
        VertxLoop epoll =
                new VertxLoop(((VertxInternal) other).createEventLoopContext(), "epoll", VertxLoop::haltProcess);
        CompletableFuture<LocalDisks.Outcome> outcome = new CompletableFuture<>();
        DeviceSpec spec = DeviceSpec.file(path("other"), DISK_BYTES);
        epoll.execute(() -> new LocalDisks(DiskBackend.IO_URING).open(epoll, spec, outcome::complete));
        assertThat(await(outcome))
                .isEqualTo(new LocalDisks.Outcome.Refused("cannot open "
                        + path("other").toAbsolutePath() + " with io_uring: the event loop does not run on io_uring"));
        CompletableFuture<DiskProbe> probed = new CompletableFuture<>();
        epoll.execute(() -> DiskProbe.run(epoll, path("other"), null, probed::complete));
        assertThat(await(probed))
                .isEqualTo(new DiskProbe(DiskBackend.THREAD_POOL, "the event loop does not run on io_uring"));
        epoll.close();
        other.close().await();
    }
}

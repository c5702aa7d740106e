package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.netty.util.internal.PlatformDependent;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What the front end takes for itself: no garbage per request, and little for a connection that does nothing. */
class NbdCostTest {
    private static final int BATCH = 32;
    private static final int WARM_BATCHES = 2000;
    private static final int BATCHES = 1000;

    /** Nothing per request; the transport's own events may leave a little for each turn of the loop. */
    private static final long MAX_BYTES_PER_REQUEST = 32;

    private static final int IDLE_CONNECTIONS = 1000;
    private static final long MAX_IDLE_BYTES = 50 << 20;

    /** Ends requests in the next turn without looking at them. */
    private static final class EmptyVolume extends MemoryVolume {
        private final ArrayDeque<BlockRequest> waiting = new ArrayDeque<>(BATCH);
        private final Runnable ending = this::endNext;

        EmptyVolume(TargetUnderTest under) {
            super("empty", TargetUnderTest.VOLUME_BYTES, under.loop());
        }

        @Override
        public void submit(BlockRequest request) {
            waiting.addLast(request);
            loop().execute(ending);
        }

        private void endNext() {
            ((NbdRequest) waiting.removeFirst()).completed(BlockStatus.OK);
        }
    }

    @Test
    @Tag("slow")
    void leavesNoGarbagePerRequest() throws Exception {
        try (TargetUnderTest under = new TargetUnderTest()) {
            under.onLoop(() -> under.volumes.add(new EmptyVolume(under)));
            long loopThread = under.onLoop(() -> Thread.currentThread().threadId());
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            try (NbdClient client = under.connect()) {
                client.handshake();
                client.option(8, new byte[0]);
                client.go("empty");
                readAndWrite(client, WARM_BATCHES);
                long before = threads.getThreadAllocatedBytes(loopThread);
                readAndWrite(client, BATCHES);
                long bytes = threads.getThreadAllocatedBytes(loopThread) - before;
                System.out.println("bytes allocated per request: " + (double) bytes / (2 * BATCH * BATCHES));
                assertThat(bytes / (2 * BATCH * BATCHES)).isLessThanOrEqualTo(MAX_BYTES_PER_REQUEST);
            }
        }
    }

    private static void readAndWrite(NbdClient client, int batches) throws Exception {
        byte[] block = new byte[4096];
        for (int batch = 0; batch < batches; batch++) {
            for (int i = 0; i < BATCH; i++) {
                client.sendHeader(0, NbdClient.WRITE, i, i * 4096L, 4096);
                client.out.write(block);
                client.sendHeader(0, NbdClient.READ, i, i * 4096L, 4096);
            }
            client.out.flush();
            for (int i = 0; i < 2 * BATCH; i++) {
                int magic = client.in.readInt();
                client.in.skipNBytes(magic == 0x67446698 ? 12 : 16 + 8 + 4096);
            }
        }
    }

    @Test
    @Tag("slow")
    void holdsAThousandIdleConnectionsInLittleMemory() throws Exception {
        try (TargetUnderTest under = new TargetUnderTest()) {
            try (NbdClient first = under.attach(true)) {
                assertThat(first.read(0, 4096)).hasSize(4096);
            }
            List<NbdClient> clients = new ArrayList<>();
            long before = usedBytes();
            for (int i = 0; i < IDLE_CONNECTIONS; i++) {
                NbdClient client = under.attach(true);
                clients.add(client);
                assertThat(client.read(0, 4096)).hasSize(4096);
            }
            long clientBytes = IDLE_CONNECTIONS * 2L * (1 << 16); // the buffers of our own clients
            long bytes = usedBytes() - before - clientBytes;
            System.out.println("bytes per idle connection: " + bytes / IDLE_CONNECTIONS);
            assertThat(bytes).isLessThan(MAX_IDLE_BYTES);
            for (NbdClient client : clients) {
                client.close();
            }
        }
    }

    private static long usedBytes() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory() + PlatformDependent.usedDirectMemory();
    }
}

package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.NodeView;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterGroupResponse;
import io.varve.api.ReportEventRequest;
import io.varve.api.TruthCode;
import io.varve.api.TruthResult;
import io.varve.api.TruthService;
import io.varve.api.WatchNodeRequest;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.DiskGroupFormat;
import io.varve.dataplane.store.DiskGroupOptions;
import io.varve.dataplane.store.GroupDisk;
import io.varve.dataplane.store.GroupIdentity;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.OpenResult;
import io.varve.dataplane.store.StoreRead;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.store.index.MemoryIndex;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.model.Geometry;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class NodeAgentTest {
    private static final long SECOND = 1_000_000_000L;
    private static final long MIB = 1 << 20;
    private static final long STREAM = 7L << 16;
    private static final GroupIdentity IDENTITY = new GroupIdentity(new UUID(1, 1), "n1", new UUID(2, 2));
    private static final DiskGroupOptions OPTIONS = new DiskGroupOptions(32 * MIB, 64, 8, 5 * SECOND, true);

    private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
    private final SimulatedLoop loop = scheduler.newLoop("n1");
    private final SimulatedMedium medium = new SimulatedMedium(256 * MIB);
    private final MemoryIndex index = new MemoryIndex();
    private final Truth truth = new Truth();

    /** Takes everything, and has no news. */
    private static final class Truth extends TruthService {
        private static final TruthResult OK =
                TruthResult.newBuilder().setCode(TruthCode.TRUTH_OK).build();
        private final List<String> events = new ArrayList<>();

        @Override
        public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
            return Future.succeededFuture(
                    RegisterGroupResponse.newBuilder().setResult(OK).build());
        }

        @Override
        public Future<TruthResult> reportEvent(ReportEventRequest request) {
            events.add(request.getMessage());
            return Future.succeededFuture(OK);
        }

        @Override
        public Future<NodeView> watchNode(WatchNodeRequest request) {
            return Promise.<NodeView>promise().future();
        }
    }

    private List<GroupDisk> disks() {
        return List.of(
                new GroupDisk(new SimulatedDisk(loop, "disk", medium, scheduler.newRandom(), 16), DeviceClass.NVME));
    }

    private LocalGroup open() {
        List<DiskGroup> opened = new ArrayList<>();
        DiskGroup.open(
                loop, disks(), IDENTITY, OPTIONS, index, result -> opened.add(((OpenResult.Opened) result).group()));
        scheduler.runFor(SECOND);
        DiskGroup store = opened.getFirst();
        return new LocalGroup(store.uuid(), "fast", loop, store, "n1:1", List.of());
    }

    /** Writes as many blocks under checksums that are not theirs, and reads them. */
    private void findDamage(DiskGroup store, long seq, int blocks) {
        JournalRecord record = new JournalRecord() {
            @Override
            protected void appended(StoreStatus status) {
                assertThat(status).isEqualTo(StoreStatus.OK);
            }
        };
        record.stream = STREAM;
        record.seq = seq;
        record.epoch = 1;
        record.count = blocks;
        record.payload = Buffers.aligned(blocks * Geometry.BLOCK_BYTES);
        loop.execute(() -> store.append(record));
        scheduler.runFor(SECOND);
        for (int i = 0; i < blocks; i++) {
            StoreRead read = new StoreRead() {
                @Override
                protected void completed(StoreStatus status) {
                    assertThat(status).isEqualTo(StoreStatus.BAD_BLOCK);
                }
            };
            read.stream = STREAM;
            read.block = i;
            read.count = 1;
            read.destination = Buffers.aligned(Geometry.BLOCK_BYTES);
            loop.execute(() -> store.read(read));
        }
        scheduler.runFor(SECOND);
        assertThat(store.stats().checksumErrors()).isEqualTo(blocks);
    }

    @Test
    void tellsDamageOfAGroupThatWasOpenedAnew() {
        DiskGroupFormat.format(loop, disks(), IDENTITY, OPTIONS, index, false, new UUID(3, 3), failure -> {});
        scheduler.runFor(SECOND);
        LocalGroup before = open();
        loop.execute(() -> before.store().create(STREAM, 1, 256, status -> {}));
        scheduler.runFor(SECOND);
        NodeAgent agent =
                new NodeAgent(loop, truth, "n1", 1, List.of(before), new LocalVolumes(loop, truth, "n1", 1, List.of()));
        loop.execute(agent::start);
        findDamage(before.store(), 1, 3);
        scheduler.runFor(10 * SECOND);
        assertThat(truth.events).containsExactly(events(3));

        loop.execute(() -> before.store().close(() -> {}));
        scheduler.runFor(10 * SECOND);
        LocalGroup anew = open();
        loop.execute(() -> agent.add(anew));
        findDamage(anew.store(), 2, 2);
        scheduler.runFor(700 * SECOND);
        assertThat(truth.events).containsExactly(events(3), events(2));
        loop.execute(agent::close);
    }

    private static String events(int blocks) {
        return "disk group fast: " + blocks + " damaged blocks were found; repaired since the start: 0";
    }
}

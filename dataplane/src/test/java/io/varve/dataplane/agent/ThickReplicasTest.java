package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
import io.varve.api.Attachment;
import io.varve.api.Growth;
import io.varve.api.NodeView;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterGroupResponse;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.ReplicasCreatedResponse;
import io.varve.api.ReplicasDeletedRequest;
import io.varve.api.ReplicasDeletedResponse;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.TruthResult;
import io.varve.api.TruthService;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.WatchNodeRequest;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.replication.Ports;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.DiskGroupFormat;
import io.varve.dataplane.store.DiskGroupOptions;
import io.varve.dataplane.store.GroupDisk;
import io.varve.dataplane.store.GroupIdentity;
import io.varve.dataplane.store.OpenResult;
import io.varve.dataplane.store.index.MemoryIndex;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.volume.Volumes;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.SimulatedNetwork;
import io.varve.model.ByteSize;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The room that a node keeps for the copies of a thick volume, and what it tells of that. */
@NullUnmarked
final class ThickReplicasTest {
    private static final long SECOND = 1_000_000_000L;
    private static final long MIB = 1 << 20;
    private static final long SLAB = 64 * MIB;
    private static final GroupIdentity IDENTITY = new GroupIdentity(new UUID(1, 1), "n1", new UUID(2, 2));
    private static final DiskGroupOptions OPTIONS = new DiskGroupOptions(32 * MIB, 64, 8, 5 * SECOND, true);

    private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
    private final SimulatedLoop loop = scheduler.newLoop("n1");
    private final Truth truth = new Truth();
    private LocalGroup group;
    private NodeAgent agent;

    /** Notes what it is told; its news are what the test says. */
    private static final class Truth extends TruthService {
        private static final TruthResult OK =
                TruthResult.newBuilder().setCode(TruthCode.TRUTH_OK).build();

        private final List<String> told = new ArrayList<>();
        private NodeView view = NodeView.getDefaultInstance();
        private Promise<NodeView> asked;
        /** As long as there is one, answers about replicas that were made wait for it. */
        private Promise<Void> delay;

        private long guaranteed;

        void show(Volume volume) {
            view = NodeView.newBuilder()
                    .setIndex(view.getIndex() + 1)
                    .setChanged(true)
                    .addVolumes(volume)
                    .build();
            if (asked != null) {
                asked.tryComplete(view);
            }
        }

        List<String> takeTold() {
            List<String> taken = List.copyOf(told);
            told.clear();
            return taken;
        }

        private void note(String what, List<Integer> slabs, List<Long> bytes, long version) {
            for (int i = 0; i < slabs.size(); i++) {
                told.add(what + " " + slabs.get(i) + ", " + new ByteSize(bytes.get(i)) + ", version " + version);
            }
        }

        @Override
        public Future<AttachResponse> attach(AttachRequest request) {
            return Future.succeededFuture(AttachResponse.newBuilder()
                    .setResult(OK)
                    .setVolume(view.getVolumes(0))
                    .build());
        }

        @Override
        public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
            long bytes = request.getGroup().getGuaranteedBytes();
            if (bytes != guaranteed) {
                guaranteed = bytes;
                told.add("group keeps " + new ByteSize(bytes));
            }
            return Future.succeededFuture(
                    RegisterGroupResponse.newBuilder().setResult(OK).build());
        }

        @Override
        public Future<NodeView> watchNode(WatchNodeRequest request) {
            asked = Promise.promise();
            if (view.getIndex() > request.getAfterIndex()) {
                asked.complete(view);
            }
            return asked.future();
        }

        @Override
        public Future<ReplicasCreatedResponse> replicasCreated(ReplicasCreatedRequest request) {
            note("made", request.getSlabsList(), request.getGuaranteedBytesList(), request.getGuaranteeVersion());
            Future<Void> when = delay == null ? Future.succeededFuture() : delay.future();
            return when.map(ReplicasCreatedResponse.newBuilder().setResult(OK).build());
        }

        @Override
        public Future<TruthResult> replicasGuaranteed(ReplicasGuaranteedRequest request) {
            note(
                    request.getRefusal().isEmpty() ? "keeps" : "refuses",
                    request.getSlabsList(),
                    request.getGuaranteedBytesList(),
                    request.getGuaranteeVersion());
            if (!request.getRefusal().isEmpty()) {
                told.add(request.getRefusal());
            }
            return Future.succeededFuture(OK);
        }

        @Override
        public Future<ReplicasDeletedResponse> replicasDeleted(ReplicasDeletedRequest request) {
            request.getSlabsList().forEach(slab -> told.add("deleted " + slab));
            return Future.succeededFuture(
                    ReplicasDeletedResponse.newBuilder().setResult(OK).build());
        }
    }

    @BeforeEach
    void start() {
        SimulatedMedium medium = new SimulatedMedium(256 * MIB);
        List<GroupDisk> disks = List.of(
                new GroupDisk(new SimulatedDisk(loop, "disk", medium, scheduler.newRandom(), 16), DeviceClass.NVME));
        MemoryIndex index = new MemoryIndex();
        DiskGroupFormat.format(loop, disks, IDENTITY, OPTIONS, index, false, new UUID(3, 3), failure -> {});
        scheduler.runFor(SECOND);
        List<DiskGroup> opened = new ArrayList<>();
        DiskGroup.open(
                loop, disks, IDENTITY, OPTIONS, index, result -> opened.add(((OpenResult.Opened) result).group()));
        scheduler.runFor(SECOND);
        DiskGroup store = opened.getFirst();
        group = new LocalGroup(store.uuid(), "fast", loop, store, "n1:1", List.of());
        agent = new NodeAgent(loop, truth, "n1", 1, List.of(group), new LocalVolumes(loop, truth, "n1", 1, List.of()));
        loop.execute(agent::start);
        scheduler.runFor(SECOND);
    }

    @AfterEach
    void close() {
        loop.execute(agent::close);
    }

    private List<String> after(Volume shown) {
        truth.show(shown);
        scheduler.runFor(SECOND);
        return truth.takeTold();
    }

    private long kept() {
        return group.store().stats().guaranteedBytes() / MIB;
    }

    private Slab slab(int index, ReplicaPhase phase, long guaranteedMib) {
        return Slab.newBuilder()
                .setIndex(index)
                .addReplicas(Replica.newBuilder()
                        .setGroup(group.uuid())
                        .setCreationId(index + 1)
                        .setPhase(phase)
                        .setGuaranteedBytes(guaranteedMib * MIB))
                .build();
    }

    private Volume.Builder volume(boolean thick, long version) {
        return Volume.newBuilder()
                .setId(7)
                .setName("db")
                .setState(VolumeState.VOLUME_DETACHED)
                .setSizeBytes(40 * MIB)
                .setSlabBytes(SLAB)
                .setWholeSlabs(true)
                .setReplicas(1)
                .setThick(thick)
                .setGuaranteeVersion(version);
    }

    private Growth.Builder growth(long mib, ReplicaPhase phase) {
        Growth.Builder growth = Growth.newBuilder().setSizeBytes(mib * MIB);
        for (int index = 1; index * SLAB < mib * MIB; index++) {
            growth.addSlabs(slab(index, phase, 0));
        }
        return growth;
    }

    /** Of 40 MiB, as its disk group has made it. */
    private Volume made() {
        after(volume(true, 0)
                .setState(VolumeState.VOLUME_CREATING)
                .addSlabs(slab(0, ReplicaPhase.REPLICA_NEW, 0))
                .build());
        return volume(true, 0)
                .addSlabs(slab(0, ReplicaPhase.REPLICA_CREATED, 40))
                .build();
    }

    /** Whoever places the next volume when he hears of this one must know what is left. */
    @Test
    void tellsWhatIsLeftBeforeItTellsThatACopyIsMade() {
        assertThat(after(volume(true, 3)
                        .setState(VolumeState.VOLUME_CREATING)
                        .addSlabs(slab(0, ReplicaPhase.REPLICA_NEW, 0))
                        .build()))
                .containsExactly("group keeps 40MiB", "made 0, 40MiB, version 3");
        assertThat(kept()).isEqualTo(40);
    }

    @Test
    void aCopyThatHasNoRoomIsToldWithTheNumbersAndIsNotThere() {
        Volume larger = volume(true, 0)
                .setSizeBytes(1024 * MIB)
                .setSlabBytes(1024 * MIB)
                .setState(VolumeState.VOLUME_CREATING)
                .addSlabs(slab(0, ReplicaPhase.REPLICA_NEW, 0))
                .build();
        List<String> told = after(larger);
        assertThat(told).hasSize(2).first().isEqualTo("refuses 0, 1GiB, version 0");
        assertThat(told.getLast())
                .matches("n1: disk group fast has 2\\d\\d(\\.\\d+)?MiB left, and 1GiB are to be kept for slab 0");
        assertThat(kept()).isZero();
        assertThat(group.store().streams()).isEmpty();
        Volume going = larger.toBuilder().setState(VolumeState.VOLUME_DELETING).build();
        assertThat(after(going)).containsExactly("deleted 0");
    }

    @Test
    void aGrowthIsKeptAndGivenBackWhenAnotherCopyRefusesIt() {
        Volume made = made();
        Volume growing = made.toBuilder()
                .setGuaranteeVersion(1)
                .setGrowth(Growth.newBuilder().setSizeBytes(60 * MIB))
                .build();
        assertThat(after(growing)).containsExactly("group keeps 60MiB", "keeps 0, 60MiB, version 1");
        Volume refused = volume(true, 2)
                .addSlabs(slab(0, ReplicaPhase.REPLICA_CREATED, 60))
                .build();
        assertThat(after(refused)).containsExactly("group keeps 40MiB", "keeps 0, 40MiB, version 2");
        assertThat(kept()).isEqualTo(40);
    }

    /** Room for two slabs more is there, for four it is not: all that was made for the growth goes. */
    @Test
    void aGrowthThatItRefusesLeavesNothing() {
        Volume made = made();
        long room = group.store().credits().pieces();
        Volume.Builder larger = made.toBuilder().clearSlabs().addSlabs(slab(0, ReplicaPhase.REPLICA_CREATED, 64));
        assertThat(after(made.toBuilder()
                        .setGuaranteeVersion(1)
                        .setGrowth(growth(64, ReplicaPhase.REPLICA_NEW))
                        .build()))
                .contains("keeps 0, 64MiB, version 1");
        List<String> told = after(larger.setGuaranteeVersion(2)
                .setGrowth(growth(320, ReplicaPhase.REPLICA_NEW))
                .build());
        assertThat(told)
                .contains("made 1, 64MiB, version 2")
                .contains("refuses 3, 64MiB, version 2", "refuses 4, 64MiB, version 2")
                .anySatisfy(why -> assertThat(why).contains("left, and 64MiB are to be kept for slab"));
        told = after(larger.setGuaranteeVersion(3)
                .setGrowth(growth(320, ReplicaPhase.REPLICA_LEAVING).setRefused(true))
                .build());
        assertThat(told).contains("deleted 1", "deleted 2", "deleted 3", "deleted 4");
        assertThat(after(larger.clearGrowth().build())).contains("keeps 0, 40MiB, version 3");
        assertThat(kept()).isEqualTo(40);
        assertThat(group.store().credits().pieces()).isEqualTo(room);
    }

    /** It becomes thick, or thin, while its group tells what it has made. */
    @Test
    void aCopyThatIsStillNewIsMadeAgainWithWhatIsWantedSince() {
        truth.delay = Promise.promise();
        Volume thin =
                volume(false, 0).addSlabs(slab(0, ReplicaPhase.REPLICA_NEW, 0)).build();
        assertThat(after(thin)).containsExactly("made 0, 0B, version 0");
        Volume thick = thin.toBuilder().setThick(true).setGuaranteeVersion(1).build();
        assertThat(after(thick)).isEmpty();
        truth.delay.complete();
        scheduler.runFor(SECOND);
        assertThat(truth.takeTold()).containsExactly("group keeps 40MiB", "made 0, 40MiB, version 1");
        assertThat(kept()).isEqualTo(40);
        assertThat(after(thin.toBuilder().setGuaranteeVersion(2).build())).contains("made 0, 0B, version 2");
        assertThat(kept()).isZero();
    }

    private final SimulatedScheduler others = new SimulatedScheduler(2);
    private LocalVolumes served;

    private void follow(boolean thick, long version) {
        truth.show(volume(thick, version)
                .setEpoch(1)
                .setAttachment(Attachment.newBuilder().setNode("n1").setEpoch(1).setGuaranteed(true))
                .build());
        loop.execute(() -> served.follow(truth.view, (volume, epoch, uri) -> {}));
        scheduler.runFor(SECOND);
    }

    private void letTheVolumesLoopRun() {
        others.runFor(SECOND);
        scheduler.runFor(SECOND);
    }

    /** Until then its writes may be numbered without asking for room, and nobody may have that. */
    @Test
    void whoCountsOnRoomIsSaidToDoSoUntilItsLoopHasSeenThatItMustNot() {
        close();
        SimulatedLoop busy = others.newLoop("n1-volumes");
        Ports ports = new Ports(
                busy, new SimulatedNetwork(3).transport(busy, "n1"), new NodeIdentity("cluster", "n1", 1), "n1");
        Volumes volumes = new Volumes(busy, ports, new TruthCalls(busy, truth));
        served = new LocalVolumes(
                loop, truth, "n1", 1, List.of(new VolumeLoop(busy, volumes, Set.of(group.uuid()), "n1:2")));
        Volume thick = volume(true, 1)
                .setEpoch(1)
                .setAttachment(Attachment.newBuilder().setNode("n1").setEpoch(1).setGuaranteed(true))
                .build();
        truth.show(thick);
        loop.execute(() -> served.take(thick, 1));
        scheduler.runFor(SECOND);
        letTheVolumesLoopRun();
        follow(false, 2);
        assertThat(served.uncounting(7)).isEmpty();
        letTheVolumesLoopRun();
        assertThat(served.uncounting(7)).hasValue(2);
        follow(true, 3);
        assertThat(served.uncounting(7)).isEmpty();
        letTheVolumesLoopRun();
        follow(false, 4);
        follow(true, 5);
        letTheVolumesLoopRun();
        assertThat(served.uncounting(7)).as("it is to count on it again").isEmpty();
        follow(false, 6);
        letTheVolumesLoopRun();
        assertThat(served.uncounting(7)).hasValue(6);
    }
}

package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static io.varve.dataplane.store.StoreRig.write;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Replicas of one stream that follow one another on a disk group, told apart by their creation ids. */
@NullUnmarked
final class StreamChangesTest {
    private final StoreRig rig = StoreRig.opened(1);

    private StoreStatus await(Consumer<ReplicaStore.StatusCallback> call) {
        StoreStatus[] status = new StoreStatus[1];
        rig.run(() -> call.accept(done -> status[0] = done));
        rig.await(() -> status[0] != null);
        return status[0];
    }

    private long here() {
        StreamState state = rig.group().stream(STREAM);
        return state == null ? 0 : state.creationId();
    }

    private StoreStatus delete(long creationId) {
        return await(done -> rig.group().delete(STREAM, creationId, done));
    }

    private StoreStatus create(long creationId) {
        return await(done -> rig.group().create(STREAM, creationId, 65_536, done));
    }

    @Test
    void deletesOnlyTheReplicaThatIsMeant() {
        long known = here();
        rig.append(write(STREAM, 1, 0, 1, 1));
        assertThat(delete(known + 1)).isEqualTo(StoreStatus.OK);
        assertThat(here()).as("another one was meant").isEqualTo(known);
        assertThat(rig.group().stream(STREAM).lastSeq()).isEqualTo(1);
        assertThat(delete(known)).isEqualTo(StoreStatus.OK);
        assertThat(here()).isZero();
        assertThat(delete(known)).as("again").isEqualTo(StoreStatus.OK);
    }

    @Test
    void aVolumeThatIsGoneTakesWhicheverReplicaThereIs() {
        assertThat(delete(ReplicaStore.ANY_CREATION)).isEqualTo(StoreStatus.OK);
        assertThat(here()).isZero();
    }

    /** The group was away when the former one was to go, and was forgotten. */
    @Test
    void aReplicaMadeAnewTakesThePlaceOfAnEarlierOneAndIsEmpty() {
        long former = here();
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.commit(STREAM, 1);
        assertThat(create(former + 5)).isEqualTo(StoreStatus.OK);
        assertThat(here()).isEqualTo(former + 5);
        assertThat(rig.group().stream(STREAM).lastSeq()).isZero();
        rig.restart();
        assertThat(here()).isEqualTo(former + 5);
        assertThat(rig.group().stream(STREAM).lastSeq()).isZero();
        assertThat(create(former + 5)).as("the same again").isEqualTo(StoreStatus.OK);
    }

    @Test
    void anEarlierReplicaNeverTakesThePlaceOfALaterOne() {
        long known = here();
        assertThat(create(known - 1)).isEqualTo(StoreStatus.NOT_MEMBER);
        assertThat(here()).isEqualTo(known);
    }

    /** What is journalled goes first when a replica is deleted; below it lies what it replaced. */
    @Test
    void aReadThatWaitedWhileItsReplicaWentIsNotAnsweredWithWhatWasReplaced() {
        rig.append(write(STREAM, 1, 0, 2, 1));
        rig.commit(STREAM, 1);
        rig.scheduler.runFor(6_000_000_000L);
        assertThat(rig.group().stream(STREAM).appliedSeq()).as("destaged").isEqualTo(1);
        rig.append(write(STREAM, 2, 1, 1, 2));
        rig.commit(STREAM, 2);
        rig.restart();
        TestRead read = new TestRead(STREAM, 0, 2);
        rig.run(() -> {
            // The entry of block 0 is not in memory.
            rig.group().read(read);
            assertThat(read.status).isNull();
            rig.group().delete(STREAM, ReplicaStore.ANY_CREATION, status -> {});
        });
        rig.await(() -> read.status != null);
        assertThat(read.status).isEqualTo(StoreStatus.NOT_MEMBER);
    }

    @Test
    void aRepairThatWaitedBehindADeletionWritesNothing() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        TestRecord content = write(STREAM, 1, 0, 1, 1);
        StoreStatus[] status = new StoreStatus[1];
        rig.run(() -> {
            rig.group().delete(STREAM, ReplicaStore.ANY_CREATION, done -> {});
            rig.group().repair(STREAM, 0, content.payload, 0, content.crcs[0], 1, done -> status[0] = done);
        });
        rig.await(() -> status[0] != null);
        assertThat(status[0]).isEqualTo(StoreStatus.NOT_MEMBER);
    }
}

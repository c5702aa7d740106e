package io.varve.dataplane.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.agent.GroupOpening;
import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.DiskGroupFormat;
import io.varve.dataplane.store.DiskGroupOptions;
import io.varve.dataplane.store.GroupDisk;
import io.varve.dataplane.store.GroupIdentity;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.OpenResult;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.store.index.MemoryIndex;
import io.varve.dataplane.time.HangingLoop;
import io.varve.dataplane.time.VertxLoop;
import io.varve.dataplane.wire.NodeIdentity;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.internal.VertxInternal;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** On a real loop, with a simulated disk. */
@NullUnmarked
final class ReopenedGroupsTest {
    private static final long MIB = 1 << 20;
    private static final long STREAM = 7L << 16;
    private static final GroupIdentity IDENTITY = new GroupIdentity(new UUID(1, 1), "n1", new UUID(2, 2));
    private static final DiskGroupOptions OPTIONS = new DiskGroupOptions(32 * MIB, 64, 8, 5_000_000_000L, true);

    private static final GroupConfig CONFIG = new GroupConfig(
            "fast", 0, List.of(new GroupConfig.Device(Path.of("disk"), Optional.empty(), 0, false, false)));

    private final LinkedBlockingQueue<Throwable> bugs = new LinkedBlockingQueue<>();
    private final SimulatedMedium medium = new SimulatedMedium(256 * MIB);
    private final MemoryIndex index = new MemoryIndex();
    private Vertx vertx;
    private VertxLoop loop;
    private HangingLoop groupLoop;
    private SimulatedDisk disk;
    private LoopStack stack;
    private LocalGroup local;
    private StartedGroups groups;
    private ReopenedGroups reopened;
    private int opened;

    @BeforeEach
    void start() throws Exception {
        vertx = Vertx.vertx();
        loop = new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "loop", bugs::add);
        groupLoop = new HangingLoop(loop, 100_000_000L);
        DataPlaneConfig config = new DataPlaneConfig(
                "n1",
                "",
                1,
                Path.of("data"),
                "127.0.0.1",
                "127.0.0.1",
                1,
                "127.0.0.1",
                2,
                "",
                false,
                "",
                "",
                List.of(CONFIG),
                1,
                64 * MIB,
                Optional.empty(),
                Optional.empty());
        await(() -> {
            stack = new LoopStack(vertx, loop, CONFIG, 0, new NodeIdentity("c", "n1", 1), null, config, null);
            groups = new StartedGroups(
                    loop, (of, group, then) -> open().onSuccess(then::accept), (of, group) -> opened++, refused -> {});
            reopened = new ReopenedGroups(loop, groups, (group, message) -> {});
            disk = new SimulatedDisk(loop, "disk", medium, new SplittableRandom(1), 16);
            Promise<String> formatted = Promise.promise();
            DiskGroupFormat.format(loop, disks(), IDENTITY, OPTIONS, index, false, new UUID(3, 3), formatted::complete);
            return formatted.future();
        });
        await(() -> groups.open(stack, CONFIG));
        local = stack.served;
    }

    private List<GroupDisk> disks() {
        return List.of(new GroupDisk(disk, DeviceClass.NVME));
    }

    private Future<GroupOpening.Outcome> open() {
        disk = new SimulatedDisk(loop, "disk", medium, new SplittableRandom(1), 16);
        Promise<GroupOpening.Outcome> done = Promise.promise();
        io.varve.dataplane.store.DiskGroup.open(
                groupLoop,
                disks(),
                IDENTITY,
                OPTIONS,
                index,
                result -> done.complete(new GroupOpening.Outcome.Opened(
                        ((OpenResult.Opened) result).group(),
                        List.of(new LocalGroup.OpenDevice("disk", DeviceClass.NVME, 256 * MIB)))));
        return done.future();
    }

    @AfterEach
    void stop() throws Exception {
        loop.close();
        vertx.close().await(10, TimeUnit.SECONDS);
        assertThat(bugs).isEmpty();
    }

    /** On the loop; waits for what it begins. */
    private <T> T await(Supplier<Future<T>> step) throws Exception {
        Promise<T> done = Promise.promise();
        loop.execute(() -> step.get().onComplete(done));
        return done.future().await(10, TimeUnit.SECONDS);
    }

    /** The disk refuses a write. */
    private void fail() throws Exception {
        await(() -> {
            Promise<Void> failed = Promise.promise();
            disk.faults().fail(DiskFaults.Target.WRITE, Errno.EIO);
            local.store().onFailure(() -> {
                reopened.failed(stack, CONFIG, local);
                failed.complete();
            });
            local.store().create(STREAM, 1, 256, created -> local.store().append(new Seal()));
            return failed.future();
        });
    }

    private static final class Seal extends JournalRecord {
        Seal() {
            stream = STREAM;
            op = Op.SEAL;
            epoch = 1;
        }

        @Override
        protected void appended(StoreStatus status) {
            // The group's failure is what is waited for.
        }
    }

    @Test
    void opensAnewWhatAPersonWants() throws Exception {
        fail();
        assertThat(stack.trouble()).contains("failed");
        await(() -> reopened.retry("fast"));
        assertThat(opened).isEqualTo(2);
        assertThat(stack.trouble()).isEmpty();
        assertThat(await(() -> Future.succeededFuture(reopened.hasFailed("fast"))))
                .isFalse();
    }

    @Test
    void answersWhoWantsAGroupThatCannotBeClosed() throws Exception {
        fail();
        groupLoop.hang();
        for (int time = 0; time < 2; time++) {
            Future<Void> tried = await(() -> Future.succeededFuture(reopened.retry("fast")));
            Promise<Throwable> why = Promise.promise();
            tried.onSuccess(done -> why.fail("it was opened")).onFailure(why::complete);
            assertThat(why.future().await(8, TimeUnit.SECONDS)).hasMessageContaining("restart the node");
        }
        assertThat(opened).isEqualTo(1);
        DiskGroup described = await(() -> Future.succeededFuture(stack.describe("n1", "")));
        assertThat(described.getDevices(0).getState()).isEqualTo("FAILED");
        assertThat(described.getDevices(0).getDetail()).contains("restart the node");
    }
}

package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import io.netty.channel.uring.IoUring;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.time.VertxLoop;
import io.varve.model.Geometry;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds out at start how this process can drive disks: io_uring exists or not, is allowed or not (containers, RHEL), and works with
 * O_DIRECT or not; only a real read tells.
 *
 * @param backend what disks are opened with
 * @param reason why, for the log and for {@code varve node show}
 */
public record DiskProbe(DiskBackend backend, String reason) {
    /** Depth of the disk that is used for trying out. */
    private static final int PROBE_DEPTH = 1;

    /** Whether event loops can run on io_uring at all here: what {@code main} asks before it makes them. Any thread. */
    public static boolean loopsCanUseRing() {
        return IoUring.isAvailable();
    }

    /** Why {@link #loopsCanUseRing} says no; empty if it says yes. */
    public static String whyNoRing() {
        Throwable cause = IoUring.unavailabilityCause();
        return cause == null ? "" : "io_uring is not available: " + rootMessage(cause);
    }

    /**
     * Tries a read of {@code device} (a block device or a file, already there; it is opened for looking only and closed again) on the
     * loop's ring. On the loop; {@code then} runs on the loop.
     *
     * @param forced what the configuration demands, or null. A demand is not tested: it fails when the disk is opened
     */
    public static void run(VertxLoop loop, Path device, @Nullable DiskBackend forced, Consumer<DiskProbe> then) {
        if (forced != null) {
            loop.execute(() -> then.accept(new DiskProbe(forced, "set in the configuration")));
            return;
        }
        if (!loopsCanUseRing()) {
            loop.execute(() -> then.accept(pool(whyNoRing())));
            return;
        }
        Opening opening = new Opening();
        loop.offload(() -> opening.outcome = DeviceFile.open(DeviceSpec.lookOnly(device)), () -> {
            switch (opening.outcome) {
                case DeviceFile.Outcome.Ready ready -> readOnRing(loop, ready.file(), then);
                case DeviceFile.Outcome.Refused refused ->
                    then.accept(pool("io_uring could not be tried: " + refused.reason()));
            }
        });
    }

    private static void readOnRing(VertxLoop loop, DeviceFile file, Consumer<DiskProbe> then) {
        RingDisk.open(loop, file, PROBE_DEPTH, (disk, reason) -> {
            if (disk == null) {
                loop.offload(file::close, () -> then.accept(pool(reason)));
                return;
            }
            ByteBuf block = Buffers.aligned(Geometry.BLOCK_BYTES);
            disk.read(0, block, 0, Geometry.BLOCK_BYTES, result -> {
                block.release();
                disk.close(() -> then.accept(
                        result == Geometry.BLOCK_BYTES
                                ? new DiskProbe(
                                        DiskBackend.IO_URING, "an O_DIRECT read on the event loop's ring worked")
                                : pool("an O_DIRECT read on the event loop's ring failed: " + Errno.describe(result))));
            });
        });
    }

    private static DiskProbe pool(String reason) {
        return new DiskProbe(DiskBackend.THREAD_POOL, reason);
    }

    private static String rootMessage(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    /** Carries what the worker found to the loop: written before and read after the crossing. */
    private static final class Opening {
        DeviceFile.Outcome outcome = new DeviceFile.Outcome.Refused("not tried");
    }
}

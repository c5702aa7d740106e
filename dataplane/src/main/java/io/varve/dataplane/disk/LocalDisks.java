package io.varve.dataplane.disk;

import io.varve.dataplane.time.VertxLoop;
import java.util.function.Consumer;

/** Opens this node's devices, each on the loop that is to own it, with the backend that was chosen at start. */
public final class LocalDisks {
    /**
     * Operations that one disk works on at a time. Flash of today is saturated at 32 to 64; 128 leaves room for background reads
     * beside the journal without letting one loop fill its ring of 1024 entries from one disk.
     */
    public static final int QUEUE_DEPTH = 128;

    private final DiskBackend backend;

    public LocalDisks(DiskBackend backend) {
        this.backend = backend;
    }

    /** What became of opening a disk. */
    public sealed interface Outcome {
        record Ready(Disk disk, DeviceClass deviceClass) implements Outcome {}

        /** {@code reason} is a sentence for people that names the device. */
        record Refused(String reason) implements Outcome {}
    }

    /** On the loop; {@code then} runs there, later. Opening, and filling a new file with zeros, is done by the loop's worker. */
    public void open(VertxLoop loop, DeviceSpec spec, Consumer<Outcome> then) {
        Opening opening = new Opening();
        loop.offload(() -> opening.outcome = DeviceFile.open(spec), () -> {
            switch (opening.outcome) {
                case DeviceFile.Outcome.Ready ready -> attach(loop, ready.file(), then);
                case DeviceFile.Outcome.Refused refused -> then.accept(new Outcome.Refused(refused.reason()));
            }
        });
    }

    private void attach(VertxLoop loop, DeviceFile file, Consumer<Outcome> then) {
        switch (backend) {
            case THREAD_POOL ->
                then.accept(new Outcome.Ready(new PoolDisk(loop, file, QUEUE_DEPTH), file.deviceClass()));
            case IO_URING ->
                RingDisk.open(loop, file, QUEUE_DEPTH, (disk, reason) -> {
                    if (disk != null) {
                        then.accept(new Outcome.Ready(disk, file.deviceClass()));
                    } else {
                        String refusal = "cannot open " + file.path() + " with io_uring: " + reason;
                        loop.offload(file::close, () -> then.accept(new Outcome.Refused(refusal)));
                    }
                });
        }
    }

    /** Carries what the worker found to the loop: written before and read after the crossing. */
    private static final class Opening {
        DeviceFile.Outcome outcome = new DeviceFile.Outcome.Refused("not tried");
    }
}

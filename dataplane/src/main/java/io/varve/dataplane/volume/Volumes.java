package io.varve.dataplane.volume;

import io.varve.dataplane.replication.AccessPointHost;
import io.varve.dataplane.replication.AttachSpec;
import io.varve.dataplane.replication.CopiesWanted;
import io.varve.dataplane.replication.Ports;
import io.varve.dataplane.replication.Truth;
import io.varve.dataplane.time.Loop;
import io.varve.model.IoLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The volumes of one loop: attaches them, finds them by name, detaches them. Confined to the loop. */
public final class Volumes implements VolumeDirectory {
    /** How long a detach waits for requests in flight before it fails them. */
    public static final Duration DETACH_LIMIT = Duration.ofSeconds(5);

    private static final long DETACH_LOOK_NANOS = 5_000_000L;

    private final Loop loop;
    private final Ports ports;
    private final Truth truth;
    private final Map<Long, Attached> byId = new TreeMap<>();
    private final Map<String, Attached> open = new TreeMap<>();

    public Volumes(Loop loop, Ports ports, Truth truth) {
        this.loop = loop;
        this.ports = ports;
        this.truth = truth;
    }

    /** How an attach ended; exactly one of the first two is called, once. After {@code opened}, {@link #onGone} tells when the volume goes. */
    public interface AttachCallback {
        void opened(SlabVolume volume);

        /** {@code fenced}: somebody attached it after us. Else it cannot be opened, and {@code why} is for people. */
        void failed(boolean fenced, String why);

        /** After {@code opened}: the volume has grown to what {@link SlabVolume#sizeBytes} says now. */
        default void grown(SlabVolume volume) {}
    }

    /**
     * Attaches a volume in an epoch that the metadata group gave to this process. It takes as long as it takes for every copy to answer; what it
     * waits for stands in {@link SlabVolume#accessPoints()}, and {@link #detach} gives up.
     */
    public SlabVolume attach(AttachSpec spec, AttachCallback callback) {
        return attach(spec, true, callback);
    }

    /** {@code isExported} false: it is open for its copies only, and not found by name until {@link #follow} says otherwise. */
    public SlabVolume attach(AttachSpec spec, boolean isExported, AttachCallback callback) {
        Attached before = byId.get(spec.volume());
        if (before != null) {
            before.end(BlockStatus.FENCED);
        }
        Attached attached = new Attached(spec, isExported, callback);
        byId.put(spec.volume(), attached);
        attached.host.start();
        return attached.volume;
    }

    /** What the truth wants of the copies of a volume that is attached here, or being attached. */
    public void follow(CopiesWanted wanted) {
        Attached attached = byId.get(wanted.volume());
        if (attached != null) {
            attached.host.follow(wanted);
            if (wanted.epoch() == attached.spec.epoch() && wanted.isExported()) {
                attached.export();
            }
        }
    }

    /** What the clients of a volume that is attached here in that epoch may do at most. */
    public void limit(long volume, int epoch, IoLimits limits) {
        Attached attached = byId.get(volume);
        if (attached != null && attached.spec.epoch() == epoch) {
            attached.volume.limit(limits);
        }
    }

    /** Every copy of a volume that is attached here in that epoch keeps room for all of it, or not any more. */
    public void guaranteed(long volume, int epoch, boolean isGuaranteed) {
        Attached attached = byId.get(volume);
        if (attached != null && attached.spec.epoch() == epoch) {
            attached.volume.guaranteed(isGuaranteed);
        }
    }

    /** Waits for requests in flight, no longer than {@code limit}, and lets go. {@code detached} runs also when the volume is not here. */
    public void detach(long volume, Duration limit, Runnable detached) {
        Attached attached = byId.get(volume);
        if (attached == null) {
            loop.execute(detached);
            return;
        }
        attached.volume.stopTaking(BlockStatus.SHUTTING_DOWN);
        awaitIdle(attached, loop.nanos() + limit.toNanos(), detached);
    }

    private void awaitIdle(Attached attached, long deadlineNanos, Runnable detached) {
        if (attached.volume.isIdle() || !attached.volume.accessPoints().isOpen() || loop.nanos() >= deadlineNanos) {
            attached.end(BlockStatus.SHUTTING_DOWN);
            detached.run();
        } else {
            loop.schedule(DETACH_LOOK_NANOS, () -> awaitIdle(attached, deadlineNanos, detached));
        }
    }

    @Override
    public @Nullable SlabVolume find(String name) {
        Attached attached = open.get(name);
        return attached == null ? null : attached.volume;
    }

    @Override
    public List<String> names() {
        return List.copyOf(open.keySet());
    }

    /** Attached or being attached. */
    public Collection<SlabVolume> all() {
        List<SlabVolume> all = new ArrayList<>();
        byId.values().forEach(attached -> all.add(attached.volume));
        return all;
    }

    /** Attached or being attached, by volume id. */
    public @Nullable SlabVolume byId(long volume) {
        Attached attached = byId.get(volume);
        return attached == null ? null : attached.volume;
    }

    @Override
    public Runnable onGone(Volume volume, Runnable gone) {
        for (Attached attached : byId.values()) {
            if (attached.volume == volume) {
                attached.goneListeners.add(gone);
                return () -> attached.goneListeners.remove(gone);
            }
        }
        loop.execute(gone);
        return () -> {};
    }

    private final class Attached implements AccessPointHost.Owner {
        private final AttachSpec spec;
        private final AccessPointHost host;
        private final SlabVolume volume;
        private final List<Runnable> goneListeners = new ArrayList<>();
        private final AttachCallback listener;
        private @Nullable AttachCallback callback;
        private boolean isExported;
        private boolean isGone;

        Attached(AttachSpec spec, boolean isExported, AttachCallback callback) {
            this.spec = spec;
            this.isExported = isExported;
            this.listener = callback;
            this.callback = callback;
            this.host = new AccessPointHost(ports, spec, truth, this);
            this.volume = new SlabVolume(spec.name(), spec.sizeBytes(), loop, host);
        }

        @Override
        public void opened() {
            if (isExported) {
                open.put(spec.name(), this);
            }
            AttachCallback told = callback;
            callback = null;
            if (told != null) {
                told.opened(volume);
            }
        }

        @Override
        public void ended(boolean fenced, String why) {
            AttachCallback told = callback;
            callback = null;
            end(fenced ? BlockStatus.FENCED : BlockStatus.IO_ERROR);
            if (told != null) {
                told.failed(fenced, why);
            }
        }

        @Override
        public void grown(long sizeBytes) {
            volume.resized(sizeBytes);
            listener.grown(volume);
        }

        void export() {
            if (!isExported && !isGone) {
                isExported = true;
                if (host.isOpen()) {
                    open.put(spec.name(), this);
                }
            }
        }

        @Override
        public long[] latencies() {
            long[] all = volume.counters().reads().snapshot();
            long[] writes = volume.counters().writes().snapshot();
            for (int i = 0; i < all.length; i++) {
                all[i] += writes[i];
            }
            return all;
        }

        @Override
        public void eased() {
            volume.pump();
        }

        void end(BlockStatus status) {
            if (isGone) {
                return;
            }
            isGone = true;
            volume.stopTaking(status);
            host.close();
            byId.remove(spec.volume(), this);
            open.remove(spec.name(), this);
            AttachCallback told = callback;
            callback = null;
            if (told != null) {
                told.failed(false, "detached before it was open");
            }
            List<Runnable> listeners = List.copyOf(goneListeners);
            goneListeners.clear();
            listeners.forEach(Runnable::run);
        }
    }
}

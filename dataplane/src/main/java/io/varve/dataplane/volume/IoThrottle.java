package io.varve.dataplane.volume;

import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.metrics.VolumeCounters.Figure;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import io.varve.model.IoLimits;
import org.jspecify.annotations.Nullable;

/**
 * The limits of a volume: whether it takes a request now, and when it will again (docs/internals/qos.md). Requests are counted when they are taken; who
 * is not taken waits in front of the volume, at the front end. One timer for all who wait, none while nobody does. Confined to the
 * volume's loop.
 */
final class IoThrottle {
    private final Loop loop;
    private final VolumeCounters counters;
    /** Run when a request may be taken again. */
    private final Runnable eased;

    private final Runnable wake = this::wake;

    private IoLimits limits = IoLimits.NONE;
    private @Nullable TokenBucket requests;
    private @Nullable TokenBucket bytes;
    private Loop.@Nullable Timer timer;
    private long heldSinceNanos;

    IoThrottle(Loop loop, VolumeCounters counters, Runnable eased) {
        this.loop = loop;
        this.counters = counters;
        this.eased = eased;
    }

    /** From now on these hold. Who waits is told to look again. */
    void limit(IoLimits now) {
        if (now.equals(limits)) {
            return;
        }
        limits = now;
        requests = changed(requests, now.iops());
        bytes = changed(bytes, now.bandwidthBytesPerSecond());
        stopWaiting();
    }

    private @Nullable TokenBucket changed(@Nullable TokenBucket before, long perSecond) {
        if (perSecond == 0) {
            return null;
        }
        return before == null
                ? new TokenBucket(perSecond, limits.burstNanos(), loop.nanos())
                : before.changed(perSecond, limits.burstNanos(), loop.nanos());
    }

    boolean isLimiting() {
        return requests != null || bytes != null;
    }

    boolean mayTake() {
        return !isLimiting() || waitNanos() == 0;
    }

    private long waitNanos() {
        long now = loop.nanos();
        long forRequests = requests == null ? 0 : requests.waitNanos(now);
        long forBytes = bytes == null ? 0 : bytes.waitNanos(now);
        return Math.max(forRequests, forBytes);
    }

    /**
     * A request was taken. One that moves data counts once for each MiB that it has begun, and with its bytes; one that zeroes or gives back moves none, and
     * counts once; FLUSH costs nothing, because it does nothing: what was answered is durable already.
     */
    void taken(BlockRequest.Kind kind, long lengthBytes) {
        if (kind == BlockRequest.Kind.FLUSH || !isLimiting()) {
            return;
        }
        boolean movesData = kind == BlockRequest.Kind.READ || kind == BlockRequest.Kind.WRITE;
        long now = loop.nanos();
        if (requests != null) {
            requests.take(movesData ? Math.max(1, Math.ceilDiv(lengthBytes, Geometry.EXTENT_BYTES)) : 1, now);
        }
        if (bytes != null && movesData) {
            bytes.take(lengthBytes, now);
        }
    }

    /** Somebody waits, and the limits are why: {@code eased} runs when it is worth asking again. */
    void await() {
        if (timer == null) {
            heldSinceNanos = loop.nanos();
            timer = loop.schedule(waitNanos(), wake);
        }
    }

    private void wake() {
        timer = null;
        counters.add(Figure.HELD_BACK_NANOS, loop.nanos() - heldSinceNanos);
        eased.run();
    }

    /** In a turn of its own: who changes limits is in the middle of something. */
    private void stopWaiting() {
        Loop.Timer waiting = timer;
        if (waiting != null && waiting.cancel()) {
            loop.execute(wake);
        }
    }
}

package io.varve.cli.attach;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** How often and how long the access point was away. Written on the loop, read by anybody. */
public final class Pauses {
    private volatile boolean isPausing;
    private final AtomicInteger count = new AtomicInteger();
    private volatile long lastNanos;
    private volatile long longestNanos;

    void begun() {
        isPausing = true;
    }

    void over(long nanos) {
        isPausing = false;
        count.incrementAndGet();
        lastNanos = nanos;
        longestNanos = Math.max(longestNanos, nanos);
    }

    /** Whether there is no access point now. */
    public boolean isPausing() {
        return isPausing;
    }

    public int count() {
        return count.get();
    }

    /** From the loss of the last access point to its successor. */
    public Duration last() {
        return Duration.ofNanos(lastNanos);
    }

    public Duration longest() {
        return Duration.ofNanos(longestNanos);
    }
}

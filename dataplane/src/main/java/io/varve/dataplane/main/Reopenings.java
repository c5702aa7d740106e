package io.varve.dataplane.main;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * When a disk group that hung may be opened anew without being told: after a pause that doubles with each time, and no more than {@link #MAX_IN_AN_HOUR} times in an
 * hour. A disk that hangs again and again would else cost its volumes a pause each time. Decides only; the time is passed in.
 */
final class Reopenings {
    static final int MAX_IN_AN_HOUR = 6;

    /** Before the first one: what hung has ended, and a controller that was reset is settled by then. */
    static final long FIRST_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final long HOUR_NANOS = TimeUnit.HOURS.toNanos(1);

    /** Of the last hour, oldest first. */
    private final ArrayDeque<Long> begun = new ArrayDeque<>();

    /** How long to wait before the next one: 5 s, 10 s, 20 s and so on; after the last of an hour until the first of them is an hour ago. */
    long pauseNanos(long nowNanos) {
        forget(nowNanos);
        return begun.size() < MAX_IN_AN_HOUR
                ? FIRST_PAUSE_NANOS << begun.size()
                : begun.getFirst() + HOUR_NANOS - nowNanos;
    }

    /** One begins now; how many that are in the last hour. */
    int begin(long nowNanos) {
        forget(nowNanos);
        begun.addLast(nowNanos);
        return begun.size();
    }

    private void forget(long nowNanos) {
        while (!begun.isEmpty() && nowNanos - begun.getFirst() >= HOUR_NANOS) {
            begun.removeFirst();
        }
    }
}

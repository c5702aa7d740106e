package io.varve.dataplane.agent;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * How long a volume whose access point ended is left alone before this node attaches it again. Half a second after it was open, since its clients
 * wait; longer each time when it ended before it was open, since each attach takes an epoch and has every copy write its promise. Confined to
 * the agent's loop.
 */
final class AttachPauses {
    static final Duration SHORTEST = Duration.ofMillis(500);

    /** What an operator repairs is noticed within this. */
    static final Duration LONGEST = Duration.ofSeconds(8);

    private final Map<Long, Duration> next = new HashMap<>();
    private final Set<Long> resting = new HashSet<>();

    /** The access point has ended; {@code wasOpen}: after it had been open. Returns when to call {@link #end}. */
    Duration begin(long volume, boolean wasOpen) {
        resting.add(volume);
        Duration pause = wasOpen ? SHORTEST : next.getOrDefault(volume, SHORTEST);
        Duration doubled = pause.multipliedBy(2);
        if (wasOpen) {
            next.remove(volume);
        } else {
            next.put(volume, doubled.compareTo(LONGEST) < 0 ? doubled : LONGEST);
        }
        return pause;
    }

    void end(long volume) {
        resting.remove(volume);
    }

    boolean isResting(long volume) {
        return resting.contains(volume);
    }
}

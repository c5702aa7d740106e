package io.varve.dataplane.agent;

import io.varve.api.EventSeverity;
import io.varve.api.ReportEventRequest;
import io.varve.model.EventReason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What this node has to tell that is no change of the truth: numbered, sent one after the other, and not the same over and over. A plain state
 * machine; {@link NodeAgent} sends. docs/internals/events.md tells the whole.
 */
final class EventReports {
    /** Reports not yet taken; further ones are left out, and counted. */
    static final int MAX_WAITING = 64;

    /** Within this time nothing is told twice of the same subject. */
    static final Duration SAME_AGAIN_AFTER = Duration.ofMinutes(10);

    /** Subjects that are remembered for that; the oldest is forgotten. */
    private static final int MAX_REMEMBERED = 256;

    private final String node;
    private final long incarnation;
    private final ArrayDeque<ReportEventRequest> waiting = new ArrayDeque<>();
    private final Map<String, Long> toldAtNanos = new LinkedHashMap<>();
    private long number;
    private long leftOut;

    EventReports(String node, long incarnation) {
        this.node = node;
        this.incarnation = incarnation;
    }

    /**
     * Something happened.
     *
     * @param subject what it happened to: a volume's name, a disk group's
     * @param volume its name; empty: it concerns none
     * @param nanos of a clock that does not go back
     * @return whether it will be told
     */
    boolean offer(EventReason reason, String subject, String volume, String message, long nanos, long unixMillis) {
        String key = reason.code() + " " + subject;
        Long last = toldAtNanos.get(key);
        if (last != null && nanos - last < SAME_AGAIN_AFTER.toNanos()) {
            return false;
        }
        if (waiting.size() >= MAX_WAITING) {
            leftOut++;
            return false;
        }
        toldAtNanos.remove(key);
        if (toldAtNanos.size() >= MAX_REMEMBERED) {
            toldAtNanos.remove(toldAtNanos.keySet().iterator().next());
        }
        toldAtNanos.put(key, nanos);
        waiting.add(ReportEventRequest.newBuilder()
                .setNode(node)
                .setIncarnation(incarnation)
                .setNumber(++number)
                .setUnixMillis(unixMillis)
                .setSeverity(severity(reason))
                .setReason(reason.code())
                .setVolume(volume)
                .setMessage(leftOut == 0 ? message : message + "; " + leftOut + " other reports were left out")
                .build());
        leftOut = 0;
        return true;
    }

    private static EventSeverity severity(EventReason reason) {
        return switch (reason.severity()) {
            case INFO -> EventSeverity.EVENT_INFO;
            case WARNING -> EventSeverity.EVENT_WARNING;
            case ERROR -> EventSeverity.EVENT_ERROR;
        };
    }

    /** The oldest that was not taken; null: there is none. */
    @Nullable ReportEventRequest next() {
        return waiting.peek();
    }

    /** The oldest was taken, or never will be. */
    void done() {
        waiting.remove();
    }
}

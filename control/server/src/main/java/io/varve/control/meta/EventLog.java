package io.varve.control.meta;

import io.varve.api.Event;
import io.varve.api.EventSeverity;
import io.varve.api.ReportEventRequest;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand.ReportEvent;
import io.varve.model.EventReason;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Predicate;

/** The events that are kept, oldest first, and no more than {@link #MAX_EVENTS}. docs/internals/events.md tells the whole. */
public final class EventLog {
    /** Weeks of an ordinary cluster, hours of one in deep trouble; about 2 MiB of every snapshot. */
    static final int MAX_EVENTS = 10_000;

    /** A command concerns a volume and a few disk groups. */
    static final int MAX_OF_ONE_COMMAND = 16;

    /** Characters: a few lines of a terminal. */
    static final int MAX_MESSAGE = 400;

    /** Characters of a reason: they are single words. */
    private static final int MAX_REASON = 64;

    /** Of one answer. */
    public static final int MAX_LISTED = 1_000;

    private EventLog() {}

    /** The numbers that are kept: first up to, not including, next. */
    record Bounds(long first, long next) {
        static final Bounds NONE = new Bounds(1, 1);

        long kept() {
            return next - first;
        }
    }

    /** The newest report of a node's process. */
    record Reported(long incarnation, long number) {
        boolean isBefore(ReportEventRequest report) {
            return incarnation < report.getIncarnation()
                    || (incarnation == report.getIncarnation() && number < report.getNumber());
        }
    }

    /** Writes what one command told; the oldest events go when there are too many. */
    static void append(MetaState state, long index, long unixMillis, List<ClusterEvent> told) {
        List<ClusterEvent> events = told.size() <= MAX_OF_ONE_COMMAND ? told : told.subList(0, MAX_OF_ONE_COMMAND);
        for (int i = 0; i < events.size(); i++) {
            ClusterEvent event = events.get(i);
            boolean isLast = i == events.size() - 1;
            int more = isLast ? told.size() - events.size() : 0;
            append(
                    state,
                    Event.newBuilder()
                            .setUnixMillis(unixMillis)
                            .setIndex(index)
                            .setSeverity(severity(event.reason().severity()))
                            .setReason(event.reason().code())
                            .setVolume(event.volume())
                            .setNode(event.node())
                            .setMessage(cut(event.message() + (more > 0 ? "; and " + more + " more like it" : ""))));
        }
    }

    private static void append(MetaState state, Event.Builder event) {
        Bounds bounds = state.eventBounds();
        long number = bounds.next();
        state.putEvent(event.setNumber(number).build());
        long first = bounds.first();
        while (number + 1 - first > MAX_EVENTS) {
            state.deleteEvent(first++);
        }
        state.putEventBounds(new Bounds(first, number + 1));
    }

    private static EventSeverity severity(EventReason.Severity severity) {
        return switch (severity) {
            case INFO -> EventSeverity.EVENT_INFO;
            case WARNING -> EventSeverity.EVENT_WARNING;
            case ERROR -> EventSeverity.EVENT_ERROR;
        };
    }

    private static String cut(String message) {
        return message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE - 1) + "…";
    }

    /** What a node tells: taken once, also when it is an older process's, since it happened. */
    static Outcome report(MetaState state, long index, ReportEvent command) {
        ReportEventRequest report = command.report();
        if (state.node(report.getNode()).isEmpty()) {
            return VolumeRules.no(
                    TruthCode.TRUTH_UNKNOWN, index, "there is no node '" + report.getNode() + "' in this cluster");
        }
        if (report.getSeverity() == EventSeverity.UNRECOGNIZED) {
            return VolumeRules.no(
                    TruthCode.TRUTH_REFUSED,
                    index,
                    "a report of severity " + report.getSeverityValue() + ", which this version does not know");
        }
        if (report.getReason().isEmpty() || report.getReason().length() > MAX_REASON || report.getNumber() == 0) {
            return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, "a report needs a reason and a number");
        }
        if (!state.reported(report.getNode()).isBefore(report)) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        state.putReported(report.getNode(), new Reported(report.getIncarnation(), report.getNumber()));
        append(
                state,
                Event.newBuilder()
                        .setUnixMillis(report.getUnixMillis())
                        .setIndex(index)
                        .setSeverity(report.getSeverity())
                        .setReason(report.getReason())
                        .setVolume(cut(report.getVolume()))
                        .setNode(report.getNode())
                        .setMessage(cut(report.getMessage())));
        return Outcome.nobody(MetaResult.ok(index)).havingTold();
    }

    /**
     * What there is after a number.
     *
     * @param events oldest first, with what to do
     * @param lastNumber the newest event that was looked at
     * @param gone events after that number that are kept no longer
     */
    public record Listed(List<Event> events, long lastNumber, long gone) {
        public Listed {
            events = List.copyOf(events);
        }
    }

    /**
     * The newest events that match, oldest first.
     *
     * @param after only those with a larger number; 0: all
     * @param limit 1 to {@link #MAX_LISTED}
     */
    public static Listed list(MetaState state, long after, int limit, Predicate<Event> matching) {
        Bounds bounds = state.eventBounds();
        long last = bounds.next() - 1;
        long first = Math.max(bounds.first(), after + 1);
        List<Event> found = new ArrayList<>();
        for (long number = last; number >= first && found.size() < limit; number--) {
            state.event(number).filter(matching).map(EventLog::withRemedy).ifPresent(found::add);
        }
        Collections.reverse(found);
        long gone = after == 0 ? 0 : Math.max(0, bounds.first() - after - 1);
        return new Listed(found, last, gone);
    }

    private static Event withRemedy(Event event) {
        return event.toBuilder()
                .setWhatToDo(EventReason.of(event.getReason())
                        .map(EventReason::remedy)
                        .orElse(""))
                .build();
    }
}

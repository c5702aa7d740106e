package io.varve.control.api;

import io.varve.api.Event;
import io.varve.api.ListEventsRequest;
import io.varve.api.ListEventsResponse;
import io.varve.control.meta.EventLog;
import io.varve.control.meta.MetaState;
import io.varve.control.raft.Changes;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** What happened, as people ask for it. */
final class EventCalls {
    /** A call is held no longer: whoever follows asks again. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(10);

    /** One election (6 s) on a busy machine. Then what is known here is shown, and that it may be old. */
    private static final Duration CURRENT_WITHIN = Duration.ofSeconds(10);

    private final MetaGroup group;

    EventCalls(MetaGroup group) {
        this.group = group;
    }

    private record Look(EventLog.Listed listed, long index) {}

    Future<ListEventsResponse> list(ListEventsRequest request) {
        Duration wait = Duration.ofMillis(Integer.toUnsignedLong(request.getWaitMillis()));
        long end = System.nanoTime() + (wait.compareTo(LONGEST_WAIT) < 0 ? wait : LONGEST_WAIT).toNanos();
        // Who follows waits for news here: it need not have the group confirm each time that there are none.
        Future<ListEventsResponse> first = request.getWaitMillis() > 0
                ? waited(request, end)
                : group.lookUpToDate(state -> look(state, request))
                        .timeout(CURRENT_WITHIN.toMillis(), TimeUnit.MILLISECONDS)
                        .map(look -> response(look, true))
                        .recover(failure ->
                                group.look(state -> look(state, request)).map(look -> response(look, false)));
        return first;
    }

    private Future<ListEventsResponse> waited(ListEventsRequest request, long endNanos) {
        return group.look(state -> look(state, request)).compose(look -> {
            long left = endNanos - System.nanoTime();
            // Also when none matched: the caller learns the number to go on from.
            if (look.listed.lastNumber() > request.getAfterNumber() || left <= 0) {
                return Future.succeededFuture(response(look, group.leader().isPresent()));
            }
            return group.changed(Changes.EVENTS, look.index, Duration.ofNanos(left))
                    .compose(changed -> waited(request, endNanos));
        });
    }

    private static Look look(MetaState state, ListEventsRequest request) {
        int limit = request.getLimit() <= 0 || request.getLimit() > EventLog.MAX_LISTED
                ? EventLog.MAX_LISTED
                : request.getLimit();
        return new Look(
                EventLog.list(state, request.getAfterNumber(), limit, matching(request)),
                state.applied().index());
    }

    private static Predicate<Event> matching(ListEventsRequest request) {
        return event -> event.getUnixMillis() >= request.getSinceUnixMillis()
                && (request.getVolume().isEmpty() || event.getVolume().equals(request.getVolume()))
                && (request.getNode().isEmpty() || event.getNode().equals(request.getNode()))
                && event.getSeverityValue() >= request.getAtLeastValue();
    }

    private static ListEventsResponse response(Look look, boolean current) {
        return ListEventsResponse.newBuilder()
                .addAllEvents(look.listed.events())
                .setLastNumber(look.listed.lastNumber())
                .setGone(look.listed.gone())
                .setCurrent(current)
                .build();
    }
}

package io.varve.simulator;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Says whether what happened to one cell could have happened to a register: whether each operation can be given one moment between its begin and
 * its end so that every read sees the last change before it (Herlihy and Wing 1990). Goes through begins and ends in order and keeps every state
 * that the register may be in: its value, and which of the operations in flight have had their moment (Lowe 2017, just-in-time linearization).
 */
final class CellJudge {
    /** In flight at once; one bit for each. */
    private static final int MOST_IN_FLIGHT = 62;

    /** States kept at one moment. */
    private static final int MOST_STATES = 20_000;

    private final int cell;
    private final List<History.Seen> seen;
    private final ToLongFunction<Operation> lastEffect;

    /** {@code done}: of the operations in flight, by slot, those that had their moment. */
    private record State(int value, long done) {}

    private record Event(long tick, boolean isBegin, History.Seen what) {}

    CellJudge(int cell, List<History.Seen> seen, ToLongFunction<Operation> lastEffect) {
        this.cell = cell;
        this.seen = seen;
        this.lastEffect = lastEffect;
    }

    /** False if there was too much in flight to tell. Throws a {@link Violation} if it was no register. */
    boolean judge() {
        List<Event> events = events();
        History.@Nullable Seen[] slots = new History.@Nullable Seen[MOST_IN_FLIGHT];
        Map<Operation, Integer> slotOf = new HashMap<>();
        Set<State> states = new HashSet<>(Set.of(new State(0, 0)));
        for (Event event : events) {
            Operation operation = event.what.operation();
            if (event.isBegin) {
                int slot = freeSlot(slots);
                if (slot < 0) {
                    return false;
                }
                slots[slot] = event.what;
                slotOf.put(operation, slot);
            } else {
                int slot = java.util.Objects.requireNonNull(slotOf.remove(operation));
                states = ended(states, slots, slot, operation);
                slots[slot] = null;
                if (states == null) {
                    throw new Violation("not linearizable", explain(event));
                }
                if (states.isEmpty()) {
                    return false;
                }
            }
        }
        return true;
    }

    private List<Event> events() {
        Map<Integer, Long> firstSight = new HashMap<>();
        for (History.Seen each : seen) {
            if (each.operation().kind == Operation.Kind.READ) {
                firstSight.merge(each.value(), each.operation().endTick, Math::min);
            }
        }
        List<Event> events = new ArrayList<>();
        for (History.Seen each : seen) {
            Operation operation = each.operation();
            long end = operation.kind == Operation.Kind.READ ? operation.endTick : lastEffect.applyAsLong(operation);
            boolean isUncertain = operation.changes() && operation.end != Operation.End.OK;
            Long firstSeen = firstSight.get(each.value());
            if (isUncertain && each.value() != 0) {
                if (operation.end == Operation.End.REFUSED || firstSeen == null) {
                    // What nobody saw need not have happened; what was refused must not: who sees it finds no such
                    // value.
                    continue;
                }
                end = Math.min(end, firstSeen);
                if (end < operation.beginTick) {
                    continue;
                }
            } else if (isUncertain && (operation.end == Operation.End.REFUSED || end < operation.beginTick)) {
                continue;
            }
            events.add(new Event(operation.beginTick, true, each));
            if (end != Operation.NEVER) {
                events.add(new Event(end, false, each));
            }
        }
        // An end that another event brought about comes before whatever began then.
        events.sort(Comparator.comparingLong(Event::tick).thenComparing(Event::isBegin));
        return events;
    }

    private static int freeSlot(History.@Nullable Seen[] slots) {
        for (int i = 0; i < slots.length; i++) {
            if (slots[i] == null) {
                return i;
            }
        }
        return -1;
    }

    /**
     * The states in which that operation had its moment, or, if it is not certain that it has one, was passed over. Null if there is none; empty if
     * there are too many.
     */
    private static @Nullable Set<State> ended(
            Set<State> before, History.@Nullable Seen[] slots, int slot, Operation operation) {
        Set<State> reached = new HashSet<>(before);
        List<State> open = new ArrayList<>(before);
        while (!open.isEmpty()) {
            State state = open.removeLast();
            for (int i = 0; i < slots.length; i++) {
                History.Seen each = slots[i];
                if (each == null || (state.done & 1L << i) != 0) {
                    continue;
                }
                boolean isRead = each.operation().kind == Operation.Kind.READ;
                if (isRead && each.value() != state.value) {
                    continue;
                }
                State next = new State(each.value(), state.done | 1L << i);
                if (reached.add(next)) {
                    open.add(next);
                    if (reached.size() > MOST_STATES) {
                        return Set.of();
                    }
                }
            }
        }
        boolean mayBePassedOver = operation.changes() && operation.end != Operation.End.OK;
        Set<State> left = new HashSet<>();
        for (State state : reached) {
            if (mayBePassedOver || (state.done & 1L << slot) != 0) {
                left.add(new State(state.value, state.done & ~(1L << slot)));
            }
        }
        return left.isEmpty() ? null : left;
    }

    private String explain(Event at) {
        StringBuilder text = new StringBuilder("cell " + cell + ": " + at.what.operation() + " saw or left "
                + at.what.value() + ", which no order explains. What touched the cell before:");
        List<History.Seen> before = new ArrayList<>(seen);
        before.removeIf(each -> each.operation().beginTick > at.tick);
        before.sort(Comparator.comparingLong(each -> each.operation().beginTick));
        for (History.Seen each : before.subList(Math.max(0, before.size() - 12), before.size())) {
            text.append("\n    ").append(each.operation()).append(" value ").append(each.value());
        }
        return text.toString();
    }
}

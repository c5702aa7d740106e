package io.varve.simulator;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Everything that clients asked and were told, and when each epoch began: enough to say whether it could have been one volume. */
final class History {
    private final Layout layout;
    private final List<Operation> operations = new ArrayList<>();
    /** By cell: what read it (with what it saw) or changed it, in the order of their begins. */
    private final List<List<Seen>> cells = new ArrayList<>();
    /** By slab and epoch: when OPEN was carried out. */
    private final List<TreeMap<Integer, Long>> opens = new ArrayList<>();

    private long tick;

    /** An operation as one cell saw it: {@code value} is what it left there, or what it read. */
    record Seen(Operation operation, int value) {}

    History(Layout layout, int slabs) {
        this.layout = layout;
        for (int i = 0; i < layout.cells(); i++) {
            cells.add(new ArrayList<>());
        }
        for (int i = 0; i < slabs; i++) {
            opens.add(new TreeMap<>());
        }
    }

    Operation begin(Operation.Kind kind, int firstCell, int count, int epoch) {
        Operation begun = new Operation(operations.size() + 1, kind, firstCell, count, epoch, ++tick);
        operations.add(begun);
        if (begun.changes()) {
            for (int cell = firstCell; cell < firstCell + count; cell++) {
                cells.get(cell).add(new Seen(begun, begun.value()));
            }
        }
        return begun;
    }

    void end(Operation operation, Operation.End how) {
        operation.end = how;
        operation.endTick = how == Operation.End.OK ? ++tick : Operation.NEVER;
    }

    /** A read saw this value in that cell. Before {@link #end}. */
    void saw(Operation read, int cell, int value) {
        cells.get(cell).add(new Seen(read, value));
    }

    /** The slab is open in a new epoch: nothing that was given to an older one, and is not in its history, takes effect any more. */
    void opened(int slab, int epoch) {
        opens.get(slab).putIfAbsent(epoch, ++tick);
    }

    /** The operation with that number; null if there was none. */
    @org.jspecify.annotations.Nullable Operation find(int number) {
        return number < 1 || number > operations.size() ? null : operations.get(number - 1);
    }

    int size() {
        return operations.size();
    }

    long answered() {
        return operations.stream().filter(each -> each.end == Operation.End.OK).count();
    }

    List<Operation> pending() {
        return operations.stream()
                .filter(each -> each.end == Operation.End.PENDING)
                .toList();
    }

    /**
     * Throws if some cell could not have been a register.
     *
     * @return cells that had too much in flight at once to be judged
     */
    int judge() {
        int unjudged = 0;
        for (int cell = 0; cell < cells.size(); cell++) {
            TreeMap<Integer, Long> begins = opens.get(layout.slab(cell));
            CellJudge judge = new CellJudge(cell, cells.get(cell), operation -> lastEffect(operation, begins));
            unjudged += judge.judge() ? 0 : 1;
        }
        return unjudged;
    }

    /** When the operation has had its effect, or never will: its answer, or the begin of the next epoch. */
    private static long lastEffect(Operation operation, NavigableMap<Integer, Long> begins) {
        Map.Entry<Integer, Long> next = begins.higherEntry(operation.epoch);
        long latest = operation.endTick;
        if (next != null && operation.end != Operation.End.OK) {
            for (Long begin : begins.tailMap(operation.epoch, false).values()) {
                latest = Math.min(latest, begin);
            }
        }
        return latest;
    }
}

package io.varve.dataplane.volume;

import org.jspecify.annotations.Nullable;

/** Runs that wait, first in first out. */
final class RunQueue {
    private @Nullable RequestRun head;
    private @Nullable RequestRun tail;

    boolean isEmpty() {
        return head == null;
    }

    @Nullable RequestRun peek() {
        return head;
    }

    void add(RequestRun run) {
        run.nextWaiting = null;
        if (tail == null) {
            head = run;
        } else {
            tail.nextWaiting = run;
        }
        tail = run;
    }

    void removeFirst() {
        RequestRun first = head;
        if (first != null) {
            head = first.nextWaiting;
            first.nextWaiting = null;
            if (head == null) {
                tail = null;
            }
        }
    }
}

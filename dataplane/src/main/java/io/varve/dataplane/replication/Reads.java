package io.varve.dataplane.replication;

import org.jspecify.annotations.Nullable;

/** Reads of one stream that wait for something, in the order in which they came. Linked through the reads themselves: no allocation. */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class Reads {
    private @Nullable SlabRead head;
    private @Nullable SlabRead tail;

    boolean isEmpty() {
        return head == null;
    }

    void add(SlabRead read) {
        read.next = null;
        if (tail == null) {
            head = read;
        } else {
            tail.next = read;
        }
        tail = read;
    }

    /** Takes all out, linked by {@link SlabRead#next}. */
    @Nullable SlabRead takeAll() {
        SlabRead all = head;
        head = null;
        tail = null;
        return all;
    }

    /** Takes the first whose wait is over, null if there is none. */
    @Nullable SlabRead takeUpTo(long seq) {
        SlabRead before = null;
        for (SlabRead each = head; each != null; each = each.next) {
            if (each.waitSeq <= seq) {
                unlink(before, each);
                return each;
            }
            before = each;
        }
        return null;
    }

    private void unlink(@Nullable SlabRead before, SlabRead read) {
        if (before == null) {
            head = read.next;
        } else {
            before.next = read.next;
        }
        if (tail == read) {
            tail = before;
        }
        read.next = null;
    }
}

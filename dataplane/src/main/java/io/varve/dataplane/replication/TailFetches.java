package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.WireRecord;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Tails of one slab that are on their way from one copy to another: for each member the newest counts. Confined to the volume's loop. */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class TailFetches {
    private final AccessPoint point;
    private final TailRecord tailRecord = new TailRecord();
    /** By the index of the member. */
    private @Nullable TailFetch[] fetches = {};

    TailFetches(AccessPoint point) {
        this.point = point;
    }

    /** Who takes the tail that the member is to get, in place of any before. */
    GroupPort.TailReceiver begin(int member) {
        TailFetch fetch = new TailFetch(member);
        if (member >= fetches.length) {
            fetches = Arrays.copyOf(fetches, member + 1);
        }
        fetches[member] = fetch;
        return fetch;
    }

    /** The place is another member's now. */
    void forget(int member) {
        if (member < fetches.length) {
            fetches[member] = null;
        }
    }

    /** Hands the records of a donor's tail to the access point, unless a newer fetch took its place. */
    private final class TailFetch implements GroupPort.TailReceiver {

        private final int member;

        TailFetch(int member) {
            this.member = member;
        }

        @Override
        public void record(WireRecord record, @Nullable ByteBuf payload, int payloadIndex) {
            if (fetches[member] == this) {
                tailRecord.copyFrom(record);
                tailRecord.payload = payload;
                tailRecord.payloadIndex = payloadIndex;
                point.tail(member, tailRecord);
                tailRecord.payload = null;
            }
        }

        @Override
        public void ended(StoreStatus status) {
            if (fetches[member] == this) {
                point.tailEnded(member, status);
            }
        }
    }

    /** Sent as soon as it is handed over; never in flight. */
    private static final class TailRecord extends WriteRecord {
        @Override
        protected void committed(boolean fenced) {
            throw new IllegalStateException("a record of a tail is never numbered here");
        }
    }
}

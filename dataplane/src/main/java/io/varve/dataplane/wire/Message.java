package io.varve.dataplane.wire;

/**
 * The messages beside the data path: attach, leases, tails, maps, digests, repair, resync. Immutable; a fresh object for each. The fields that every
 * message has (request id, stream, epoch, gen) stand in {@link Header}; the layouts in {@code docs/internals/wire.md}. What is sent for
 * every read and write has no object: see {@link WireRecord} and {@link DataPath}.
 */
public sealed interface Message {
    MessageType type();

    /** Who speaks, and which disk group is meant (from an access point) or answers. */
    record Hello(int minVersion, int maxVersion, long incarnation, String cluster, String node, String group)
            implements Message {
        @Override
        public MessageType type() {
            return MessageType.HELLO;
        }
    }

    /** The answer to a HELLO that names the wrong cluster, group or node; the connection closes behind it. */
    record Refused(String reason) implements Message {
        @Override
        public MessageType type() {
            return MessageType.REFUSED;
        }
    }

    /** Promise me this (the header's) epoch. The same epoch again, by the same node and incarnation, asks how far the replica is. */
    record Seal(long creationId, long nodeHash, long incarnation, long attachHash) implements Message {
        @Override
        public MessageType type() {
            return MessageType.SEAL;
        }
    }

    /** The promise is durable; this is all that the replica has, and all of it is durable. */
    record Sealed(
            long lastSeq,
            int lastEpoch,
            int layer,
            long commitSeq,
            long suspectFromSeq,
            long journalCredit,
            long pieceCredit)
            implements Message {
        @Override
        public MessageType type() {
            return MessageType.SEALED;
        }
    }

    /** The promise is durable, but an older access point may still answer reads for {@code remainingNanos}; {@link Sealed} follows then. */
    record LeaseHeld(long remainingNanos, int holderEpoch) implements Message {
        @Override
        public MessageType type() {
            return MessageType.LEASE_HELD;
        }
    }

    /** No promise. */
    record SealRefused(Refusal code, int promisedEpoch) implements Message {
        @Override
        public MessageType type() {
            return MessageType.SEAL_REFUSED;
        }
    }

    /** I am here; renew these leases. {@code nanos} is the sender's clock. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Heartbeat(long nanos, long[] volumes, int[] epochs) implements Message {
        /** 512 × 16 bytes. A node that holds more volumes on one link sends several. */
        public static final int MAX_VOLUMES = 512;

        @Override
        public MessageType type() {
            return MessageType.HEARTBEAT;
        }
    }

    /** These leases hold for {@code termNanos} from when the heartbeat that is echoed was sent. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Leases(long echoedNanos, long termNanos, long journalCredit, long pieceCredit, long[] volumes, int[] epochs)
            implements Message {
        @Override
        public MessageType type() {
            return MessageType.LEASES;
        }
    }

    /** The access point of the header's (volume, epoch) answers no more reads. */
    record Release() implements Message {
        @Override
        public MessageType type() {
            return MessageType.RELEASE;
        }
    }

    record FetchTail(long fromSeq, long toSeq) implements Message {
        @Override
        public MessageType type() {
            return MessageType.FETCH_TAIL;
        }
    }

    /** No more TAIL messages for this request. {@code status}: 0 is success; the codes are those of the store. */
    record TailEnd(int status) implements Message {
        @Override
        public MessageType type() {
            return MessageType.TAIL_END;
        }
    }

    record MapRequest() implements Message {
        @Override
        public MessageType type() {
            return MessageType.MAP;
        }
    }

    /** The payload is the map: one bit for each piece. */
    record Mapped(int status, int pieces, int crc) implements Message {
        @Override
        public MessageType type() {
            return MessageType.MAPPED;
        }
    }

    record DigestRequest(int extent) implements Message {
        @Override
        public MessageType type() {
            return MessageType.DIGEST;
        }
    }

    record Digested(int status, int crc, long version) implements Message {
        @Override
        public MessageType type() {
            return MessageType.DIGESTED;
        }
    }

    /** The payload is one block, to be put in place of one that rotted. */
    record RepairRequest(int block, int crc, long version) implements Message {
        @Override
        public MessageType type() {
            return MessageType.REPAIR;
        }
    }

    record Repaired(int status) implements Message {
        @Override
        public MessageType type() {
            return MessageType.REPAIRED;
        }
    }

    /** Checkpoint, so that whatever only waits for that becomes free, and tell your credits then. One at a time on a connection. */
    record Reclaim() implements Message {
        @Override
        public MessageType type() {
            return MessageType.RECLAIM;
        }
    }

    /** Credits after a checkpoint that began when {@link Reclaim} had come. */
    record Reclaimed(long journalCredit, long pieceCredit) implements Message {
        @Override
        public MessageType type() {
            return MessageType.RECLAIMED;
        }
    }

    /** Cut your log to what you know to be committed, and bring that into the index. */
    record Prepare() implements Message {
        @Override
        public MessageType type() {
            return MessageType.PREPARE;
        }
    }

    /** {@code cutSeq}: everything up to it is here, and nothing else. */
    record Prepared(int status, long cutSeq) implements Message {
        @Override
        public MessageType type() {
            return MessageType.PREPARED;
        }
    }

    /** Which extents did a record above {@code seq} touch? */
    record Newer(long seq) implements Message {
        @Override
        public MessageType type() {
            return MessageType.NEWER;
        }
    }

    /** The payload are {@link ExtentBits}. No extents with a status that is not 0. */
    record NewerExtents(int status, int extents, int crc) implements Message {
        @Override
        public MessageType type() {
            return MessageType.NEWER_EXTENTS;
        }
    }

    /** Your log goes on at {@code joinSeq}, in the header's epoch; you miss the extents of the payload ({@link ExtentBits}), and what you missed before. */
    record Join(long session, long joinSeq, int extents, int crc) implements Message {
        @Override
        public MessageType type() {
            return MessageType.JOIN;
        }
    }

    /** The payload is all that is missing ({@link ExtentBits}). No extents with a status that is not 0. */
    record Joined(int status, int extents, int crc) implements Message {
        @Override
        public MessageType type() {
            return MessageType.JOINED;
        }
    }

    /** Nothing is missing any more, and everything up to {@code commitSeq} is committed. */
    record Finish(long session, long commitSeq) implements Message {
        @Override
        public MessageType type() {
            return MessageType.FINISH;
        }
    }

    record Finished(int status) implements Message {
        @Override
        public MessageType type() {
            return MessageType.FINISHED;
        }
    }
}

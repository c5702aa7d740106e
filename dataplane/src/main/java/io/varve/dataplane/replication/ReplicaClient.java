package io.varve.dataplane.replication;

import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.Refusal;

/**
 * An access point's side as a replica sees it: over a connection ({@link ReplicaSession}), or on the same loop ({@link LocalPort}). Called on
 * the disk group's loop; never inside {@link ReplicaHost#replicate}, but for refusals.
 */
interface ReplicaClient {
    void sealed(long stream, int epoch, Message.Sealed sealed);

    /** SEALED follows when the lease has ended. */
    void leaseHeld(long stream, int epoch, long remainingNanos, int holderEpoch);

    void sealRefused(long stream, int epoch, Refusal refusal, int promisedEpoch);

    /** Everything up to {@code durableSeq} is durable. Newest credits are asked of {@link ReplicaHost#credits}. */
    void acked(long stream, int epoch, long durableSeq);

    void refused(long stream, int epoch, int round, Refusal refusal, int promisedEpoch, long seq, long lastSeq);

    /** Somebody else sealed the stream with a newer epoch; when this returns, no more reads are answered in an older one. */
    void fenced(long stream, int newerEpoch);
}

package io.varve.dataplane.replication;

import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.Refusal;
import org.jspecify.annotations.Nullable;

/** A volume's access points, as a {@link GroupPort} tells them what its disk group says. On the loop; never inside a call to the port. */
interface PortListener {
    long volume();

    int epoch();

    /** The group can be spoken to; it has forgotten every session: seal again. */
    void portUp(GroupPort port);

    void portDown(GroupPort port, String reason);

    /** It can take more, or has told new credits. */
    void portEased(GroupPort port);

    void sealed(GroupPort port, long stream, int epoch, Message.Sealed sealed);

    void leaseHeld(GroupPort port, long stream, int epoch, long remainingNanos, int holderEpoch);

    /** {@code epoch}: of the SEAL that is refused; 0: nobody asked, a newer promise was made. */
    void sealRefused(GroupPort port, long stream, int epoch, Refusal refusal, int promisedEpoch);

    void acked(GroupPort port, long stream, int epoch, long durableSeq);

    void refused(
            GroupPort port,
            long stream,
            int epoch,
            int round,
            Refusal refusal,
            int promisedEpoch,
            long seq,
            long lastSeq);

    /** Reads of the volume may be answered for {@code termNanos} from when the request was sent. */
    void leased(GroupPort port, int epoch, long sentNanos, long termNanos);

    void readAnswered(SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock);
}

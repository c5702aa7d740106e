package io.varve.dataplane.replication;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Decides up to where a stream is recovered, from what its replicas answered to SEAL. A pure function, asked once for each epoch
 * (docs/internals/protocol.md, Attach 3): to decide again, attach again.
 */
final class Reconcile {
    private Reconcile() {}

    /** What one replica said. {@code suspectFromSeq}: first seq that its recovery found rotten, MAX_VALUE if none. */
    record Answer(String group, long lastSeq, int lastEpoch, long commitSeq, long suspectFromSeq) {}

    /**
     * Either {@code alarm} is null and the stream is recovered up to {@code lastSeq} of epoch {@code lastEpoch}, of which {@code donor} (an
     * index into the answers) has every record; or the volume must not open.
     */
    record Decision(
            int donor,
            long lastSeq,
            int lastEpoch,
            @Nullable String alarm) {}

    static Decision decide(List<Answer> answers) {
        int donor = 0;
        for (int i = 1; i < answers.size(); i++) {
            if (isNewer(answers.get(i), answers.get(donor))) {
                donor = i;
            }
        }
        Answer best = answers.get(donor);
        String alarm = null;
        for (Answer answer : answers) {
            if (answer.commitSeq > best.lastSeq) {
                alarm = "data loss: " + answer.group + " knows of committed writes up to " + answer.commitSeq
                        + ", but the newest record that any copy has is " + best.lastSeq;
            } else if (conflicts(answer, best)) {
                alarm = "histories differ: " + answer.group + " ends at seq " + answer.lastSeq + " of epoch "
                        + answer.lastEpoch + ", " + best.group + " at seq " + best.lastSeq + " of epoch "
                        + best.lastEpoch;
            }
        }
        if (alarm == null && answers.size() > 1 && best.suspectFromSeq <= best.lastSeq) {
            alarm = needsTail(answers, best)
                    ? "the only copy of the newest records, on " + best.group + ", is damaged from seq "
                            + best.suspectFromSeq
                    : null;
        }
        return new Decision(donor, best.lastSeq, best.lastEpoch, alarm);
    }

    private static boolean needsTail(List<Answer> answers, Answer best) {
        return answers.stream().anyMatch(answer -> answer.lastSeq < best.lastSeq);
    }

    private static boolean isNewer(Answer left, Answer right) {
        // An unsuspected copy gives its records rather than a suspect one that has the same.
        int byEpoch = Integer.compareUnsigned(left.lastEpoch, right.lastEpoch);
        if (byEpoch != 0) {
            return byEpoch > 0;
        }
        return left.lastSeq != right.lastSeq
                ? left.lastSeq > right.lastSeq
                : left.suspectFromSeq > right.suspectFromSeq;
    }

    /**
     * Whether the end of one log cannot lie in the other. Within an epoch one access point numbered everything, so there one log is a prefix
     * of the other. A log that ends in an older epoch must end before the newer one's; that it ends in the same record shows when the
     * tail is appended behind it, which names the epoch of the record before.
     */
    private static boolean conflicts(Answer answer, Answer best) {
        return answer.lastEpoch != best.lastEpoch && answer.lastSeq >= best.lastSeq && answer.lastSeq > 0;
    }
}

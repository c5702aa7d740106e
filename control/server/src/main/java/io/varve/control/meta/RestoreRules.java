package io.varve.control.meta;

import com.google.protobuf.ByteString;
import io.varve.api.TruthCode;
import io.varve.api.meta.RestoringRecord;
import io.varve.control.meta.MetaCommand.Entry;
import io.varve.control.meta.MetaCommand.RestoreState;
import io.varve.model.EventReason;
import java.util.Optional;

/**
 * How a whole new state comes in, in pieces, where there is no cluster. What is in it was decided before, by {@link Recovery}. The cluster's record
 * comes with the last piece, so nobody sees a state that is not whole.
 */
final class RestoreRules {
    private static final ByteString APPLIED = ByteString.copyFrom(MetaKey.APPLIED);
    private static final ByteString RESTORING = ByteString.copyFrom(MetaKey.RESTORING);
    private static final ByteString CLUSTER = ByteString.copyFrom(MetaKey.CLUSTER);

    private RestoreRules() {}

    static Outcome restore(MetaState state, long index, RestoreState command) {
        Optional<RestoringRecord> underWay = state.restoring();
        boolean isSame = underWay.isPresent() && underWay.get().getId().equals(command.id());
        int next = isSame ? underWay.get().getNext() : 0;
        if (isSame && command.number() < next) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        if (state.cluster().isPresent()) {
            return refused(
                    index,
                    "there is a cluster: '" + state.cluster().get().getName()
                            + "'. Metadata is recovered only into a group that has none");
        }
        if (command.number() != next) {
            return refused(index, "another restore was begun meanwhile: begin anew");
        }
        Optional<String> objection = objection(command);
        if (objection.isPresent()) {
            return refused(index, objection.get());
        }
        if (command.number() == 0) {
            state.clear();
        }
        command.entries()
                .forEach(entry ->
                        state.putEntry(entry.key().toByteArray(), entry.value().toByteArray()));
        state.putRestoring(RestoringRecord.newBuilder()
                .setId(command.id())
                .setNext(next + 1)
                .build());
        Outcome outcome = Outcome.all(MetaResult.ok(index));
        return command.last()
                ? outcome.telling(new ClusterEvent(
                        EventReason.METADATA_RECOVERED,
                        "",
                        "",
                        "the metadata was recovered: "
                                + state.cluster().orElseThrow().getName()))
                : outcome;
    }

    private static Optional<String> objection(RestoreState command) {
        boolean hasCluster = false;
        for (Entry entry : command.entries()) {
            if (entry.key().isEmpty()
                    || entry.key().equals(APPLIED)
                    || entry.key().equals(RESTORING)) {
                return Optional.of("an entry that is not to be restored");
            }
            hasCluster |= entry.key().equals(CLUSTER);
        }
        return hasCluster == command.last()
                ? Optional.empty()
                : Optional.of("the cluster's record comes with the last piece");
    }

    private static Outcome refused(long index, String message) {
        return Outcome.nobody(MetaResult.no(TruthCode.TRUTH_REFUSED, index, message));
    }
}

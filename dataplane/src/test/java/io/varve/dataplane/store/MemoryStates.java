package io.varve.dataplane.store;

/** Makes and changes {@link StreamState}s for tests of what decides upon them. */
public final class MemoryStates {
    private MemoryStates() {}

    public static StreamState state(
            long stream,
            long creationId,
            long lastSeq,
            int lastEpoch,
            int promisedEpoch,
            long promisedNode,
            long promisedIncarnation) {
        StreamState state = new StreamState(stream, creationId, 1024);
        append(state, lastSeq, lastEpoch);
        promise(state, promisedEpoch, promisedNode, promisedIncarnation);
        return state;
    }

    public static void append(StreamState state, long seq, int epoch) {
        state.lastSeq = seq;
        state.durableSeq = seq;
        state.lastEpoch = epoch;
    }

    public static void promise(StreamState state, int epoch, long node, long incarnation) {
        state.promisedEpoch = epoch;
        state.promisedNodeHash = node;
        state.promisedIncarnation = incarnation;
    }
}

package io.varve.csi;

import java.util.Optional;

/** What the orchestrator says of the machines of this cluster's nodes. Blocks; any thread but an event loop. */
public interface Machines {
    /** Why volumes are to be taken from that node without its word: for people. Empty: it is to be waited for, or nobody knows. */
    Optional<String> givenUp(String node);

    /** What a person does who knows that the machine is off. */
    String advice(String node);

    /** Without an orchestrator to ask: a person says it to the cluster. */
    Machines UNKNOWN = new Machines() {
        @Override
        public Optional<String> givenUp(String node) {
            return Optional.empty();
        }

        @Override
        public String advice(String node) {
            return "If its machine is off for good: varve node fence " + node;
        }
    };
}

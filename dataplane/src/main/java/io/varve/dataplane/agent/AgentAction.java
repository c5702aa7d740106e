package io.varve.dataplane.agent;

import io.varve.api.Slab;
import io.varve.api.Volume;
import java.util.List;

/** One thing that a node should do next so that it comes closer to the truth. */
sealed interface AgentAction {
    /** Two actions with the same key never run side by side. */
    String key();

    /** Make empty replicas on a disk group of this node, then say so. The only moment at which an empty replica may appear. */
    record CreateReplicas(Volume volume, String group, List<Slab> slabs) implements AgentAction {
        @Override
        public String key() {
            return "replicas/" + volume.getId() + "/" + group;
        }
    }

    /** Forget replicas that are to go, or of a volume that is being deleted, then say so. */
    record DeleteReplicas(Volume volume, String group, List<Slab> slabs) implements AgentAction {
        @Override
        public String key() {
            return "replicas/" + volume.getId() + "/" + group;
        }
    }

    /** Keep as much room for these replicas as the truth wants, then say so. */
    record GuaranteeReplicas(Volume volume, String group, List<Slab> slabs) implements AgentAction {
        @Override
        public String key() {
            return "replicas/" + volume.getId() + "/" + group;
        }
    }

    /** Take the next epoch and open the volume here. */
    record Attach(Volume volume) implements AgentAction {
        @Override
        public String key() {
            return "attach/" + volume.getId();
        }
    }

    /**
     * Stop serving a volume here; tell the truth afterwards if {@code release}.
     *
     * @param moved another node shall serve it, or does: its clients wait for that one, so there is no time for requests that cannot end here
     */
    record Detach(long volume, int epoch, boolean release, boolean moved) implements AgentAction {
        @Override
        public String key() {
            return "attach/" + volume;
        }
    }

    /** An earlier life of this node held the attachment and nobody wants it: clear it. */
    record ReleaseStale(long volume, int epoch) implements AgentAction {
        @Override
        public String key() {
            return "attach/" + volume;
        }
    }
}

package io.varve.control.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.api.MissingCopies;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.SyncState;
import io.varve.api.Volume;
import io.varve.api.VolumeSync;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CopiesInSyncTest {
    private static final Map<String, DiskGroup> GROUPS = Map.of(
            "u1",
            DiskGroup.newBuilder().setUuid("u1").setNode("n1").setName("flash").build(),
            "u2",
            DiskGroup.newBuilder().setUuid("u2").setNode("n2").setName("flash").build());

    private static Slab slab(int replicas, int inSync) {
        Slab.Builder slab = Slab.newBuilder();
        for (int i = 1; i <= replicas; i++) {
            slab.addReplicas(Replica.newBuilder().setGroup("u" + i));
            if (i <= inSync) {
                slab.addIsr("u" + i);
            }
        }
        return slab.build();
    }

    private static VolumeSync sync(int replicas, Slab... slabs) {
        return CopiesInSync.of(
                Volume.newBuilder()
                        .setReplicas(replicas)
                        .addAllSlabs(java.util.List.of(slabs))
                        .build(),
                GROUPS);
    }

    @Test
    void tellsHealthyFromAtMinimum() {
        assertThat(sync(1, slab(1, 1)).getState()).isEqualTo(SyncState.SYNC_HEALTHY);
        assertThat(sync(2, slab(2, 2), slab(2, 2)).getState()).isEqualTo(SyncState.SYNC_HEALTHY);
        assertThat(sync(2, slab(2, 2), slab(2, 1)).getState()).isEqualTo(SyncState.SYNC_AT_MINIMUM);
        assertThat(sync(3, slab(3, 2)).getState()).isEqualTo(SyncState.SYNC_AT_MINIMUM);
    }

    @Test
    void namesTheGroupsAndCountsTheSlabs() {
        VolumeSync sync = sync(2, slab(2, 1), slab(2, 2), slab(2, 1));
        assertThat(sync.getIncompleteSlabs()).isEqualTo(2);
        assertThat(sync.getFewestCopies()).isEqualTo(1);
        assertThat(sync.getMissingList())
                .containsExactly(MissingCopies.newBuilder()
                        .setNode("n2")
                        .setGroup("u2")
                        .setGroupName("flash")
                        .setSlabs(2)
                        .build());
    }

    @Test
    void neitherACopyThatIsToGoNorOneTooManyIsMissing() {
        Slab leaving = slab(2, 1).toBuilder()
                .setReplicas(1, Replica.newBuilder().setGroup("u2").setPhase(ReplicaPhase.REPLICA_LEAVING))
                .build();
        assertThat(sync(2, leaving).getMissingList()).isEmpty();
        assertThat(sync(2, leaving).getIncompleteSlabs()).isEqualTo(1);
        assertThat(sync(1, slab(2, 1)).getMissingList()).isEmpty();
    }
}

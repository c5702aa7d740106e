package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Attachment;
import io.varve.api.Growth;
import io.varve.api.NodeView;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AgentPlanTest {
    private static final Set<String> GROUPS = Set.of("g1");

    @Test
    void makesAReplicaOnlyWhileTheTruthCallsItNew() {
        assertThat(plan(
                        volume(VolumeState.VOLUME_CREATING, ReplicaPhase.REPLICA_NEW)
                                .build(),
                        Map.of()))
                .singleElement()
                .isInstanceOf(AgentAction.CreateReplicas.class);
        assertThat(plan(
                        volume(VolumeState.VOLUME_DETACHED, ReplicaPhase.REPLICA_CREATED)
                                .build(),
                        Map.of()))
                .isEmpty();
    }

    @Test
    void deletesEveryReplicaOfAVolumeBeingDeleted() {
        assertThat(plan(
                        volume(VolumeState.VOLUME_DELETING, ReplicaPhase.REPLICA_CREATED)
                                .build(),
                        Map.of()))
                .singleElement()
                .isInstanceOf(AgentAction.DeleteReplicas.class);
    }

    @Test
    void deletesAReplicaThatIsToGoOnlyWhenItHasLeftTheSet() {
        Volume outside = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_LEAVING)
                .build();
        assertThat(plan(outside, Map.of())).singleElement().isInstanceOf(AgentAction.DeleteReplicas.class);
        Volume inside = outside.toBuilder()
                .setSlabs(0, outside.getSlabs(0).toBuilder().addIsr("g1"))
                .build();
        assertThat(plan(inside, Map.of())).isEmpty();
    }

    @Test
    void keepsAsMuchRoomForAReplicaAsTheTruthWants() {
        Volume thick = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_CREATED)
                .setThick(true)
                .setSizeBytes(5L << 30)
                .setSlabBytes(8L << 30)
                .build();
        assertThat(plan(thick, Map.of())).singleElement().isInstanceOf(AgentAction.GuaranteeReplicas.class);
        Volume kept = withGuarantee(thick, 5L << 30);
        assertThat(plan(kept, Map.of())).isEmpty();
        Volume growing = kept.toBuilder()
                .setGrowth(Growth.newBuilder().setSizeBytes(6L << 30))
                .build();
        assertThat(plan(growing, Map.of())).singleElement().isInstanceOf(AgentAction.GuaranteeReplicas.class);
        Volume tooLarge = growing.toBuilder()
                .setGrowth(growing.getGrowth().toBuilder().setRefused(true))
                .build();
        assertThat(plan(tooLarge, Map.of())).isEmpty();
        Volume countedOn = kept.toBuilder()
                .setThick(false)
                .setAttachment(Attachment.newBuilder().setNode("n2").setGuaranteed(true))
                .build();
        assertThat(plan(countedOn, Map.of()))
                .as("its access point has yet to say that it does not count on it")
                .isEmpty();
        Volume thin = countedOn.toBuilder().clearAttachment().build();
        assertThat(plan(thin, Map.of())).singleElement().isInstanceOf(AgentAction.GuaranteeReplicas.class);
    }

    private static Volume withGuarantee(Volume volume, long bytes) {
        Slab slab = volume.getSlabs(0);
        return volume.toBuilder()
                .setSlabs(
                        0,
                        slab.toBuilder()
                                .setReplicas(0, slab.getReplicas(0).toBuilder().setGuaranteedBytes(bytes)))
                .build();
    }

    @Test
    void attachesWhatIsWantedHereOnceItExists() {
        Volume detached = volume(VolumeState.VOLUME_DETACHED, ReplicaPhase.REPLICA_CREATED)
                .setWantedNode("n1")
                .build();
        assertThat(plan(detached, Map.of())).containsExactly(new AgentAction.Attach(detached));
        Volume creating =
                detached.toBuilder().setState(VolumeState.VOLUME_CREATING).build();
        assertThat(plan(creating, Map.of())).isEmpty();
        assertThat(plan(detached.toBuilder().setEpoch(4).build(), Map.of(7L, 4)))
                .isEmpty();
    }

    @Test
    void stopsServingWhenTheVolumeIsWantedElsewhere() {
        Volume moved = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_CREATED)
                .setWantedNode("n2")
                .setEpoch(4)
                .build();
        assertThat(plan(moved, Map.of(7L, 4))).containsExactly(new AgentAction.Detach(7, 4, true, true));
    }

    @Test
    void leavesTimeToRequestsWhenTheVolumeIsWantedNowhere() {
        Volume unwanted = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_CREATED)
                .setEpoch(4)
                .build();
        assertThat(plan(unwanted, Map.of(7L, 4))).containsExactly(new AgentAction.Detach(7, 4, true, false));
    }

    @Test
    void takesAVolumeThatIsStillAttachedElsewhere() {
        Volume moved = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_CREATED)
                .setWantedNode("n1")
                .setAttachment(Attachment.newBuilder().setNode("n2").setEpoch(4))
                .setEpoch(4)
                .build();
        assertThat(plan(moved, Map.of())).containsExactly(new AgentAction.Attach(moved));
    }

    @Test
    void stopsServingAnEpochThatWasReplaced() {
        Volume replaced = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_CREATED)
                .setWantedNode("n1")
                .setEpoch(5)
                .build();
        assertThat(plan(replaced, Map.of(7L, 4))).containsExactly(new AgentAction.Detach(7, 4, true, true));
    }

    @Test
    void releasesAnAttachmentOfAnEarlierLifeThatNobodyWants() {
        Volume stale = volume(VolumeState.VOLUME_ATTACHED, ReplicaPhase.REPLICA_CREATED)
                .setEpoch(3)
                .setAttachment(Attachment.newBuilder().setNode("n1").setEpoch(3))
                .build();
        assertThat(plan(stale, Map.of())).containsExactly(new AgentAction.ReleaseStale(7, 3));
    }

    @Test
    void stopsServingAVolumeThatTheTruthNoLongerKnows() {
        assertThat(AgentPlan.of(NodeView.getDefaultInstance(), "n1", GROUPS, Map.of(7L, 4)))
                .containsExactly(new AgentAction.Detach(7, 4, false, false));
    }

    private static java.util.List<AgentAction> plan(Volume volume, Map<Long, Integer> attached) {
        return AgentPlan.of(NodeView.newBuilder().addVolumes(volume).build(), "n1", GROUPS, attached);
    }

    private static Volume.Builder volume(VolumeState state, ReplicaPhase phase) {
        return Volume.newBuilder()
                .setId(7)
                .setState(state)
                .addSlabs(Slab.newBuilder()
                        .addReplicas(Replica.newBuilder().setGroup("g1").setPhase(phase)));
    }
}

package io.varve.control.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Volume;
import io.varve.api.membership.ViewHeadRecord;
import io.varve.api.membership.ViewRecord;
import io.varve.control.membership.ViewPlan.Write;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.MetaState.Applied;
import io.varve.control.meta.MetaSubject.OfVolume;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class ViewPlanTest {
    private static final long SLAB = 8L << 30;

    private final MetaState state = new MetaState(new MapKeyValues());
    private final ViewPlan plan = new ViewPlan();
    private long index;

    ViewPlanTest() {
        apply(new InitCluster("uuid", "test"));
        apply(new RegisterNode(Node.newBuilder().setId("n1").setIncarnation(1).build(), ""));
        apply(new RegisterGroup(
                DiskGroup.newBuilder()
                        .setUuid("g1")
                        .setNode("n1")
                        .setCapacityBytes(1L << 50)
                        .build(),
                1));
    }

    private MetaResult apply(MetaCommand command) {
        MetaResult result = MetaRules.apply(state, ++index, 1, command).result();
        assertThat(result.isOk()).as(result.toString()).isTrue();
        state.putApplied(new Applied(1, index));
        return result;
    }

    private Volume create(String name, int slabs) {
        return apply(new CreateVolume(
                        name, slabs * SLAB, 1, SLAB, 1, Collections.nCopies(slabs, List.of("g1")), name + " request"))
                .requireVolume();
    }

    private List<Write> everything() {
        return plan.writes(state, plan.subjects(state));
    }

    @Test
    void onlyWhoLeadsWrites() {
        assertThat(ViewPlan.mayWrite("n1", Optional.of("n1"))).isTrue();
        assertThat(ViewPlan.mayWrite("n1", Optional.of("n2"))).isFalse();
        assertThat(ViewPlan.mayWrite("n1", Optional.empty())).isFalse();
    }

    @Test
    void anEntryIsUsedOnlyByWhoKnowsNoMore() {
        ViewRecord entry = ViewRecord.newBuilder().setIndex(7).build();

        assertThat(PlacementView.isNewEnough(entry, 0)).isTrue();
        assertThat(PlacementView.isNewEnough(entry, 7)).isTrue();
        assertThat(PlacementView.isNewEnough(entry, 8)).isFalse();
    }

    @Test
    void writesNodesGroupsAndVolumesWithTheirSlabsAndTheIndex() {
        create("db", 2);

        assertThat(everything()).extracting(Write::place).containsExactly("n/n1", "g/g1", "v/db");
        Write volume = everything().getLast();
        assertThat(volume.record().getIndex()).isEqualTo(index);
        assertThat(volume.record().getVolume().getSlabsCount()).isEqualTo(2);
        assertThat(volume.record().getVolume().getSync().getFewestCopies()).isEqualTo(1);
        assertThat(plan.entries()).isEqualTo(3);
    }

    @Test
    void tellsThatAVolumeIsGoneUnlessAnotherHasItsName() {
        Volume volume = create("db", 1);
        everything();
        apply(new DeleteVolume(volume.getId()));
        apply(new ReplicasDeleted(volume.getId(), "g1", List.of(0)));

        List<Write> writes = plan.writes(state, Set.of(new OfVolume(volume.getId())));
        assertThat(writes)
                .singleElement()
                .matches(Write::isGone)
                .extracting(Write::place)
                .isEqualTo("v/db");
        assertThat(writes.getFirst().record().getIndex()).isEqualTo(index);

        Volume first = create("again", 1);
        everything();
        apply(new DeleteVolume(first.getId()));
        apply(new ReplicasDeleted(first.getId(), "g1", List.of(0)));
        create("again", 1);
        assertThat(plan.writes(state, Set.of(new OfVolume(first.getId())))).isEmpty();
    }

    @Test
    void findsWhatOthersLeftOver() {
        create("db", 1);
        everything();

        assertThat(plan.leftOver(Set.of("head", "v/db", "n/n1", "g/g1", "v/older"), 9))
                .singleElement()
                .matches(Write::isGone)
                .extracting(Write::place)
                .isEqualTo("v/older");
    }

    @Test
    void aVolumeThatIsTooLargeForTheViewIsToBeAskedFor() {
        create("huge", 16_384);

        Write huge = everything().getLast();
        assertThat(huge.place()).isEqualTo("v/huge");
        assertThat(huge.isGone()).isTrue();
    }

    @Test
    void doubtsAViewWithoutHeadOrOfAnotherWriterOrWithEntriesMissing() {
        ViewHeadRecord head =
                ViewHeadRecord.newBuilder().setSession("mine").setEntries(3).build();

        assertThat(ViewPlan.isWhole(Optional.of(head), "mine", 4)).isTrue();
        assertThat(ViewPlan.isWhole(Optional.of(head), "mine", 3)).isFalse();
        assertThat(ViewPlan.isWhole(Optional.of(head), "other", 4)).isFalse();
        assertThat(ViewPlan.isWhole(Optional.empty(), "mine", 4)).isFalse();
    }
}

package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Volume;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class NodeViewsTest {
    private final Truths truths = Truths.ofThreeNodes();

    @Test
    void aViewThatDoesNotFitIntoOneMessageComesInParts() {
        for (int i = 0; i < 5; i++) {
            truths.createVolume("here-" + i, "g1", "g2");
            truths.createVolume("elsewhere-" + i, "g2", "g3");
        }
        NodeView whole = NodeViews.of(truths.state, "n1", 0);
        assertThat(whole.getMore()).isFalse();
        assertThat(whole.getVolumesList())
                .extracting(Volume::getName)
                .hasSize(5)
                .allMatch(name -> name.startsWith("here"));

        List<Volume> volumes = new ArrayList<>();
        Set<DiskGroup> groups = new HashSet<>();
        long after = 0;
        NodeView part;
        do {
            part = NodeViews.of(truths.state, "n1", 0, after, 1);
            volumes.addAll(part.getVolumesList());
            groups.addAll(part.getGroupsList());
            after = part.getVolumesCount() == 0
                    ? after
                    : part.getVolumes(part.getVolumesCount() - 1).getId();
        } while (part.getMore());
        assertThat(volumes).isEqualTo(whole.getVolumesList());
        assertThat(groups).isEqualTo(Set.copyOf(whole.getGroupsList()));
    }

    @Test
    void whatChangedIsLeftToAWholeViewWhenItIsTooMuch() {
        long one = truths.createVolume("one", "g1", "g2").getId();
        long two = truths.createVolume("two", "g1", "g2").getId();
        long gone = truths.createVolume("gone", "g2", "g3").getId();
        Set<Long> changed = Set.of(one, two, gone);
        NodeView since = NodeViews.since(truths.state, "n1", 0, 1, changed, Long.MAX_VALUE)
                .orElseThrow();
        assertThat(since.getVolumesList()).extracting(Volume::getName).containsExactly("one", "two");
        assertThat(since.getGoneList()).containsExactly(gone);
        assertThat(NodeViews.since(truths.state, "n1", 0, 1, changed, 1)).isEmpty();
    }

    @Test
    void isNoNewerThanTheStateThatItWasMadeFrom() {
        truths.createVolume("one", "g1", "g2");
        truths.state.putApplied(new MetaState.Applied(1, 20));
        NodeView since = NodeViews.since(truths.state, "n1", 0, 25, Set.of(), Long.MAX_VALUE)
                .orElseThrow();
        assertThat(since.getIndex()).isEqualTo(20);
        assertThat(since.getStateIndex()).isEqualTo(20);
    }

    @Test
    void aRecoveredClusterHasAnotherHistory() {
        Truths former = new Truths();
        former.must(new MetaCommand.InitCluster("c", "lab", ByteString.copyFromUtf8("a key")));
        Truths recovered = new Truths();
        recovered.must(new MetaCommand.InitCluster("c", "lab", ByteString.copyFromUtf8("another")));
        assertThat(NodeViews.history(former.state)).isNotZero().isNotEqualTo(NodeViews.history(recovered.state));
        assertThat(NodeViews.history(truths.state)).as("no key").isZero();
    }
}

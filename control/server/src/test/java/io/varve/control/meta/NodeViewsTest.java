package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

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
            part = NodeViews.of(truths.state, "n1", after, 1);
            volumes.addAll(part.getVolumesList());
            groups.addAll(part.getGroupsList());
            after = part.getVolumesCount() == 0
                    ? after
                    : part.getVolumes(part.getVolumesCount() - 1).getId();
        } while (part.getMore());
        assertThat(volumes).isEqualTo(whole.getVolumesList());
        assertThat(groups).isEqualTo(Set.copyOf(whole.getGroupsList()));
    }
}

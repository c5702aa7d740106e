package io.varve.dataplane.agent;

import static io.varve.dataplane.agent.HeldView.Taken.BEHIND;
import static io.varve.dataplane.agent.HeldView.Taken.NEWS;
import static io.varve.dataplane.agent.HeldView.Taken.NOTHING;
import static io.varve.dataplane.agent.HeldView.Taken.PART;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Volume;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeldViewTest {
    private final HeldView held = new HeldView();

    private static Volume volume(long id, String name) {
        return Volume.newBuilder().setId(id).setName(name).build();
    }

    private static DiskGroup group(String uuid, String address) {
        return DiskGroup.newBuilder().setUuid(uuid).setPeerAddress(address).build();
    }

    /** Whole, and made from a state of its index. */
    private static NodeView.Builder view(long index, Volume... volumes) {
        return NodeView.newBuilder()
                .setIndex(index)
                .setStateIndex(index)
                .setHistory(7)
                .setChanged(true)
                .addAllVolumes(List.of(volumes));
    }

    private static NodeView.Builder partial(long index, Volume... volumes) {
        return view(index, volumes).setPartial(true);
    }

    private static NodeView unchanged() {
        return NodeView.newBuilder().setIndex(5).build();
    }

    private HeldView.Taken take(NodeView.Builder answer) {
        return held.take(answer.build());
    }

    @Test
    void putsWhatChangedIntoWhatItHolds() {
        take(view(5, volume(1, "a"), volume(2, "b"), volume(3, "c"))
                .addGroups(group("g1", "old"))
                .addGroups(group("g2", "there")));
        assertThat(held.question().getAfterIndex()).isEqualTo(5);
        assertThat(held.question().getHolds()).isTrue();
        assertThat(take(partial(9, volume(2, "B"), volume(4, "d"))
                        .addGone(3)
                        .addGone(77)
                        .addGroups(group("g1", "new"))))
                .isEqualTo(NEWS);
        assertThat(held.view().getVolumesList()).containsExactly(volume(1, "a"), volume(2, "B"), volume(4, "d"));
        assertThat(held.view().getGroupsList()).containsExactly(group("g1", "new"), group("g2", "there"));
        assertThat(held.view().getIndex()).isEqualTo(9);
        assertThat(held.view().getPartial()).isFalse();
        assertThat(held.view().getGoneList()).isEmpty();
    }

    @Test
    void aWholeViewTakesThePlaceOfWhatItHolds() {
        take(view(5, volume(1, "a")));
        take(view(9, volume(2, "B")));
        assertThat(held.view().getVolumesList()).containsExactly(volume(2, "B"));
        assertThat(held.take(unchanged())).isEqualTo(NOTHING);
        assertThat(held.view().getVolumesList()).containsExactly(volume(2, "B"));
    }

    @Test
    void nothingAtFirstIsNewsOnce() {
        assertThat(held.question().getHolds()).isFalse();
        assertThat(held.take(unchanged())).isEqualTo(NEWS);
        assertThat(held.take(unchanged())).isEqualTo(NOTHING);
    }

    @Test
    void anotherLimitIsOneForAllVolumes() {
        take(view(5, volume(1, "a")));
        take(partial(9).setCopyLimitBytesPerSecond(1_000));
        assertThat(held.view().getVolumes(0).getCopyLimitBytesPerSecond()).isEqualTo(1_000);
    }

    @Test
    void partsMakeAViewAsOldAsTheFirst() {
        assertThat(held.question().getAfterVolume()).isZero();
        assertThat(take(view(5, volume(1, "a"), volume(3, "c")).setMore(true))).isEqualTo(PART);
        assertThat(held.question().getAfterVolume()).isEqualTo(3);
        assertThat(held.view().getVolumesList()).isEmpty();
        assertThat(take(view(8, volume(4, "d")).setAfterVolume(3).setCopyLimitBytesPerSecond(9)))
                .isEqualTo(NEWS);
        assertThat(held.view().getVolumesList()).extracting(Volume::getName).containsExactly("a", "c", "d");
        assertThat(held.view().getVolumesList())
                .allMatch(volume -> volume.getId() == 4 || volume.getCopyLimitBytesPerSecond() == 9);
        assertThat(held.view().getIndex()).isEqualTo(5);
        assertThat(held.question().getAfterVolume()).isZero();
    }

    /** It would be taken for as new as the first part, and what changed in between never be told. */
    @Test
    void aPartOfAMemberThatIsBehindIsNotTaken() {
        take(view(105, volume(1, "a")).setMore(true));
        assertThat(take(view(104, volume(2, "old")).setAfterVolume(1))).isEqualTo(BEHIND);
        assertThat(held.take(unchanged())).isEqualTo(BEHIND);
        assertThat(held.question().getAfterVolume()).isEqualTo(1);
        assertThat(take(view(105, volume(2, "new")).setAfterVolume(1))).isEqualTo(NEWS);
        assertThat(held.view().getVolumesList()).extracting(Volume::getName).containsExactly("a", "new");
    }

    @Test
    void doesNotGoBack() {
        take(partial(100, volume(1, "of 110")).setStateIndex(110));
        assertThat(take(partial(103, volume(1, "of 103")))).isEqualTo(BEHIND);
        assertThat(held.view().getVolumes(0).getName()).isEqualTo("of 110");
        assertThat(held.question().getAfterIndex()).isEqualTo(100);
        assertThat(take(partial(110, volume(1, "of 110")))).isEqualTo(NEWS);
    }

    /** An older member knows nothing of parts. */
    @Test
    void aWholeViewInPlaceOfAPartIsAllThereIs() {
        take(view(5, volume(1, "a"), volume(2, "b")).setMore(true));
        NodeView older = NodeView.newBuilder()
                .setIndex(6)
                .setHistory(7)
                .setChanged(true)
                .addVolumes(volume(1, "A"))
                .addVolumes(volume(2, "B"))
                .build();
        assertThat(held.take(older)).isEqualTo(NEWS);
        assertThat(held.view().getVolumesList()).extracting(Volume::getName).containsExactly("A", "B");
    }

    @Test
    void aHistoryThatBeganAnewIsTakenFromItsBeginning() {
        take(view(500, volume(1, "lost")));
        assertThat(held.question().getHistory()).isEqualTo(7);
        assertThat(take(view(3, volume(1, "recovered")).setHistory(8))).isEqualTo(NEWS);
        assertThat(held.view().getVolumes(0).getName()).isEqualTo("recovered");
        assertThat(held.question().getAfterIndex()).isEqualTo(3);
        assertThat(held.question().getHistory()).isEqualTo(8);
    }
}

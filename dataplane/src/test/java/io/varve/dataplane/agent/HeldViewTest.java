package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Volume;
import org.junit.jupiter.api.Test;

class HeldViewTest {
    private static Volume volume(long id, String name) {
        return Volume.newBuilder().setId(id).setName(name).build();
    }

    private static DiskGroup group(String uuid, String address) {
        return DiskGroup.newBuilder().setUuid(uuid).setPeerAddress(address).build();
    }

    private static NodeView view(long index, Volume... volumes) {
        NodeView.Builder view = NodeView.newBuilder().setIndex(index).setChanged(true);
        for (Volume each : volumes) {
            view.addVolumes(each);
        }
        return view.build();
    }

    @Test
    void putsWhatChangedIntoWhatItHolds() {
        NodeView held = view(5, volume(1, "a"), volume(2, "b"), volume(3, "c")).toBuilder()
                .addGroups(group("g1", "old"))
                .addGroups(group("g2", "there"))
                .build();
        NodeView news = view(9, volume(2, "B"), volume(4, "d")).toBuilder()
                .setPartial(true)
                .addGone(3)
                .addGone(77)
                .addGroups(group("g1", "new"))
                .build();
        NodeView now = HeldView.after(held, news);
        assertThat(now.getVolumesList()).containsExactly(volume(1, "a"), volume(2, "B"), volume(4, "d"));
        assertThat(now.getGroupsList()).containsExactly(group("g1", "new"), group("g2", "there"));
        assertThat(now.getIndex()).isEqualTo(9);
        assertThat(now.getPartial()).isFalse();
        assertThat(now.getGoneList()).isEmpty();
    }

    @Test
    void aWholeViewTakesThePlaceOfWhatItHolds() {
        NodeView news = view(9, volume(2, "B"));
        assertThat(HeldView.after(view(5, volume(1, "a")), news)).isEqualTo(news);
    }

    @Test
    void anotherLimitIsOneForAllVolumes() {
        NodeView news = view(9).toBuilder()
                .setPartial(true)
                .setCopyLimitBytesPerSecond(1_000)
                .build();
        assertThat(HeldView.after(view(5, volume(1, "a")), news).getVolumesList())
                .containsExactly(volume(1, "a").toBuilder()
                        .setCopyLimitBytesPerSecond(1_000)
                        .build());
    }

    @Test
    void partsAreAsOldAsTheFirst() {
        NodeView first = HeldView.with(
                NodeView.getDefaultInstance(),
                view(5, volume(1, "a")).toBuilder().setMore(true).build());
        assertThat(HeldView.missingAfter(first)).isEqualTo(1);
        NodeView whole = HeldView.with(first, view(8, volume(2, "b")));
        assertThat(HeldView.missingAfter(whole)).isZero();
        assertThat(whole.getVolumesList()).containsExactly(volume(1, "a"), volume(2, "b"));
        assertThat(whole.getIndex()).isEqualTo(5);
    }
}

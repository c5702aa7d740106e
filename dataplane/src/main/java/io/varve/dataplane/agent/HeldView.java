package io.varve.dataplane.agent;

import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Volume;
import java.util.LinkedHashMap;
import java.util.Map;

/** A node's whole view, put together from what it held and what it was told since. Pure. */
public final class HeldView {
    private HeldView() {}

    /** {@code news}: a whole view, which it is then, or a partial one of what changed behind the index of {@code held}. */
    public static NodeView after(NodeView held, NodeView news) {
        if (!news.getPartial()) {
            return news;
        }
        Map<Long, Volume> volumes = new LinkedHashMap<>();
        boolean sameLimit = held.getCopyLimitBytesPerSecond() == news.getCopyLimitBytesPerSecond();
        for (Volume volume : held.getVolumesList()) {
            volumes.put(
                    volume.getId(),
                    sameLimit
                            ? volume
                            : volume.toBuilder()
                                    .setCopyLimitBytesPerSecond(news.getCopyLimitBytesPerSecond())
                                    .build());
        }
        news.getGoneList().forEach(volumes::remove);
        news.getVolumesList().forEach(volume -> volumes.put(volume.getId(), volume));
        Map<String, DiskGroup> groups = new LinkedHashMap<>();
        held.getGroupsList().forEach(group -> groups.put(group.getUuid(), group));
        news.getGroupsList().forEach(group -> groups.put(group.getUuid(), group));
        return news.toBuilder()
                .setPartial(false)
                .clearGone()
                .clearVolumes()
                .addAllVolumes(volumes.values())
                .clearGroups()
                .addAllGroups(groups.values())
                .build();
    }
}

package io.varve.dataplane.agent;

import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Volume;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/** A node's whole view, put together from what it held and what it was told since. Pure. */
public final class HeldView {
    private HeldView() {}

    /** {@code next}: the part that follows those that are there. The view is as old as its first part. */
    public static NodeView with(NodeView parts, NodeView next) {
        return parts.getMore()
                ? next.toBuilder()
                        .setIndex(parts.getIndex())
                        .clearVolumes()
                        .addAllVolumes(parts.getVolumesList())
                        .addAllVolumes(next.getVolumesList())
                        .clearGroups()
                        .addAllGroups(groups(parts, next))
                        .build()
                : next;
    }

    /** The id after which the next part begins; 0: nothing is missing. */
    public static long missingAfter(NodeView parts) {
        return parts.getMore() ? parts.getVolumes(parts.getVolumesCount() - 1).getId() : 0;
    }

    private static Collection<DiskGroup> groups(NodeView older, NodeView newer) {
        Map<String, DiskGroup> groups = new LinkedHashMap<>();
        older.getGroupsList().forEach(group -> groups.put(group.getUuid(), group));
        newer.getGroupsList().forEach(group -> groups.put(group.getUuid(), group));
        return groups.values();
    }

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
        return news.toBuilder()
                .setPartial(false)
                .clearGone()
                .clearVolumes()
                .addAllVolumes(volumes.values())
                .clearGroups()
                .addAllGroups(groups(held, news))
                .build();
    }
}

package io.varve.dataplane.agent;

import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.Volume;
import io.varve.api.WatchNodeRequest;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A node's whole view of the truth, put together from what members answer: whole views, parts of them, and what changed since. The members that answer one
 * after the other may be behind one another, of another version, or of another history of the cluster. No clock, no thread: confined to its owner's.
 */
public final class HeldView {
    /** What an answer was. */
    public enum Taken {
        /** {@link #view} is another one now. */
        NEWS,
        /** More is to be asked for at once. */
        PART,
        /** Nothing changed. */
        NOTHING,
        /** Of a member that knows less than what was taken already: to be asked for again a little later. */
        BEHIND
    }

    private NodeView view = NodeView.getDefaultInstance();
    private boolean isHeld;

    /** Of a whole view that does not fit into one answer: what came of it. */
    private NodeView parts = NodeView.getDefaultInstance();

    /** Of all states that went into it. */
    private long newestState;

    /** The whole view; an empty one at first. */
    public NodeView view() {
        return view;
    }

    /** Whether anything was taken. */
    public boolean isHeld() {
        return isHeld;
    }

    /** What to ask, but for the node and the time to wait. */
    public WatchNodeRequest.Builder question() {
        return WatchNodeRequest.newBuilder()
                .setAfterIndex(view.getIndex())
                .setHolds(isHeld)
                .setParts(true)
                .setAfterVolume(nextPart())
                .setHistory(parts.getMore() ? parts.getHistory() : view.getHistory());
    }

    /** The id behind which the next part begins; 0: no part is there. */
    private long nextPart() {
        return parts.getMore() ? parts.getVolumes(parts.getVolumesCount() - 1).getId() : 0;
    }

    public Taken take(NodeView answer) {
        if (!answer.getChanged()) {
            if (parts.getMore()) {
                return Taken.BEHIND;
            }
            boolean isFirst = !isHeld;
            isHeld = true;
            return isFirst ? Taken.NEWS : Taken.NOTHING;
        }
        long state = answer.getStateIndex() == 0 ? answer.getIndex() : answer.getStateIndex();
        if (answer.getHistory() != (parts.getMore() ? parts : view).getHistory()) {
            newestState = 0;
            parts = NodeView.getDefaultInstance();
        }
        if (state < newestState) {
            return Taken.BEHIND;
        }
        newestState = state;
        // Another part than the one that was asked for: the whole, of an older member.
        parts = parts.getMore() && answer.getAfterVolume() == nextPart() ? with(parts, answer) : answer;
        if (parts.getMore()) {
            return Taken.PART;
        }
        view = after(view, parts);
        parts = NodeView.getDefaultInstance();
        isHeld = true;
        return Taken.NEWS;
    }

    /** {@code next}: the part that follows those that are there. The view is as old as its first part. */
    private static NodeView with(NodeView parts, NodeView next) {
        return next.toBuilder()
                .setIndex(parts.getIndex())
                .clearVolumes()
                .addAllVolumes(limited(parts, next))
                .addAllVolumes(next.getVolumesList())
                .clearGroups()
                .addAllGroups(groups(parts, next))
                .build();
    }

    /** {@code news}: a whole view, which it is then, or a partial one of what changed behind the index of {@code held}. */
    private static NodeView after(NodeView held, NodeView news) {
        if (!news.getPartial()) {
            return news;
        }
        Map<Long, Volume> volumes = new LinkedHashMap<>();
        limited(held, news).forEach(volume -> volumes.put(volume.getId(), volume));
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

    /** The older volumes with the limit of now. */
    private static List<Volume> limited(NodeView older, NodeView newer) {
        long limit = newer.getCopyLimitBytesPerSecond();
        return older.getCopyLimitBytesPerSecond() == limit
                ? older.getVolumesList()
                : older.getVolumesList().stream()
                        .map(volume -> volume.toBuilder()
                                .setCopyLimitBytesPerSecond(limit)
                                .build())
                        .toList();
    }

    private static Collection<DiskGroup> groups(NodeView older, NodeView newer) {
        Map<String, DiskGroup> groups = new LinkedHashMap<>();
        older.getGroupsList().forEach(group -> groups.put(group.getUuid(), group));
        newer.getGroupsList().forEach(group -> groups.put(group.getUuid(), group));
        return groups.values();
    }
}

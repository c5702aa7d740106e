package io.varve.control.meta;

import io.varve.api.LimitChange;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.model.IoLimits;

/** What the clients of a volume may do at most. */
public final class LimitRules {
    private LimitRules() {}

    public static IoLimits of(VolumeLimits limits) {
        return new IoLimits(limits.getIops(), limits.getBandwidthBytesPerSecond(), limits.getBurstMillis());
    }

    /** What is named changes, all at once; the rest stays. */
    public static VolumeLimits changed(VolumeLimits before, LimitChange change) {
        VolumeLimits.Builder after = before.toBuilder();
        if (change.hasIops()) {
            after.setIops(change.getIops());
        }
        if (change.hasBandwidthBytesPerSecond()) {
            after.setBandwidthBytesPerSecond(change.getBandwidthBytesPerSecond());
        }
        if (change.hasBurstMillis()) {
            after.setBurstMillis(change.getBurstMillis());
        }
        return after.build();
    }

    /** The volume without limits bears none: so one whose limits were taken away is as it was made. */
    public static Volume.Builder put(Volume.Builder volume, VolumeLimits limits) {
        return limits.equals(VolumeLimits.getDefaultInstance()) ? volume.clearLimits() : volume.setLimits(limits);
    }
}

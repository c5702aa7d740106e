package io.varve.dataplane.volume;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The volumes attached on one loop, by name. Confined to that loop. */
public interface VolumeDirectory {
    @Nullable Volume find(String name);

    /** Names in order. */
    List<String> names();

    /** Runs {@code gone} once when the volume is detached or fenced; the returned task takes the listener back. */
    Runnable onGone(Volume volume, Runnable gone);
}

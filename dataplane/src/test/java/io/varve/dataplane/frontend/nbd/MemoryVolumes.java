package io.varve.dataplane.frontend.nbd;

import io.varve.dataplane.volume.Volume;
import io.varve.dataplane.volume.VolumeDirectory;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The volumes of a test. Confined to its loop. */
class MemoryVolumes implements VolumeDirectory {
    private record Listener(Volume volume, Runnable gone) {}

    private final TreeMap<String, MemoryVolume> byName = new TreeMap<>();
    private final List<Listener> listeners = new ArrayList<>();

    void add(MemoryVolume volume) {
        byName.put(volume.name(), volume);
    }

    /** Detaches a volume: tells those who use it. */
    void remove(MemoryVolume volume) {
        byName.remove(volume.name());
        for (Listener listener : List.copyOf(listeners)) {
            if (listener.volume.name().equals(volume.name())) {
                listeners.remove(listener);
                listener.gone.run();
            }
        }
    }

    int listeners() {
        return listeners.size();
    }

    @Override
    public @Nullable Volume find(String name) {
        return byName.get(name);
    }

    @Override
    public List<String> names() {
        return List.copyOf(byName.keySet());
    }

    @Override
    public Runnable onGone(Volume volume, Runnable gone) {
        Listener listener = new Listener(volume, gone);
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }
}

package io.varve.cli.attach;

import io.varve.dataplane.volume.Volume;
import io.varve.dataplane.volume.VolumeDirectory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The one volume that the local target serves, and the same once more with room to grow. Confined to the loop. */
final class AttachedExport implements VolumeDirectory {
    /** Behind the volume's name; no volume's name holds a {@code +}. */
    static final String ROOM = "+room";

    private final Volume volume;
    private final RoomyVolume roomy;
    private final List<Runnable> listeners = new ArrayList<>();
    private boolean isGone;

    AttachedExport(Volume volume) {
        this.volume = volume;
        this.roomy = new RoomyVolume(volume, volume.name() + ROOM);
    }

    @Override
    public @Nullable Volume find(String name) {
        if (isGone) {
            return null;
        }
        return name.equals(volume.name()) ? volume : name.equals(roomy.name()) ? roomy : null;
    }

    @Override
    public List<String> names() {
        return isGone ? List.of() : List.of(volume.name());
    }

    @Override
    public Runnable onGone(Volume asked, Runnable gone) {
        if (isGone) {
            volume.loop().execute(gone);
            return () -> {};
        }
        listeners.add(gone);
        return () -> listeners.remove(gone);
    }

    void gone() {
        isGone = true;
        List.copyOf(listeners).forEach(Runnable::run);
        listeners.clear();
    }
}

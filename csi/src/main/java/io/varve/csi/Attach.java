package io.varve.csi;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How a volume becomes a block device of this machine. What makes it one outlives this process (docs/decisions/0072): it is found again by the volume's
 * name. Every step may be repeated, also after it was killed in its middle. Blocks; one thread at a time for each volume.
 */
interface Attach {
    /** The method's name, as the parameter {@code attach} has it. */
    String method();

    /** Why this machine cannot do it; empty when it can. */
    Optional<String> unavailable();

    /** A device that the volume is behind. */
    record Device(String path, long sizeBytes) {}

    /** The device of the volume if it is attached here and works; never attaches. */
    Optional<Device> find(String volume);

    /** The device as soon as it has so many bytes, or as it is when {@code limit} is over; empty as soon as it is not attached, or works no longer. */
    Optional<Device> await(String volume, long bytes, Duration limit);

    /**
     * Attaches the volume if it is not.
     *
     * @param publication under which, by the epoch that it took; 0: the cluster does not count them
     */
    Device attach(String volume, int publication);

    /** Devices that an attach of the volume which has ended left behind. */
    List<String> remains(String volume);

    /** Takes it away, whatever is left of it; nothing, if there is nothing. */
    void detach(String volume);
}

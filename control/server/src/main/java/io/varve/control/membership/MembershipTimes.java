package io.varve.control.membership;

import java.time.Duration;

/**
 * The membership's waits. Tests take shorter ones; nothing that is right depends on them.
 *
 * @param heartbeat how often members tell one another that they live; each wakes an idle process
 * @param silence after so long without one a member is dropped. A broken connection is noticed at once, whatever this is
 * @param merge how often a member that is alone, or one of two parts, looks for the others
 * @param tell how often a node tells its load
 * @param retry after a start that failed
 * @param check how often the writer of the placement view looks whether it is still whole
 */
public record MembershipTimes(
        Duration heartbeat, Duration silence, Duration merge, Duration tell, Duration retry, Duration check) {
    /**
     * Heartbeats of 5 s keep an idle node idle. A node that hangs is therefore suspected after 20 s at the latest; the sightings of the metadata
     * members (15 s) are quicker then. Merging is looked for every 15 s: nodes that were started apart find one another in that time.
     */
    public static final MembershipTimes USUAL = new MembershipTimes(
            Duration.ofSeconds(5),
            Duration.ofSeconds(20),
            Duration.ofSeconds(15),
            Duration.ofSeconds(5),
            Duration.ofSeconds(30),
            Duration.ofSeconds(30));
}

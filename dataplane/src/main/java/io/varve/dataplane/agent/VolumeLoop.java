package io.varve.dataplane.agent;

import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.Volumes;
import java.util.Set;

/**
 * One event loop as volumes are put on it.
 *
 * @param groups UUIDs of the disk groups of this loop: a volume goes where one of its copies is
 * @param nbdAddress {@code host:port} of the loop's NBD target, as clients reach it
 */
public record VolumeLoop(Loop loop, Volumes volumes, Set<String> groups, String nbdAddress) {}

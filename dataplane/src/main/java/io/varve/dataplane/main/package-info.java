/** Wires a node's data plane by constructor: loops, disks, disk groups, volumes, targets, agent. Uses everything below; nothing uses it but the process. */
@NullMarked
package io.varve.dataplane.main;

import org.jspecify.annotations.NullMarked;

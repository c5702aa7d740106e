/**
 * What nodes say to each other: frames, messages, and the ordered connections that carry them over TCP or over a simulated network. The
 * layouts stand in {@code docs/internals/wire.md}. Knows nothing of replicas or journals; uses buffer, time and check only.
 */
@NullMarked
package io.varve.dataplane.wire;

import org.jspecify.annotations.NullMarked;

/** Volumes attached here: splits requests over slabs, reads and writes partial blocks, admits by credits. Uses replication and what lies below. */
@NullMarked
package io.varve.dataplane.volume;

import org.jspecify.annotations.NullMarked;

/**
 * Keeps the replicas of a slab equal. {@link io.varve.dataplane.replication.AccessPoint}, {@link io.varve.dataplane.replication.Reconcile},
 * {@link io.varve.dataplane.replication.InFlight}, {@link io.varve.dataplane.replication.Reads}, {@link io.varve.dataplane.replication.Replica}
 * and {@link io.varve.dataplane.replication.LeaseTable} decide: synchronous, no I/O, no clock, no thread. The hosts act: links, disk group,
 * timers. The rules and their reasons stand in {@code docs/internals/replication.md}. Uses wire and store, and what lies below them.
 */
@NullMarked
package io.varve.dataplane.replication;

import org.jspecify.annotations.NullMarked;

/**
 * One member of the metadata group: the pure rules of {@code io.varve.control.meta} as the state machine of a Raft group
 * (Apache Ratis), kept in LMDB. What is synced when, and why that is enough, is told in docs/internals/metadata.md. Nothing outside this
 * package sees Ratis or LMDB.
 */
@NullMarked
package io.varve.control.raft;

import org.jspecify.annotations.NullMarked;

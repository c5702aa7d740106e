/**
 * The membership of the nodes (Hazelcast): who is there, what load it has, and a copy of the truth for quick reading. Everything here may be
 * old, absent or wrong without harm: nothing is decided by it, and whoever must know asks the metadata group. Only this package knows
 * Hazelcast. May use raft (the writer of the view reads the local member's state), health and meta; is used by the api and by what wires a node.
 * docs/internals/membership.md is the whole story.
 */
@NullMarked
package io.varve.control.membership;

import org.jspecify.annotations.NullMarked;

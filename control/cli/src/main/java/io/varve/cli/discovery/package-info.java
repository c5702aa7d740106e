/**
 * Which disks of a machine become disk groups of its node, by what the machine tells of them. {@link io.varve.cli.discovery.Discovery} judges;
 * {@link io.varve.cli.discovery.TakenDisks} remembers. A disk that was taken stays the node's until a person says otherwise.
 */
@NullMarked
package io.varve.cli.discovery;

import org.jspecify.annotations.NullMarked;

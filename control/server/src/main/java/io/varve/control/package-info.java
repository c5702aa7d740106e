/** The control plane of one process: wires the metadata member, if this node is one, and the management API, by constructor. */
@NullMarked
package io.varve.control;

import org.jspecify.annotations.NullMarked;

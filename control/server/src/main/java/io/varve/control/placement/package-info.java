/** Where replicas go: a pure function of the disk groups, the nodes and what is already placed. */
@NullMarked
package io.varve.control.placement;

import org.jspecify.annotations.NullMarked;

/**
 * The vocabulary that data plane, control plane and command line share: sizes, names, ids. Plain values; depends on the
 * JDK alone.
 */
@NullMarked
package io.varve.model;

import org.jspecify.annotations.NullMarked;

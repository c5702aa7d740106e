/** Figures that one loop writes and anyone reads, without locks and without allocation. Uses nothing else of Varve. */
@NullMarked
package io.varve.dataplane.metrics;

import org.jspecify.annotations.NullMarked;

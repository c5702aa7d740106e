/** Aligned, pooled, reference-counted memory, and the checksum over it. Uses nothing else of Varve. */
@NullMarked
package io.varve.dataplane.buffer;

import org.jspecify.annotations.NullMarked;

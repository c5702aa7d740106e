/**
 * Where blocks lie once they have left the journal: the ordered index with its two backends, allocation, and block checksums.
 * Formats are in {@code docs/internals/index.md}.
 */
@NullMarked
package io.varve.dataplane.store.index;

import org.jspecify.annotations.NullMarked;

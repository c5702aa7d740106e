/** One replica store: the disks of one group with their journal, index and checksums. Uses disk and what lies below it. */
@NullMarked
package io.varve.dataplane.store;

import org.jspecify.annotations.NullMarked;

/** The only place that reads a clock or starts a timer: everything else is handed a {@link io.varve.dataplane.time.Loop}. */
@NullMarked
package io.varve.dataplane.time;

import org.jspecify.annotations.NullMarked;

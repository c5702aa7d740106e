/** What must be true at run time, in production too. */
@NullMarked
package io.varve.dataplane.check;

import org.jspecify.annotations.NullMarked;

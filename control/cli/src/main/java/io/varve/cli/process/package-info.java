/** Programs of the operating system that commands call, and what they must undo at their end. Knows nothing of clusters. */
@NullMarked
package io.varve.cli.process;

import org.jspecify.annotations.NullMarked;
